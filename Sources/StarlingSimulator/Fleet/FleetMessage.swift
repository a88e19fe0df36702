internal import StarlingCore
internal import StarlingMesh
internal import StarlingNode

/// One message of a fleet's applications, all of which follows from its number: who sends it again after a crash sends
/// the same.
struct FleetMessage: Sendable {
    /// Which of the two that belong to a number an entry is.
    enum Side: UInt8, Sendable {
        case message = 0
        /// What the recipient's handler answered.
        case answer = 1
    }

    /// Who deals with it at the recipient.
    enum Course: Sendable {
        /// A reader, who acknowledges it.
        case read
        /// A handler.
        case handled
        /// A handler, whose answer the sender waits for.
        case requested
    }

    let number: UInt64
    let course: Course
    let priority: MessagePriority
    let privacy: MessageHeader.Privacy
    let lifetime: Duration
    /// How long the sender of a request waits for its answer.
    let patience: Duration
    private let payloadByteCount: Int
    private let isText: Bool

    /// The message with this number in the run of this seed.
    ///
    /// - Parameter lifetimeMin: it lives no shorter.
    init(_ number: UInt64, seed: UInt64, lifetimeMin: Duration = .zero) {
        var random = SplitMix64(seed: seed ^ number &* 0xa24b_aed4_963e_e407)
        self.number = number
        course =
            switch random.number(below: 100) {
            case ..<45: .read
            case ..<75: .handled
            default: .requested
            }
        priority =
            switch random.number(below: 100) {
            case ..<10: .emergency
            case ..<30: .high
            case ..<75: .normal
            default: .low
            }
        privacy = random.chance(0.6) ? .private : .standard
        let usualLifetime: Duration =
            switch random.number(below: 100) {
            case ..<10: .milliseconds(500 + random.number(below: 60_000))
            case ..<25: .seconds(300 + random.number(below: 1500))
            default: .seconds(86_400)
            }
        lifetime = max(usualLifetime, lifetimeMin)
        patience = .seconds(2 + random.number(below: 120))
        payloadByteCount =
            switch random.number(below: 1000) {
            case ..<850: 10 + random.number(below: 2000)
            case ..<990: 2000 + random.number(below: 30_000)
            default: 70_000 + random.number(below: 30_000)
            }
        isText = random.chance(0.5)
    }

    /// The type of messages that wait for a reader.
    static let readType = MessageType.data
    /// The types that have handlers.
    static let handledTypes = [MessageType.alert, .agentTask]

    /// What the application calls it, also after a restart.
    private var key: [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: number >> UInt64(8 * $0)) } }

    /// The message as the application asks for it.
    func draft(to peer: PeerID) -> MessageDraft {
        let type =
            switch course {
            case .read: Self.readType
            case .handled: Self.handledTypes[0]
            case .requested: Self.handledTypes[1]
            }
        var content = MessageContent(type: type, payload: payload(.message))
        if isText { content.contentType = "text/plain" }
        if course == .requested {
            content.kind = .request
            content.correlation = MessageID(random: key + key)
        }
        var draft = MessageDraft(to: peer, content: content)
        draft.priority = priority
        draft.privacy = privacy
        draft.lifetime = lifetime
        draft.key = key
        return draft
    }

    /// What the handler answers.
    var answer: MessageContent { MessageContent(type: Self.handledTypes[1], payload: payload(.answer)) }

    /// The number, the side, and a filling that shows any change.
    private func payload(_ side: Side) -> [UInt8] {
        var payload = key + [side.rawValue]
        payload.reserveCapacity(payloadByteCount + 9)
        var random = SplitMix64(seed: number &* 2 &+ UInt64(side.rawValue))
        while payload.count < payloadByteCount {
            let word = random.next()
            for index in 0..<8 {
                let byte = UInt8(truncatingIfNeeded: word >> UInt64(8 * index))
                // Sixteen letters are text enough to be compressed.
                payload.append(isText ? 97 + byte & 15 : byte)
            }
        }
        return payload
    }

    /// The number and side that a payload begins with.
    static func label(of payload: [UInt8]) -> (number: UInt64, side: Side)? {
        guard payload.count >= 9, let side = Side(rawValue: payload[8]) else { return nil }
        let number = (0..<8).reduce(UInt64(0)) { $0 | UInt64(payload[$1]) << UInt64(8 * $1) }
        return (number, side)
    }

    /// Whether a payload is what was sent, byte for byte.
    func matches(_ payload: [UInt8], _ side: Side) -> Bool { payload == self.payload(side) }
}

internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingMesh
internal import StarlingNode
internal import StarlingWorld

/// Sends the messages of a bench, each of which says what round it is of and which one it is.
struct BenchMessages: Sendable {
    /// Round and number, eight bytes each.
    static let nameByteCount = 16
    /// How long a message may take until its recipient's receipt is there.
    static let patience: Duration = .seconds(60)

    let delivery: DeliveryDriver
    let loop: any EventLoop
    let to: PeerID
    var priority = MessagePriority.normal
    private let privacy: MessageHeader.Privacy
    /// What no compression makes smaller.
    private let filler: [UInt8]

    init(_ node: Node, to: PeerID, _ settings: BenchSettings) {
        delivery = node.delivery
        loop = node.world.loops[0]
        self.to = to
        privacy = settings.privacy
        filler = node.world.random.bytes(count: settings.payloadByteCount - Self.nameByteCount)
    }

    func draft(round: Int, number: Int) -> MessageDraft {
        var payload: [UInt8] = []
        payload.reserveCapacity(filler.count + Self.nameByteCount)
        for word in [round, number] {
            withUnsafeBytes(of: UInt64(word).bigEndian) { payload.append(contentsOf: $0) }
        }
        payload += filler
        var draft = MessageDraft(to: to, content: MessageContent(type: .data, payload: payload))
        draft.priority = priority
        draft.privacy = privacy
        return draft
    }

    /// What a round's message says of itself; `nil` when it is none of a bench.
    static func name(_ payload: [UInt8]) -> (round: UInt64, number: UInt64)? {
        guard payload.count >= nameByteCount else { return nil }
        let words = [0, 8].map { start in payload[start..<start + 8].reduce(0) { $0 << 8 | UInt64($1) } }
        return (words[0], words[1])
    }

    /// Accepts a message, or words a failure for people.
    func accept(round: Int, number: Int) async throws(Diagnostic) -> MessageID {
        do throws(DeliveryError) {
            return try await delivery.accept(draft(round: round, number: number))
        } catch {
            throw Diagnostic(NodeFailure(error, peer: to))
        }
    }

    /// What a round of callers, who each wait for the acceptance of their last message, came to.
    struct Accepted: Sendable {
        var ids: [MessageID] = []
        /// How long each acceptance took.
        var seconds: [Double] = []
    }

    /// Has messages accepted by so many callers at once.
    func accept(round: Int, count: Int, senderCount: Int) async throws -> Accepted {
        try await withThrowingTaskGroup(of: Accepted.self) { group in
            for sender in 0..<senderCount {
                group.addTask {
                    var accepted = Accepted()
                    for number in stride(from: sender, to: count, by: senderCount) {
                        let start = BenchClock.seconds
                        accepted.ids.append(try await accept(round: round, number: number))
                        accepted.seconds.append(BenchClock.seconds - start)
                    }
                    return accepted
                }
            }
            return try await group.reduce(into: Accepted()) { sum, one in
                sum.ids += one.ids
                sum.seconds += one.seconds
            }
        }
    }

    /// Waits until a message is delivered.
    func delivered(_ id: MessageID) async throws(Diagnostic) {
        let report = await delivery.report(on: id, settledBefore: loop.now + Self.patience)
        guard report?.message.state == .delivered else {
            let state = report.map { "\($0.message.state)" } ?? "forgotten"
            throw Diagnostic(
                code: "bench_failed",
                message: "message \(id) is not delivered, it is \(state).",
                nextStep: "Try again with less else to do on this machine."
            )
        }
    }

    /// One message, from the call to its acceptance and to its delivery, in seconds.
    func deliver(
        round: Int,
        number: Int
    ) async throws(Diagnostic) -> (accepted: Double, delivered: Double) {
        let start = BenchClock.seconds
        let id = try await accept(round: round, number: number)
        let accepted = BenchClock.seconds - start
        try await delivered(id)
        return (accepted, BenchClock.seconds - start)
    }
}

/// What a listener's inbox held of one round, and nothing else.
struct InboxAudit {
    private static let pageCount = 1024
    private static let pageByteCount = 8_388_608

    /// Messages that were there, those of other rounds with them.
    var messageCount = 0
    /// Those of the round, each counted once.
    var distinctCount = 0

    /// Counts what the inbox holds, and acknowledges it.
    static func take(_ delivery: DeliveryDriver, round: UInt64) async throws(StoreError) -> InboxAudit {
        var audit = InboxAudit()
        var seen: Set<UInt64> = []
        var position: UInt64 = 0
        while true {
            let page = try await delivery.inboxPage(
                after: position,
                countMax: pageCount,
                byteCountMax: pageByteCount
            )
            for message in page.deliveries {
                audit.messageCount += 1
                if let name = BenchMessages.name(message.content.payload), name.round == round {
                    seen.insert(name.number)
                }
                position = message.entry.position
            }
            if !page.hasMore { break }
        }
        audit.distinctCount = seen.count
        try await delivery.acknowledge(through: position)
        return audit
    }
}

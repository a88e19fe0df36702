package import StarlingCore
internal import StarlingCrypto

/// The receiving side of narrow links: pieces are put together, and those that are missing asked for again.
///
/// A frame takes its whole memory with its first piece, and everything has a limit: what a peer claims cannot take more
/// than its share. Nothing is believed of a frame but its checksum; who wrote it is checked by whoever reads it.
package struct Reassembly: Sendable {
    package struct Limits: Sendable {
        /// Frames of one peer; beyond it the one that has waited for longest is given up.
        package var peerFrameCountMax = 16
        /// Bytes of one peer's frames, likewise.
        package var peerByteCountMax = 2_200_000
        /// Bytes of all frames; beyond it a piece of a frame that is not known is refused.
        package var byteCountMax = 16_777_216
        /// How long nothing may come before what is missing is asked for.
        package var requestDelay: Duration = .milliseconds(500)
        /// Requests without an answer, after which a frame is given up; each waits twice as long as the last.
        package var requestCountMax = 6
        /// How long a frame may take.
        package var duration: Duration = .seconds(120)
        /// Frames that are complete and remembered, so that late pieces do not begin them anew.
        package var completeCountMax = 256

        package init() {}
    }

    package enum Action: Equatable, Sendable {
        /// A frame is complete.
        case complete(from: PeerID, MessageFrame)
        /// Tell the peer what is missing, or that nothing is.
        case request(to: PeerID, FragmentRequest)
        /// A frame is given up.
        case gaveUp(from: PeerID, MessageID, Reason)
    }

    /// Why a frame is given up.
    package enum Reason: Equatable, Sendable {
        /// Its pieces stopped coming, or came too slowly.
        case timedOut
        /// Another frame of the same peer needed the room.
        case displaced
        /// What was put together is not what was cut.
        case wrongChecksum
    }

    /// What became of a piece.
    package enum Outcome: Equatable, Sendable {
        case taken
        /// It came before.
        case repeated
        /// It contradicts the pieces that came before.
        case inconsistent
        /// There is no room for another frame.
        case full
    }

    private struct Key: Hashable, Sendable {
        var peer: PeerID
        var id: MessageID
    }

    private struct Assembly: Sendable {
        var key: Key
        var bytes: [UInt8]
        var count: Int
        var pieceByteCount: Int
        var checksum: [UInt8]?
        var hasPiece: [Bool]
        var missingCount: Int
        var began: Instant
        var requestAt: Instant
        var requestCount = 0
    }

    private let limits: Limits
    private var assemblies: [Key: Assembly] = [:]
    /// Keys in the order in which frames began.
    private var order: [Key] = []
    private var complete: Set<Key> = []
    private var completeOrder = RingQueue<Key>()
    private var actions = RingQueue<Action>()
    /// Bytes of all frames.
    package private(set) var byteCount = 0

    package init(limits: Limits = Limits()) { self.limits = limits }

    /// Frames that are not complete.
    package var count: Int { assemblies.count }

    /// Takes a piece.
    package mutating func add(_ fragment: Fragment, from peer: PeerID, now: Instant) -> Outcome {
        let key = Key(peer: peer, id: fragment.id)
        if complete.contains(key) {
            // The peer has not heard that all is there.
            actions.append(.request(to: peer, FragmentRequest(id: fragment.id, missing: [])))
            return .repeated
        }
        if assemblies[key] == nil {
            guard makeRoom(fragment.totalByteCount, for: peer) else { return .full }
            begin(key, fragment, now: now)
        }
        guard let assembly = assemblies[key], assembly.count == fragment.count,
            assembly.bytes.count == fragment.totalByteCount,
            assembly.pieceByteCount == fragment.pieceByteCount
        else { return .inconsistent }
        guard !assembly.hasPiece[fragment.index] else { return .repeated }
        put(fragment, key, now: now)
        return .taken
    }

    /// Forgets what a peer has begun, when its link is gone.
    package mutating func forget(_ peer: PeerID) {
        for key in order where key.peer == peer { remove(key) }
    }

    /// What to do next; pull until `nil` after every call.
    package mutating func nextAction() -> Action? { actions.popFirst() }

    /// When ``advance(to:)`` must next be called.
    package var nextDeadline: Instant? {
        order.compactMap { assemblies[$0] }.map { min($0.requestAt, $0.began + limits.duration) }.min()
    }

    /// Asks for what is missing, and gives up what does not come.
    package mutating func advance(to now: Instant) {
        for key in order {
            guard let assembly = assemblies[key] else { continue }
            if assembly.began + limits.duration <= now {
                giveUp(key, .timedOut)
            } else if assembly.requestAt <= now {
                guard assembly.requestCount < limits.requestCountMax else {
                    giveUp(key, .timedOut)
                    continue
                }
                assemblies[key]?.requestCount += 1
                assemblies[key]?.requestAt = now + limits.requestDelay * (1 << (assembly.requestCount + 1))
                actions.append(
                    .request(to: key.peer, FragmentRequest(id: key.id, missing: missing(assembly)))
                )
            }
        }
    }

    private mutating func begin(_ key: Key, _ fragment: Fragment, now: Instant) {
        assemblies[key] = Assembly(
            key: key,
            bytes: [UInt8](repeating: 0, count: fragment.totalByteCount),
            count: fragment.count,
            pieceByteCount: fragment.pieceByteCount,
            hasPiece: [Bool](repeating: false, count: fragment.count),
            missingCount: fragment.count,
            began: now,
            requestAt: now + limits.requestDelay
        )
        order.append(key)
        byteCount += fragment.totalByteCount
    }

    private mutating func put(_ fragment: Fragment, _ key: Key, now: Instant) {
        let start = fragment.index * fragment.pieceByteCount
        assemblies[key]?.bytes.replaceSubrange(start..<start + fragment.bytes.count, with: fragment.bytes)
        assemblies[key]?.hasPiece[fragment.index] = true
        assemblies[key]?.missingCount -= 1
        assemblies[key]?.requestAt = now + limits.requestDelay
        assemblies[key]?.requestCount = 0
        if let checksum = fragment.checksum { assemblies[key]?.checksum = checksum }
        guard let assembly = assemblies[key], assembly.missingCount == 0 else { return }
        remove(key)
        guard SHA256.hash(assembly.bytes) == assembly.checksum,
            let frame = try? MessageFrame.parse(assembly.bytes.span)
        else { return actions.append(.gaveUp(from: key.peer, key.id, .wrongChecksum)) }
        remember(key)
        actions.append(.complete(from: key.peer, frame))
        actions.append(.request(to: key.peer, FragmentRequest(id: key.id, missing: [])))
    }

    private func missing(_ assembly: Assembly) -> [ClosedRange<Int>] {
        var ranges: [ClosedRange<Int>] = []
        var index = 0
        while index < assembly.count, ranges.count < FragmentRequest.rangeCountMax {
            let first = index
            while index < assembly.count, !assembly.hasPiece[index] { index += 1 }
            if index > first { ranges.append(first...index - 1) }
            index += 1
        }
        return ranges
    }

    /// Makes room for a frame of a peer, at the cost of its own older ones only.
    private mutating func makeRoom(_ wanted: Int, for peer: PeerID) -> Bool {
        guard wanted <= limits.peerByteCountMax else { return false }
        var own = order.filter { $0.peer == peer }
        var ownByteCount = own.reduce(0) { $0 + (assemblies[$1]?.bytes.count ?? 0) }
        while own.count >= limits.peerFrameCountMax || ownByteCount + wanted > limits.peerByteCountMax {
            let oldest = own.removeFirst()
            ownByteCount -= assemblies[oldest]?.bytes.count ?? 0
            giveUp(oldest, .displaced)
        }
        return byteCount + wanted <= limits.byteCountMax
    }

    private mutating func giveUp(_ key: Key, _ reason: Reason) {
        remove(key)
        actions.append(.gaveUp(from: key.peer, key.id, reason))
    }

    private mutating func remove(_ key: Key) {
        guard let assembly = assemblies.removeValue(forKey: key) else { return }
        byteCount -= assembly.bytes.count
        order.removeAll { $0 == key }
    }

    private mutating func remember(_ key: Key) {
        complete.insert(key)
        completeOrder.append(key)
        if completeOrder.count > limits.completeCountMax, let oldest = completeOrder.popFirst() {
            complete.remove(oldest)
        }
    }
}

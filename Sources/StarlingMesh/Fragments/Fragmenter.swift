package import StarlingCore
internal import StarlingCrypto

/// Why a frame is not cut.
package enum FragmentError: Error, Equatable, Sendable {
    /// The link carries fewer bytes than a piece needs around its own.
    case linkTooNarrow(byteCountMin: Int)
    /// The frame needs more than ``Fragment/countMax`` pieces on this link.
    case tooManyPieces
    /// Too many frames wait on this link: send this one when others are through.
    case full
}

/// The sending side of a narrow link to one peer: frames are cut, kept for a while, and pieces that got lost sent again.
package struct Fragmenter: Sendable {
    package struct Limits: Sendable {
        /// Frames that are kept.
        package var frameCountMax = 64
        /// Their bytes.
        package var byteCountMax = 4_194_304
        /// How long a frame is kept after its last piece was sent or asked for.
        package var keptDuration: Duration = .seconds(60)

        package init() {}
    }

    /// The narrowest link: some fifty bytes are around a piece, and as many more around the first.
    package static let linkByteCountMin = 128
    /// What stands around the bytes of a piece, at most: its frame, the id, the numbers and the checksum.
    private static let overheadByteCountMax = 84

    private struct Sending: Sendable {
        var frame: [UInt8]
        var checksum: [UInt8]
        var count: Int
        var keptUntil: Instant
        /// Pieces to send, in order, none twice.
        var queued = RingQueue<Int>()
        var isQueued: [Bool]
    }

    private let limits: Limits
    private let pieceByteCount: Int
    private var sendings: [MessageID: Sending] = [:]
    /// The order in which frames were cut; those with pieces to send take turns.
    private var order = RingQueue<MessageID>()
    private var byteCount = 0

    /// - Parameter linkByteCount: The longest frame that the link carries.
    package init(linkByteCount: Int, limits: Limits = Limits()) throws(FragmentError) {
        guard linkByteCount >= Self.linkByteCountMin else {
            throw .linkTooNarrow(byteCountMin: Self.linkByteCountMin)
        }
        pieceByteCount = linkByteCount - Self.overheadByteCountMax
        self.limits = limits
    }

    /// Frames that are kept.
    package var count: Int { sendings.count }

    /// Cuts a frame that is longer than the link carries; a frame of the same id that is kept already is sent anew.
    ///
    /// - Parameters:
    ///   - id: The message's id, or 16 random bytes.
    ///   - frame: A frame without its length.
    package mutating func send(_ frame: MessageFrame, id: MessageID, now: Instant) throws(FragmentError) {
        var bytes: [UInt8] = []
        frame.appendWithoutLength(to: &bytes)
        let count = max(2, (bytes.count + pieceByteCount - 1) / pieceByteCount)
        guard count <= Fragment.countMax else { throw .tooManyPieces }
        forget(id)
        guard sendings.count < limits.frameCountMax, byteCount + bytes.count <= limits.byteCountMax else {
            throw .full
        }
        var sending = Sending(
            frame: bytes,
            checksum: SHA256.hash(bytes),
            count: count,
            keptUntil: now + limits.keptDuration,
            isQueued: [Bool](repeating: true, count: count)
        )
        for index in 0..<count { sending.queued.append(index) }
        sendings[id] = sending
        order.append(id)
        byteCount += bytes.count
    }

    /// The next piece as a frame for the link; `nil` when none waits.
    ///
    /// Frames take turns.
    package mutating func next(now: Instant) -> MessageFrame? {
        for _ in 0..<order.count {
            guard let id = order.popFirst() else { return nil }
            guard sendings[id] != nil else { continue }
            order.append(id)
            guard let index = sendings[id]?.queued.popFirst(), let sending = sendings[id] else { continue }
            sendings[id]?.isQueued[index] = false
            sendings[id]?.keptUntil = now + limits.keptDuration
            return MessageFrame(.fragment, piece(index, of: sending, id).encoded)
        }
        return nil
    }

    /// What the peer asks for again.
    package mutating func request(_ request: FragmentRequest, now: Instant) {
        guard let count = sendings[request.id]?.count else { return }
        if request.missing.isEmpty { return forget(request.id) }
        sendings[request.id]?.keptUntil = now + limits.keptDuration
        for range in request.missing where range.lowerBound < count {
            for index in range.clamped(to: 0...count - 1) where sendings[request.id]?.isQueued[index] == false
            {
                sendings[request.id]?.isQueued[index] = true
                sendings[request.id]?.queued.append(index)
            }
        }
    }

    /// Forgets a frame, as when the message has its receipt.
    package mutating func forget(_ id: MessageID) {
        guard let sending = sendings.removeValue(forKey: id) else { return }
        byteCount -= sending.frame.count
        var kept = RingQueue<MessageID>()
        while let other = order.popFirst() {
            if other != id { kept.append(other) }
        }
        order = kept
    }

    /// When ``advance(to:)`` must next be called.
    package var nextDeadline: Instant? { sendings.values.map(\.keptUntil).min() }

    /// Forgets frames that nobody asks for any more.
    package mutating func advance(to now: Instant) {
        for id in (0..<order.count).map({ order[$0] }) {
            if let sending = sendings[id], sending.keptUntil <= now { forget(id) }
        }
    }

    private func piece(_ index: Int, of sending: Sending, _ id: MessageID) -> Fragment {
        // Two pieces at least: a frame that would fit into one is cut in the middle.
        let size = min(pieceByteCount, (sending.frame.count + 1) / 2)
        let start = index * size
        return Fragment(
            id: id,
            index: index,
            count: sending.count,
            totalByteCount: sending.frame.count,
            checksum: index == 0 ? sending.checksum : nil,
            bytes: Array(sending.frame[start..<min(start + size, sending.frame.count)])
        )
    }
}

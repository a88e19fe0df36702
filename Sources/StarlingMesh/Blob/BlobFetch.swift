package import StarlingCore

/// Why an attempt to fetch a blob ended without it.
package enum BlobFetchError: Error, Equatable, Sendable {
    /// The peer does not send it.
    case refused(BlobAnswer.Refusal)
    /// What the peer sent is no frame of the protocol.
    case malformed(ProtobufError)
    /// The length before a frame is none, or beyond the limit.
    case invalidLength(VarintError)
    /// The peer sent leaves that were not asked for, or more than the blob has.
    case unexpectedLeaves
    /// The peer sent a chunk that was not asked for.
    case unexpectedChunk(Int)
    /// The stream ended before the blob was complete.
    case ended
    /// Nothing came for too long.
    case stalled
    /// Others were to have their turn.
    case yielded
}

/// One attempt to fetch what is missing of a blob, over one stream.
///
/// It asks for as many chunks as its window has room for, and asks again when chunks have been written: what it holds in
/// memory is bounded by the window, however fast the peer sends. What arrives goes to the store, which checks it; what
/// the store has is what counts, so an attempt that fails loses the chunk that was on its way, and those that came while
/// the store was still making room.
///
/// The driver hands in the stream's bytes and the store's answers, and does the actions in their order.
///
/// Spec: docs/specs/blob.md, "Stream".
package struct BlobFetch: Machine, Sendable {
    package struct Limits: Sendable {
        /// Bytes of chunks that are asked for, on their way or not yet written.
        ///
        /// At the limit no more is asked for; a window of less than two chunks counts as two.
        package var windowByteCount = 16 << 20
        /// Chunks that go to the store at once, which is cheaper, though never more than a quarter of the window.
        package var groupChunkCountMax = 16
        /// How long a chunk waits for others to go with; one after which nothing is due waits for none.
        package var groupDelay: Duration = .milliseconds(20)
        /// How long nothing may come while something is due; then the attempt fails.
        package var stallTimeout: Duration = .seconds(30)
        /// What counts as something, in bytes, where no chunk or frame is completed: a trickle does not.
        package var trickleByteCount = 4096
        /// How long an attempt that is to end goes on at most for the chunk that is on its way: 256 KiB by a link of 500 bytes a
        /// second.
        package var yieldTimeout: Duration = .seconds(540)
        /// Bytes that are written before they are made durable.
        package var syncByteCount: UInt64 = 32 << 20
        /// How long bytes that were written may stay without being durable.
        package var syncInterval: Duration = .seconds(2)

        package init() {}
    }

    package enum Action: Equatable, Sendable {
        /// Write these bytes to the stream.
        case send([UInt8])
        /// Have the store make room, and say ``BlobFetch/begun(now:)``.
        case begin(leaves: [UInt8])
        /// Have the store check and write chunks, and say ``BlobFetch/wrote(_:now:)`` of each.
        case write([BlobArrival])
        /// Make durable what was written, and say ``BlobFetch/synced(now:)``.
        case sync
        /// All is written: give the blob its final name, and end.
        case finish
        /// The attempt is over: reset the stream.
        case fail(BlobFetchError)
    }

    /// A chunk that is on its way in.
    private struct Incoming: Sendable {
        var index: Int
        var block: Buffer
        var byteCount: Int
        var filledByteCount = 0
    }

    package let id: BlobID
    private let limits: Limits
    private var reader = BlobFrameReader(byteCountMax: BlobProtocol.answerByteCountMax)
    private var actions = RingQueue<Action>()
    /// Chunks that the store has, in this attempt or before.
    package private(set) var written: ChunkSet
    /// Chunks that were asked for and have not arrived in full.
    private var asked: ChunkSet
    /// Chunks that are with the store, or about to be.
    private var writing: ChunkSet
    /// Chunks that have arrived and go to the store together.
    private var group: [BlobArrival] = []
    /// When the first of the group arrived.
    private var groupStart: Instant
    private var nextAsk = 0
    private var leaves: [UInt8] = []
    private var needsLeaves: Bool
    private var isBegun: Bool
    private var incoming: Incoming?
    private var blocks: [Buffer] = []
    /// When the attempt ends, whatever is on its way; `nil` while it is to go on.
    private var yieldsAt: Instant?
    private var lastProgress: Instant
    private var trickle = 0
    private var unsyncedByteCount: UInt64 = 0
    private var lastSync: Instant
    private var isSyncing = false
    private var isOver = false

    /// - Parameter held: the chunks that the store has; `nil` when it has no leaves of the blob either.
    package init(_ id: BlobID, held: ChunkSet?, limits: Limits = Limits(), now: Instant) {
        self.id = id
        self.limits = limits
        let none = ChunkSet(of: id.chunkCount)
        written = held ?? none
        asked = none
        writing = none
        needsLeaves = held == nil && id.chunkCount > 0
        isBegun = held != nil
        (lastProgress, lastSync, groupStart) = (now, now, now)
        if id.chunkCount == 0 {
            // There is nothing to ask anybody for.
            actions.append(.begin(leaves: []))
        } else if written.isComplete {
            finish()
        } else {
            actions.append(.send(BlobAsk.open(id, wantsLeaves: needsLeaves).encoded))
            ask()
        }
    }

    // MARK: Inputs

    /// Bytes came on the stream, cut anywhere.
    package mutating func receive(_ bytes: Span<UInt8>, now: Instant) {
        var offset = 0
        noteTrickle(bytes.count, now)
        while offset < bytes.count, !isOver {
            if incoming != nil {
                fill(bytes, at: &offset, now)
                continue
            }
            do throws(BlobFetchError) { try readFrame(bytes, at: &offset, now) } catch { fail(error) }
        }
    }

    /// The peer ended its direction.
    package mutating func receiveEnd() { if !isOver { fail(.ended) } }

    /// The store has made room.
    package mutating func begun(now: Instant) {
        guard !isOver else { return }
        isBegun = true
        if written.isComplete { return finish() }
        writeGroupIfDue(now)
        yieldIfWhole()
    }

    /// The store has written a chunk.
    package mutating func wrote(_ index: Int, now: Instant) {
        guard !isOver, writing.remove(index) else { return }
        written.insert(index)
        unsyncedByteCount += UInt64(id.byteCount(ofChunk: index))
        if written.isComplete { return finish() }
        ask()
        syncIfDue(now)
    }

    /// The store has made durable what was written.
    package mutating func synced(now: Instant) {
        isSyncing = false
        lastSync = now
        if !isOver { syncIfDue(now) }
    }

    /// Others shall have their turn: the attempt ends as soon as that loses nothing that has come, or after some time.
    package mutating func yield(now: Instant) {
        guard !isOver, yieldsAt == nil else { return }
        yieldsAt = now + limits.yieldTimeout
        yieldIfWhole()
    }

    /// The stream is of no use any more: nothing is left to do but to write what has arrived whole.
    package mutating func giveUp() {
        guard !isOver else { return }
        isOver = true
        incoming = nil
        if isBegun, !group.isEmpty { actions.append(.write(group)) }
        group = []
    }

    /// Ends the attempt: nothing more is to be done.
    package mutating func stop() {
        isOver = true
        actions.removeAll()
        incoming = nil
        group = []
    }

    package var nextDeadline: Instant? {
        if isOver { return nil }
        let stall = isWaiting ? lastProgress + limits.stallTimeout : nil
        let sync = unsyncedByteCount > 0 && !isSyncing ? lastSync + limits.syncInterval : nil
        let write = isBegun && !group.isEmpty ? groupStart + limits.groupDelay : nil
        return [stall, sync, write, yieldsAt].compactMap(\.self).min()
    }

    package mutating func advance(to now: Instant) {
        guard !isOver else { return }
        if isWaiting, lastProgress + limits.stallTimeout <= now { return fail(.stalled) }
        if let end = yieldsAt, end <= now { return fail(.yielded) }
        writeGroupIfDue(now)
        syncIfDue(now)
    }

    package mutating func nextAction() -> Action? { actions.popFirst() }

    /// Whether the peer is still to send something: bytes are worth waiting for.
    package var wantsBytes: Bool {
        !isOver && (needsLeaves || written.count + writing.count < id.chunkCount)
    }

    // MARK: Asking

    /// Whether the peer owes something.
    private var isWaiting: Bool { needsLeaves || !asked.isEmpty }

    private var windowChunkCount: Int {
        min(BlobProtocol.wantedChunkCountMax, max(2, limits.windowByteCount / id.chunkByteCount))
    }

    /// Asks for more once a good part of the window is free, so that ranges stay long.
    private mutating func ask() {
        var room = windowChunkCount - asked.count - writing.count
        guard room * 4 >= windowChunkCount || asked.isEmpty else { return }
        while room > 0, let start = nextGap() {
            var end = start
            while end < id.chunkCount, end - start < room, isMissing(end) {
                asked.insert(end)
                end += 1
            }
            actions.append(.send(BlobAsk.want(start..<end).encoded))
            room -= end - start
            nextAsk = end
        }
    }

    private func isMissing(_ index: Int) -> Bool {
        !written.contains(index) && !asked.contains(index) && !writing.contains(index)
    }

    private mutating func nextGap() -> Int? {
        while let gap = written.first(from: nextAsk, isPresent: false) {
            if isMissing(gap) { return gap }
            nextAsk = gap + 1
        }
        return nil
    }

    // MARK: Receiving

    private mutating func readFrame(
        _ bytes: Span<UInt8>,
        at offset: inout Int,
        _ now: Instant
    ) throws(BlobFetchError) {
        let frame: [UInt8]?
        do throws(VarintError) { frame = try reader.next(bytes, at: &offset) } catch {
            throw .invalidLength(error)
        }
        guard let frame else { return }
        let answer: BlobAnswer?
        do throws(ProtobufError) { answer = try BlobAnswer.parse(frame.span) } catch {
            throw .malformed(error)
        }
        switch answer {
        case .leaves(let part):
            guard needsLeaves, !part.isEmpty, part.count <= id.leavesByteCount - leaves.count else {
                throw .unexpectedLeaves
            }
            leaves += part
            noteProgress(now)
            guard leaves.count == id.leavesByteCount else { return }
            needsLeaves = false
            actions.append(.begin(leaves: leaves))
            leaves = []
            yieldIfWhole()
        case .chunk(let index):
            guard !needsLeaves, asked.contains(index) else { throw .unexpectedChunk(index) }
            incoming = Incoming(index: index, block: takeBlock(), byteCount: id.byteCount(ofChunk: index))
        case .refusal(let reason): throw .refused(reason)
        case nil: break
        }
    }

    private mutating func fill(_ bytes: Span<UInt8>, at offset: inout Int, _ now: Instant) {
        guard var chunk = incoming.take() else { return }
        let count = min(bytes.count - offset, chunk.byteCount - chunk.filledByteCount)
        chunk.block.write(bytes.extracting(offset..<offset + count), at: chunk.filledByteCount)
        chunk.filledByteCount += count
        offset += count
        guard chunk.filledByteCount == chunk.byteCount else {
            incoming = chunk
            return
        }
        asked.remove(chunk.index)
        writing.insert(chunk.index)
        noteProgress(now)
        if group.isEmpty { groupStart = now }
        let whole = BlobBytes(BufferSlice(chunk.block, 0..<chunk.byteCount))
        group.append(BlobArrival(index: chunk.index, chunk: whole))
        writeGroupIfDue(now)
        yieldIfWhole()
    }

    /// Hands chunks to the store once it is ready and there are enough, or they have waited, or nothing more is due.
    private mutating func writeGroupIfDue(_ now: Instant) {
        guard isBegun, !group.isEmpty else { return }
        let isDue = asked.isEmpty || groupStart + limits.groupDelay <= now
        let wholeCount = max(1, min(limits.groupChunkCountMax, windowChunkCount / 4))
        while group.count >= wholeCount || isDue && !group.isEmpty {
            actions.append(.write(Array(group.prefix(wholeCount))))
            group.removeFirst(min(wholeCount, group.count))
        }
    }

    /// A block that nobody uses any more, or a fresh one; no more than the window are kept.
    private mutating func takeBlock() -> Buffer {
        for index in blocks.indices where isKnownUniquelyReferenced(&blocks[index]) { return blocks[index] }
        let block = Buffer(byteCount: id.chunkByteCount)
        if blocks.count < windowChunkCount { blocks.append(block) }
        return block
    }

    private mutating func noteProgress(_ now: Instant) {
        lastProgress = now
        trickle = 0
    }

    private mutating func noteTrickle(_ byteCount: Int, _ now: Instant) {
        trickle += byteCount
        if trickle >= limits.trickleByteCount { noteProgress(now) }
    }

    // MARK: Ending

    private mutating func syncIfDue(_ now: Instant) {
        guard unsyncedByteCount > 0, !isSyncing, !written.isComplete else { return }
        guard unsyncedByteCount >= limits.syncByteCount || lastSync + limits.syncInterval <= now else {
            return
        }
        unsyncedByteCount = 0
        isSyncing = true
        actions.append(.sync)
    }

    /// Ends an attempt that is to end, unless a part of a chunk or of the leaves would be lost, or a chunk for which there is no
    /// room yet.
    private mutating func yieldIfWhole() {
        guard yieldsAt != nil, incoming == nil, leaves.isEmpty, isBegun || group.isEmpty else { return }
        // What has come whole goes to the store, and that may be all.
        if wantsBytes { fail(.yielded) }
    }

    private mutating func finish() {
        isOver = true
        actions.append(.finish)
    }

    private mutating func fail(_ error: BlobFetchError) {
        giveUp()
        actions.append(.fail(error))
    }
}

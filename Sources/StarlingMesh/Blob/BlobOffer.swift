package import StarlingCore

/// Why a stream on which a blob was asked for is ended.
package enum BlobOfferError: Error, Equatable, Sendable {
    /// What the peer sent is no frame of the protocol.
    case malformed(ProtobufError)
    /// The length before a frame is none, or beyond the limit.
    case invalidLength(VarintError)
    /// Chunks were asked for before the blob was named, or another blob was.
    case outOfOrder
    /// Chunks were asked for that the blob does not have.
    case noSuchChunk(Int)
    /// More was asked for at a time, or in all, than one stream is good for.
    case tooMuch
    /// Nothing was asked for, or taken, for too long.
    case idle
}

/// Answers one stream on which a peer fetches a blob.
///
/// Chunks are read a few ahead of what the stream takes, fewer where it is slow, so that a peer that takes nothing costs no
/// more memory than that. Those that stand one behind the other go to the store and to the stream together, in the form
/// that they have there, as long as the stream takes them quickly.
///
/// Spec: docs/specs/blob.md, "Stream".
package struct BlobOffer: Machine, Sendable {
    package struct Limits: Sendable {
        /// Chunks that are read, or wait for the stream, at a time; half of it where the stream is slow, or not known yet.
        package var readAheadCount = 8
        /// Chunks that go together, at most as many as are read ahead; the stream's first run is one chunk.
        package var runCountMax = 4
        /// A run that is taken within this time lets the next one be twice as long; any other halves it.
        package var runTime: Duration = .seconds(1)
        /// How often all chunks of the blob may be asked for on one stream; beyond that it is reset.
        package var repeatCountMax = 2
        /// How long a peer may neither ask nor take anything, for each chunk that is being written to it.
        package var idleTimeout: Duration = .seconds(60)

        package init() {}
    }

    package enum Action: Equatable, Sendable {
        /// Say whether the peer gets this blob: ``BlobOffer/accept(leaves:now:)`` or ``BlobOffer/refuse(_:)``.
        case open(BlobID, wantsLeaves: Bool)
        /// Read chunks, each behind its ``BlobAnswer/chunk(_:)``, and say ``BlobOffer/read(_:_:)`` or
        /// ``BlobOffer/refuse(_:)``.
        case read(Range<Int>)
        /// Write these bytes to the stream.
        case send([UInt8])
        /// Write chunks, as they were read, to the stream, and say ``BlobOffer/sent(now:)``.
        case sendChunks(Range<Int>, BlobBytes)
        /// End our direction of the stream.
        case end
        /// The peer broke a rule, or sleeps: reset the stream.
        case fail(BlobOfferError)
    }

    private enum State: Sendable {
        case waiting
        case opening(BlobID)
        case serving(BlobID)
        /// All is said, and not all of it taken.
        case ending
        case over
    }

    private let limits: Limits
    private var state = State.waiting
    private var reader = BlobFrameReader(byteCountMax: BlobProtocol.askByteCountMax)
    private var actions = RingQueue<Action>()
    /// What was asked for and is not read yet.
    private var wanted = RingQueue<Range<Int>>()
    private var wantedCount = 0
    /// What is being read, in the order of the wish, and what of it is there.
    private var reading = RingQueue<(run: Range<Int>, bytes: BlobBytes?)>()
    /// How many chunks the runs have that the stream has not taken yet.
    private var sending = RingQueue<Int>()
    /// Chunks that are being read, or that the stream has not taken yet.
    private var aheadCount = 0
    /// How long the next run may be, and when the last one was taken.
    private var runCount = 1
    private var lastSent: Instant
    private var answeredCount = 0
    private var hasEnded = false
    private var lastActivity: Instant

    package init(limits: Limits = Limits(), now: Instant) {
        precondition(1...limits.readAheadCount ~= limits.runCountMax, "a run is read ahead")
        self.limits = limits
        (lastActivity, lastSent) = (now, now)
    }

    /// The blob that the stream is about.
    package var id: BlobID? {
        switch state {
        case .waiting, .ending, .over: nil
        case .opening(let id), .serving(let id): id
        }
    }

    // MARK: Inputs

    /// Bytes came on the stream, cut anywhere.
    package mutating func receive(_ bytes: Span<UInt8>, now: Instant) {
        var offset = 0
        do throws(BlobOfferError) {
            while offset < bytes.count {
                if hasSaidAll { return }
                let frame: [UInt8]?
                do throws(VarintError) { frame = try reader.next(bytes, at: &offset) } catch {
                    throw .invalidLength(error)
                }
                guard let frame else { return }
                let ask: BlobAsk?
                do throws(ProtobufError) { ask = try BlobAsk.parse(frame.span) } catch {
                    throw .malformed(error)
                }
                guard let ask else { continue }
                lastActivity = now
                try take(ask)
            }
        } catch {
            fail(error)
        }
    }

    /// The peer ended its direction: it asks for nothing more.
    package mutating func receiveEnd() {
        hasEnded = true
        advanceReading()
    }

    /// The peer may have the blob; with leaves where it wants them.
    package mutating func accept(leaves: [UInt8], now: Instant) {
        guard case .opening(let id) = state else { return }
        lastActivity = now
        state = .serving(id)
        for start in stride(from: 0, to: leaves.count, by: BlobProtocol.leavesByteCountMax) {
            let end = min(leaves.count, start + BlobProtocol.leavesByteCountMax)
            actions.append(.send(BlobAnswer.leaves(Array(leaves[start..<end])).encoded))
        }
        advanceReading()
    }

    /// The peer does not get the blob, or not the rest of it.
    package mutating func refuse(_ reason: BlobAnswer.Refusal) {
        if hasSaidAll { return }
        end()
        actions.append(.send(BlobAnswer.refusal(reason).encoded))
        finish()
    }

    /// Chunks were read, each behind its frame.
    package mutating func read(_ run: Range<Int>, _ bytes: BlobBytes) {
        if hasSaidAll { return }
        for position in 0..<reading.count where reading[position].run == run {
            if reading[position].bytes == nil {
                reading[position].bytes = bytes
                break
            }
        }
        while let first = reading.first, let bytes = first.bytes {
            _ = reading.popFirst()
            sending.append(first.run.count)
            actions.append(.sendChunks(first.run, bytes))
        }
    }

    /// The stream has taken a frame without a chunk.
    package mutating func sentFrame(now: Instant) { lastActivity = now }

    /// The stream has taken a run.
    package mutating func sent(now: Instant) {
        let isQuick = lastSent.duration(to: now) <= limits.runTime
        runCount = isQuick ? min(limits.runCountMax, runCount * 2) : max(1, runCount / 2)
        (lastActivity, lastSent) = (now, now)
        aheadCount -= sending.popFirst() ?? 0
        advanceReading()
    }

    package var nextDeadline: Instant? {
        if case .over = state { return nil }
        return lastActivity + limits.idleTimeout * max(1, sending.first ?? 1)
    }

    package mutating func advance(to now: Instant) {
        guard let deadline = nextDeadline, deadline <= now else { return }
        fail(.idle)
    }

    package mutating func nextAction() -> Action? { actions.popFirst() }

    // MARK: Transitions

    private mutating func take(_ ask: BlobAsk) throws(BlobOfferError) {
        switch (ask, state) {
        case (.open(let id, let wantsLeaves), .waiting):
            state = .opening(id)
            actions.append(.open(id, wantsLeaves: wantsLeaves))
        case (.want(let chunks), .opening(let id)), (.want(let chunks), .serving(let id)):
            guard chunks.upperBound <= id.chunkCount else { throw .noSuchChunk(chunks.upperBound - 1) }
            let openCount = wantedCount + aheadCount
            guard openCount + chunks.count <= BlobProtocol.wantedChunkCountMax,
                answeredCount + chunks.count <= limits.repeatCountMax * id.chunkCount
            else { throw .tooMuch }
            answeredCount += chunks.count
            wantedCount += chunks.count
            wanted.append(chunks)
            advanceReading()
        case (.open, _), (.want, _): throw .outOfOrder
        }
    }

    private var aheadCountMax: Int {
        min(limits.readAheadCount, max(limits.readAheadCount / 2, 2 * runCount))
    }

    /// Reads as far ahead as the limit lets it; at the end of all wishes the stream ends.
    private mutating func advanceReading() {
        guard case .serving = state else {
            // Whoever ends before it has named a blob, or before it was looked for, wants none.
            if hasEnded, case .waiting = state { finish() }
            return
        }
        while let next = wanted.first, aheadCount + min(next.count, runCount) <= aheadCountMax {
            _ = wanted.popFirst()
            let run = next.prefix(runCount)
            if run.count < next.count { wanted.prepend(next.dropFirst(run.count)) }
            wantedCount -= run.count
            aheadCount += run.count
            reading.append((run, nil))
            actions.append(.read(run))
        }
        if hasEnded && aheadCount == 0 { finish() }
    }

    private var hasSaidAll: Bool {
        switch state {
        case .ending, .over: true
        case .waiting, .opening, .serving: false
        }
    }

    /// Ends after what is still to be sent.
    private mutating func finish() {
        state = .ending
        actions.append(.end)
    }

    private mutating func fail(_ error: BlobOfferError) {
        end()
        actions.append(.fail(error))
    }

    private mutating func end() {
        state = .over
        actions.removeAll()
        wanted.removeAll()
        reading.removeAll()
    }
}

internal import StarlingCore
internal import StarlingProtocols
internal import StarlingWorld

// From the streams to the socket.
extension SocketConnection {
    /// Puts a stream that wants to write at the end of the queue.
    func enqueue(_ stream: StreamState) {
        if stream.queuedPriority == nil {
            // A peer may open and reset streams faster than they get their turn.
            if writers.count >= 64, writers.count >= 2 * streams.count {
                writers.keep { streams[$0]?.queuedPriority == $1 }
            }
            stream.queuedPriority = stream.priority
            writers.append(stream.id, stream.priority)
        }
        scheduleFlush()
    }

    /// Has everything of this turn sealed and written once, at its end.
    func scheduleFlush() {
        guard !isFlushScheduled, case .open = state else { return }
        isFlushScheduled = true
        loop.atEndOfTurn(self)
    }

    /// Whether the socket holds as much as it should; it says so when it has drained.
    private var isCongested: Bool {
        guard let socket else { return true }
        return socket.queuedByteCount >= setup.limits.sendQueueByteCountMax
    }

    /// Writes as much of `bytes` as window and socket take, up to `limit`, and returns how far it came.
    func writeNow(
        _ stream: StreamState,
        _ bytes: StreamBytes,
        from start: Int,
        upTo limit: Int = .max
    ) -> Int {
        var written = start
        let end = min(bytes.count, limit)
        do {
            while written < end {
                guard ensureRoom() else { return written }
                let taken: Int
                let next = min(end, written + recordRoom - YamuxSession.frameHeaderByteCount)
                switch bytes {
                case .array(let array):
                    taken = try yamux.write(
                        array.span.extracting(written..<next),
                        on: stream.id,
                        to: &builder
                    )
                case .slice(let slice):
                    taken = try slice.withSpan { span throws(YamuxStreamError) in
                        try yamux.write(span.extracting(written..<next), on: stream.id, to: &builder)
                    }
                }
                if taken == 0 { return written }
                written += taken
            }
        } catch {
            // The stream is gone at the multiplexer: whoever writes hears of it from the stream's own state.
            return written
        }
        return written
    }

    /// Makes room for one more frame in the record, sealing a full one.
    ///
    /// `false` when the socket is congested.
    private func ensureRoom() -> Bool {
        guard case .open = state else { return false }
        if builder.isStarted && recordRoom > YamuxSession.frameHeaderByteCount { return true }
        if builder.isStarted {
            seal()
            writeOut()
        }
        if isCongested { return false }
        builder.start(in: loop.takeRecordBuffer())
        return true
    }

    /// Content that the record under way still takes, at the socket's pace.
    private var recordRoom: Int {
        builder.room - max(0, builder.contentByteCountMax - pace.recordByteCountMax)
    }

    /// Closes the record under way and puts it into the queue for the socket.
    private func seal() {
        guard let record = builder.finish() else { return }
        pace.wrote(record.content.count, now: loop.now)
        do {
            try channel?.seal(record.block, record.content, into: &outgoing)
        } catch {
            fail(error)
        }
    }

    func writeOut() {
        guard !outgoing.isEmpty, let socket else { return }
        setup.meter.didSend((0..<outgoing.count).reduce(0) { $0 + outgoing[$1].count })
        socket.write(&outgoing)
    }

    /// Whether frames of the session's own wait.
    var owesControl: Bool { inPlace(&yamux) { $0.hasControl } }

    /// Seals and writes what waits, in turn, until nothing waits or the socket is congested.
    func flush() {
        isFlushScheduled = false
        turnByteCount = 0
        guard case .open = state, socket != nil else { return }
        var budget = setup.limits.turnByteCountMax
        while !isCongested {
            if owesControl {
                guard ensureRoom() else { break }
                if yamux.writeControl(to: &builder) { continue }
            }
            guard budget > 0, let turn = writers.next() else { break }
            guard let stream = streams[turn.id], stream.queuedPriority == turn.priority else { continue }
            stream.queuedPriority = nil
            // A turn that writes nothing costs something too.
            let byteCount = max(64, advanceWriter(stream, min(budget, turn.byteCountMax)))
            writers.charge(byteCount, turn.priority)
            budget -= byteCount
        }
        seal()
        writeOut()
        settleCharge()
        guard !isCongested else { return }
        if !writers.isEmpty { scheduleFlush() } else { pace.paused(at: loop.now) }
    }

    /// Writes what one stream has waiting: negotiation first, then at most `byteCountMax` of data, then the end.
    ///
    /// - Returns: How many bytes were written.
    private func advanceWriter(_ stream: StreamState, _ byteCountMax: Int) -> Int {
        var byteCount = 0
        if !stream.preamble.isEmpty {
            let written = writeNow(stream, .array(stream.preamble), from: 0)
            stream.preamble.removeFirst(written)
            unsentPreambleByteCount -= written
            byteCount += written
            if !stream.preamble.isEmpty {
                waitForRoom(stream, afterWriting: written)
                return byteCount
            }
        }
        if var writer = stream.writer {
            let start = writer.writtenByteCount
            let written = writeNow(stream, writer.bytes, from: start, upTo: start + byteCountMax)
            byteCount += written - writer.writtenByteCount
            if written < writer.bytes.count {
                writer.writtenByteCount = written
                stream.writer = writer
                waitForRoom(stream, afterWriting: written - start)
                return byteCount
            }
            stream.writer = nil
            writer.continuation.resume(returning: nil)
        }
        if stream.wantsWriteClose {
            stream.wantsWriteClose = false
            yamux.closeWrite(stream.id)
            if stream.isAbandoned && stream.hasEnded { streams[stream.id] = nil }
        }
        return byteCount
    }

    /// A stream that could not finish waits for its turn here, and for its window at the multiplexer.
    ///
    /// A turn may end just where the window does, and then the multiplexer does not know that there is more: who wrote
    /// something always comes again, and says so.
    private func waitForRoom(_ stream: StreamState, afterWriting byteCount: Int) {
        guard case .open = state, streams[stream.id] != nil else { return }
        if byteCount > 0 || isCongested || inPlace(&yamux, { $0.sendWindow(of: stream.id) }) > 0 {
            enqueue(stream)
        }
    }
}

package import StarlingCore
internal import StarlingProtocols
internal import StarlingWorld

// The application's side of the streams: opening, reading, writing, ending.
extension SocketConnection: StreamBackend {
    package func openStream(
        _ protocols: [String],
        priority: StreamPriority
    ) async throws(StreamError) -> Stream {
        precondition(!protocols.isEmpty)
        if case .closed(let reason) = state { throw .connectionClosed(reason) }
        let slot = try setup.owner.admit(protocols[0], to: info.peer)
        let id: YamuxStreamID
        do throws(YamuxStreamError) {
            id = try yamux.open(now: loop.now)
        } catch {
            guard error == .goingAway else { throw .tooManyStreams }
            // A peer that has said goodbye and stays would keep others from dialling it anew.
            if hasPeerGoneAway && streams.isEmpty { fail(.goneAway) }
            throw .connectionClosed(.goneAway)
        }
        let isLazy = protocols.count == 1
        var dialer = MultistreamDialer(protocols: protocols, pace: isLazy ? .lazy : .patient)
        let state = StreamState(
            id: id,
            number: UInt64(id.rawValue),
            direction: .outbound,
            negotiation: .done
        )
        while let bytes = dialer.nextOutput() { say(bytes, on: state) }
        state.negotiation = .dialling(dialer)
        state.protocolID = protocols[0]
        state.priority = priority
        streams[id] = state
        enqueue(state)
        if !isLazy {
            expectNegotiation(state)
            let failure: StreamError? = await withTaskCancellationHandler {
                await Waiter.suspend { waiter in
                    if state.failure != nil || state.isNegotiated {
                        waiter.resume(returning: state.failure)
                    } else if Task.isCancelled {
                        resetStream(state, .cancelled)
                        waiter.resume(returning: .cancelled)
                    } else {
                        state.opener = waiter
                    }
                }
            } onCancel: {
                loop.startTask { await self.cancelOpening(id) }
            }
            if let failure {
                if streams[id] === state { streams[id] = nil }
                throw failure
            }
        }
        return Stream(
            id: state.number,
            direction: .outbound,
            protocolID: state.protocolID,
            connection: self,
            backend: self,
            slot: slot
        )
    }

    private func cancelOpening(_ id: YamuxStreamID) {
        guard let stream = streams[id], stream.opener != nil else { return }
        resetStream(stream, .cancelled)
    }

    package func read(_ id: UInt64, byteCountMax: Int) async throws(StreamError) -> BufferSlice? {
        guard let stream = stream(id) else { throw closedError }
        if let result = readNow(stream, byteCountMax) { return try result.get() }
        let token = makeToken()
        let result: Result<BufferSlice?, StreamError> = await withTaskCancellationHandler {
            await Waiter.suspend { waiter in
                if let result = readNow(stream, byteCountMax) {
                    waiter.resume(returning: result)
                } else {
                    stream.reader = .init(byteCountMax: byteCountMax, continuation: waiter, token: token)
                }
            }
        } onCancel: {
            loop.startTask { await self.cancelRead(id, token) }
        }
        return try result.get()
    }

    /// What a read gets at once; `nil` when it has to wait.
    private func readNow(_ stream: StreamState, _ byteCountMax: Int) -> Result<BufferSlice?, StreamError>? {
        guard stream.reader == nil else { return .failure(.busy) }
        if let bytes = stream.received.take(byteCountMax) {
            unreadByteCount -= bytes.count
            settleCharge()
            didConsume(bytes.count, stream)
            return .success(bytes)
        }
        if stream.hasEnded { return .success(nil) }
        if let failure = stream.failure { return .failure(failure) }
        return Task.isCancelled ? .failure(.cancelled) : nil
    }

    private func cancelRead(_ id: UInt64, _ token: UInt64) {
        guard let stream = stream(id), let reader = stream.reader else { return }
        guard reader.token == token else { return }
        stream.reader = nil
        reader.continuation.resume(returning: .failure(.cancelled))
    }

    package func write(_ id: UInt64, _ bytes: StreamBytes) async throws(StreamError) {
        guard let stream = stream(id) else { throw closedError }
        if let failure = stream.failure { throw failure }
        guard !stream.isWriteClosed else { throw .closed }
        guard stream.writer == nil else { throw .busy }
        if bytes.count == 0 { return }
        var writtenByteCount = 0
        // With nobody before us the bytes go straight into the record; only what does not fit waits.
        let isNext = writers.wouldBeNext(stream.priority) && stream.preamble.isEmpty
        if isNext && turnByteCount < setup.limits.turnByteCountMax {
            writtenByteCount = writeNow(stream, bytes, from: 0)
            turnByteCount += writtenByteCount
        }
        scheduleFlush()
        if writtenByteCount == bytes.count { return }
        let token = makeToken()
        let failure: StreamError? = await withTaskCancellationHandler {
            await Waiter.suspend { waiter in
                if let failure = stream.failure { return waiter.resume(returning: failure) }
                if stream.writer != nil { return waiter.resume(returning: .busy) }
                if Task.isCancelled { return waiter.resume(returning: .cancelled) }
                stream.writer = .init(
                    bytes: bytes,
                    writtenByteCount: writtenByteCount,
                    continuation: waiter,
                    token: token
                )
                enqueue(stream)
            }
        } onCancel: {
            loop.startTask { await self.cancelWrite(id, token) }
        }
        if let failure { throw failure }
    }

    private func cancelWrite(_ id: UInt64, _ token: UInt64) {
        guard let stream = stream(id), let writer = stream.writer else { return }
        guard writer.token == token else { return }
        stream.writer = nil
        writer.continuation.resume(returning: .cancelled)
    }

    package func closeWrite(_ id: UInt64) async throws(StreamError) {
        guard let stream = stream(id) else { throw closedError }
        if let failure = stream.failure { throw failure }
        guard stream.writer == nil else { throw .busy }
        guard !stream.isWriteClosed else { return }
        stream.isWriteClosed = true
        stream.wantsWriteClose = true
        enqueue(stream)
    }

    package func reset(_ id: UInt64) async {
        guard let stream = stream(id) else { return }
        resetStream(stream, .closed)
        streams[stream.id] = nil
    }

    package func setPriority(_ id: UInt64, _ priority: StreamPriority) {
        guard let stream = stream(id), stream.priority != priority else { return }
        stream.priority = priority
        // Its place in the other class is passed over when it comes up.
        if stream.queuedPriority.take() != nil { enqueue(stream) }
    }

    package nonisolated func abandon(_ id: UInt64) {
        // Often the last reference goes away on the loop itself; then nothing has to wait for a task.
        if loop.isCurrent {
            assumeIsolated { $0.forget(id) }
        } else {
            loop.startTask { await self.forget(id) }
        }
    }

    /// The application dropped its last reference.
    private func forget(_ number: UInt64) {
        guard let stream = stream(number) else { return }
        let id = stream.id
        unreadByteCount -= stream.received.removeAll()
        settleCharge()
        let isFinished = stream.failure != nil || (stream.hasEnded && stream.isWriteClosed)
        if isFinished && !stream.wantsWriteClose {
            streams[id] = nil
        } else if stream.isWriteClosed {
            // We have said all we had to; a reset might overtake it at the peer. The peer's end is waited for.
            stream.isAbandoned = true
            yamux.stopReading(id, now: loop.now)
            let deadline = loop.now + setup.limits.lingerTimeout
            compact(&lingering) { $0.isAbandoned }
            lingering.append(StreamDeadline(deadline: deadline, number: number))
            arm(deadline)
        } else {
            resetStream(stream, .closed)
            streams[id] = nil
        }
    }

    private var closedError: StreamError {
        if case .closed(let reason) = state { return .connectionClosed(reason) }
        return .closed
    }

    /// The stream behind a handle's number.
    private func stream(_ number: UInt64) -> StreamState? {
        guard let stream = streams[YamuxStreamID(truncating: number)], stream.number == number else {
            return nil
        }
        return stream
    }

    func makeToken() -> UInt64 {
        nextToken += 1
        return nextToken
    }

    /// Tells the multiplexer that bytes were taken, so that the peer may send more.
    func didConsume(_ byteCount: Int, _ stream: StreamState) {
        guard byteCount > 0, case .open = state else { return }
        yamux.consumed(byteCount, on: stream.id, now: loop.now) { grownByteCount in
            charge.cover(max(grownByteCount, unreadByteCount))
        }
        if owesControl { scheduleFlush() }
    }

    /// Gives back to the node what is charged and not needed.
    func settleCharge() {
        guard charge.byteCount > 0 else { return }
        let isOpen = if case .open = state { true } else { false }
        charge.settle(isOpen ? max(inPlace(&yamux) { $0.grownByteCount }, unreadByteCount) : unreadByteCount)
    }

    /// Ends a stream both ways, at the peer too.
    func resetStream(_ stream: StreamState, _ error: StreamError) {
        // An end that still waits for the socket has not been told: the multiplexer would keep the stream for ever.
        let isOver = stream.hasEnded && stream.isWriteClosed && !stream.wantsWriteClose
        if stream.failure == nil, !isOver {
            yamux.reset(stream.id)
            scheduleFlush()
        }
        drop(stream)
        stream.fail(error)
        // Whoever holds the stream is to hear why it ended.
        if !stream.isHeld { streams[stream.id] = nil }
    }

    /// Throws away what a stream has received, its end included, and what was to be said about protocols.
    func drop(_ stream: StreamState) {
        unreadByteCount -= stream.received.removeAll()
        unsentPreambleByteCount -= stream.preamble.count
        stream.preamble = []
        settleCharge()
        stream.hasEnded = false
    }

    /// Gives a stream up whose protocol is not agreed in time.
    func expectNegotiation(_ stream: StreamState) {
        let deadline = loop.now + setup.limits.streamNegotiationTimeout
        compact(&negotiations) { !$0.isNegotiated }
        negotiations.append(StreamDeadline(deadline: deadline, number: stream.number))
        arm(deadline)
    }

    /// Drops deadlines that nothing waits for any more: a peer may open and reset streams faster than they fall due.
    private func compact(_ queue: inout RingQueue<StreamDeadline>, _ isLive: (StreamState) -> Bool) {
        guard queue.count >= 64, queue.count >= 2 * streams.count else { return }
        for _ in 0..<queue.count {
            guard let next = queue.popFirst() else { return }
            if let stream = stream(next.number), isLive(stream) { queue.append(next) }
        }
    }

    /// Gives up on inbound negotiations that stall and on peers that never end their direction.
    func expireStreams(_ now: Instant) {
        while let next = negotiations.first, next.deadline <= now {
            _ = negotiations.popFirst()
            if let stream = stream(next.number), !stream.isNegotiated {
                resetStream(stream, .negotiationFailed)
            }
        }
        while let next = lingering.first, next.deadline <= now {
            _ = lingering.popFirst()
            if let stream = stream(next.number), stream.isAbandoned { resetStream(stream, .closed) }
        }
    }
}

/// When a stream is given up, unless it has come further by then.
struct StreamDeadline {
    var deadline: Instant
    /// The stream's ``StreamState/number``.
    var number: UInt64
}

extension YamuxStreamID {
    /// The id behind a stream's number, which came from one.
    fileprivate init(truncating number: UInt64) { self.init(rawValue: UInt32(truncatingIfNeeded: number)) }
}

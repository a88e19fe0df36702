package import StarlingCore
internal import StarlingProtocols
internal import StarlingWorld

// The application's side of the streams: opening, reading, writing, ending.
extension SocketConnection: StreamBackend {
    package func openStream(_ protocols: [String]) async throws(StreamError) -> Stream {
        precondition(!protocols.isEmpty)
        if case .closed(let reason) = state { throw .connectionClosed(reason) }
        let id: YamuxStreamID
        do throws(YamuxStreamError) {
            id = try yamux.open(now: loop.now)
        } catch {
            throw error == .goingAway ? .connectionClosed(.goneAway) : .tooManyStreams
        }
        let isLazy = protocols.count == 1
        var dialer = MultistreamDialer(protocols: protocols, pace: isLazy ? .lazy : .patient)
        let state = StreamState(id: id, direction: .outbound, negotiation: .done)
        while let bytes = dialer.nextOutput() { state.preamble += bytes }
        state.negotiation = .dialling(dialer)
        state.protocolID = protocols[0]
        streams[id] = state
        enqueue(state)
        if !isLazy {
            let failure: StreamError? = await withTaskCancellationHandler {
                await Waiter.suspend(isolation: self) { state.opener = $0 }
            } onCancel: {
                loop.startTask { await self.cancelOpening(id) }
            }
            if let failure {
                streams[id] = nil
                throw failure
            }
        }
        return Stream(
            id: UInt64(id.rawValue),
            direction: .outbound,
            protocolID: state.protocolID,
            connection: self,
            backend: self
        )
    }

    private func cancelOpening(_ id: YamuxStreamID) {
        guard let stream = streams[id], stream.opener != nil else { return }
        resetStream(stream, .cancelled)
    }

    package func read(_ id: UInt64, byteCountMax: Int) async throws(StreamError) -> BufferSlice? {
        guard let stream = streams[YamuxStreamID(truncating: id)] else { throw closedError }
        guard stream.reader == nil else { throw .busy }
        if let bytes = stream.takeReceived(byteCountMax) {
            didConsume(bytes.count, stream)
            return bytes
        }
        if stream.hasEnded { return nil }
        if let failure = stream.failure { throw failure }
        if Task.isCancelled { throw .cancelled }
        let token = makeToken()
        let result: Result<BufferSlice?, StreamError> = await withTaskCancellationHandler {
            await Waiter.suspend(isolation: self) {
                stream.reader = .init(byteCountMax: byteCountMax, continuation: $0, token: token)
            }
        } onCancel: {
            loop.startTask { await self.cancelRead(id, token) }
        }
        return try result.get()
    }

    private func cancelRead(_ id: UInt64, _ token: UInt64) {
        guard let stream = streams[YamuxStreamID(truncating: id)], let reader = stream.reader else { return }
        guard reader.token == token else { return }
        stream.reader = nil
        reader.continuation.resume(returning: .failure(.cancelled))
    }

    package func write(_ id: UInt64, _ bytes: StreamBytes) async throws(StreamError) {
        guard let stream = streams[YamuxStreamID(truncating: id)] else { throw closedError }
        if let failure = stream.failure { throw failure }
        guard !stream.isWriteClosed else { throw .closed }
        guard stream.writer == nil else { throw .busy }
        if bytes.count == 0 { return }
        var writtenByteCount = 0
        // With nobody before us the bytes go straight into the record; only what does not fit waits.
        if writers.isEmpty && stream.preamble.isEmpty {
            writtenByteCount = writeNow(stream, bytes, from: 0)
        }
        scheduleFlush()
        if writtenByteCount == bytes.count { return }
        if Task.isCancelled { throw .cancelled }
        let token = makeToken()
        let failure: StreamError? = await withTaskCancellationHandler {
            await Waiter.suspend(isolation: self) {
                stream.writer = .init(
                    bytes: bytes,
                    writtenByteCount: writtenByteCount,
                    continuation: $0,
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
        guard let stream = streams[YamuxStreamID(truncating: id)], let writer = stream.writer else { return }
        guard writer.token == token else { return }
        stream.writer = nil
        writer.continuation.resume(returning: .cancelled)
    }

    package func closeWrite(_ id: UInt64) async throws(StreamError) {
        guard let stream = streams[YamuxStreamID(truncating: id)] else { throw closedError }
        if let failure = stream.failure { throw failure }
        guard stream.writer == nil else { throw .busy }
        guard !stream.isWriteClosed else { return }
        stream.isWriteClosed = true
        stream.wantsWriteClose = true
        enqueue(stream)
    }

    package func reset(_ id: UInt64) async {
        guard let stream = streams[YamuxStreamID(truncating: id)] else { return }
        resetStream(stream, .closed)
    }

    package nonisolated func abandon(_ id: UInt64) {
        // Often the last reference goes away on the loop itself; then nothing has to wait for a task.
        let id = YamuxStreamID(truncating: id)
        if loop.isCurrent {
            assumeIsolated { $0.forget(id) }
        } else {
            loop.startTask { await self.forget(id) }
        }
    }

    /// The application dropped its last reference.
    private func forget(_ id: YamuxStreamID) {
        guard let stream = streams[id] else { return }
        stream.received.removeAll()
        let isFinished = stream.failure != nil || (stream.hasEnded && stream.isWriteClosed)
        if isFinished && !stream.wantsWriteClose {
            streams[id] = nil
        } else if stream.isWriteClosed {
            // We have said all we had to; a reset might overtake it at the peer. The peer's end is waited for.
            stream.isAbandoned = true
            yamux.stopReading(id, now: loop.now)
            lingering.append((loop.now + setup.limits.lingerTimeout, id))
            rearm()
        } else {
            resetStream(stream, .closed)
        }
    }

    private var closedError: StreamError {
        if case .closed(let reason) = state { return .connectionClosed(reason) }
        return .closed
    }

    private func makeToken() -> UInt64 {
        nextToken += 1
        return nextToken
    }

    /// Tells the multiplexer that bytes were taken, so that the peer may send more.
    func didConsume(_ byteCount: Int, _ stream: StreamState) {
        guard byteCount > 0, case .open = state else { return }
        yamux.consumed(byteCount, on: stream.id, now: loop.now)
        if yamux.hasControl { scheduleFlush() }
    }

    /// Ends a stream both ways, at the peer too.
    func resetStream(_ stream: StreamState, _ error: StreamError) {
        if stream.failure == nil, !(stream.hasEnded && stream.isWriteClosed) {
            yamux.reset(stream.id)
            scheduleFlush()
        }
        stream.received.removeAll()
        stream.fail(error)
        streams[stream.id] = nil
    }

    /// Gives up on inbound negotiations that stall and on peers that never end their direction.
    func expireStreams(_ now: Instant) {
        while let next = negotiations.first, next.deadline <= now {
            _ = negotiations.popFirst()
            if let stream = streams[next.id], stream.direction == .inbound, !stream.isNegotiated {
                resetStream(stream, .negotiationFailed)
            }
        }
        while let next = lingering.first, next.deadline <= now {
            _ = lingering.popFirst()
            if let stream = streams[next.id], stream.isAbandoned { resetStream(stream, .closed) }
        }
    }
}

extension YamuxStreamID {
    /// The id behind a stream's number, which came from one.
    fileprivate init(truncating number: UInt64) { self.init(rawValue: UInt32(truncatingIfNeeded: number)) }
}

internal import StarlingCore
internal import StarlingProtocols
internal import StarlingWorld

// From the socket to the streams.
extension SocketConnection {
    /// Opens every record that has come in whole.
    func drainChannel() {
        do {
            while case .open = state, let plaintext = try channel?.nextContent() {
                multiplexerDidReceive(plaintext)
            }
        } catch {
            return failWithWord(error)
        }
        if case .open = state, channel?.isEnded == true {
            failWithWord(hasPeerGoneAway ? .goneAway : .closedByPeer(.open))
        }
    }

    func multiplexerDidReceive(_ plaintext: BufferSlice) {
        guard case .open = state else { return }
        yamux.receive(plaintext, now: loop.now)
        handleMultiplexerEvents()
        if owesControl { scheduleFlush() }
    }

    /// Tells the peer what it did wrong, and ends the connection.
    func multiplexerFailed(_ error: YamuxError) {
        flush()
        failWithWord(.muxer(error))
    }

    /// Ends the connection at once, but lets the channel say why, or that nothing more comes.
    private func failWithWord(_ reason: ConnectionError) {
        channel?.close(into: &outgoing)
        writeOut()
        fail(reason)
    }

    func handleMultiplexerEvents() {
        while case .open = state, let event = nextMultiplexerEvent() {
            switch event {
            case .opened(let id): inboundStreamOpened(id)
            case .data(let id, let bytes): if let stream = streams[id] { received(bytes, stream) }
            case .ended(let id): if let stream = streams[id] { ended(stream) }
            case .reset(let id): if let stream = streams[id] { wasReset(stream) }
            case .writable(let id): if let stream = streams[id], stream.wantsToWrite { enqueue(stream) }
            case .goneAway: hasPeerGoneAway = true
            case .roundTrip: roundTripIsKnown()
            }
        }
    }

    private func nextMultiplexerEvent() -> YamuxSession.Event? {
        do { return try yamux.nextEvent() } catch {
            multiplexerFailed(error)
            return nil
        }
    }

    private func inboundStreamOpened(_ id: YamuxStreamID) {
        guard streams[id] == nil else {
            // The application still holds the stream that had this id before.
            yamux.reset(id)
            return
        }
        let stream = StreamState(
            id: id,
            number: makeToken() << 32 | UInt64(id.rawValue),
            direction: .inbound,
            negotiation: .listening(MultistreamListener())
        )
        streams[id] = stream
        expectNegotiation(stream)
    }

    private func received(_ bytes: BufferSlice, _ stream: StreamState) {
        switch stream.negotiation {
        case .done: deliver(bytes, stream)
        case .dialling(let dialer): negotiate(dialer, bytes, stream)
        case .listening(let listener): negotiate(listener, bytes, stream)
        }
    }

    private func deliver(_ bytes: BufferSlice, _ stream: StreamState) {
        guard !bytes.isEmpty else { return }
        if stream.isAbandoned { return }
        guard let reader = stream.reader else { return keep(bytes, stream) }
        stream.reader = nil
        var rest = bytes
        let head = rest.removePrefix(min(reader.byteCountMax, bytes.count))
        if !rest.isEmpty { keep(rest, stream) }
        didConsume(head.count, stream)
        reader.continuation.resume(returning: .success(head))
    }

    /// Keeps bytes for a later read.
    private func keep(_ bytes: BufferSlice, _ stream: StreamState) {
        let byteCount = unreadByteCount + bytes.count
        guard byteCount <= setup.limits.unreadByteCountMax, charge.cover(byteCount) else {
            return resetStream(stream, .unreadLimit)
        }
        unreadByteCount = byteCount
        stream.received.append(bytes)
        if stream.isSettled {
            stream.isSettled = false
            unsettled.append(stream)
            loop.atEndOfTurn(self)
        }
    }

    /// Has what nobody read in this turn let go of the blocks it came in.
    func settleStreams() {
        guard !unsettled.isEmpty else { return }
        for stream in unsettled {
            stream.isSettled = true
            stream.received.settle()
        }
        unsettled.removeAll(keepingCapacity: true)
    }

    private func ended(_ stream: StreamState) {
        guard stream.failure == nil else { return }
        stream.hasEnded = true
        switch stream.negotiation {
        case .done: break
        case .dialling: return resetStream(stream, .negotiationFailed)
        case .listening: return resetStream(stream, .negotiationFailed)
        }
        if let reader = stream.reader {
            stream.reader = nil
            reader.continuation.resume(returning: .success(nil))
        }
        if stream.isAbandoned && stream.isWriteClosed && !stream.wantsWriteClose { streams[stream.id] = nil }
    }

    private func wasReset(_ stream: StreamState) {
        drop(stream)
        stream.fail(.reset)
        // A stream that the application never saw, or has left, has nobody to tell.
        if stream.isAbandoned || (stream.direction == .inbound && !stream.isNegotiated) {
            streams[stream.id] = nil
        }
    }

    // MARK: Protocol negotiation

    /// Puts a message about protocols in front of all that the stream will write.
    func say(_ message: [UInt8], on stream: StreamState) {
        stream.preamble += message
        unsentPreambleByteCount += message.count
    }

    private func negotiate(_ dialer: MultistreamDialer, _ bytes: BufferSlice, _ stream: StreamState) {
        var (dialer, rest) = (dialer, bytes)
        do {
            let byteCount = try bytes.withSpan { span throws(MultistreamError) in try dialer.receive(span) }
            _ = rest.removePrefix(byteCount)
            didConsume(byteCount, stream)
        } catch {
            return resetStream(stream, error == .notSupported ? .protocolNotSupported : .negotiationFailed)
        }
        while let output = dialer.nextOutput() { say(output, on: stream) }
        if !stream.preamble.isEmpty { enqueue(stream) }
        guard case .agreed(let agreed) = dialer.state else {
            stream.negotiation = .dialling(dialer)
            return
        }
        stream.negotiation = .done
        stream.protocolID = agreed
        if let opener = stream.opener {
            stream.opener = nil
            opener.resume(returning: nil)
        }
        deliver(rest, stream)
    }

    private func negotiate(_ listener: MultistreamListener, _ bytes: BufferSlice, _ stream: StreamState) {
        var (listener, rest) = (listener, bytes)
        do {
            let owner = setup.owner
            let byteCount = try bytes.withSpan { span throws(MultistreamError) in
                try listener.receive(
                    span,
                    isSupported: { owner.speaks($0) },
                    listing: { owner.protocolIDs }
                )
            }
            _ = rest.removePrefix(byteCount)
            didConsume(byteCount, stream)
        } catch {
            return resetStream(stream, .negotiationFailed)
        }
        while let output = listener.nextOutput() { say(output, on: stream) }
        guard unsentPreambleByteCount <= setup.limits.unsentPreambleByteCountMax else {
            return resetStream(stream, .negotiationFailed)
        }
        if !stream.preamble.isEmpty { enqueue(stream) }
        guard case .agreed(let agreed) = listener.state else {
            stream.negotiation = .listening(listener)
            return
        }
        stream.negotiation = .done
        stream.protocolID = agreed
        deliver(rest, stream)
        let handle = Stream(
            id: stream.number,
            direction: .inbound,
            protocolID: agreed,
            connection: self,
            backend: self
        )
        if !setup.owner.take(handle) { resetStream(stream, .closed) }
    }
}

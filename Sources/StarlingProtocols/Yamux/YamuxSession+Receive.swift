package import StarlingCore

extension YamuxSession {
    /// Hands in decrypted bytes, cut at any boundary.
    ///
    /// - Precondition: ``nextEvent()`` gave `nil`, or threw, since the last call.
    package mutating func receive(_ plaintext: BufferSlice, now: Instant) {
        guard failure == nil, !plaintext.isEmpty else { return }
        precondition(inbound == nil, "events of the last record are left")
        receivedAt = now
        probedAt = nil
        inbound = plaintext.buffer
        inboundOffset = plaintext.range.lowerBound
        inboundEnd = plaintext.range.upperBound
    }

    /// The next thing that the handed in bytes say, `nil` when they are used up.
    ///
    /// Frames are parsed as they are asked for: nothing is queued, and between two calls the application may
    /// write, reset and consume.
    ///
    /// - Throws: Why the session is over. Write what ``writeControl(to:)`` has and close the connection.
    package mutating func nextEvent() throws(YamuxError) -> Event? {
        if let failure { throw failure }
        while true {
            if payloadByteCount > 0 {
                guard let chunk = takePayload() else { return nil }
                if let event = deliver(chunk) { return event }
            } else if endingStreamID != 0 {
                if let event = end(takeEndingStreamID()) { return event }
            } else {
                do {
                    guard let header = try nextHeader() else { return nil }
                    if let event = try accept(header) { return event }
                } catch {
                    throw fail(error)
                }
            }
        }
    }

    // MARK: - Frames

    /// The next header, put together from two records where it straddles them.
    private mutating func nextHeader() throws(YamuxError) -> YamuxHeader? {
        guard let buffer = inbound else { return nil }
        let available = inboundEnd - inboundOffset
        if partialHeaderByteCount == 0, available >= YamuxHeader.byteCount {
            let start = inboundOffset
            inboundOffset += YamuxHeader.byteCount
            return try buffer.withSpan(start..<start + YamuxHeader.byteCount) {
                bytes throws(YamuxError) in try YamuxHeader(bytes, at: 0)
            }
        }
        let taken = min(available, YamuxHeader.byteCount - partialHeaderByteCount)
        for index in 0..<taken {
            partialHeader[partialHeaderByteCount + index] = buffer[inboundOffset + index]
        }
        inboundOffset += taken
        partialHeaderByteCount += taken
        guard partialHeaderByteCount == YamuxHeader.byteCount else {
            inbound = nil
            return nil
        }
        partialHeaderByteCount = 0
        return try YamuxHeader(partialHeader.span, at: 0)
    }

    private mutating func takePayload() -> BufferSlice? {
        guard let buffer = inbound else { return nil }
        let byteCount = min(inboundEnd - inboundOffset, Int(payloadByteCount))
        guard byteCount > 0 else {
            inbound = nil
            return nil
        }
        let start = inboundOffset
        inboundOffset += byteCount
        payloadByteCount -= UInt32(byteCount)
        return BufferSlice(buffer, start..<inboundOffset)
    }

    private mutating func takeEndingStreamID() -> UInt32 {
        defer { endingStreamID = 0 }
        return endingStreamID
    }

    private mutating func accept(_ header: YamuxHeader) throws(YamuxError) -> Event? {
        switch header.kind {
        case .data, .windowUpdate: try acceptStreamFrame(header)
        case .ping: try acceptPing(header)
        case .goAway: try acceptGoAway(header)
        }
    }

    private mutating func acceptPing(_ header: YamuxHeader) throws(YamuxError) -> Event? {
        guard header.streamID == 0 else { throw .invalidStreamID(header.streamID) }
        switch header.flags {
        case .syn:
            if queuedPongCount < limits.queuedPongCountMax {
                queuedPongCount += 1
                control.append(.pong(header.length))
            } else {
                droppedPingCount += 1
            }
            return nil
        case .ack:
            guard header.length == pingValue, let pingedAt else { return nil }
            self.pingedAt = nil
            return .roundTrip(measure(pingedAt.duration(to: receivedAt)))
        default:
            throw .invalidFlags(header.flags.rawValue)
        }
    }

    private mutating func acceptGoAway(_ header: YamuxHeader) throws(YamuxError) -> Event? {
        guard header.streamID == 0 else { throw .invalidStreamID(header.streamID) }
        guard header.flags.isEmpty else { throw .invalidFlags(header.flags.rawValue) }
        hasReceivedGoAway = true
        return .goneAway(YamuxGoAwayCode(rawValue: header.length))
    }

    /// A frame of a stream: flags first, then the window it grants or the data that follows.
    private mutating func acceptStreamFrame(_ header: YamuxHeader) throws(YamuxError) -> Event? {
        guard header.streamID != 0 else { throw .invalidStreamID(0) }
        let id = YamuxStreamID(rawValue: header.streamID)
        let isOpening = header.flags.contains(.syn)
        if isOpening { try acceptOpening(header) }
        guard let index = streams.index(of: header.streamID) else {
            try checkAbsent(header)
            payloadStreamID = 0
            payloadByteCount = header.kind == .data ? header.length : 0
            return nil
        }
        if header.flags.contains(.ack) { acceptAcknowledgement(at: index) }
        if header.flags.contains(.rst) {
            forget(at: index)
            payloadStreamID = 0
            payloadByteCount = header.kind == .data ? header.length : 0
            return .reset(id)
        }
        if header.flags.contains(.fin), !streams[index].flags.contains(.hasReceivedEnd) {
            endingStreamID = header.streamID
        }
        switch header.kind {
        case .windowUpdate:
            if try reopenSending(at: index, by: header.length) { return .writable(id) }
        case .data, .ping, .goAway:
            try expectPayload(header, at: index)
        }
        return isOpening ? .opened(id) : nil
    }

    /// A frame for a stream that is not there: closed or refused by us, which is no fault of the peer's, or
    /// never opened, which is.
    private func checkAbsent(_ header: YamuxHeader) throws(YamuxError) {
        guard !isOurs(header.streamID) || header.streamID < nextID else {
            throw .unopenedStream(header.streamID)
        }
        guard header.kind != .data || header.length <= UInt32(clamping: limits.streamWindowByteCountMax)
        else {
            throw .windowExceeded(header.streamID)
        }
    }

    private func isOurs(_ id: UInt32) -> Bool { (id & 1 == 1) == (role == .dialer) }

    // MARK: - Opening and ending

    private mutating func acceptOpening(_ header: YamuxHeader) throws(YamuxError) {
        let id = header.streamID
        guard !isOurs(id) else { throw .wrongParity(id) }
        guard streams.index(of: id) == nil else { throw .duplicateStream(id) }
        // Opened and given up in one frame: there is nothing to tell.
        if header.flags.contains(.rst) { return }
        // Each stream leaves at least one frame to be written, also when the peer gives it up at once.
        guard control.count < limits.queuedFrameCountMax else { throw .tooManyQueuedFrames }
        guard inboundCount < limits.inboundStreamCountMax,
            inboundUnacknowledgedCount < limits.acceptBacklogMax, !hasSentGoAway
        else {
            refusedStreamCount += 1
            control.append(.reset(id))
            return
        }
        insert(id: id, isOurs: false, now: receivedAt)
    }

    private mutating func acceptAcknowledgement(at index: Int) {
        guard streams[index].flags.isSuperset(of: .isOurs),
            !streams[index].flags.contains(.isAcknowledged)
        else { return }
        streams[index].flags.insert(.isAcknowledged)
        outboundUnacknowledgedCount -= 1
    }

    private mutating func end(_ id: UInt32) -> Event? {
        guard let index = streams.index(of: id) else { return nil }
        streams[index].flags.insert(.hasReceivedEnd)
        if streams[index].flags.contains(.hasSentEnd) { forget(at: index) }
        return .ended(YamuxStreamID(rawValue: id))
    }

    // MARK: - Windows and data

    /// Whether a writer waits for the window that the peer granted.
    private mutating func reopenSending(at index: Int, by byteCount: UInt32) throws(YamuxError) -> Bool {
        let (window, overflow) = streams[index].sendWindow.addingReportingOverflow(byteCount)
        guard !overflow else { throw .windowOverflow(streams[index].id) }
        streams[index].sendWindow = window
        guard window > 0, streams[index].flags.contains(.wantsToWrite) else { return false }
        streams[index].flags.remove(.wantsToWrite)
        return true
    }

    private mutating func expectPayload(_ header: YamuxHeader, at index: Int) throws(YamuxError) {
        guard header.length > 0 else { return }
        guard !streams[index].flags.contains(.hasReceivedEnd) else { throw .dataAfterEnd(header.streamID) }
        guard header.length <= streams[index].credit else { throw .windowExceeded(header.streamID) }
        payloadStreamID = header.streamID
        payloadByteCount = header.length
    }

    /// Books a piece of data: to the application, or dropped with its window given back.
    private mutating func deliver(_ chunk: BufferSlice) -> Event? {
        guard payloadStreamID != 0, let index = streams.index(of: payloadStreamID) else {
            droppedByteCount += chunk.count
            return nil
        }
        streams[index].credit -= UInt32(chunk.count)
        guard !streams[index].flags.contains(.discards) else {
            droppedByteCount += chunk.count
            if !streams[index].flags.contains(.isEnding) {
                reopenIfDue(at: index, now: receivedAt)
            } else if streams[index].credit == 0 {
                // Nobody reads and nobody writes: tell the peer to stop. Not at once, for a reset may take
                // from it what we wrote last.
                reset(YamuxStreamID(rawValue: payloadStreamID))
            }
            return nil
        }
        streams[index].unconsumedByteCount += UInt32(chunk.count)
        if roundTrip == nil, pingedAt == nil {
            unmeasuredByteCount += chunk.count
            if unmeasuredByteCount >= Self.roundTripTriggerByteCount { sendPing(now: receivedAt) }
        }
        return .data(YamuxStreamID(rawValue: payloadStreamID), chunk)
    }

    /// Takes a measured round trip into the estimate.
    private mutating func measure(_ sample: Duration) -> Duration {
        measuredAt = receivedAt
        if let estimate = roundTrip, sample > estimate {
            roundTrip = estimate + (sample - estimate) / 8
        } else {
            roundTrip = sample
        }
        return sample
    }

    /// The application took data of a stream: its window reopens when half of it is free.
    ///
    /// A stream that is gone is ignored, and so is more than was delivered: the peer may have used the id again.
    ///
    /// - Parameter mayGrow: Whether windows may grow to this ``grownByteCount``; where not, they stay as they are.
    package mutating func consumed(
        _ byteCount: Int,
        on id: YamuxStreamID,
        now: Instant,
        mayGrow: (Int) -> Bool = { _ in true }
    ) {
        guard let index = streams.index(of: id.rawValue), !streams[index].flags.contains(.discards) else {
            return
        }
        precondition(byteCount >= 0)
        streams[index].unconsumedByteCount -= min(
            UInt32(clamping: byteCount),
            streams[index].unconsumedByteCount
        )
        reopenIfDue(at: index, now: now, mayGrow: mayGrow)
    }

    /// The application reads no more of a stream: what arrives is dropped, and the peer not held up.
    ///
    /// Once the stream is also ended by us, data that still comes resets it.
    package mutating func stopReading(_ id: YamuxStreamID, now: Instant) {
        guard let index = streams.index(of: id.rawValue) else { return }
        streams[index].flags.insert(.discards)
        streams[index].unconsumedByteCount = 0
        reopenIfDue(at: index, now: now)
    }

    /// Owes the peer a window update when at least half of the window is free, and doubles a window that was used up
    /// within four round trips: such a stream is held back by its window, not by its reader.
    mutating func reopenIfDue(at index: Int, now: Instant, mayGrow: (Int) -> Bool = { _ in false }) {
        let stream = streams[index]
        guard stream.reopenable >= stream.receiveWindow / 2,
            stream.flags.isDisjoint(with: [.owesWindow, .hasReceivedEnd])
        else { return }
        if let roundTrip {
            if stream.reopenedAt.duration(to: now) < roundTrip * 4, !stream.flags.contains(.discards) {
                grow(at: index, mayGrow)
            }
            if pingedAt == nil, measuredAt.duration(to: now) >= limits.roundTripAgeMax { sendPing(now: now) }
        }
        streams[index].reopenedAt = now
        streams[index].flags.insert(.owesWindow)
        queue(at: index)
    }

    private mutating func grow(at index: Int, _ mayGrow: (Int) -> Bool) {
        let window = Int(streams[index].receiveWindow)
        let growth = min(
            window,
            limits.streamWindowByteCountMax - window,
            limits.sessionWindowByteCountMax - windowByteCount
        )
        guard growth > 0, mayGrow(grownByteCount + growth) else { return }
        streams[index].receiveWindow += UInt32(growth)
        windowByteCount += growth
    }
}

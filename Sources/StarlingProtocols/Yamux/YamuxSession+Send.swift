package import StarlingCore

extension YamuxSession {
    /// Opens a stream.
    ///
    /// The peer hears of it with the stream's first frame.
    package mutating func open(now: Instant) throws(YamuxStreamError) -> YamuxStreamID {
        guard failure == nil, !hasSentGoAway, !hasReceivedGoAway else { throw .goingAway }
        guard outboundCount < limits.outboundStreamCountMax else { throw .tooManyStreams }
        guard outboundUnacknowledgedCount < limits.acceptBacklogMax else { throw .tooManyUnacknowledged }
        // Opening and resetting on a connection that does not move would queue without end.
        guard control.count < limits.queuedFrameCountMax else { throw .tooManyQueuedFrames }
        guard nextID < UInt32.max - 2 else { throw .idsExhausted }
        defer { nextID += 2 }
        insert(id: nextID, isOurs: true, now: now)
        return YamuxStreamID(rawValue: nextID)
    }

    /// Queues an empty frame that opens or acknowledges a stream, for one whose side has nothing to write yet.
    ///
    /// Without it the stream's first data does that.
    package mutating func announce(_ id: YamuxStreamID) {
        guard let index = streams.index(of: id.rawValue), !streams[index].flags.contains(.isAnnounced) else {
            return
        }
        streams[index].flags.insert(.owesAnnouncement)
        queue(at: index)
    }

    /// Bytes that the peer lets us send on a stream; 0 when the stream is gone.
    package func sendWindow(of id: YamuxStreamID) -> Int {
        guard let index = streams.index(of: id.rawValue) else { return 0 }
        return Int(streams[index].sendWindow)
    }

    /// Bytes that we would let the peer have in flight or unread on a stream; 0 when the stream is gone.
    package func receiveWindow(of id: YamuxStreamID) -> Int {
        guard let index = streams.index(of: id.rawValue) else { return 0 }
        return Int(streams[index].receiveWindow)
    }

    /// Writes one data frame with as many of the bytes as the window, the record and the frame size allow.
    ///
    /// - Returns: How many bytes were taken. When the window held some back, ``Event/writable(_:)``
    ///   says when to try again; else the record is full or the frame is, and more fits a next one.
    /// - Throws: ``YamuxStreamError/unknownStream``, ``YamuxStreamError/writeClosed`` or
    ///   ``YamuxStreamError/goingAway``. Nothing was taken then.
    package mutating func write(
        _ bytes: Span<UInt8>,
        on id: YamuxStreamID,
        to builder: inout RecordBuilder
    ) throws(YamuxStreamError) -> Int {
        guard failure == nil else { throw .goingAway }
        guard let index = streams.index(of: id.rawValue) else { throw .unknownStream }
        guard !streams[index].flags.contains(.isEnding) else { throw .writeClosed }
        let window = Int(streams[index].sendWindow)
        let room = max(0, min(builder.room - YamuxHeader.byteCount, limits.frameByteCountMax))
        let byteCount = min(bytes.count, window, room)
        // Where the record held bytes back and not the window, the writer waits for a record only.
        if byteCount == window, window < bytes.count { streams[index].flags.insert(.wantsToWrite) }
        guard byteCount > 0 else { return 0 }
        let flags = takeAnnouncement(at: index)
        streams[index].sendWindow -= UInt32(byteCount)
        let header = YamuxHeader(.data, flags, streamID: id.rawValue, length: UInt32(byteCount))
        builder.append(header.wire.span)
        builder.append(bytes.extracting(0..<byteCount))
        return byteCount
    }

    /// Ends our direction of a stream, behind all that was written.
    ///
    /// A stream that is gone is ignored.
    package mutating func closeWrite(_ id: YamuxStreamID) {
        guard let index = streams.index(of: id.rawValue), !streams[index].flags.contains(.isEnding) else {
            return
        }
        streams[index].flags.insert(.isEnding)
        streams[index].flags.remove(.wantsToWrite)
        queue(at: index)
    }

    /// Gives a stream up in both directions, and forgets it.
    ///
    /// A stream that is gone is ignored.
    package mutating func reset(_ id: YamuxStreamID) {
        guard let index = streams.index(of: id.rawValue) else { return }
        let flags = streams[index].flags
        forget(at: index)
        // The peer need not hear of the end of what it has not heard of.
        guard failure == nil, !flags.contains(.isOurs) || flags.contains(.isAnnounced) else { return }
        control.append(.reset(id.rawValue))
    }

    /// Tells the peer that we take no more streams, and refuses those that come.
    ///
    /// Open streams go on.
    package mutating func goAway(_ code: YamuxGoAwayCode = .normal) {
        guard failure == nil, !hasSentGoAway else { return }
        hasSentGoAway = true
        control.append(.goAway(code))
    }

    /// Whether frames wait for ``writeControl(to:)``.
    package var hasControl: Bool { !control.isEmpty }

    /// Writes queued frames while there is room.
    ///
    /// Call it before data: window updates keep the peer sending.
    ///
    /// - Returns: Whether some are left for the next record.
    package mutating func writeControl(to builder: inout RecordBuilder) -> Bool {
        while !control.isEmpty {
            guard builder.room >= YamuxHeader.byteCount else { return true }
            guard let frame = control.popFirst(), let header = header(for: frame) else { continue }
            builder.append(header.wire.span)
        }
        return false
    }

    private mutating func header(for frame: ControlFrame) -> YamuxHeader? {
        switch frame {
        case .stream(let id):
            return streamHeader(id)
        case .reset(let id):
            return YamuxHeader(.windowUpdate, .rst, streamID: id, length: 0)
        case .ping(let value):
            return YamuxHeader(.ping, .syn, streamID: 0, length: value)
        case .pong(let value):
            queuedPongCount -= 1
            return YamuxHeader(.ping, .ack, streamID: 0, length: value)
        case .goAway(let code):
            return YamuxHeader(.goAway, [], streamID: 0, length: code.rawValue)
        }
    }

    /// One window update that says all that a stream owes; `nil` when data said it already.
    private mutating func streamHeader(_ id: UInt32) -> YamuxHeader? {
        guard let index = streams.index(of: id) else { return nil }
        streams[index].flags.remove(.isQueued)
        var reopened: UInt32 = 0
        if streams[index].flags.contains(.owesWindow), !streams[index].flags.contains(.hasReceivedEnd) {
            reopened = streams[index].reopenable
            streams[index].credit += reopened
        }
        streams[index].flags.remove([.owesWindow, .owesAnnouncement])
        var flags = takeAnnouncement(at: index)
        let owesEnd = streams[index].flags.contains(.isEnding) && !streams[index].flags.contains(.hasSentEnd)
        if owesEnd, flags.contains(.ack) {
            // py-libp2p does not see an end that comes with an acknowledgement: it gets a frame of its own.
            queue(at: index)
        } else if owesEnd {
            flags.insert(.fin)
            streams[index].flags.insert(.hasSentEnd)
            if streams[index].flags.contains(.hasReceivedEnd) { forget(at: index) }
        }
        guard reopened > 0 || !flags.isEmpty else { return nil }
        return YamuxHeader(.windowUpdate, flags, streamID: id, length: reopened)
    }

    /// The flag that a stream's first frame carries.
    private mutating func takeAnnouncement(at index: Int) -> YamuxHeader.Flags {
        guard !streams[index].flags.contains(.isAnnounced) else { return [] }
        streams[index].flags.insert(.isAnnounced)
        if streams[index].flags.contains(.isOurs) { return .syn }
        streams[index].flags.insert(.isAcknowledged)
        inboundUnacknowledgedCount -= 1
        return .ack
    }
}

internal import StarlingCore
internal import StarlingProtocols

/// What a session said, in a form that can be compared.
private enum Seen: Equatable {
    case opened(UInt32)
    case data(UInt32, [UInt8])
    case ended(UInt32)
    case reset(UInt32)
    case writable(UInt32)
    case other
    case failed(YamuxError)
}

extension FuzzTarget {
    /// The first two bytes say how the application acts and how the bytes are cut; the rest is the peer's.
    static func yamux(_ input: [UInt8]) throws(BrokenPromise) {
        guard input.count >= 2 else { return }
        let (behaviour, cut) = (input[0], input[1])
        let whole = Array(input.dropFirst(2))
        let pieces = whole.pieces(of: Int(cut % 32) + 1)
        try promise(
            run([whole], behaviour) == run(pieces, behaviour),
            "a session does not depend on how the bytes are cut"
        )
        _ = run(pieces, behaviour, writesAtOnce: true)
    }

    private static func run(_ pieces: [[UInt8]], _ behaviour: UInt8, writesAtOnce: Bool = false) -> [Seen] {
        let now = Instant(nanosecondsSinceOrigin: 0)
        var limits = YamuxSession.Limits()
        limits.inboundStreamCountMax = 8
        limits.acceptBacklogMax = 4
        limits.queuedPongCountMax = 4
        var session = YamuxSession(role: behaviour & 1 == 0 ? .dialer : .listener, limits: limits, now: now)
        var builder = RecordBuilder(headroom: 0, contentByteCountMax: 4096)
        let block = Buffer(byteCount: 4096)
        func write() {
            builder.start(in: block)
            _ = session.writeControl(to: &builder)
            if builder.finish() == nil { builder = RecordBuilder(headroom: 0, contentByteCountMax: 4096) }
        }
        for _ in 0..<Int(behaviour >> 1 & 3) {
            guard let id = try? session.open(now: now) else { continue }
            session.announce(id)
        }
        write()
        if behaviour & 8 != 0 { session.measureRoundTrip(now: now) }

        var seen: [Seen] = []
        for piece in pieces {
            session.receive(BufferSlice(copying: piece.span), now: now)
            do throws(YamuxError) {
                while let event = try session.nextEvent() {
                    act(on: event, &session, behaviour, now)
                    note(event, in: &seen)
                    if writesAtOnce { write() }
                }
            } catch {
                return seen + [.failed(error)]
            }
        }
        write()
        try? session.advance(to: now + .seconds(60))
        return seen
    }

    private static func act(
        on event: YamuxSession.Event,
        _ session: inout YamuxSession,
        _ behaviour: UInt8,
        _ now: Instant
    ) {
        switch event {
        case .opened(let id):
            if behaviour & 16 != 0 { session.announce(id) }
            if behaviour & 32 != 0 { session.stopReading(id, now: now) }
            if behaviour & 64 != 0, id.rawValue & 4 != 0 { session.reset(id) }
        case .data(let id, let slice):
            if behaviour & 128 == 0 { session.consumed(slice.count, on: id, now: now) }
        case .ended(let id): session.closeWrite(id)
        case .reset, .writable, .goneAway, .roundTrip: break
        }
    }

    /// Data is joined: a slice ends where a piece does.
    private static func note(_ event: YamuxSession.Event, in seen: inout [Seen]) {
        switch event {
        case .opened(let id): seen.append(.opened(id.rawValue))
        case .data(let id, let slice):
            if case .data(id.rawValue, var joined)? = seen.last {
                // Alone with its bytes, so that they grow in place.
                seen.removeLast()
                joined += slice.array()
                seen.append(.data(id.rawValue, joined))
            } else {
                seen.append(.data(id.rawValue, slice.array()))
            }
        case .ended(let id): seen.append(.ended(id.rawValue))
        case .reset(let id): seen.append(.reset(id.rawValue))
        case .writable(let id): seen.append(.writable(id.rawValue))
        case .goneAway, .roundTrip: seen.append(.other)
        }
    }
}

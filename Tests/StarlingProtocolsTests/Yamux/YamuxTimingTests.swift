import StarlingCore
import StarlingProtocols
import Testing

@Suite struct YamuxKeepAliveTests {
    @Test func aSilentPeerIsPingedAndThenGivenUp() throws {
        var dialer = YamuxEnd(.dialer)
        let start = dialer.now
        #expect(dialer.session.nextDeadline == start + .seconds(30))
        try dialer.session.advance(to: start + .seconds(30) - .nanoseconds(1))
        #expect(dialer.control() == [])
        try dialer.session.advance(to: start + .seconds(30))
        #expect(dialer.control() == frame(2, syn, 0, 1))
        #expect(dialer.session.nextDeadline == start + .seconds(40))
        try dialer.session.advance(to: start + .seconds(40) - .nanoseconds(1))
        #expect(throws: YamuxError.peerSilent) { try dialer.session.advance(to: start + .seconds(40)) }
        #expect(dialer.control() == frame(3, 0, 0, 0))
        #expect(throws: YamuxError.peerSilent) { try dialer.feed([]) }
    }

    @Test func anythingThatArrivesKeepsTheSessionAlive() throws {
        var dialer = YamuxEnd(.dialer)
        let start = dialer.now
        dialer.now = start + .seconds(20)
        _ = try dialer.feed(frame(2, syn, 0, 5))
        _ = dialer.control()
        // The deadline is not moved by what arrives, it is looked at when it passes.
        #expect(dialer.session.nextDeadline == start + .seconds(30))
        try dialer.session.advance(to: start + .seconds(30))
        #expect(dialer.control() == [])
        #expect(dialer.session.nextDeadline == start + .seconds(50))
        try dialer.session.advance(to: start + .seconds(50))
        #expect(dialer.control() == frame(2, syn, 0, 1))
        // Not the answer, but a sign of life.
        dialer.now = start + .seconds(59)
        _ = try dialer.feed([0])
        try dialer.session.advance(to: start + .seconds(60))
        #expect(dialer.session.nextDeadline == start + .seconds(89))
    }

    @Test func keepAliveCanBeSwitchedOff() throws {
        var limits = YamuxSession.Limits()
        limits.keepAliveInterval = nil
        var dialer = YamuxEnd(.dialer, limits: limits)
        #expect(dialer.session.nextDeadline == nil)
        try dialer.session.advance(to: dialer.now + .seconds(1_000_000))
        #expect(dialer.control() == [])
    }

    @Test func anIdleSessionMeasuresNothing() throws {
        var listener = YamuxEnd(.listener)
        _ = try listener.feed(dataFrame(syn, 1, [UInt8](repeating: 0, count: 16_383)))
        #expect(listener.control() == [])
        _ = try listener.feed(dataFrame(0, 1, [0]))
        #expect(listener.control() == frame(2, syn, 0, 1))
    }

    @Test func aPingWithoutAnAnswerIsGivenUpAfterAWhile() throws {
        var dialer = YamuxEnd(.dialer)
        dialer.session.measureRoundTrip(now: dialer.now)
        #expect(dialer.control() == frame(2, syn, 0, 1))
        dialer.now = dialer.now + .seconds(9)
        dialer.session.measureRoundTrip(now: dialer.now)
        #expect(dialer.control() == [])
        dialer.now = dialer.now + .seconds(1)
        dialer.session.measureRoundTrip(now: dialer.now)
        #expect(dialer.control() == frame(2, syn, 0, 2))
        // The answer to the first is none to the second.
        #expect(try dialer.feed(frame(2, ack, 0, 1)) == [])
        #expect(dialer.session.roundTrip == nil)
    }

    @Test func theRoundTripFallsAtOnceAndRisesSlowly() throws {
        var dialer = YamuxEnd(.dialer)
        for (value, sample, expected) in [(1, 80, 80), (2, 160, 90), (3, 10, 10)] as [(UInt32, Int64, Int64)]
        {
            dialer.session.measureRoundTrip(now: dialer.now)
            dialer.now = dialer.now + .milliseconds(sample)
            #expect(try dialer.feed(frame(2, ack, 0, value)) == [.roundTrip(.milliseconds(sample))])
            #expect(dialer.session.roundTrip == .milliseconds(expected))
        }
    }
}

/// A sender that always has data, a reader that always takes it, and a wire with a delay and a bandwidth.
private struct DelayedLink {
    var sender: YamuxEnd
    var receiver: YamuxEnd
    let id: YamuxStreamID
    var inFlight: [(arrival: Instant, bytes: [UInt8])] = []
    var backwards: [(arrival: Instant, bytes: [UInt8])] = []
    let delay: Duration
    /// What the wire takes per millisecond.
    let bytesPerMillisecond: Int
    let readerBytesPerMillisecond: Int
    var unread = 0
    var receivedByteCount = 0

    init(delay: Duration, bytesPerMillisecond: Int, readerBytesPerMillisecond: Int = .max) throws {
        sender = YamuxEnd(.dialer)
        receiver = YamuxEnd(.listener)
        sender.recordByteCountMax = 65_000
        id = try sender.session.open(now: sender.now)
        self.delay = delay
        self.bytesPerMillisecond = bytesPerMillisecond
        self.readerBytesPerMillisecond = readerBytesPerMillisecond
    }

    mutating func millisecond() throws {
        let now = sender.now + .milliseconds(1)
        sender.now = now
        receiver.now = now
        let bytes = [UInt8](repeating: 0, count: 50_000)
        var budget = bytesPerMillisecond
        while budget > 0 {
            let (taken, wire) = try sender.write(Array(bytes.prefix(budget)), on: id)
            guard taken > 0 else { break }
            budget -= taken
            inFlight.append((now + delay, wire))
        }
        let pongs = sender.control()
        if !pongs.isEmpty { inFlight.append((now + delay, pongs)) }
        while let first = inFlight.first, first.arrival <= now {
            inFlight.removeFirst()
            for case .data(_, let data) in try receiver.feed(first.bytes) {
                unread += data.count
                receivedByteCount += data.count
            }
        }
        let taken = min(unread, readerBytesPerMillisecond)
        unread -= taken
        receiver.consumed(taken, on: id.rawValue)
        let updates = receiver.control()
        if !updates.isEmpty { backwards.append((now + delay, updates)) }
        while let first = backwards.first, first.arrival <= now {
            backwards.removeFirst()
            _ = try sender.feed(first.bytes)
        }
    }

    var window: Int { receiver.session.receiveWindow(of: id) }
}

@Suite struct YamuxWindowTuningTests {
    @Test func theWindowGrowsToTheBandwidthDelayProduct() throws {
        // 40 MB/s over 50 ms there and 50 ms back: 4 MB in flight.
        var link = try DelayedLink(delay: .milliseconds(50), bytesPerMillisecond: 40_000)
        for _ in 0..<3000 { try link.millisecond() }
        #expect(link.window >= 4_000_000)
        let before = link.receivedByteCount
        for _ in 0..<1000 { try link.millisecond() }
        #expect(link.receivedByteCount - before > 38_000_000)
    }

    @Test func theWindowStaysWhereTheWireIsTheLimit() throws {
        // 1 MB/s over 20 ms: 40 kB in flight, a sixth of the window that every stream starts with.
        var link = try DelayedLink(delay: .milliseconds(10), bytesPerMillisecond: 1000)
        for _ in 0..<5000 { try link.millisecond() }
        #expect(link.window == YamuxSession.initialWindowByteCount)
        #expect(link.receivedByteCount > 4_900_000)
    }

    @Test func theWindowStaysWhereTheReaderIsTheLimit() throws {
        var link = try DelayedLink(
            delay: .milliseconds(5),
            bytesPerMillisecond: 40_000,
            readerBytesPerMillisecond: 1000
        )
        for _ in 0..<5000 { try link.millisecond() }
        #expect(link.window == YamuxSession.initialWindowByteCount)
    }

    @Test func windowsStopAtTheirLimits() throws {
        var limits = YamuxSession.Limits()
        limits.streamWindowByteCountMax = 600 << 10
        limits.sessionWindowByteCountMax = 1 << 20
        var listener = YamuxEnd(.listener, limits: limits)
        listener.session.measureRoundTrip(now: listener.now)
        _ = listener.control()
        listener.now = listener.now + .milliseconds(100)
        _ = try listener.feed(frame(2, ack, 0, 1))
        func useUp(_ id: UInt32) throws -> Int {
            let half = listener.session.receiveWindow(of: streamID(id)) / 2
            _ = try listener.feed(dataFrame(0, id, [UInt8](repeating: 0, count: half)))
            listener.consumed(half, on: id)
            _ = listener.control()
            return listener.session.receiveWindow(of: streamID(id)) >> 10
        }
        _ = try listener.feed(frame(1, syn, 1, 0) + frame(1, syn, 3, 0))
        #expect(try useUp(1) == 512)
        #expect(try useUp(1) == 600)
        #expect(try useUp(1) == 600)
        // 1024 KiB for the session, less 600, leaves 424.
        #expect(try useUp(3) == 424)
        #expect(try useUp(3) == 424)
        // What a stream took comes back when it is gone.
        _ = try listener.feed(frame(1, rst, 1, 0))
        #expect(try useUp(3) == 600)
    }

    @Test func theRoundTripIsMeasuredAgainWhenItIsOld() throws {
        var listener = YamuxEnd(.listener)
        listener.session.measureRoundTrip(now: listener.now)
        _ = listener.control()
        _ = try listener.feed(frame(2, ack, 0, 1) + frame(1, syn, 1, 0))
        listener.now = listener.now + .seconds(29)
        _ = try listener.feed(dataFrame(0, 1, [UInt8](repeating: 0, count: 131_072)))
        listener.consumed(131_072, on: 1)
        #expect(listener.control() == frame(1, ack, 1, 131_072))
        listener.now = listener.now + .seconds(1)
        _ = try listener.feed(dataFrame(0, 1, [UInt8](repeating: 0, count: 131_072)))
        listener.consumed(131_072, on: 1)
        #expect(listener.control() == frame(2, syn, 0, 2) + frame(1, 0, 1, 131_072))
    }
}

import StarlingCore
import StarlingProtocols
import Testing

@Suite struct PingDialerTests {
    private let payload = [UInt8](0..<32)
    private let start = Instant(nanosecondsSinceOrigin: 0)

    @Test func measuresTheRoundTripAcrossSplitReads() throws {
        var dialer = PingDialer()
        for _ in 0..<2 {
            try dialer.probe(payload, now: start)
            #expect(dialer.nextAction() == .write(payload))
            #expect(dialer.nextAction() == nil)
            dialer.receive(Array(payload[..<7]).span, now: start + .milliseconds(20))
            #expect(dialer.nextAction() == nil)
            dialer.receive(Array(payload[7...]).span, now: start + .milliseconds(45))
            #expect(dialer.nextAction() == .report(roundTrip: .milliseconds(45)))
            #expect(dialer.nextDeadline == nil)
        }
    }

    @Test func timesOutExactlyAtTheDeadline() throws {
        var dialer = PingDialer(limits: .init(echoTimeout: .seconds(3)))
        try dialer.probe(payload, now: start)
        _ = dialer.nextAction()
        #expect(dialer.nextDeadline == start + .seconds(3))
        dialer.advance(to: start + .seconds(3) - .nanoseconds(1))
        #expect(dialer.nextAction() == nil)
        dialer.advance(to: start + .seconds(3))
        #expect(dialer.nextAction() == .fail(.timedOut))
        #expect(dialer.nextDeadline == nil)
        #expect(throws: PingError.streamEnded) { try dialer.probe(payload, now: start) }
    }

    @Test func onlyOneProbeIsUnderWay() throws {
        var dialer = PingDialer()
        try dialer.probe(payload, now: start)
        #expect(throws: PingError.busy) { try dialer.probe(payload, now: start) }
    }

    @Test func whatIsNotTheEchoEndsTheStream() throws {
        var mismatching = PingDialer()
        try mismatching.probe(payload, now: start)
        _ = mismatching.nextAction()
        mismatching.receive([0, 9], now: start)
        #expect(mismatching.nextAction() == .fail(.echoMismatch))

        var unasked = PingDialer()
        unasked.receive([], now: start)
        #expect(unasked.nextAction() == nil)
        unasked.receive([1], now: start)
        #expect(unasked.nextAction() == .fail(.unexpectedBytes))

        var tooMuch = PingDialer()
        try tooMuch.probe(payload, now: start)
        _ = tooMuch.nextAction()
        tooMuch.receive((payload + [1]).span, now: start)
        #expect(tooMuch.nextAction() == .fail(.unexpectedBytes))
    }

    @Test func theEndOfTheStreamIsToldOnce() {
        var dialer = PingDialer()
        dialer.receiveEnd()
        #expect(dialer.nextAction() == .fail(.streamEnded))
        dialer.receiveEnd()
        #expect(dialer.nextAction() == nil)
    }
}

@Suite struct PingListenerTests {
    @Test(arguments: UInt64(0)..<50)
    func echoesWholeProbesOverAnyChunking(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var listener = PingListener()
        let sent = (0..<320).map { _ in UInt8.random(in: 0...255, using: &random) }
        var echoed: [UInt8] = []
        var offset = 0
        while offset < sent.count {
            let end = min(sent.count, offset + Int.random(in: 0...90, using: &random))
            if let echo = listener.receive(Array(sent[offset..<end]).span) {
                #expect(echo.count % 32 == 0 && !echo.isEmpty)
                echoed += echo
            }
            offset = end
        }
        #expect(echoed == sent, "seed \(seed)")
        try listener.receiveEnd()
    }

    @Test func anEndInsideAProbeIsAnError() {
        var listener = PingListener()
        #expect(listener.receive([1, 2, 3]) == nil)
        #expect(throws: PingError.streamEnded) { try listener.receiveEnd() }
    }
}

extension PingDialer {
    fileprivate mutating func receive(_ bytes: [UInt8], now: Instant) { receive(bytes.span, now: now) }
}

extension PingListener {
    fileprivate mutating func receive(_ bytes: [UInt8]) -> [UInt8]? { receive(bytes.span) }
}

import StarlingCore
import StarlingProtocols
import Testing

@Suite struct YamuxViolationTests {
    static let violations: [([UInt8], YamuxError)] = [
        ([1] + frame(0, 0, 0, 0).dropFirst(), .unknownVersion(1)),
        (frame(4, 0, 0, 0), .unknownType(4)),
        (frame(0, 16, 1, 0), .invalidFlags(16)),
        (frame(0, 0x8001, 1, 0), .invalidFlags(0x8001)),
        (frame(2, 0, 0, 0), .invalidFlags(0)),
        (frame(2, syn | ack, 0, 0), .invalidFlags(3)),
        (frame(3, syn, 0, 0), .invalidFlags(1)),
        (frame(0, syn, 0, 0), .invalidStreamID(0)),
        (frame(1, 0, 0, 0), .invalidStreamID(0)),
        (frame(2, syn, 1, 0), .invalidStreamID(1)),
        (frame(3, 0, 7, 0), .invalidStreamID(7)),
        (frame(1, syn, 2, 0), .wrongParity(2)),
        (frame(1, syn, 1, 0) + frame(1, syn, 1, 0), .duplicateStream(1)),
        (frame(0, 0, 2, 0), .unopenedStream(2)),
        (frame(1, ack, 4, 0), .unopenedStream(4)),
        (frame(0, syn, 1, 262_145), .windowExceeded(1)),
        (frame(0, 0, 9, 16 << 20 + 1), .windowExceeded(9)),
        (frame(1, syn, 1, 0xffff_ffff), .windowOverflow(1)),
        (frame(1, syn | fin, 1, 0) + dataFrame(0, 1, [1]), .dataAfterEnd(1)),
    ]

    @Test(arguments: violations)
    func aViolationEndsTheSessionWithAGoAway(wire: [UInt8], error: YamuxError) {
        var listener = YamuxEnd(.listener)
        #expect(throws: error) { try listener.feed(wire) }
        #expect(throws: error) { try listener.feed(frame(2, syn, 0, 0)) }
        #expect(listener.control() == frame(3, 0, 0, 1))
        #expect(throws: YamuxStreamError.goingAway) { try listener.session.open(now: listener.now) }
        #expect(listener.session.nextDeadline == nil)
    }

    @Test func aRepeatedEndIsTolerated() throws {
        var listener = YamuxEnd(.listener)
        #expect(
            try listener.feed(frame(1, syn | fin, 1, 0) + frame(1, fin, 1, 0)) == [.opened(1), .ended(1)]
        )
    }

    @Test func openingAndGivingUpInOneFrameTellsNothing() throws {
        var listener = YamuxEnd(.listener)
        #expect(try listener.feed(dataFrame(syn | rst, 1, [1, 2]) + frame(1, syn, 3, 0)) == [.opened(3)])
    }
}

@Suite struct YamuxLimitTests {
    @Test func aPeerMayFillTheWindowAndNotAByteMore() throws {
        let window = [UInt8](repeating: 1, count: 262_144)
        var listener = YamuxEnd(.listener)
        _ = try listener.feed(dataFrame(syn, 1, window))
        #expect(throws: YamuxError.windowExceeded(1)) { try listener.feed(dataFrame(0, 1, [1])) }
    }

    @Test func aWindowReopensWhenHalfOfItIsFree() throws {
        var listener = YamuxEnd(.listener)
        _ = try listener.feed(dataFrame(syn, 1, [UInt8](repeating: 1, count: 200_000)))
        listener.session.announce(streamID(1))
        #expect(listener.control().suffix(24) == frame(2, syn, 0, 1) + frame(1, ack, 1, 0))
        listener.consumed(131_071, on: 1)
        #expect(listener.control() == [])
        listener.consumed(1, on: 1)
        #expect(listener.control() == frame(1, 0, 1, 131_072))
        listener.consumed(68_928, on: 1)
        #expect(listener.control() == [])
        // More than was delivered is ignored, and so are streams that are gone.
        listener.consumed(1 << 40, on: 1)
        listener.consumed(1, on: 77)
        #expect(listener.control() == [])
    }

    @Test func consumptionWhileAnUpdateWaitsRidesOnIt() throws {
        var listener = YamuxEnd(.listener)
        _ = try listener.feed(dataFrame(syn, 1, [UInt8](repeating: 1, count: 10_000)))
        _ = try listener.feed(dataFrame(0, 1, [UInt8](repeating: 1, count: 190_000)))
        _ = listener.control()
        listener.consumed(140_000, on: 1)
        listener.consumed(60_000, on: 1)
        #expect(listener.control() == frame(1, ack, 1, 200_000))
    }

    @Test func anEndedStreamGetsNoMoreWindow() throws {
        var listener = YamuxEnd(.listener)
        _ = try listener.feed(dataFrame(syn | fin, 1, [UInt8](repeating: 1, count: 200_000)))
        _ = listener.control()
        listener.consumed(200_000, on: 1)
        #expect(listener.control() == [])
    }

    @Test func aWriterIsToldWhenTheWindowOpens() throws {
        var dialer = YamuxEnd(.dialer)
        dialer.recordByteCountMax = 300_000
        let id = try dialer.session.open(now: dialer.now)
        let bytes = [UInt8](repeating: 2, count: 70_000)
        var sent = 0
        for expected in [65_536, 65_536, 65_536, 65_536, 0] {
            let byteCount = try dialer.write(bytes, on: id).byteCount
            #expect(byteCount == expected)
            sent += byteCount
        }
        #expect(sent == 262_144)
        #expect(dialer.session.sendWindow(of: id) == 0)
        #expect(try dialer.feed(frame(1, ack, 1, 100)) == [.writable(1)])
        #expect(try dialer.feed(frame(1, 0, 1, 100)) == [])
        #expect(try dialer.write(bytes, on: id).wire == dataFrame(0, 1, Array(bytes.prefix(200))))
        #expect(try dialer.feed(frame(1, 0, 1, 100)) == [.writable(1)])
    }

    @Test func aFullRecordTakesNothingAndPromisesNothing() throws {
        var dialer = YamuxEnd(.dialer)
        dialer.recordByteCountMax = 12
        let id = try dialer.session.open(now: dialer.now)
        #expect(try dialer.write([1], on: id).wire == [])
        #expect(try dialer.feed(frame(1, ack, 1, 100)) == [])
        dialer.recordByteCountMax = 13
        #expect(try dialer.write([1, 2], on: id).byteCount == 1)
    }

    @Test func dataOfAResetStreamIsDroppedAndCounted() throws {
        var listener = YamuxEnd(.listener)
        _ = try listener.feed(dataFrame(syn, 1, [1]))
        listener.session.reset(streamID(1))
        #expect(try listener.feed(dataFrame(0, 1, [1, 2, 3]) + frame(1, syn, 3, 0)) == [.opened(3)])
        #expect(listener.session.droppedByteCount == 3)
    }

    @Test func aResetInTheMiddleOfAFrameDropsTheRest() throws {
        var listener = YamuxEnd(.listener)
        let wire = dataFrame(syn, 1, [1, 2, 3, 4]) + frame(1, syn, 3, 0)
        #expect(try listener.feed(Array(wire[..<14])) == [.opened(1), .data(1, [1, 2])])
        listener.session.reset(streamID(1))
        #expect(try listener.feed(Array(wire[14...])) == [.opened(3)])
        #expect(listener.session.droppedByteCount == 2)
    }

    @Test func aStreamThatNobodyReadsDoesNotHoldThePeerUp() throws {
        var listener = YamuxEnd(.listener)
        _ = try listener.feed(dataFrame(syn, 1, [UInt8](repeating: 1, count: 100_000)))
        listener.session.stopReading(streamID(1), now: listener.now)
        #expect(try listener.feed(dataFrame(0, 1, [UInt8](repeating: 1, count: 100_000))) == [])
        #expect(listener.session.droppedByteCount == 100_000)
        #expect(listener.control().suffix(12) == frame(1, ack, 1, 200_000))
    }

    @Test func aStreamThatNobodyReadsNorWritesIsResetWhenItsWindowIsUsedUp() throws {
        var listener = YamuxEnd(.listener)
        _ = try listener.feed(frame(1, syn, 1, 0))
        listener.session.closeWrite(streamID(1))
        listener.session.stopReading(streamID(1), now: listener.now)
        #expect(listener.control() == frame(1, ack, 1, 0) + frame(1, fin, 1, 0))
        _ = try listener.feed(dataFrame(0, 1, [UInt8](repeating: 1, count: 262_143)))
        #expect(listener.control() == [])
        _ = try listener.feed(dataFrame(0, 1, [1]))
        #expect(listener.control() == frame(1, rst, 1, 0))
        #expect(listener.session.streamCount == 0)
    }

    @Test func streamsBeyondTheLimitAreRefused() throws {
        var limits = YamuxSession.Limits()
        limits.inboundStreamCountMax = 2
        var listener = YamuxEnd(.listener, limits: limits)
        let wire = frame(1, syn, 1, 0) + frame(1, syn, 3, 0) + dataFrame(syn, 5, [1])
        #expect(try listener.feed(wire) == [.opened(1), .opened(3)])
        #expect(listener.control() == frame(1, rst, 5, 0))
        #expect(listener.session.refusedStreamCount == 1)
        _ = try listener.feed(frame(1, rst, 1, 0))
        #expect(try listener.feed(frame(1, syn, 7, 0)) == [.opened(7)])
    }

    @Test func theBacklogOfUnacknowledgedStreamsIsBounded() throws {
        var limits = YamuxSession.Limits()
        limits.acceptBacklogMax = 2
        var listener = YamuxEnd(.listener, limits: limits)
        _ = try listener.feed(frame(1, syn, 1, 0) + frame(1, syn, 3, 0))
        #expect(try listener.feed(frame(1, syn, 5, 0)) == [])
        _ = try listener.write([1], on: streamID(3))
        #expect(try listener.feed(frame(1, syn, 7, 0)) == [.opened(7)])

        var dialer = YamuxEnd(.dialer, limits: limits)
        for _ in 0..<2 { _ = try dialer.write([1], on: try dialer.session.open(now: dialer.now)) }
        #expect(!dialer.session.mayOpen)
        #expect(throws: YamuxStreamError.tooManyUnacknowledged) { try dialer.session.open(now: dialer.now) }
        _ = try dialer.feed(frame(1, ack, 3, 0) + frame(1, ack, 3, 0))
        #expect(dialer.session.mayOpen)
        #expect(try dialer.session.open(now: dialer.now) == streamID(5))
        #expect(!dialer.session.mayOpen)
        _ = try dialer.feed(frame(1, rst, 1, 0))
        #expect(dialer.session.mayOpen)
    }

    @Test func ourOwnStreamsAreBounded() throws {
        var limits = YamuxSession.Limits()
        limits.outboundStreamCountMax = 1
        var dialer = YamuxEnd(.dialer, limits: limits)
        let id = try dialer.session.open(now: dialer.now)
        #expect(throws: YamuxStreamError.tooManyStreams) { try dialer.session.open(now: dialer.now) }
        dialer.session.reset(id)
        #expect(try dialer.session.open(now: dialer.now) == streamID(3))
    }

    @Test func pingsBeyondTheLimitAreNotAnswered() throws {
        var listener = YamuxEnd(.listener)
        for value in 0..<100 { _ = try listener.feed(frame(2, syn, 0, UInt32(value))) }
        #expect(listener.control().count == 32 * 12)
        #expect(listener.session.droppedPingCount == 68)
        _ = try listener.feed(frame(2, syn, 0, 7))
        #expect(listener.control() == frame(2, ack, 0, 7))
    }

    @Test func aPeerThatOpensAndResetsWithoutReadingIsCutOff() throws {
        var limits = YamuxSession.Limits()
        limits.queuedFrameCountMax = 100
        var listener = YamuxEnd(.listener, limits: limits)
        var opened = 0
        #expect(throws: YamuxError.tooManyQueuedFrames) {
            for number in 0..<1000 as Range<UInt32> {
                _ = try listener.feed(frame(1, syn, number * 2 + 1, 0))
                opened += 1
                // The application answers, which queues a frame, and the peer takes the stream back.
                listener.session.closeWrite(streamID(number * 2 + 1))
                _ = try listener.feed(frame(1, rst, number * 2 + 1, 0))
            }
        }
        #expect(opened == 100)
    }

    @Test func aPeerThatOpensBeyondTheLimitWithoutReadingIsCutOff() throws {
        var limits = YamuxSession.Limits()
        limits.queuedFrameCountMax = 100
        limits.inboundStreamCountMax = 10
        var listener = YamuxEnd(.listener, limits: limits)
        #expect(throws: YamuxError.tooManyQueuedFrames) {
            for number in 0..<1000 as Range<UInt32> {
                _ = try listener.feed(frame(1, syn, number * 2 + 1, 0))
            }
        }
        #expect(listener.session.refusedStreamCount == 100)
        #expect(listener.session.streamCount == 10)
    }

    @Test func openingAndResettingOnAStuckConnectionIsRefusedInTheEnd() throws {
        var limits = YamuxSession.Limits()
        limits.queuedFrameCountMax = 100
        var dialer = YamuxEnd(.dialer, limits: limits)
        #expect(throws: YamuxStreamError.tooManyQueuedFrames) {
            for _ in 0..<1000 {
                let id = try dialer.session.open(now: dialer.now)
                _ = try dialer.write([1], on: id)
                dialer.session.reset(id)
            }
        }
        #expect(dialer.control().count == 1200)
        #expect(dialer.session.mayOpen)
    }
}

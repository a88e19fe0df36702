import StarlingCore
import StarlingProtocols
import Testing

/// Frames in, frames out, byte by byte as the specification has them.
@Suite struct YamuxTranscriptTests {
    @Test func dialersOpenOddStreamsAndListenersEvenOnes() throws {
        var dialer = YamuxEnd(.dialer)
        var listener = YamuxEnd(.listener)
        #expect(try dialer.session.open(now: dialer.now) == streamID(1))
        #expect(try dialer.session.open(now: dialer.now) == streamID(3))
        #expect(try listener.session.open(now: listener.now) == streamID(2))
        #expect(try listener.session.open(now: listener.now) == streamID(4))
    }

    @Test func theFirstDataOpensTheStream() throws {
        var dialer = YamuxEnd(.dialer)
        let id = try dialer.session.open(now: dialer.now)
        #expect(dialer.control() == [])
        #expect(try dialer.write([7, 8, 9], on: id).wire == dataFrame(syn, 1, [7, 8, 9]))
        #expect(try dialer.write([10], on: id).wire == dataFrame(0, 1, [10]))
    }

    @Test func theFirstAnswerAcknowledgesTheStream() throws {
        var listener = YamuxEnd(.listener)
        #expect(try listener.feed(dataFrame(syn, 1, [7])) == [.opened(1), .data(1, [7])])
        #expect(listener.control() == [])
        #expect(try listener.write([9], on: streamID(1)).wire == dataFrame(ack, 1, [9]))
        #expect(try listener.write([9], on: streamID(1)).wire == dataFrame(0, 1, [9]))
    }

    @Test func anAnnouncementOpensOrAcknowledgesWithoutData() throws {
        var dialer = YamuxEnd(.dialer)
        let id = try dialer.session.open(now: dialer.now)
        dialer.session.announce(id)
        dialer.session.announce(id)
        #expect(dialer.control() == frame(1, syn, 1, 0))
        var listener = YamuxEnd(.listener)
        #expect(try listener.feed(frame(1, syn, 1, 0)) == [.opened(1)])
        listener.session.announce(id)
        #expect(listener.control() == frame(1, ack, 1, 0))
        listener.session.announce(id)
        #expect(listener.control() == [])
    }

    @Test func bothSidesEndAndTheStreamIsForgotten() throws {
        var dialer = YamuxEnd(.dialer)
        let id = try dialer.session.open(now: dialer.now)
        _ = try dialer.write([1], on: id)
        dialer.session.closeWrite(id)
        #expect(dialer.control() == frame(1, fin, 1, 0))
        #expect(throws: YamuxStreamError.writeClosed) { try dialer.write([2], on: id) }
        #expect(try dialer.feed(dataFrame(ack, 1, [5]) + frame(0, fin, 1, 0)) == [.data(1, [5]), .ended(1)])
        #expect(dialer.session.streamCount == 0)
        #expect(throws: YamuxStreamError.unknownStream) { try dialer.write([2], on: id) }
        // What crossed on the wire is no fault.
        #expect(try dialer.feed(frame(1, 0, 1, 1000)) == [])
    }

    @Test func anEndWithDataDeliversTheDataFirst() throws {
        var listener = YamuxEnd(.listener)
        #expect(
            try listener.feed(dataFrame(syn | fin, 1, [1, 2]))
                == [.opened(1), .data(1, [1, 2]), .ended(1)]
        )
        listener.session.closeWrite(streamID(1))
        // Two frames: py-libp2p overlooks an end that comes with an acknowledgement.
        #expect(listener.control() == frame(1, ack, 1, 0) + frame(1, fin, 1, 0))
        #expect(listener.session.streamCount == 0)
    }

    @Test func aStreamThatEndsBeforeItWritesOpensAndEndsInOneFrame() throws {
        var dialer = YamuxEnd(.dialer)
        let id = try dialer.session.open(now: dialer.now)
        dialer.session.closeWrite(id)
        #expect(dialer.control() == frame(1, syn | fin, 1, 0))
    }

    @Test func aResetForgetsTheStreamOnBothSides() throws {
        var dialer = YamuxEnd(.dialer)
        let id = try dialer.session.open(now: dialer.now)
        _ = try dialer.write([1], on: id)
        dialer.session.reset(id)
        #expect(dialer.control() == frame(1, rst, 1, 0))
        #expect(dialer.session.streamCount == 0)

        var listener = YamuxEnd(.listener)
        _ = try listener.feed(dataFrame(syn, 1, [1]))
        #expect(try listener.feed(frame(1, rst, 1, 0)) == [.reset(1)])
        #expect(listener.session.streamCount == 0)
    }

    @Test func resettingAnUnannouncedStreamSaysNothing() throws {
        var dialer = YamuxEnd(.dialer)
        dialer.session.reset(try dialer.session.open(now: dialer.now))
        #expect(dialer.control() == [])
    }

    @Test func pingsAreEchoedAndMeasured() throws {
        var listener = YamuxEnd(.listener)
        #expect(try listener.feed(frame(2, syn, 0, 0xdead_beef)) == [])
        #expect(listener.control() == frame(2, ack, 0, 0xdead_beef))

        listener.session.measureRoundTrip(now: listener.now)
        listener.session.measureRoundTrip(now: listener.now)
        #expect(listener.control() == frame(2, syn, 0, 1))
        listener.now = listener.now + .milliseconds(30)
        #expect(try listener.feed(frame(2, ack, 0, 99)) == [])
        #expect(try listener.feed(frame(2, ack, 0, 1)) == [.roundTrip(.milliseconds(30))])
        #expect(listener.session.roundTrip == .milliseconds(30))
        #expect(try listener.feed(frame(2, ack, 0, 1)) == [])
    }

    @Test func goAwayEndsTheOpeningOfStreamsAndNothingElse() throws {
        var dialer = YamuxEnd(.dialer)
        let id = try dialer.session.open(now: dialer.now)
        #expect(try dialer.feed(frame(3, 0, 0, 2)) == [.goneAway(2)])
        #expect(throws: YamuxStreamError.goingAway) { try dialer.session.open(now: dialer.now) }
        #expect(try dialer.write([1], on: id).byteCount == 1)

        var listener = YamuxEnd(.listener)
        listener.session.goAway()
        listener.session.goAway()
        #expect(listener.control() == frame(3, 0, 0, 0))
        #expect(try listener.feed(frame(1, syn, 1, 0)) == [])
        #expect(listener.control() == frame(1, rst, 1, 0))
    }

    @Test func everyChunkingTellsTheSame() throws {
        let wire =
            frame(1, syn, 1, 5) + dataFrame(0, 1, [1, 2, 3]) + frame(2, syn, 0, 8)
            + dataFrame(syn | fin, 3, [4, 5]) + frame(1, rst, 1, 0) + frame(3, 0, 0, 0)
        for first in 0...wire.count {
            for second in first...wire.count {
                var listener = YamuxEnd(.listener)
                var happenings: [Happening] = []
                for cut in [0..<first, first..<second, second..<wire.count] {
                    happenings += try listener.feed(Array(wire[cut]))
                }
                let data = happenings.reduce(into: [UInt32: [UInt8]]()) { data, happening in
                    if case .data(let id, let bytes) = happening { data[id, default: []] += bytes }
                }
                let rest = happenings.filter { if case .data = $0 { false } else { true } }
                #expect(data == [1: [1, 2, 3], 3: [4, 5]], "cut at \(first) and \(second)")
                #expect(rest == [.opened(1), .opened(3), .ended(3), .reset(1), .goneAway(0)])
                #expect(listener.control() == frame(2, ack, 0, 8))
            }
        }
    }

    @Test func controlFramesWaitForRoom() throws {
        var dialer = YamuxEnd(.dialer)
        for _ in 0..<3 { dialer.session.announce(try dialer.session.open(now: dialer.now)) }
        var builder = RecordBuilder(headroom: 0, contentByteCountMax: 30)
        builder.start(in: Buffer(byteCount: 30))
        let isFull = dialer.session.writeControl(to: &builder)
        #expect(isFull)
        #expect(builder.room == 6)
        #expect(dialer.session.hasControl)
        #expect(dialer.control() == frame(1, syn, 5, 0))
        #expect(!dialer.session.hasControl)
    }
}

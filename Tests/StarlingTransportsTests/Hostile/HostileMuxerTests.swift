import StarlingCore
import StarlingCrypto
import StarlingProtocols
import StarlingTransports
import StarlingWorld
import Testing

/// Peers that shake hands as they should and break the rules inside: the connection ends with a typed error, nothing
/// is left of it, and others still connect.
@Suite struct HostileMuxerTests {
    private static let hello = NoisePeer.line(ProtocolID.multistream) + NoisePeer.line("/x")
    private static let (syn, fin, rst) = (YamuxFrame.syn, YamuxFrame.fin, YamuxFrame.rst)

    /// Runs `attack` from an authenticated peer, and checks what Bob's end makes of it.
    private static func attack(
        limits: (inout ConnectionLimits) -> Void = { _ in },
        heldByteCountMax: Int = .max,
        _ expected: ConnectionError?,
        _ attack: @escaping @Sendable (NoisePeer, Meeting, StreamShelf) async throws -> Void
    ) async throws {
        try await Place.virtual.run(limits: limits) { meeting in
            let shelf = meeting.bob.serveAndKeep("/x")
            meeting.bob.serveEcho()
            meeting.bob.owner.limitHolds(to: heldByteCountMax)
            let peer = try NoisePeer(meeting.alice.world)
            try await peer.dial(try meeting.socketAddress)
            try await meeting.alice.until { !meeting.bob.owner.connections.isEmpty }
            let theirs = try #require(meeting.bob.owner.connections.first)
            try await attack(peer, meeting, shelf)
            if let expected {
                try await peer.raw.waitForEnd()
                try await meeting.alice.until { !meeting.bob.owner.closings.isEmpty }
                #expect(meeting.bob.owner.closings.first == expected)
                shelf.drop()
                try await meeting.alice.until { await theirs.streamCount == 0 }
            }
            let connection = try await meeting.connect()
            let stream = try await connection.openStream(["/echo"])
            try await stream.write([1])
            #expect(try await stream.read(exactly: 1) == [1])
        }
    }

    @Test func framesThatDoNotExist() async throws {
        var wrongVersion = YamuxFrame(0, 0, 1)
        wrongVersion.version = 1
        let cases: [([UInt8], YamuxError)] = [
            (wrongVersion.wire, .unknownVersion(1)),
            (YamuxFrame(4, 0, 1).wire, .unknownType(4)),
            (YamuxFrame(0, 16, 1).wire, .invalidFlags(16)),
            (YamuxFrame(0, 0, 0, 1).wire, .invalidStreamID(0)),
            (YamuxFrame(2, Self.syn, 3, 1).wire, .invalidStreamID(3)),
            (YamuxFrame(3, 0, 3, 1).wire, .invalidStreamID(3)),
            (YamuxFrame(1, Self.syn, 2).wire, .wrongParity(2)),
            (YamuxFrame(0, 0, 8, 1).wire + [1], .unopenedStream(8)),
            (YamuxFrame(1, Self.syn, 1).wire + YamuxFrame(1, Self.syn, 1).wire, .duplicateStream(1)),
        ]
        for (bytes, error) in cases {
            try await Self.attack(.muxer(error)) { peer, _, _ in try await peer.write(bytes) }
        }
    }

    @Test func dataBeyondTheWindow() async throws {
        try await Self.attack(.muxer(.windowExceeded(1))) { peer, _, _ in
            try await peer.write(YamuxFrame(0, Self.syn, 1, 262_145).wire)
        }
        // The last byte of the window is allowed, the next one is not.
        try await Self.attack(.muxer(.windowExceeded(1))) { peer, meeting, shelf in
            try await peer.write(YamuxFrame.data(1, Self.syn, Self.hello))
            let rest = [UInt8](repeating: 1, count: 262_144 - Self.hello.count)
            try await peer.write(YamuxFrame.data(1, 0, rest))
            let stream = try await shelf.next(meeting.alice)
            #expect(meeting.bob.owner.closings.isEmpty)
            try await peer.write(YamuxFrame.data(1, 0, [1]))
            try await peer.raw.waitForEnd()
            withExtendedLifetime(stream) {}
        }
    }

    @Test func aLengthBeyondAnyWindowIsRefusedBeforeItsData() async throws {
        try await Self.attack(.muxer(.windowExceeded(1))) { peer, _, _ in
            try await peer.write(YamuxFrame(0, Self.syn, 1, .max).wire)
        }
    }

    @Test func aWindowThatOverflows() async throws {
        try await Self.attack(.muxer(.windowOverflow(1))) { peer, _, _ in
            try await peer.write(
                YamuxFrame.data(1, Self.syn, Self.hello) + YamuxFrame(1, 0, 1, .max).wire
            )
        }
    }

    @Test func dataAfterTheEnd() async throws {
        try await Self.attack(.muxer(.dataAfterEnd(1))) { peer, meeting, shelf in
            try await peer.write(YamuxFrame.data(1, Self.syn | Self.fin, Self.hello))
            let stream = try await shelf.next(meeting.alice)
            try await peer.write(YamuxFrame.data(1, 0, [1]))
            try await peer.raw.waitForEnd()
            withExtendedLifetime(stream) {}
        }
    }

    @Test func aRecordThatWasChangedOrRepeated() async throws {
        try await Self.attack(.noise(.authenticationFailed)) { peer, _, _ in
            try await peer.write(YamuxFrame(2, Self.syn, 0, 1).wire) { $0[$0.count - 1] ^= 1 }
        }
        try await Self.attack(.noise(.authenticationFailed)) { peer, _, _ in
            let record = try await peer.seal(YamuxFrame(2, Self.syn, 0, 1).wire)
            await peer.raw.write(record + record)
        }
        try await Self.attack(.noise(.malformedRecord)) { peer, _, _ in
            await peer.raw.write([0, 15] + [UInt8](repeating: 0, count: 15))
        }
        try await Self.attack(.noise(.malformedRecord)) { peer, _, _ in await peer.raw.write([0, 0]) }
    }

    @Test func anEndInsideARecord() async throws {
        try await Self.attack(.closedByPeer(.open)) { peer, _, _ in
            let record = try await peer.seal(YamuxFrame(2, Self.syn, 0, 1).wire)
            await peer.raw.write(Array(record.dropLast()))
            await peer.raw.closeWrite()
        }
    }

    @Test func emptyRecordsAreHarmless() async throws {
        try await Self.attack(nil) { peer, _, _ in
            for _ in 0..<1000 { try await peer.write([]) }
            try await peer.write(YamuxFrame(2, Self.syn, 0, 77).wire)
            var frame = try await peer.frameOfMuxer().header
            while frame.type != 2 || frame.length != 77 { frame = try await peer.frameOfMuxer().header }
        }
    }

    @Test func aFloodOfPingsIsAnsweredInPartAndHoldsNothing() async throws {
        try await Self.attack(nil) { peer, meeting, _ in
            let pings = (0..<4000).flatMap { YamuxFrame(2, Self.syn, 0, UInt32($0)).wire }
            for _ in 0..<10 { try await peer.write(pings) }
            try await meeting.alice.loop.sleep(for: .seconds(1))
            #expect(meeting.bob.owner.closings.isEmpty)
        }
    }

    @Test func aFloodOfResetsLeavesNoStream() async throws {
        try await Self.attack(nil) { peer, meeting, shelf in
            for round in UInt32(0)..<20 {
                var bytes: [UInt8] = []
                for index in UInt32(0)..<200 {
                    let id = (round * 200 + index) * 2 + 1
                    bytes += YamuxFrame.data(id, Self.syn, Self.hello) + YamuxFrame(1, Self.rst, id).wire
                }
                try await peer.write(bytes)
                try await meeting.alice.loop.sleep(for: .milliseconds(5))
            }
            let theirs = try #require(meeting.bob.owner.connections.first)
            #expect(meeting.bob.owner.closings.isEmpty)
            shelf.drop()
            try await meeting.alice.until { await theirs.streamCount == 0 }
        }
    }

    @Test(arguments: [(4096, 0..<150), (.max, 400..<900)])
    func whoAsksForProtocolsAndReadsNoAnswerHasItsStreamsReset(
        byteCountMax: Int,
        kept: Range<Int>
    ) async throws {
        try await Self.attack(limits: { $0.unsentPreambleByteCountMax = byteCountMax }, nil) {
            peer,
            meeting,
            _ in
            let theirs = try #require(meeting.bob.owner.connections.first)
            let list = NoisePeer.line("ls")
            let questions = NoisePeer.line(ProtocolID.multistream) + (0..<60).flatMap { _ in list }
            for index in UInt32(0)..<900 {
                try await peer.write(YamuxFrame.data(index * 2 + 1, Self.syn, questions))
            }
            try await meeting.alice.loop.sleep(for: .seconds(1))
            #expect(meeting.bob.owner.closings.isEmpty)
            let count = await theirs.streamCount
            #expect(kept.contains(count))
        }
    }

    @Test func whatWasSaidOnStreamsThatWereResetCountsNoMore() async throws {
        let limit: @Sendable (inout ConnectionLimits) -> Void = { $0.unsentPreambleByteCountMax = 4096 }
        try await Self.attack(limits: limit, nil) { peer, meeting, shelf in
            let theirs = try #require(meeting.bob.owner.connections.first)
            let question = NoisePeer.line(ProtocolID.multistream) + NoisePeer.line("ls")
            for index in UInt32(0)..<400 {
                let id = index * 2 + 1
                // In one record: the answer has no turn before the stream is gone.
                try await peer.write(
                    YamuxFrame.data(id, Self.syn, question) + YamuxFrame(1, Self.rst, id).wire
                )
            }
            try await meeting.alice.until { await theirs.streamCount == 0 }
            try await peer.write(YamuxFrame.data(801, Self.syn, Self.hello))
            let stream = try await shelf.next(meeting.alice)
            #expect(await theirs.streamCount == 1)
            withExtendedLifetime(stream) {}
        }
    }

    @Test func streamsWithoutEndAreRefusedAtTheLimit() async throws {
        try await Self.attack(nil) { peer, meeting, shelf in
            let theirs = try #require(meeting.bob.owner.connections.first)
            for round in UInt32(0)..<30 {
                var bytes: [UInt8] = []
                for index in UInt32(0)..<100 {
                    bytes += YamuxFrame.data((round * 100 + index) * 2 + 1, Self.syn, Self.hello)
                }
                try await peer.write(bytes)
                try await meeting.alice.loop.sleep(for: .milliseconds(10))
            }
            #expect(await theirs.streamCount == 1000)
            #expect(shelf.count == 1000)
            #expect(meeting.bob.owner.closings.isEmpty)
            shelf.drop()
        }
    }

    @Test func unnamedStreamsAreRefusedAtTheBacklogAndEndInTime() async throws {
        try await Self.attack(nil) { peer, meeting, _ in
            let theirs = try #require(meeting.bob.owner.connections.first)
            try await peer.write((0..<1000).flatMap { YamuxFrame(1, Self.syn, UInt32($0 * 2 + 1)).wire })
            try await meeting.alice.loop.sleep(for: .seconds(1))
            #expect(await theirs.streamCount == 256)
            try await meeting.alice.loop.sleep(for: .seconds(10))
            #expect(await theirs.streamCount == 0)
        }
    }

    @Test(arguments: [true, false]) func unreadBytesOfAllStreamsAreBounded(byNode: Bool) async throws {
        let limits: (inout ConnectionLimits) -> Void = { limits in
            if byNode {
                limits.charge.freeByteCount = 0
                limits.charge.stepByteCount = 50_000
            } else {
                limits.unreadByteCountMax = 1_000_000
            }
        }
        let heldByteCountMax = byNode ? 1_000_000 : .max
        try await Self.attack(limits: limits, heldByteCountMax: heldByteCountMax, nil) {
            peer,
            meeting,
            shelf in
            let theirs = try #require(meeting.bob.owner.connections.first)
            let data = [UInt8](repeating: 1, count: 250_000)
            for index in UInt32(0)..<8 {
                try await peer.write(YamuxFrame.data(index * 2 + 1, Self.syn, Self.hello))
                try await peer.write(YamuxFrame.data(index * 2 + 1, 0, data))
            }
            try await meeting.alice.loop.sleep(for: .seconds(1))
            #expect(meeting.bob.owner.closings.isEmpty)
            var (whole, ended) = (0, 0)
            for _ in 0..<8 {
                let stream = try await shelf.next(meeting.alice)
                do throws(StreamError) {
                    var byteCount = 0
                    while byteCount < data.count { byteCount += try await stream.read()?.count ?? data.count }
                    whole += 1
                } catch {
                    #expect(error == .unreadLimit)
                    ended += 1
                }
            }
            #expect(whole == 4)
            #expect(ended == 4)
            #expect(meeting.bob.owner.heldByteCounts.first == 0, "what is read or dropped is given back")
            #expect(await theirs.closeReason == nil)
        }
    }

    @Test func anIDUsedAgainDoesNotReachTheOldStream() async throws {
        try await Self.attack(nil) { peer, meeting, shelf in
            try await peer.write(YamuxFrame.data(1, Self.syn, Self.hello + [1]))
            let old = try await shelf.next(meeting.alice)
            try await peer.write(YamuxFrame(1, Self.rst, 1).wire)
            try await meeting.alice.loop.sleep(for: .milliseconds(50))
            // The application still holds the old one: the id is refused.
            try await peer.write(YamuxFrame.data(1, Self.syn, Self.hello + [2]))
            try await meeting.alice.loop.sleep(for: .milliseconds(50))
            #expect(shelf.count == 0)
            await #expect(throws: StreamError.reset) { _ = try await old.read() }
            // It gave the stream up, yet keeps its handle: the newcomer has nothing to do with that.
            await old.reset()
            try await peer.write(YamuxFrame.data(1, Self.syn, Self.hello + [3]))
            let fresh = try await shelf.next(meeting.alice)
            await #expect(throws: StreamError.closed) { _ = try await old.read() }
            await old.reset()
            #expect(try await fresh.read(exactly: 1) == [3])
        }
    }

    @Test func goodbyeKeepsOpenStreamsGoing() async throws {
        try await Self.attack(nil) { peer, meeting, shelf in
            try await peer.write(YamuxFrame.data(1, Self.syn, Self.hello))
            let stream = try await shelf.next(meeting.alice)
            try await peer.write(YamuxFrame(3, 0, 0, 0).wire + YamuxFrame.data(1, 0, [5]))
            #expect(try await stream.read(exactly: 1) == [5])
            let theirs = try #require(meeting.bob.owner.connections.first)
            await #expect(throws: StreamError.connectionClosed(.goneAway)) {
                _ = try await theirs.openStream(["/y"])
            }
        }
    }

    @Test func aPeerThatFallsSilentIsGivenUp() async throws {
        try await Self.attack(.muxer(.peerSilent)) { peer, meeting, _ in
            try await meeting.alice.loop.sleep(for: .seconds(45))
        }
    }

    @Test func aPeerThatSaysGoodbyeAndStaysIsLetGoWithTheNextStream() async throws {
        try await Self.attack(.goneAway) { peer, meeting, _ in
            let theirs = try #require(meeting.bob.owner.connections.first)
            try await peer.write(YamuxFrame(3, 0, 0, 0).wire)
            try await meeting.alice.loop.sleep(for: .milliseconds(50))
            await #expect(throws: StreamError.connectionClosed(.goneAway)) {
                _ = try await theirs.openStream(["/x"])
            }
        }
    }

    @Test func whatIsSpokenIsListed() async throws {
        try await Self.attack(nil) { peer, _, _ in
            let line = NoisePeer.line
            let ask = line(ProtocolID.multistream) + line("ls")
            try await peer.write(YamuxFrame.data(1, Self.syn, ask))
            var answer: [UInt8] = []
            let header = line(ProtocolID.multistream)
            while answer.count <= header.count { answer += try await peer.frameOfMuxer().data }
            let text = String(decoding: answer, as: UTF8.self)
            #expect(text.contains("/echo\n") && text.contains("/x\n"))
        }
    }
}

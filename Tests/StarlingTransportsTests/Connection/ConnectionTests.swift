import StarlingCore
import StarlingCrypto
import StarlingProtocols
import StarlingSimulator
import StarlingTLS
import StarlingTransports
import StarlingWorld
import Testing

@Suite struct ConnectionTests {
    @Test(arguments: Place.all, [SecurityProtocol.noise, .tls])
    func standsWithTheMuxerAgreedInTheHandshake(place: Place, security: SecurityProtocol) async throws {
        try await place.run(securities: [security]) { meeting in
            meeting.bob.serveEcho()
            let connection = try await meeting.connect()
            let theirs = try #require(meeting.bob.owner.connections.first)
            for (info, direction) in [(connection.info, Direction.outbound), (theirs.info, .inbound)] {
                #expect(info.security == security.rawValue)
                #expect(info.muxer == "/yamux/1.0.0")
                #expect(info.direction == direction)
            }
            #expect(connection.info.peer == meeting.bob.peerID)
            #expect(theirs.info.peer == meeting.alice.peerID)
            #expect(connection.info.remote == meeting.address)
            let stream = try await connection.openStream(["/echo"])
            try await stream.write(Array("hello".utf8))
            try await stream.closeWrite()
            #expect(try await stream.read(exactly: 5) == Array("hello".utf8))
            #expect(try await stream.read() == nil)
        }
    }

    @Test(arguments: Place.all) func aStreamThatIsEndedAndDroppedAtOnceIsAgreedOn(place: Place) async throws {
        try await place.run { meeting in
            let shelf = meeting.bob.serveAndKeep("/x")
            let connection = try await meeting.connect()
            try await connection.openStream(["/x"]).closeWrite()
            let stream = try await shelf.next(meeting.alice)
            #expect(try await stream.read() == nil)
        }
    }

    @Test(arguments: Place.all) func theDialersPreferredCommonSecurityIsTaken(place: Place) async throws {
        try await place.run(securities: [.tls, .noise]) { meeting in
            let connection = try await meeting.connect()
            #expect(connection.info.security == "/tls/1.0.0")
        }
    }

    @Test(arguments: Place.all) func aDialerMayAgreeOnTheMuxerAfterTheHandshake(place: Place) async throws {
        try await place.run { meeting in
            meeting.bob.serveEcho()
            let peer = try NoisePeer(meeting.alice.world)
            try await peer.dial(try meeting.socketAddress, muxers: [])
            #expect(await peer.muxer == nil)
            let proposal = NoisePeer.line(ProtocolID.multistream) + NoisePeer.line(ProtocolID.yamux)
            // The first frame follows the proposal in one record: nothing of it may be lost.
            let hello = NoisePeer.line(ProtocolID.multistream) + NoisePeer.line("/echo") + Array("hi".utf8)
            try await peer.write(proposal + YamuxFrame.data(1, YamuxFrame.syn, hello))
            #expect(try await peer.read(proposal.count) == proposal)
            var answer: [UInt8] = []
            while answer.count < hello.count { answer += try await peer.frameOfMuxer().data }
            #expect(answer == hello)
        }
    }

    @Test(arguments: Place.all) func aListenerMayAgreeOnTheMuxerAfterTheHandshake(place: Place) async throws {
        try await place.run { meeting in
            let (alice, bob) = (meeting.alice, meeting.bob)
            let peer = try NoisePeer(bob.world)
            let listener = try await RawListener(peer.raw, on: meeting)
            async let served: Void = {
                try await peer.answer(muxers: [])
                let line = NoisePeer.line(ProtocolID.multistream)
                #expect(try await peer.read(line.count) == line)
                let wish = NoisePeer.line(ProtocolID.yamux)
                #expect(try await peer.read(wish.count) == wish)
                try await peer.write(line + wish)
            }()
            let connection = try await alice.transport.dial(listener.address, expecting: peer.peerID)
            try await served
            #expect(connection.info.muxer == "/yamux/1.0.0")
            await listener.close()
        }
    }

    @Test(arguments: Place.both, [SecurityProtocol.noise, .tls])
    func theWrongPeerIsRefusedByTheDialer(place: Place, security: SecurityProtocol) async throws {
        try await place.run(securities: [security]) { meeting in
            let stranger = try IdentityKey(seed: [UInt8](repeating: 7, count: 32)).peerID
            let error = await #expect(throws: ConnectionError.self) {
                _ = try await meeting.alice.transport.dial(meeting.address, expecting: stranger)
            }
            let bob = meeting.bob.peerID
            #expect(
                error == .noise(.unexpectedPeer(bob))
                    || error == .tls(.wrongPeer(expected: stranger, actual: bob))
            )
            try await meeting.alice.until { !meeting.bob.owner.failures.isEmpty }
            #expect(meeting.bob.owner.pendingCount == 0)
        }
    }

    @Test(arguments: Place.both) func peersWithoutACommonSecurityPart(place: Place) async throws {
        try await place.run(securities: [.noise]) { meeting in
            let party = try Party(meeting.alice.world, securities: [.tls], limits: ConnectionLimits())
            let error = await #expect(throws: ConnectionError.self) {
                _ = try await party.transport.dial(meeting.address, expecting: nil)
            }
            #expect(error == .noCommonSecurity)
            try await meeting.alice.until { !meeting.bob.owner.failures.isEmpty }
        }
    }

    @Test(arguments: Place.both) func nobodyListening(place: Place) async throws {
        try await place.run { meeting in
            let port = try #require(meeting.address.socketAddress)
            guard case .ip(let ip, _, _) = port else { return }
            let error = await #expect(throws: ConnectionError.self) {
                _ = try await meeting.alice.transport.dial(Multiaddr(ip, tcpPort: 1), expecting: nil)
            }
            #expect(error == .socket(.refused))
        }
    }

    @Test(arguments: Place.both) func aCancelledDialLeavesNothing(place: Place) async throws {
        try await place.run { meeting in
            let listener = try await RawListener(RawPeer(meeting.bob.loop), on: meeting)
            let connection = meeting.alice.connection(.outbound)
            let remote = try #require(listener.address.socketAddress)
            let task = meeting.alice.loop.startTask(returning: Void.self) {
                try await connection.dial(remote, named: nil)
            }
            try await listener.peer.until { $0.isConnected }
            task.cancel()
            await #expect(throws: ConnectionError.cancelled) { try await task.value }
            try await listener.peer.waitForEnd()
            #expect(await connection.closeReason == .cancelled)
            await listener.close()
        }
    }

    @Test(arguments: Place.both) func aDialCancelledBeforeItBeganOpensNoSocket(place: Place) async throws {
        try await place.run { meeting in
            let connection = meeting.alice.connection(.outbound)
            let remote = try meeting.socketAddress
            let task = meeting.alice.loop.startTask(returning: Void.self) {
                withUnsafeCurrentTask { $0?.cancel() }
                try await connection.dial(remote, named: nil)
            }
            await #expect(throws: ConnectionError.cancelled) { try await task.value }
            #expect(meeting.bob.owner.failures.isEmpty)
        }
    }

    @Test(arguments: Place.both) func aListenerThatClosesEndsTheUpgradesUnderWay(place: Place) async throws {
        try await place.run { meeting in
            let raw = RawPeer(meeting.alice.loop)
            try await raw.connect(to: try meeting.socketAddress)
            try await meeting.alice.until { meeting.bob.owner.pendingCount == 1 }
            await meeting.bob.stop()
            try await raw.waitForEnd()
            #expect(meeting.bob.owner.failures == [.cancelled])
            #expect(meeting.bob.owner.pendingCount == 0)
        }
    }

    @Test(arguments: Place.both, [SecurityProtocol.noise, .tls])
    func closingInGoodOrderDeliversWhatWasWritten(place: Place, security: SecurityProtocol) async throws {
        try await place.run(securities: [security]) { meeting in
            let shelf = meeting.bob.serveAndKeep("/sink")
            let connection = try await meeting.connect()
            let stream = try await connection.openStream(["/sink"])
            // Less than the stream's window: everything fits although nobody reads yet.
            try await Pattern.write(1, 200_000, to: stream, pieceByteCount: 50_000)
            try await stream.closeWrite()
            await connection.close(.closedLocally)
            let received = try await shelf.next(meeting.alice)
            try await meeting.alice.until { !meeting.bob.owner.closings.isEmpty }
            let result = try await Pattern.check(1, received)
            #expect(result.byteCount == 200_000)
            #expect(result.wrongAt == nil)
            #expect(meeting.bob.owner.closings == [.goneAway])
            #expect(meeting.alice.owner.closings == [.closedLocally])
        }
    }

    @Test func closingOnASlowLinkDeliversWhatWasWritten() async throws {
        // 250 kB at 50 kB a second: longer than the peer's end is waited for.
        let link = LinkProfile(latency: .milliseconds(20), bytesPerSecond: 50_000)
        try await Place.virtual.run(link: link) { meeting in
            let shelf = meeting.bob.serveAndKeep("/sink")
            let connection = try await meeting.connect()
            let stream = try await connection.openStream(["/sink"])
            try await Pattern.write(1, 250_000, to: stream, pieceByteCount: 50_000)
            try await stream.closeWrite()
            await connection.close(.closedLocally)
            let received = try await shelf.next(meeting.alice)
            try await meeting.alice.until { !meeting.bob.owner.closings.isEmpty }
            let result = try await Pattern.check(1, received)
            #expect(result.byteCount == 250_000)
            #expect(result.wrongAt == nil)
        }
    }

    @Test func closingTowardsAPeerThatDoesNotReadEnds() async throws {
        try await Place.virtual.run { meeting in
            let peer = try NoisePeer(meeting.bob.world)
            let listener = try await RawListener(peer.raw, on: meeting)
            async let answered: Void = peer.answer()
            let connection = try await meeting.alice.transport.dial(listener.address, expecting: nil)
            try await answered
            let loop = meeting.alice.loop
            let startedAt = loop.now
            await connection.close(.closedLocally)
            #expect(startedAt.duration(to: loop.now) <= .seconds(2))
            await listener.close()
        }
    }

    /// A peer that takes nothing of what waits and goes on talking could hold the socket for ever.
    @Test func closingTowardsAPeerThatTalksAndDoesNotReadEnds() async throws {
        try await Place.virtual.run(limits: { $0.partingTimeoutMax = .seconds(5) }) { meeting in
            let peer = try NoisePeer(meeting.bob.world)
            let listener = try await RawListener(peer.raw, on: meeting)
            async let answered: Void = peer.answer()
            let connection = try await meeting.alice.transport.dial(listener.address, expecting: nil)
            try await answered
            await peer.raw.pauseReading()
            let loop = meeting.alice.loop
            // Eight windows: more than the network takes between the two.
            let writers = loop.startTask {
                await withTaskGroup(of: Void.self) { group in
                    for _ in 0..<8 {
                        group.addTask {
                            guard let stream = try? await connection.openStream(["/x"]) else { return }
                            try? await stream.write([UInt8](repeating: 1, count: 262_144))
                        }
                    }
                }
            }
            try await loop.sleep(for: .seconds(1))
            let talker = loop.startTask {
                for number in 0..<1000 {
                    let ping = YamuxFrame(2, YamuxFrame.syn, 0, UInt32(number))
                    guard (try? await peer.write(ping.wire)) != nil else { return }
                    guard (try? await loop.sleep(for: .milliseconds(300))) != nil else { return }
                }
            }
            let startedAt = loop.now
            await connection.close(.closedLocally)
            #expect(startedAt.duration(to: loop.now) <= .seconds(6))
            talker.cancel()
            await talker.value
            await writers.value
            await listener.close()
        }
    }
}

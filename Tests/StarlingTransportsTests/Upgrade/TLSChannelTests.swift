import StarlingCore
import StarlingProtocols
import StarlingTLS
import StarlingTransports
import StarlingWorld
import Testing

@Suite struct TLSChannelTests {
    /// A dialler with a connection that has opened at Bob's, unless it is to go no further than the handshake.
    private func dial(_ meeting: Meeting, muxers: [String] = [ProtocolID.yamux]) async throws -> TLSDialer {
        let dialer = try TLSDialer(meeting.alice.world, muxers: muxers)
        try await dialer.dial(try meeting.socketAddress)
        if !muxers.isEmpty { try await meeting.alice.until { !meeting.bob.owner.connections.isEmpty } }
        return dialer
    }

    private func lastFrame(_ content: [UInt8]) -> YamuxFrame? {
        content.count < 12 ? nil : YamuxFrame(wire: Array(content.suffix(12)))
    }

    @Test(arguments: Place.both) func aConnectionClosedInGoodOrderSaysFarewell(place: Place) async throws {
        try await place.run(securities: [.tls]) { meeting in
            let dialer = try await dial(meeting)
            async let closed: Void? = meeting.bob.owner.connections.first?.close(.closedLocally)
            let content = try await dialer.readToFarewell()
            #expect(lastFrame(content) == YamuxFrame(3, 0, 0, 0), "and goodbye before")
            await dialer.raw.close()
            _ = await closed
        }
    }

    @Test(arguments: Place.both) func aFarewellEndsTheConnectionAndIsAnswered(place: Place) async throws {
        try await place.run(securities: [.tls]) { meeting in
            let dialer = try await dial(meeting)
            await dialer.sayFarewell()
            _ = try await dialer.readToFarewell()
            #expect(meeting.bob.owner.closings == [.closedByPeer(.open)])
        }
    }

    @Test(arguments: Place.both) func aPeerWhoseRecordWasChangedIsToldSo(place: Place) async throws {
        try await place.run(securities: [.tls]) { meeting in
            let dialer = try await dial(meeting)
            try await dialer.write(YamuxFrame(2, YamuxFrame.syn, 0, 7).wire) { $0[$0.count - 1] ^= 1 }
            await #expect(throws: TLSError.refused(.badRecordMAC)) { _ = try await dialer.readToFarewell() }
            #expect(meeting.bob.owner.closings == [.tls(.tampered)])
        }
    }

    @Test(arguments: Place.both) func aPeerWhoseRecordWasChangedBeforeTheMuxerIsToldSo(
        place: Place
    ) async throws {
        try await place.run(securities: [.tls]) { meeting in
            let dialer = try await dial(meeting, muxers: [])
            try await dialer.write(NoisePeer.line(ProtocolID.multistream)) { $0[$0.count - 1] ^= 1 }
            await #expect(throws: TLSError.refused(.badRecordMAC)) { _ = try await dialer.readToFarewell() }
            try await meeting.alice.until { !meeting.bob.owner.failures.isEmpty }
            #expect(meeting.bob.owner.failures == [.tls(.tampered)])
        }
    }

    @Test(arguments: Place.both) func aPeerThatBreaksTheMuxersRulesHearsGoodbyeAndFarewell(
        place: Place
    ) async throws {
        try await place.run(securities: [.tls]) { meeting in
            let dialer = try await dial(meeting)
            try await dialer.write(YamuxFrame(9, 0, 0).wire)
            let content = try await dialer.readToFarewell()
            #expect(lastFrame(content) == YamuxFrame(3, 0, 0, 1), "a protocol error")
        }
    }
}

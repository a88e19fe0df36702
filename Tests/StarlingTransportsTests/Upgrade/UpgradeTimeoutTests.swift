import StarlingCore
import StarlingCrypto
import StarlingProtocols
import StarlingTransports
import StarlingWorld
import Testing

@Suite struct UpgradeTimeoutTests {
    /// Where a dialler stops to speak.
    enum Stall: CaseIterable, Sendable {
        case atOnce, insideTheFirstLine, afterTheProposal, insideTheHandshake, beforeTheMuxer, insideTheMuxer
    }

    @Test(arguments: Stall.allCases) func aListenerGivesUpOnADialerThatStalls(stall: Stall) async throws {
        try await Place.virtual.run { meeting in
            let peer = try NoisePeer(meeting.alice.world)
            let remote = try meeting.socketAddress
            let startedAt = meeting.alice.loop.now
            switch stall {
            case .atOnce: try await peer.raw.connect(to: remote)
            case .insideTheFirstLine:
                try await peer.raw.connect(to: remote)
                await peer.raw.write(Array(NoisePeer.line(ProtocolID.multistream).prefix(5)))
            case .afterTheProposal:
                try await peer.raw.connect(to: remote)
                await peer.raw.write(
                    NoisePeer.line(ProtocolID.multistream) + NoisePeer.line(ProtocolID.noise)
                )
            case .insideTheHandshake:
                try await peer.raw.connect(to: remote)
                await peer.raw.write(
                    NoisePeer.line(ProtocolID.multistream) + NoisePeer.line(ProtocolID.noise) + [0, 32, 1, 2]
                )
            case .beforeTheMuxer: try await peer.dial(remote, muxers: [])
            case .insideTheMuxer:
                try await peer.dial(remote, muxers: [])
                try await peer.write(Array(NoisePeer.line(ProtocolID.multistream).prefix(5)))
            }
            try await peer.raw.waitForEnd()
            let phase: UpgradePhase =
                switch stall {
                case .atOnce, .insideTheFirstLine: .security
                case .afterTheProposal, .insideTheHandshake: .handshake
                case .beforeTheMuxer, .insideTheMuxer: .muxer
                }
            #expect(meeting.bob.owner.failures == [.timedOut(phase)])
            let duration = startedAt.duration(to: meeting.alice.loop.now)
            #expect(duration >= .seconds(10) && duration < .seconds(11))
            #expect(meeting.bob.owner.pendingCount == 0)
        }
    }

    /// Where a listener stops to speak.
    enum Silence: CaseIterable, Sendable { case atOnce, afterTheProposal, beforeTheMuxer }

    @Test(arguments: Silence.allCases) func aDialerGivesUpOnAListenerThatStalls(silence: Silence) async throws
    {
        try await Place.virtual.run { meeting in
            let peer = try NoisePeer(meeting.bob.world)
            let listener = try await RawListener(peer.raw, on: meeting)
            async let answered: Void = {
                switch silence {
                case .atOnce: break
                case .afterTheProposal:
                    let wish = NoisePeer.line(ProtocolID.multistream) + NoisePeer.line(ProtocolID.noise)
                    _ = try await peer.raw.read(wish.count)
                    await peer.raw.write(wish)
                case .beforeTheMuxer: try await peer.answer(muxers: [])
                }
            }()
            let error = await #expect(throws: ConnectionError.self) {
                _ = try await meeting.alice.transport.dial(listener.address, expecting: nil)
            }
            try await answered
            let phase: UpgradePhase =
                switch silence {
                case .atOnce: .security
                case .afterTheProposal: .handshake
                case .beforeTheMuxer: .muxer
                }
            #expect(error == .timedOut(phase))
            try await peer.raw.waitForEnd()
            await listener.close()
        }
    }

    @Test func aDialToAHostThatAnswersNothingEndsInTime() async throws {
        try await Place.virtual.run { meeting in
            let error = await #expect(throws: ConnectionError.self) {
                _ = try await meeting.alice.transport.dial(
                    try Multiaddr("/ip4/10.9.9.9/tcp/4001"),
                    expecting: nil
                )
            }
            #expect(error == .timedOut(.connecting) || error == .socket(.unreachable))
        }
    }

    @Test(arguments: Stall.allCases) func aPeerThatLeavesDuringTheUpgradeIsNamedWithItsPhase(
        stall: Stall
    ) async throws {
        try await Place.virtual.run { meeting in
            let peer = try NoisePeer(meeting.alice.world)
            let remote = try meeting.socketAddress
            let wish = NoisePeer.line(ProtocolID.multistream) + NoisePeer.line(ProtocolID.noise)
            let phase: UpgradePhase
            switch stall {
            case .atOnce, .insideTheFirstLine:
                try await peer.raw.connect(to: remote)
                await peer.raw.write(stall == .atOnce ? [] : Array(wish.prefix(5)))
                phase = .security
            case .afterTheProposal, .insideTheHandshake:
                try await peer.raw.connect(to: remote)
                await peer.raw.write(stall == .afterTheProposal ? wish : wish + [0, 32, 1, 2])
                phase = .handshake
            case .beforeTheMuxer, .insideTheMuxer:
                try await peer.dial(remote, muxers: [])
                phase = .muxer
            }
            await peer.raw.closeWrite()
            try await peer.raw.waitForEnd()
            try await meeting.alice.until { !meeting.bob.owner.failures.isEmpty }
            #expect(meeting.bob.owner.failures == [.closedByPeer(phase)])
        }
    }
}

import StarlingCore
import StarlingMesh
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Synchronization
import Testing

@testable import StarlingNode

/// Streams of messages that a peer takes and does not read.
@Suite struct StandingStreamTests {
    @Test func aStreamOfWhichNothingIsReadIsOpenedAnew() throws {
        let pair = try NodePair()
        let (alice, bob, address) = (pair.alice, pair.bob, try pair.bobAddress)
        let opened = Mutex<[Instant]>([])
        try pair.simulation.complete(on: pair.bobHost) { [loop = pair.bobHost.loop] in
            bob.swarm.protocols.set(MessageFrame.protocolID) { stream in
                opened.withLock { $0.append(loop.now) }
                try? await loop.sleep(for: .seconds(86_400))
                await stream.reset()
            }
        }
        // More than a stream's window holds.
        var random = SplitMix64(seed: 1)
        let payload = (0..<1_000_000).map { _ in UInt8(random.number(below: 256)) }
        let content = MessageContent(type: .data, payload: payload)
        try pair.simulation.complete(on: pair.aliceHost) {
            _ = try await alice.swarm.connect(to: address)
            for _ in 0..<4 {
                _ = try await alice.delivery.accept(MessageDraft(to: bob.peerID, content: content))
            }
        }
        let patience = alice.configuration.deliveryLimits.writePatience
        try pair.simulation.run(for: patience - .seconds(1))
        #expect(opened.withLock { $0.count } == 1, "it may be a slow link")
        // Looked at as often as at idle streams.
        try pair.simulation.run(for: .seconds(32))
        #expect(opened.withLock { $0.count } == 2)
        let streamCount = alice.swarm.protocols.withLedger { $0.outboundStreamCount }
        try pair.simulation.run(for: .seconds(1000))
        #expect(opened.withLock { $0.count } >= 4, "however often it happens")
        #expect(alice.swarm.protocols.withLedger { $0.outboundStreamCount } == streamCount)
    }
}

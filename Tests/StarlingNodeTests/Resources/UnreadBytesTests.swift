import StarlingCore
import StarlingNode
import StarlingProtocols
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Testing

/// Peers that send what nobody reads, and what that costs the node.
@Suite struct UnreadBytesTests {
    private static let silence = "/silence"

    @Test func theyAreChargedToTheNodeAndOnePeerGetsAQuarter() throws {
        let pair = try NodePair { $0.memoryByteCountMax = 32 << 20 }
        let (alice, bob, address) = (pair.alice, pair.bob, try pair.bobAddress)
        let loop = bob.world.loops[0]
        bob.swarm.protocols.set(Self.silence) { _ in try? await loop.sleep(for: .seconds(30)) }
        let limits = bob.swarm.protocols.withLedger { $0.limits }
        let failedCount = try pair.simulation.complete(on: pair.aliceHost, within: .seconds(120)) {
            let loop = alice.world.loops[0]
            let bytes = [UInt8](repeating: 1, count: 200_000)
            var streams: [Stream] = []
            // Several connections do not get it more.
            for _ in 0..<2 {
                let connection = try await alice.swarm.connect(to: try #require(address.withoutPeerID))
                for _ in 0..<40 {
                    let stream = try await connection.openStream([Self.silence])
                    try? await stream.write(bytes)
                    streams.append(stream)
                }
            }
            try await loop.sleep(for: .seconds(1))
            let ledger = bob.swarm.protocols.withLedger { $0 }
            let bound = limits.unreadByteCountMaxPerPeer
            #expect(bound == 8 << 20)
            let heldByteCount = ledger.heldByteCount(of: alice.peerID, for: .unreadStreams)
            #expect(heldByteCount <= bound)
            #expect(heldByteCount >= bound - bytes.count - (1 << 17))
            #expect(ledger.memoryByteCount >= heldByteCount)
            var failedCount = 0
            for stream in streams {
                do throws(StreamError) { try await stream.write([1]) } catch { failedCount += 1 }
            }
            try await loop.sleep(for: .seconds(40))
            return failedCount
        }
        #expect(failedCount > 30)
        try pair.simulation.complete(on: pair.aliceHost) { await alice.swarm.disconnect(bob.peerID) }
        try pair.simulation.run(for: .seconds(5))
        #expect(bob.swarm.protocols.withLedger { $0 }.memoryByteCount == 0, "all is given back")
    }

    @Test func windowsThatGrowAreChargedAndGivenBack() throws {
        let pair = try NodePair()
        let (alice, bob, address) = (pair.alice, pair.bob, try pair.bobAddress)
        let limits = bob.swarm.protocols.withLedger { $0.limits }
        let most = try pair.simulation.complete(on: pair.aliceHost, within: .seconds(120)) {
            let loop = alice.world.loops[0]
            let connection = try await alice.swarm.connect(to: address)
            let stream = try await connection.openStream([ProtocolID.perf])
            let sending = loop.startTask(returning: Void.self) {
                _ = try await PerfDriver.run(stream, upload: 30_000_000, download: 0)
            }
            var most = 0
            for _ in 0..<30 {
                try await loop.sleep(for: .milliseconds(50))
                most = max(most, bob.swarm.protocols.withLedger { $0 }.memoryByteCount)
            }
            try await sending.value
            return most
        }
        #expect(most > limits.connectionByteCount + limits.streamByteCount + (1 << 20))
        try pair.simulation.run(for: .seconds(1))
        let left = bob.swarm.protocols.withLedger { $0 }.memoryByteCount
        #expect(left <= limits.connectionByteCount + 2 * limits.streamByteCount)
    }

    @Test func aNodeWithoutRoomForLargerWindowsServesAllTheSame() throws {
        let pair = try NodePair { $0.memoryByteCountMax = 1_200_000 }
        let (alice, bob, address) = (pair.alice, pair.bob, try pair.bobAddress)
        let report = try pair.simulation.complete(on: pair.aliceHost, within: .seconds(120)) {
            let connection = try await alice.swarm.connect(to: address)
            let stream = try await connection.openStream([ProtocolID.perf])
            return try await PerfDriver.run(stream, upload: 5_000_000, download: 0)
        }
        #expect(report.uploadByteCount == 5_000_000)
        let ledger = bob.swarm.protocols.withLedger { $0 }
        #expect(ledger.memoryByteCount <= ledger.limits.memoryByteCountMax)
    }

    @Test func streamsOfOurOwnAreCountedUntilNobodyHasThem() throws {
        let pair = try NodePair()
        let (alice, address) = (pair.alice, try pair.bobAddress)
        @Sendable func count() -> Int { alice.swarm.protocols.withLedger { $0 }.outboundStreamCount }
        try pair.simulation.complete(on: pair.aliceHost) {
            let connection = try await alice.swarm.connect(to: address)
            try await alice.world.loops[0].sleep(for: .seconds(1))
            let before = count()
            var streams: [Stream] = []
            for _ in 0..<5 { streams.append(try await connection.openStream([ProtocolID.echo])) }
            await #expect(throws: StreamError.self) {
                _ = try await connection.openStream(["/nobody", "/speaks/this"])
            }
            #expect(count() == before + 5)
            streams.removeLast(2)
            #expect(count() == before + 3)
        }
    }

    @Test func soManyDialsAreUnderWay() throws {
        let pair = try NodePair()
        let alice = pair.alice
        let hole = pair.simulation.host("hole")
        pair.simulation.network.partition([pair.aliceHost, pair.bobHost], [hole])
        let limit = alice.swarm.protocols.withLedger { $0.limits.dialCountMax }
        try pair.simulation.complete(on: pair.aliceHost) {
            let loop = alice.world.loops[0]
            let dials = try (0..<limit).map { number in
                let address = try Multiaddr("/ip4/10.0.0.3/tcp/\(number + 1)")
                return loop.startTask(returning: Void.self) { _ = try await alice.swarm.connect(to: address) }
            }
            try await loop.sleep(for: .milliseconds(1))
            let refused = await #expect(throws: DialError.self) {
                _ = try await alice.swarm.connect(to: try Multiaddr("/ip4/10.0.0.3/tcp/9999"))
            }
            #expect(refused?.cause == .limit("dials under way"))
            for dial in dials { await #expect(throws: DialError.self) { try await dial.value } }
            #expect(alice.swarm.protocols.withLedger { $0 }.dialCount == 0)
        }
    }
}

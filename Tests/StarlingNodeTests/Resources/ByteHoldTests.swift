import StarlingCore
import StarlingMesh
import StarlingNode
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Testing

/// A peer that begins messages and does not finish them.
@Suite struct ByteHoldTests {
    @Test func unfinishedMessagesOfOnePeerAreBoundedTogether() throws {
        let pair = try NodePair()
        let (alice, bob, address) = (pair.alice, pair.bob, try pair.bobAddress)
        let limits = bob.swarm.protocols.withLedger { $0.limits }
        let refusedCount = try pair.simulation.complete(on: pair.aliceHost) {
            let loop = alice.world.loops[0]
            let connection = try await alice.swarm.connect(to: address)
            var streams: [Stream] = []
            // The length of a megabyte, and most of it.
            let bytes = [0x80, 0x80, 0x3c] + [UInt8](repeating: 1, count: 900_000)
            for _ in 0..<20 {
                let stream = try await connection.openStream([MessageFrame.protocolID])
                try? await stream.write(bytes)
                streams.append(stream)
            }
            try await loop.sleep(for: .seconds(1))
            let ledger = bob.swarm.protocols.withLedger { $0 }
            let heldByteCount = ledger.heldByteCount(of: alice.peerID, for: .unfinishedMessages)
            #expect(heldByteCount <= limits.heldByteCountMaxPerPeer)
            #expect(heldByteCount >= limits.heldByteCountMaxPerPeer - (1 << 20))
            #expect(ledger.memoryByteCount >= heldByteCount)
            var refusedCount = 0
            for stream in streams {
                do throws(StreamError) { try await stream.write([1]) } catch { refusedCount += 1 }
            }
            // What is left is a message like any other peer's.
            await connection.close(.closedLocally)
            try await loop.sleep(for: .seconds(1))
            return refusedCount
        }
        #expect(refusedCount >= 10)
        #expect(bob.swarm.protocols.withLedger { $0 }.memoryByteCount == 0)
    }
}

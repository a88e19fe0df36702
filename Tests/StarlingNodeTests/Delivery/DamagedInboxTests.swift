import StarlingCore
import StarlingMesh
import StarlingSimulator
import StarlingWorld
import Testing

@testable import StarlingNode

/// Messages that the disk took, and does not give back.
@Suite struct DamagedInboxTests {
    @Test func aMessageThatCannotBeReadBackIsToldAndStaysUntilItIsAcknowledged() throws {
        let pair = try NodePair()
        let (alice, bob, address) = (pair.alice, pair.bob, try pair.bobAddress)
        try pair.simulation.complete(on: pair.aliceHost) {
            _ = try await alice.swarm.connect(to: address)
            for text in ["one", "two", "three"] {
                let content = MessageContent(type: .data, payload: Array(text.utf8))
                _ = try await alice.delivery.accept(MessageDraft(to: bob.peerID, content: content))
            }
        }
        try pair.simulation.run(for: .seconds(1))
        let page = try pair.simulation.complete(on: pair.bobHost) {
            let desk = NodeDesk(node: bob) {}
            var batch = StoreBatch()
            batch.put(StoreKey(DeliveryTables.inbox, 2), [0xFF])
            bob.world.store.commit(batch) { error in #expect(error == nil) }
            try await bob.world.loops[0].sleep(for: .seconds(1))
            #expect(await bob.delivery.damagedEntries.isEmpty, "nobody has looked")
            return try await desk.inbox(InboxQuery(after: 0, messageCountMax: 100, payloadByteCountMax: 1000))
        }
        #expect(page.messages.map(\.text) == ["one", "three"] && page.last == 3)
        #expect(page.damaged.map(\.position) == [2] && page.damaged.map(\.from) == [alice.peerID])
        #expect(page.damaged.allSatisfy { $0.failure.code == .storeFailed && !$0.failure.nextStep.isEmpty })
        try pair.simulation.complete(on: pair.bobHost) {
            #expect(await bob.delivery.damagedEntries.map(\.position) == [2])
            #expect(await bob.delivery.take(2) == nil, "nobody is handed it")
            let isThere = try await bob.delivery.acknowledge(2)
            #expect(isThere)
            #expect(await bob.delivery.damagedEntries.isEmpty)
        }
    }
}

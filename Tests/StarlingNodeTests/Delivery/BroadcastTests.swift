import StarlingCore
import StarlingMesh
import StarlingNode
import StarlingSimulator
import StarlingWorld
import Testing

@Suite struct BroadcastTests {
    private func broadcast(
        _ chain: NodeChain,
        _ text: String,
        from one: Int,
        lifetime: Duration = .seconds(60)
    )
        throws -> MessageID
    {
        let node = chain.nodes[one]
        return try chain.simulation.complete(on: chain.hosts[one]) {
            var draft = BroadcastDraft(content: MessageContent(type: .data, payload: Array(text.utf8)))
            draft.lifetime = lifetime
            return try await node.delivery.broadcast(draft).id
        }
    }

    private func texts(_ chain: NodeChain, at one: Int) throws -> [String] {
        let node = chain.nodes[one]
        return try chain.simulation.complete(on: chain.hosts[one]) {
            let page = try await node.delivery.inboxPage(after: 0, countMax: 100, byteCountMax: 1 << 20)
            return page.deliveries.map { delivery in
                (delivery.entry.isBroadcast ? "" : "not to all: ")
                    + String(decoding: delivery.content.payload, as: UTF8.self)
            }
        }
    }

    @Test func everyNodeOfAMeshTakesItOnceAndTheLinksCarryItSeldom() throws {
        let count = 12
        let chain = try NodeChain(count: count, hasRoutes: false)
        var linkCount = count - 1
        for one in 0..<count {
            for step in [3, 5] where one + step < count {
                try chain.connect(one, one + step)
                linkCount += 1
            }
        }
        _ = try broadcast(chain, "first", from: 0)
        _ = try broadcast(chain, "second", from: 7)
        try chain.simulation.run(for: .seconds(2))
        for one in 0..<count {
            let expected = one == 0 ? ["second"] : one == 7 ? ["first"] : ["first", "second"]
            #expect(try texts(chain, at: one).sorted() == expected, "node \(one)")
        }
        let carried = try (0..<count).reduce(0) { try $0 + Int(chain.report($1).forwardedCount) }
        #expect(carried >= 2 * (count - 1))
        #expect(carried < 2 * 2 * linkCount, "not over every link in both directions")
    }

    @Test func whoConnectsInTimeGetsItAndWhoComesLaterDoesNot() throws {
        let chain = try NodeChain(count: 3, hasRoutes: false)
        let partition = chain.simulation.network.partition([chain.hosts[2]], Array(chain.hosts[..<2]))
        try chain.simulation.run(for: .seconds(120))
        _ = try broadcast(chain, "short", from: 0, lifetime: .seconds(5))
        _ = try broadcast(chain, "long", from: 0, lifetime: .seconds(60))
        try chain.simulation.run(for: .seconds(10))
        chain.simulation.network.heal(partition)
        try chain.connect(1, 2)
        try chain.simulation.run(for: .seconds(2))
        #expect(try texts(chain, at: 1) == ["short", "long"])
        let late = try texts(chain, at: 2)
        #expect(late == ["long"])
    }

    @Test func whatNoNodeMayCarryIsRefused() throws {
        let chain = try NodeChain(count: 2, hasRoutes: false)
        #expect(throws: DeliveryError.broadcast(.lifetime)) {
            _ = try broadcast(chain, "for ever", from: 0, lifetime: .seconds(3601))
        }
        #expect(throws: DeliveryError.broadcast(.tooLarge)) {
            // Digits of no order, which no compression makes small enough.
            var draws = SplitMix64(seed: 1)
            let text = (0..<200_000).map { _ in "\(draws.next() % 10)" }.joined()
            _ = try broadcast(chain, text, from: 0)
        }
    }
}

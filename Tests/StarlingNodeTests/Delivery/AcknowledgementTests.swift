import StarlingCore
import StarlingMesh
import StarlingNode
import StarlingSimulator
import Testing

/// What becomes of an acknowledgement when the recipient's node is killed.
@Suite struct AcknowledgementTests {
    private static let bob = FilePair.bob

    /// The inbox forgets an entry at once, and the disk a little later: in between nobody can know what a start will find.
    @Test(arguments: [SimulatedHost.Crash.process, .power])
    func whatIsGoneFromTheInboxComesAgainWhereTheDiskDidNotKnow(_ crash: SimulatedHost.Crash) throws {
        var histories: Set<[Int]> = []
        for seed in UInt64(1)...10 {
            let pair = try FilePair(seed: seed)
            let attempts = AttemptLog()
            try handle(pair, attempts)
            try pair.simulation.run(for: .seconds(5))
            let id = try send(pair)
            #expect(try pair.wait(upTo: .seconds(5), step: .microseconds(50)) { !attempts.values.isEmpty })
            #expect(inboxCount(pair) == 0, "the handler has returned, and the disk takes longer than that")

            try pair.crash(Self.bob, crash)
            try handle(pair, attempts)
            try pair.simulation.run(for: .seconds(5))
            histories.insert(attempts.values)
            #expect(inboxCount(pair) == 0)
            #expect(try pair.state(id) == .delivered)

            // By now the disk knows.
            let seen = attempts.values
            try pair.crash(Self.bob, crash)
            try handle(pair, attempts)
            try pair.simulation.run(for: .seconds(5))
            #expect(attempts.values == seen, "seed \(seed)")
        }
        #expect(histories == [[1], [1, 2]])
    }

    @Test(arguments: [SimulatedHost.Crash.process, .power])
    func whoseAcknowledgementReturnedIsNotHandedTheMessageAgain(_ crash: SimulatedHost.Crash) throws {
        for seed in UInt64(1)...5 {
            let pair = try FilePair(seed: seed)
            try pair.simulation.run(for: .seconds(5))
            _ = try send(pair)
            try pair.simulation.run(for: .seconds(5))
            let node = pair.nodes[Self.bob]
            try pair.simulation.complete(on: pair.hosts[Self.bob]) {
                let position = try #require(await node.delivery.nextWaiting(after: 0))
                _ = try #require(await node.delivery.take(position))
                try await node.delivery.acknowledge(position)
            }
            try pair.crash(Self.bob, crash)
            #expect(inboxCount(pair) == 0, "seed \(seed)")
        }
    }

    /// Has Bob deal with what comes, at once.
    private func handle(_ pair: FilePair, _ attempts: AttemptLog) throws {
        let node = pair.nodes[Self.bob]
        try pair.simulation.complete(on: pair.hosts[Self.bob]) {
            _ = await node.delivery.handle(.agentTask, concurrencyMax: 1) { delivery in
                attempts.append(delivery.entry.attempt)
                return nil
            }
        }
    }

    private func send(_ pair: FilePair) throws -> MessageID {
        let (node, to) = (pair.nodes[FilePair.alice], pair.nodes[Self.bob].peerID)
        let draft = MessageDraft(to: to, content: MessageContent(type: .agentTask, payload: [7]))
        return try pair.simulation.complete(on: pair.hosts[FilePair.alice]) {
            try await node.delivery.accept(draft)
        }
    }

    private func inboxCount(_ pair: FilePair) -> Int {
        let node = pair.nodes[Self.bob]
        return pair.hosts[Self.bob].loop.perform {
            node.delivery.assumeIsolated { $0.inboxFill.count }
        }
    }
}

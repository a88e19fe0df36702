import StarlingCore
import StarlingMesh
import StarlingNode
import StarlingSimulator
import StarlingWorld
import Synchronization
import Testing

@Suite struct HandlerStopTests {
    private static let messageCount = 40

    /// A node is stopped in order as soon as its handler has dealt with so many messages, while more of them come in.
    @Test(arguments: [1, 2, 3, 5, 8, 13, 21, 34])
    func whatAHandlerDealtWithBeforeAStopIsNotHandedOutAgain(count: Int) throws {
        let pair = try NodePair(seed: UInt64(count))
        let (bob, host) = (pair.bob, pair.bobHost)
        let finished = Mutex<Set<MessageID>>([])
        try pair.simulation.complete(on: host) {
            _ = await bob.delivery.handle(.alert, concurrencyMax: .max) { delivery in
                let number = finished.withLock { ids in
                    if ids.count < count { ids.insert(delivery.entry.id) }
                    return ids.contains(delivery.entry.id) ? ids.count : count + 1
                }
                // Those that come in while it stops are not dealt with.
                if number > count { throw CancellationError() }
                if number == count {
                    host.loop.startTask {
                        await bob.stop()
                        await bob.world.store.close()
                    }
                }
                return nil
            }
        }
        try Self.write(pair)
        try pair.simulation.run(for: .seconds(5))
        let again = try Node(
            world: host.restart(),
            identity: bob.identity,
            configuration: bob.configuration
        )
        let left = try pair.simulation.complete(on: host) {
            try await again.start()
            return try await again.delivery.inboxPage(after: 0, countMax: 100, byteCountMax: .max).deliveries
                .map(\.entry.id)
        }
        let dealtWith = finished.withLock { $0 }
        #expect(dealtWith.count == count)
        #expect(dealtWith.isDisjoint(with: left))
    }

    /// Alice writes to Bob, one message after the other.
    private static func write(_ pair: NodePair) throws {
        let (alice, address, to) = (pair.alice, try pair.bobAddress, pair.bob.peerID)
        try pair.simulation.complete(on: pair.aliceHost) {
            _ = try await alice.swarm.connect(to: address)
            for number in 0..<Self.messageCount {
                let content = MessageContent(type: .alert, payload: [UInt8(number)])
                _ = try await alice.delivery.accept(MessageDraft(to: to, content: content))
            }
        }
    }
}

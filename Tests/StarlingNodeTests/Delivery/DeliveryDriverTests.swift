import StarlingCore
import StarlingMesh
import StarlingNode
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Synchronization
import Testing

@Suite struct DeliveryDriverTests {
    private func draft(_ text: String, to peer: PeerID, _ type: MessageType = .data) -> MessageDraft {
        MessageDraft(to: peer, content: MessageContent(type: type, payload: Array(text.utf8)))
    }

    private func texts(_ pair: NodePair) throws -> [String] {
        let bob = pair.bob
        return try pair.simulation.complete(on: pair.bobHost) {
            try await bob.delivery.inboxPage(after: 0, countMax: 100_000, byteCountMax: 1 << 30).deliveries
                .map {
                    String(decoding: $0.content.payload, as: UTF8.self)
                }
        }
    }

    private func connect(_ pair: NodePair) throws {
        let (alice, address) = (pair.alice, try pair.bobAddress)
        try pair.simulation.complete(on: pair.aliceHost) { _ = try await alice.swarm.connect(to: address) }
    }

    /// However little is written together, and whoever waits for that.
    @Test func messagesBeyondABatchWaitForTheNext() throws {
        let pair = try NodePair { $0.deliveryLimits.inbox.batchByteCountMax = 1 }
        let (alice, bob, address) = (pair.alice, pair.bob, try pair.bobAddress)
        let ids = try pair.simulation.complete(on: pair.aliceHost) {
            _ = try await alice.swarm.connect(to: address)
            var ids: [MessageID] = []
            for number in 0..<40 {
                var draft = MessageDraft(
                    to: bob.peerID,
                    content: MessageContent(type: .data, payload: [UInt8](repeating: 1, count: 50_000))
                )
                draft.priority = MessagePriority.allCases[number % 4]
                ids.append(try await alice.delivery.accept(draft))
            }
            return ids
        }
        try pair.simulation.run(for: .seconds(2))
        let states = try pair.simulation.complete(on: pair.aliceHost) {
            var states: [OutboxMessage.State?] = []
            for id in ids { states.append(await alice.delivery.report(on: id)?.message.state) }
            return states
        }
        #expect(states == ids.map { _ in .delivered })
    }

    @Test(arguments: [1, 2, 3] as [UInt64]) func manyMessagesOfEachPriorityArriveOnce(seed: UInt64) throws {
        let pair = try NodePair(seed: seed)
        try connect(pair)
        let (alice, to) = (pair.alice, pair.bob.peerID)
        let sent = (0..<600).map { "message \($0)" }
        try pair.simulation.complete(on: pair.aliceHost) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (index, text) in sent.enumerated() {
                    group.addTask {
                        var draft = draft(text, to: to)
                        draft.priority = MessagePriority.allCases[index % 4]
                        draft.privacy = index % 2 == 0 ? .private : .standard
                        _ = try await alice.delivery.accept(draft)
                    }
                }
                try await group.waitForAll()
            }
        }
        try pair.simulation.run(for: .seconds(30))
        #expect(try texts(pair).sorted() == sent.sorted(), "seed \(seed)")
        let fill = try pair.simulation.complete(on: pair.aliceHost) { await alice.delivery.outboxFill.count }
        #expect(fill == 0)
    }

    @Test func aPeerThatRefusesEachStreamIsNotKnockedAtWithoutEnd() throws {
        let pair = try NodePair()
        let (alice, to) = (pair.alice, pair.bob.peerID)
        let count = Mutex(0)
        pair.bob.swarm.protocols.set(MessageFrame.protocolID) { stream in
            count.withLock { $0 += 1 }
            await stream.reset()
        }
        try connect(pair)
        let message = draft("hello", to: to)
        try pair.simulation.complete(on: pair.aliceHost) { _ = try await alice.delivery.accept(message) }
        try pair.simulation.run(for: .seconds(100))
        #expect((5...60).contains(count.withLock { $0 }))
    }

    @Test func largePayloadsTravelPackedAndArriveAsTheyWere() throws {
        let pair = try NodePair()
        try connect(pair)
        let (alice, to) = (pair.alice, pair.bob.peerID)
        let text = String(repeating: "all work and no play ", count: 40_000)
        try pair.simulation.complete(on: pair.aliceHost) {
            var draft = draft(text, to: to)
            draft.content.contentType = "text/plain"
            let id = try await alice.delivery.accept(draft)
            let byteCount = await alice.delivery.report(on: id)?.message.byteCount
            #expect(byteCount ?? .max < text.utf8.count / 10)
        }
        try pair.simulation.run(for: .seconds(10))
        #expect(try texts(pair) == [text])
    }

    @Test func emergenciesOvertakeAQueueOfLowMessagesOnASlowLink() throws {
        let pair = try NodePair()
        // 10 Mbit/s, for which the LOW messages are four seconds of work.
        pair.simulation.network.setLink(
            between: pair.aliceHost,
            and: pair.bobHost,
            to: LinkProfile(latency: .milliseconds(5), bytesPerSecond: 1_250_000)
        )
        try connect(pair)
        let (alice, to, random) = (pair.alice, pair.bob.peerID, pair.aliceHost.world.random)
        let (lowCount, urgentCount) = (300, 10)
        @Sendable func send(_ name: String, _ priority: MessagePriority, byteCount: Int) async throws {
            // Nothing that could be packed.
            let payload = Array(name.utf8) + random.bytes(count: byteCount)
            var draft = MessageDraft(to: to, content: MessageContent(type: .data, payload: payload))
            draft.priority = priority
            draft.privacy = .standard
            _ = try await alice.delivery.accept(draft)
        }
        try pair.simulation.complete(on: pair.aliceHost) {
            for _ in 0..<lowCount { try await send("low", .low, byteCount: 16_384) }
        }
        try pair.simulation.run(for: .milliseconds(200))
        let before = try texts(pair).count
        try pair.simulation.complete(on: pair.aliceHost) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<urgentCount {
                    group.addTask { try await send("urgent", .emergency, byteCount: 16_384) }
                }
                try await group.waitForAll()
            }
        }
        try pair.simulation.run(for: .seconds(30))
        let arrived = try texts(pair)
        #expect(arrived.count == lowCount + urgentCount)
        let places = arrived.indices.filter { arrived[$0].hasPrefix("urgent") }
        // The kernel holds a quarter of a MiB, which nothing overtakes.
        #expect(try #require(places.first) - before <= 20, "\(before) came before they were sent")
        // The first one is written to the disk alone. Sharing the link, the others would let as many through.
        let between = places[urgentCount - 1] - places[1] - (urgentCount - 2)
        #expect(between <= urgentCount / 2, "and little comes between them")
    }

    @Test func theSameKeyIsTheSameMessage() throws {
        let pair = try NodePair()
        let (alice, to) = (pair.alice, pair.bob.peerID)
        let ids = try pair.simulation.complete(on: pair.aliceHost) {
            var draft = draft("once", to: to)
            draft.key = [1, 2, 3]
            let first = draft
            async let one = alice.delivery.accept(first)
            async let two = alice.delivery.accept(first)
            return try await [one, two]
        }
        #expect(ids[0] == ids[1])
        try connect(pair)
        try pair.simulation.run(for: .seconds(10))
        #expect(try texts(pair) == ["once"])
    }

    @Test func aRequestIsAnsweredByItsHandler() throws {
        let pair = try NodePair()
        try connect(pair)
        let (alice, bob) = (pair.alice, pair.bob)
        let isSet = try pair.simulation.complete(on: pair.bobHost) {
            await bob.delivery.handle(.agentTask, concurrencyMax: 2) { delivery in
                MessageContent(type: .agentTask, payload: delivery.content.payload + Array("!".utf8))
            }
        }
        #expect(isSet)
        let answers = try pair.simulation.complete(on: pair.aliceHost) {
            let deadline = pair.aliceHost.world.loops[0].now + .seconds(20)
            return try await withThrowingTaskGroup(of: String.self) { group in
                for index in 0..<20 {
                    group.addTask {
                        let delivery = try await alice.delivery.request(
                            draft("task \(index)", to: bob.peerID, .agentTask),
                            deadline: deadline
                        )
                        return String(decoding: delivery.content.payload, as: UTF8.self)
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
        }
        #expect(answers.sorted() == (0..<20).map { "task \($0)!" }.sorted())
        try pair.simulation.run(for: .seconds(5))
        let left = try pair.simulation.complete(on: pair.bobHost) { await bob.delivery.inboxFill.count }
        #expect(left == 0, "what was dealt with is acknowledged")
        let own = try pair.simulation.complete(on: pair.aliceHost) { await alice.delivery.inboxFill.count }
        #expect(own == 0, "so are the answers")
    }

    /// A handler's answer waits for a disk that takes nothing: nobody would ever write it.
    @Test func aNodeStopsThoughItsDiskTakesNothing() throws {
        let pair = try NodePair(storage: .disk)
        try connect(pair)
        let (alice, bob, bobHost) = (pair.alice, pair.bob, pair.bobHost)
        let other = draft("while the disk fails", to: alice.peerID)
        try pair.simulation.complete(on: bobHost) {
            _ = await bob.delivery.handle(.agentTask, concurrencyMax: 2) { _ in
                bobHost.disk?.faults.failsSync = true
                bobHost.loop.startTask { _ = try? await bob.delivery.accept(other) }
                try await bobHost.loop.sleep(for: .microseconds(50))
                return MessageContent(type: .agentTask, payload: [1])
            }
        }
        pair.aliceHost.loop.startTask {
            _ = try? await alice.delivery.request(
                draft("task", to: bob.peerID, .agentTask),
                deadline: pair.aliceHost.loop.now + .seconds(1)
            )
        }
        try pair.simulation.run(for: .milliseconds(500))
        #expect(bobHost.log.lines.contains { $0.message == "the store took nothing" })
        try pair.simulation.complete(on: bobHost, within: .seconds(30)) { await bob.stop() }
    }

    @Test func aMessageWhoseHandlerFailsComesAgainWithAHigherAttempt() throws {
        let pair = try NodePair()
        try connect(pair)
        let (alice, bob) = (pair.alice, pair.bob)
        let attempts = AttemptLog()
        try pair.simulation.complete(on: pair.bobHost) {
            _ = await bob.delivery.handle(.alert, concurrencyMax: 1) { delivery in
                attempts.append(delivery.entry.attempt)
                if delivery.entry.attempt < 3 { throw CancellationError() }
                return nil
            }
        }
        try pair.simulation.complete(on: pair.aliceHost) {
            _ = try await alice.delivery.accept(draft("fire", to: bob.peerID, .alert))
        }
        try pair.simulation.run(for: .seconds(20))
        #expect(attempts.values == [1, 2, 3])
        #expect(try texts(pair).isEmpty)
    }

    @Test func aRequestThatNobodyHandlesTimesOutAndStaysInTheInbox() throws {
        let pair = try NodePair()
        try connect(pair)
        let (alice, bob) = (pair.alice, pair.bob)
        let error = try pair.simulation.complete(on: pair.aliceHost) { () async throws -> RequestError? in
            let deadline = pair.aliceHost.world.loops[0].now + .seconds(2)
            do throws(RequestError) {
                _ = try await alice.delivery.request(draft("?", to: bob.peerID, .search), deadline: deadline)
                return nil
            } catch { return error }
        }
        guard case .timedOut? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(try texts(pair) == ["?"])
    }

    @Test func messagesToOneselfAreRefused() throws {
        let pair = try NodePair()
        let alice = pair.alice
        #expect(throws: DeliveryError.ownAddress) {
            try pair.simulation.complete(on: pair.aliceHost) {
                _ = try await alice.delivery.accept(draft("me", to: alice.peerID))
            }
        }
    }
}

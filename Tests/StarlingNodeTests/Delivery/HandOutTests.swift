import StarlingCore
import StarlingMesh
import StarlingNode
import StarlingSimulator
import StarlingWorld
import Synchronization
import Testing

/// Who gets what has arrived, when readers and handlers come and go.
@Suite struct HandOutTests {
    private func send(_ texts: [String], _ pair: NodePair) throws {
        let (alice, to) = (pair.alice, pair.bob.peerID)
        try pair.simulation.complete(on: pair.aliceHost) {
            for text in texts {
                let content = MessageContent(type: .alert, payload: Array(text.utf8))
                _ = try await alice.delivery.accept(MessageDraft(to: to, content: content))
            }
        }
    }

    private func connected(storage: SimulatedHost.Storage = .tables) throws -> NodePair {
        let pair = try NodePair(storage: storage)
        let (alice, address) = (pair.alice, try pair.bobAddress)
        try pair.simulation.complete(on: pair.aliceHost) { _ = try await alice.swarm.connect(to: address) }
        return pair
    }

    @Test func moreThanABacklogHoldsWaitsInTheInbox() throws {
        let pair = try connected()
        let count = 1100
        try send((0..<count).map { "\($0)" }, pair)
        try pair.simulation.run(for: .seconds(5))
        let (bob, seen) = (pair.bob, SeenTexts())
        try pair.simulation.complete(on: pair.bobHost) {
            _ = await bob.delivery.handle(.alert, concurrencyMax: 1) { delivery in
                seen.append(delivery)
                return nil
            }
        }
        try pair.simulation.run(for: .seconds(60))
        #expect(Set(seen.values).count == count && seen.values.count == count)
    }

    @Test func aReaderOfAMessageThatIsAcknowledgedMeanwhileDoesNotWaitForEver() throws {
        let pair = try connected()
        try send(["fire"], pair)
        try pair.simulation.run(for: .seconds(5))
        let bob = pair.bob
        let isTaken = try pair.simulation.complete(on: pair.bobHost) {
            let position = try #require(await bob.delivery.nextWaiting(after: 0))
            async let taken = bob.delivery.take(position)
            _ = try await bob.delivery.acknowledge(position)
            return await taken != nil
        }
        #expect(!isTaken)
    }

    @Test func whatCannotBeReadBackIsTriedOnceAndKeepsNobodyFromTheOthers() throws {
        let pair = try connected()
        try send(["broken", "whole"], pair)
        try pair.simulation.run(for: .seconds(5))
        let (bob, seen) = (pair.bob, SeenTexts())
        let position = try pair.simulation.complete(on: pair.bobHost) {
            let position = try #require(await bob.delivery.nextWaiting(after: 0))
            var batch = StoreBatch()
            batch.put(StoreKey(DeliveryTables.inbox, position), [0xFF])
            bob.world.store.commit(batch) { #expect($0 == nil) }
            return position
        }
        try pair.simulation.run(for: .seconds(1))
        try pair.simulation.complete(on: pair.bobHost) {
            _ = await bob.delivery.handle(.alert, concurrencyMax: 1) { delivery in
                seen.append(delivery)
                return nil
            }
        }
        try pair.simulation.run(for: .seconds(600))
        #expect(seen.values == ["whole 1"])
        let told = pair.bobHost.log.lines.filter { $0.message == "a message cannot be read back" }
        #expect(told.count == 1)
        let (isThere, count) = try pair.simulation.complete(on: pair.bobHost) {
            let waiting = await bob.delivery.nextWaiting(after: 0)
            #expect(waiting == nil)
            let isThere = try await bob.delivery.acknowledge(position)
            return (isThere, await bob.delivery.inboxFill.count)
        }
        #expect(isThere && count == 0)
    }

    @Test func whatTheDiskDidNotTakeKeepsNoPlaceOfAHandler() throws {
        let pair = try connected(storage: .disk)
        let (bob, bobHost) = (pair.bob, pair.bobHost)
        let seen = SeenTexts()
        try pair.simulation.complete(on: bobHost) {
            _ = await bob.delivery.handle(.alert, concurrencyMax: 1) { delivery in
                seen.append(delivery)
                return nil
            }
        }
        bobHost.disk?.faults.failsSync = true
        try send(["fire"], pair)
        try pair.simulation.run(for: .milliseconds(500))
        #expect(bobHost.log.lines.contains { $0.message == "the store took nothing" })
        bobHost.disk?.faults.failsSync = false
        try pair.simulation.run(for: .seconds(120))
        #expect(seen.values == ["fire 1"])
    }

    @Test func aHandlerThatIsRemovedLeavesWhatItDidNotDealWithToTheNext() throws {
        let pair = try connected()
        let (bob, loop) = (pair.bob, pair.bobHost.loop)
        let seen = SeenTexts()
        try pair.simulation.complete(on: pair.bobHost) {
            _ = await bob.delivery.handle(.alert, concurrencyMax: 1) { _ in
                try await loop.sleep(for: .seconds(10))
                throw CancellationError()
            }
        }
        try send(["one"], pair)
        try pair.simulation.run(for: .seconds(5))
        try pair.simulation.complete(on: pair.bobHost) {
            await bob.delivery.stopHandling(.alert)
            _ = await bob.delivery.handle(.alert, concurrencyMax: 1) { delivery in
                seen.begin()
                try await loop.sleep(for: .seconds(20))
                seen.end()
                seen.append(delivery)
                return nil
            }
        }
        try send(["two", "three", "four"], pair)
        try pair.simulation.run(for: .seconds(200))
        #expect(seen.values.sorted() == ["four 1", "one 2", "three 1", "two 1"])
        #expect(seen.mostAtOnce == 1)
    }

    @Test func anAnswerThatComesTooLateStaysInTheInbox() throws {
        let pair = try connected()
        let (alice, bob) = (pair.alice, pair.bob)
        let (aliceLoop, bobLoop) = (pair.aliceHost.loop, pair.bobHost.loop)
        try pair.simulation.complete(on: pair.bobHost) {
            _ = await bob.delivery.handle(.alert, concurrencyMax: 1) { delivery in
                try await bobLoop.sleep(for: .seconds(5))
                return delivery.content
            }
        }
        let isAnswered = try pair.simulation.complete(on: pair.aliceHost) {
            let content = MessageContent(type: .alert, payload: Array("late".utf8))
            let draft = MessageDraft(to: bob.peerID, content: content)
            return await (try? alice.delivery.request(draft, deadline: aliceLoop.now + .seconds(2))) != nil
        }
        #expect(!isAnswered)
        try pair.simulation.run(for: .seconds(20))
        let taken = try pair.simulation.complete(on: pair.aliceHost) { () async throws -> InboxDelivery? in
            let position = try #require(await alice.delivery.nextWaiting(after: 0))
            return await alice.delivery.take(position)
        }
        #expect(taken?.content.payload == Array("late".utf8))
    }
}

/// The messages that handlers saw, with their attempts, and how many at once.
private final class SeenTexts: Sendable {
    private struct State {
        var texts: [String] = []
        var activeCount = 0
        var mostAtOnce = 0
    }

    private let state = Mutex(State())

    var values: [String] { state.withLock { $0.texts } }
    var mostAtOnce: Int { state.withLock { $0.mostAtOnce } }

    func append(_ delivery: InboxDelivery) {
        let text = String(decoding: delivery.content.payload, as: UTF8.self)
        state.withLock { $0.texts.append("\(text) \(delivery.entry.attempt)") }
    }

    func begin() {
        state.withLock { state in
            state.activeCount += 1
            state.mostAtOnce = max(state.mostAtOnce, state.activeCount)
        }
    }

    func end() { state.withLock { $0.activeCount -= 1 } }
}

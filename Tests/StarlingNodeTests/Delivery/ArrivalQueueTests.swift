import StarlingCore
import StarlingCrypto
import StarlingMesh
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Synchronization
import Testing

@testable import StarlingNode

@Suite struct ArrivalQueueTests {
    private let simulation = Simulation(seed: 1)

    private func arrival() throws -> MessageArrival {
        let key = try IdentityKey(seed: [UInt8](repeating: 1, count: IdentityKey.seedByteCount))
        let entry = Receipt.Entry(
            id: MessageID(random: [UInt8](repeating: 2, count: MessageID.byteCount)),
            outcome: .delivered
        )
        let created = WallTime(millisecondsSince1970: 0)
        return .receipt(Receipt(for: [entry], to: key.peerID, created: created, from: key))
    }

    @Test func whatCameMeanwhileIsOneBatch() throws {
        let host = simulation.host("alice")
        let arrival = try arrival()
        let counts = try simulation.complete(on: host) {
            let queue = ArrivalQueue(on: host.world.loops[0], .init(byteCountMax: 1000))
            try await queue.put([arrival], byteCount: 10)
            try await queue.put([arrival, arrival], byteCount: 20)
            let first = await queue.next()?.count
            try await queue.put([arrival], byteCount: 10)
            await queue.close()
            return [first, await queue.next()?.count, await queue.next()?.count]
        }
        #expect(counts == [3, 1, nil], "what is there when it is closed is still taken")
    }

    @Test func whoReadsWaitsWhileTooMuchIsThere() throws {
        let host = simulation.host("alice")
        let loop = host.world.loops[0]
        let queue = ArrivalQueue(on: loop, .init(byteCountMax: 100))
        let arrival = try arrival()
        let putCount = Mutex(0)
        loop.startTask {
            for _ in 0..<3 {
                try? await queue.put([arrival], byteCount: 60)
                putCount.withLock { $0 += 1 }
            }
        }
        try simulation.run(for: .seconds(1))
        #expect(putCount.withLock { $0 } == 1, "the second one is there and waits")
        let first = try simulation.complete(on: host) { await queue.next()?.count }
        try simulation.run(for: .seconds(1))
        #expect(first == 2 && putCount.withLock { $0 } == 3)
    }

    @Test func whatWaitsAndWhatIsBeingDealtWithIsHeld() throws {
        let host = simulation.host("alice")
        let arrival = try arrival()
        let held = Mutex<[Int]>([])
        try simulation.complete(on: host) {
            let queue = ArrivalQueue(on: host.world.loops[0], .init(byteCountMax: 1000)) { byteCount in
                held.withLock { $0.append(byteCount) }
                return byteCount <= 100 ? .held : .never
            }
            try await queue.put([arrival], byteCount: 60)
            #expect(await queue.next()?.count == 1)
            try await queue.put([arrival], byteCount: 40)
            await #expect(throws: StreamError.unreadLimit) { try await queue.put([arrival], byteCount: 1) }
            #expect(await queue.next()?.count == 1, "what is not held is not there")
            try await queue.put([arrival], byteCount: 60)
            await queue.close()
            #expect(await queue.next()?.count == 1)
            // What has been dealt with is not held while nobody asks for more.
            await queue.release()
            #expect(held.withLock { $0.last } == 0)
            #expect(await queue.next() == nil)
        }
        #expect(held.withLock { $0 } == [60, 100, 101, 40, 100, 60, 0])
    }

    /// Two streams of one peer, whose bytes are counted together.
    private func queues(byteCountMax: Int) throws -> (SimulatedHost, ArrivalQueue, ArrivalQueue) {
        let host = simulation.host("alice")
        var limits = ResourceLedger.Limits(connectionCountMax: 1, memoryByteCountMax: 1 << 20)
        limits.arrivedByteCountMaxPerPeer = byteCountMax
        limits.pendingConnectionCountMax = 1
        let protocols = ProtocolTable(ledger: ResourceLedger(limits: limits))
        let peer = try IdentityKey(seed: [UInt8](repeating: 9, count: IdentityKey.seedByteCount)).peerID
        let queues = (0..<2).map { _ in
            let hold = ByteHold(protocols, of: peer, for: .arrivedMessages)
            return ArrivalQueue(on: host.loop, .init(byteCountMax: 1000)) { hold.hold($0) }
        }
        return (host, queues[0], queues[1])
    }

    @Test func whatMayNotBeHeldWaitsForWhatIs() throws {
        let (host, own, other) = try queues(byteCountMax: 100)
        let arrival = try arrival()
        let ended = Mutex<[String]>([])
        try simulation.complete(on: host) { try await own.put([arrival], byteCount: 60) }
        for (name, queue) in [("own", own), ("other", other)] {
            host.loop.startTask {
                let isThere = (try? await queue.put([arrival, arrival], byteCount: 60)) != nil
                ended.withLock { $0.append(isThere ? name : "no \(name)") }
            }
        }
        try simulation.run(for: .seconds(10))
        #expect(ended.withLock { $0.isEmpty }, "nothing was dealt with")
        #expect(try simulation.complete(on: host) { await own.next()?.count } == 1)
        try simulation.run(for: .seconds(10))
        #expect(ended.withLock { $0.isEmpty }, "what is being dealt with is held")
        try simulation.complete(on: host) { await own.release() }
        try simulation.run(for: .seconds(10))
        #expect(ended.withLock { $0 } == ["own"])
        #expect(try simulation.complete(on: host) { await own.next()?.count } == 2)
        try simulation.complete(on: host) { await own.release() }
        try simulation.run(for: .seconds(10))
        #expect(ended.withLock { $0 } == ["own", "other"])
        #expect(try simulation.complete(on: host) { await other.next()?.count } == 2)
    }

    @Test func whatCanNeverBeHeldIsRefusedOnceNothingElseIs() throws {
        let (host, own, other) = try queues(byteCountMax: 100)
        let arrival = try arrival()
        let errors = Mutex<[StreamError?]>([])
        try simulation.complete(on: host) { try await own.put([arrival], byteCount: 60) }
        host.loop.startTask {
            do throws(StreamError) {
                try await other.put([arrival], byteCount: 101)
                errors.withLock { $0.append(nil) }
            } catch {
                errors.withLock { $0.append(error) }
            }
        }
        try simulation.run(for: .seconds(10))
        #expect(errors.withLock { $0.isEmpty })
        try simulation.complete(on: host) {
            _ = await own.next()
            await own.release()
        }
        try simulation.run(for: .seconds(1))
        #expect(errors.withLock { $0 } == [.unreadLimit])
    }

    @Test func aQueueThatIsClosedKeepsNobodyWaiting() throws {
        let host = simulation.host("alice")
        let loop = host.world.loops[0]
        let (empty, full) = (
            ArrivalQueue(on: loop, .init(byteCountMax: 1)), ArrivalQueue(on: loop, .init(byteCountMax: 1))
        )
        let arrival = try arrival()
        let ended = Mutex<[String]>([])
        loop.startTask {
            if await empty.next() == nil { ended.withLock { $0.append("taker") } }
        }
        loop.startTask {
            try? await full.put([arrival], byteCount: 1)
            ended.withLock { $0.append("reader") }
        }
        try simulation.run(for: .seconds(1))
        #expect(ended.withLock { $0 }.isEmpty)
        try simulation.complete(on: host) {
            await empty.close()
            await full.close()
        }
        try simulation.run(for: .seconds(1))
        #expect(ended.withLock { $0 }.sorted() == ["reader", "taker"])
    }
}

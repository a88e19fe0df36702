import Foundation
import StarlingCore
import StarlingIO
import StarlingWorld
import Synchronization
import Testing

@Suite struct UVLoopTests {
    private actor Counter {
        private let loop: UVLoop
        private(set) var count = 0
        nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

        init(loop: UVLoop) { self.loop = loop }

        func add() {
            #expect(loop.isCurrent)
            count += 1
        }
    }

    @Test func tasksAndActorsRunOnTheLoopsThread() async throws {
        try await withLoop { loop in
            #expect(loop.isCurrent)
            let counter = Counter(loop: loop)
            for _ in 0..<1000 { await counter.add() }
            await withTaskGroup { group in
                for _ in 0..<100 { group.addTask { await counter.add() } }
            }
            #expect(await counter.count == 1100)
            #expect(loop.isCurrent)
        }
    }

    @Test func aTimersCallbackIsIsolatedToTheLoopsActors() async throws {
        try await withLoop { loop in
            let counter = Counter(loop: loop)
            let gate = Gate()
            let timer = loop.makeTimer {
                counter.assumeIsolated { $0.add() }
                gate.check()
            }
            timer.arm(at: loop.now)
            await gate.until { counter.assumeIsolated { $0.count } == 1 }
        }
    }

    @Test func otherThreadsAreNotOnTheLoop() async throws {
        let loop = try UVLoop(name: "test", log: Log(sink: SilentLog()))
        #expect(!loop.isCurrent)
        #expect(loop.isIsolatingCurrentContext() == false)
        loop.stop()
    }

    /// Says when it is gone.
    private final class Trace: Sendable {
        private let isGone: CheckedContinuation<Void, Never>
        init(_ isGone: CheckedContinuation<Void, Never>) { self.isGone = isGone }
        deinit { isGone.resume() }
    }

    @Test func aLoopThatIsStoppedFromItsOwnThreadEndsByItself() async throws {
        await withCheckedContinuation { isGone in
            let trace = Trace(isGone)
            do {
                let loop = try UVLoop(name: "test", log: Log(sink: SilentLog()))
                loop.startTask {
                    // A socket holds its delegate until the loop's end.
                    let listener = try? loop.listen(on: .ip(.v4(0x7f00_0001), port: 0)) { _ in _ = trace }
                    loop.stop()
                    #expect(listener != nil)
                }
            } catch {
                Issue.record(error)
            }
        }
    }

    @Test func timersThatOutliveTheirLoopLetGoOfWhatTheyHold() async throws {
        weak var remains: Trace?
        await withCheckedContinuation { isGone in
            do {
                let loop = try UVLoop(name: "test", log: Log(sink: SilentLog()))
                let trace = Trace(isGone)
                remains = trace
                let timer = loop.makeTimer { _ = trace }
                loop.stop()
                withExtendedLifetime(timer) {}
            } catch {
                Issue.record(error)
            }
        }
        #expect(remains == nil)
    }

    @Test func timersDroppedOnOtherThreadsLetGoOfWhatTheyHold() async throws {
        let loop = try UVLoop(name: "test", log: Log(sink: SilentLog()))
        for _ in 0..<100 {
            await withCheckedContinuation { isGone in
                let trace = Trace(isGone)
                withExtendedLifetime(loop.makeTimer { _ = trace }) {}
            }
        }
        loop.stop()
    }

    @Test func workFromManyThreadsAllArrives() async throws {
        let loop = try UVLoop(name: "test", log: Log(sink: SilentLog()))
        let counter = Counter(loop: loop)
        await withTaskGroup { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<500 { await counter.add() }
                }
            }
        }
        #expect(await counter.count == 4000)
        loop.stop()
    }

    @Test func twoLoopsTalkAndKeepTheirThreads() async throws {
        let other = try UVLoop(name: "other", log: Log(sink: SilentLog()))
        try await withLoop { loop in
            let counter = Counter(loop: other)
            for _ in 0..<1000 {
                await counter.add()
                #expect(loop.isCurrent)
            }
            #expect(await counter.count == 1000)
        }
        other.stop()
    }

    @Test func aLoopStopsWithSocketsAndTimersOpen() async throws {
        let loop = try UVLoop(name: "test", log: Log(sink: SilentLog()))
        try await loop.startTask(returning: Void.self) {
            let harbour = try Harbour(on: loop, loopback4)
            let wire = try await Wire.connected(on: loop, to: harbour.address)
            _ = await harbour.wire(0)
            withExtendedLifetime(wire) {}
            let timer = loop.makeTimer {}
            timer.arm(at: loop.now + .seconds(3600))
        }.value
        loop.stop()
    }

    @Test func manyLoopsStartAndStop() throws {
        for _ in 0..<50 {
            let world = try RealWorld.make(loopCount: 2, log: Log(sink: SilentLog()))
            #expect(world.world.loops.count == 2)
            world.stop()
        }
    }

    @Test func aWorldRunsTheMainTaskAndGivesItsResult() throws {
        let world = try RealWorld.make(loopCount: 1, log: Log(sink: SilentLog()))
        defer { world.stop() }
        let isCurrent = try world.run { world in
            try await world.loops[0].sleep(for: .milliseconds(1))
            return world.loops[0].isCurrent
        }
        #expect(isCurrent)
        #expect(throws: SocketError.refused) { try world.run { _ -> Int in throw SocketError.refused } }
    }

    // MARK: End of turn

    private final class Flush: EndOfTurnWork, @unchecked Sendable {
        var runCount = 0
        var again = 0
        let loop: UVLoop
        var onRun: (@Sendable () -> Void)?
        init(loop: UVLoop) { self.loop = loop }
        func endOfTurn() {
            runCount += 1
            onRun?()
            if again > 0 {
                again -= 1
                loop.atEndOfTurn(self)
            }
        }
    }

    @Test func endOfTurnWorkRunsOnceForManyRequests() async throws {
        try await withLoop { loop in
            let flushes = (0..<40).map { _ in Flush(loop: loop) }
            let gate = Gate()
            for _ in 0..<10 { for flush in flushes { loop.atEndOfTurn(flush) } }
            #expect(flushes.allSatisfy { $0.runCount == 0 })
            flushes[39].onRun = { gate.check() }
            await gate.until { flushes[39].runCount > 0 }
            #expect(flushes.allSatisfy { $0.runCount == 1 })
        }
    }

    @Test func workThatAsksForItselfDoesNotStarveTimers() async throws {
        try await withLoop { loop in
            let flush = Flush(loop: loop)
            flush.again = .max
            loop.atEndOfTurn(flush)
            try await loop.sleep(for: .milliseconds(5))
            #expect(flush.runCount > 1)
            flush.again = 0
        }
    }

    @Test func jobsThatSpawnJobsDoNotStarveTimers() async throws {
        try await withLoop { loop in
            let isOver = Mutex(false)
            let spinner = loop.startTask {
                while !isOver.withLock({ $0 }) { await Task.yield() }
            }
            try await loop.sleep(for: .milliseconds(5))
            isOver.withLock { $0 = true }
            await spinner.value
        }
    }

    @Test func longJobsLetTimersHaveTheirTurn() async throws {
        try await withLoop { loop in
            let isDue = Mutex(false)
            let timer = loop.makeTimer { isDue.withLock { $0 = true } }
            timer.arm(at: loop.now + .milliseconds(1))
            var jobCount = 0
            while !isDue.withLock({ $0 }) {
                let end = loop.now + .milliseconds(1)
                while loop.now < end {}
                jobCount += 1
                await Task.yield()
            }
            // Far fewer than a turn has jobs at most.
            #expect(jobCount < 100)
        }
    }

    // MARK: Memory

    @Test func anIdleLoopGivesItsBlocksBack() async throws {
        try await withLoop { loop in
            #expect(loop.pooledByteCount == 0)
            let harbour = try Harbour(on: loop, loopback4) { $0.echoes = true }
            let wire = try await Wire.connected(on: loop, to: harbour.address)
            wire.write([1])
            await wire.gate.until { wire.received == [1] }
            _ = loop.takeRecordBuffer()
            #expect(loop.pooledByteCount == LoopBlock.readByteCount + LoopBlock.recordByteCount)
            while loop.pooledByteCount > 0 { try await loop.sleep(for: .milliseconds(100)) }
            wire.write([2])
            await wire.gate.until { wire.received == [1, 2] }
            wire.socket?.close()
            harbour.close()
        }
    }

    private actor Door {
        private let loop: UVLoop
        private(set) var sum = 0
        nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

        init(loop: UVLoop) { self.loop = loop }

        nonisolated func add(_ number: Int) { enter(number) { $0.sum += $1 } }
        nonisolated func increment() { enter { $0.sum += 1 } }
    }

    @Test func callbacksEnterAnActorOfTheirLoop() async throws {
        try await withLoop { loop in
            let door = Door(loop: loop)
            let gate = Gate()
            let timer = loop.makeTimer {
                door.add(41)
                door.increment()
                gate.check()
            }
            timer.arm(at: loop.now)
            await gate.until { door.assumeIsolated { $0.sum } == 42 }
        }
    }

    @Test func enteringAnActorFromElsewhereTraps() async {
        await #expect(processExitsWith: .failure) {
            let loop = try UVLoop(name: "test", log: Log(sink: SilentLog()))
            Door(loop: loop).increment()
        }
    }

    @Test func recordBlocksAreReusedOnceNobodyHoldsThem() async throws {
        try await withLoop { loop in
            let first = ObjectIdentifier(loop.takeRecordBuffer())
            let second = ObjectIdentifier(loop.takeRecordBuffer())
            #expect(first == second)
            let held = loop.takeRecordBuffer()
            #expect(held !== loop.takeRecordBuffer())
            #expect(held.byteCount == LoopBlock.recordByteCount)
        }
    }
}

import Foundation
import StarlingCore
import StarlingSimulator
import StarlingWorld
import Synchronization
import Testing

@Suite struct SimulationTests {
    private actor Recorder {
        private let loop: any EventLoop
        private(set) var trace: [Int] = []
        nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

        init(loop: any EventLoop) { self.loop = loop }

        func record(_ value: Int) async {
            trace.append(value)
            await Task.yield()
            trace.append(-value)
            try? await loop.sleep(for: .milliseconds(10 - value))
            trace.append(value * 100)
        }
    }

    @Test func actorsAndTaskGroupsInterleaveTheSameWayEveryTime() throws {
        var traces: Set<[Int]> = []
        var hashes: Set<UInt64> = []
        for _ in 0..<50 {
            let simulation = Simulation(seed: 1)
            let host = simulation.host()
            let loop = host.loop
            let trace = try simulation.complete(on: host) {
                let recorder = Recorder(loop: loop)
                await withTaskGroup { group in
                    for value in 1...4 { group.addTask { await recorder.record(value) } }
                }
                return await recorder.trace
            }
            traces.insert(trace)
            hashes.insert(simulation.traceHash)
        }
        #expect(traces.count == 1)
        #expect(traces.first?.count == 12)
        #expect(hashes.count == 1)
    }

    @Test func aThousandTimersFireInTheOrderOfTheirDeadlines() throws {
        let simulation = Simulation(seed: 2)
        let host = simulation.host()
        var order = SplitMix64(seed: 3)
        let delays = (0..<1000).map { _ in order.number(below: 500) }
        let fired = Mutex<[Int]>([])
        let loop = host.loop
        let timers = loop.perform {
            delays.map { delay in
                let timer = loop.makeTimer { fired.withLock { $0.append(delay) } }
                timer.arm(at: loop.now + .milliseconds(delay))
                return timer
            }
        }
        try simulation.run(for: .milliseconds(499))
        #expect(fired.withLock { $0 } == delays.sorted())
        #expect(timers.count == 1000)
        #expect(simulation.now == Instant(nanosecondsSinceOrigin: 499_000_000))
    }

    @Test func aBareContinuationResumesOnItsLoop() throws {
        let simulation = Simulation(seed: 4)
        let host = simulation.host()
        let loop = host.loop
        let isOnLoop = try simulation.complete(on: host) {
            await withUnsafeContinuation { continuation in
                loop.startTask { continuation.resume() }
            }
            return loop.isCurrent
        }
        #expect(isOnLoop)
    }

    @Test func workFromAnotherThreadIsReported() async throws {
        let simulation = Simulation(seed: 5)
        let host = simulation.host()
        let loop = host.loop
        try simulation.settle()
        await withCheckedContinuation { continuation in
            let thread = Thread {
                loop.startTask {}
                continuation.resume()
            }
            thread.start()
        }
        #expect(throws: SimulationError.escaped(jobCount: 1)) { try simulation.settle() }
        try simulation.settle()
    }

    @Test func workThatCannotEndIsReported() throws {
        let simulation = Simulation(seed: 6)
        let host = simulation.host()
        #expect(throws: SimulationError.deadlock) {
            try simulation.complete(on: host) {
                await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in }
            }
        }
    }

    @Test func tasksThatSpinAreReported() throws {
        var configuration = Simulation.Configuration()
        configuration.turnJobCountMax = 1000
        let simulation = Simulation(seed: 7, configuration: configuration)
        let host = simulation.host()
        #expect(throws: SimulationError.self) {
            try simulation.complete(on: host) { while !Task.isCancelled { await Task.yield() } }
        }
    }

    @Test func theTailOfTheTraceKeepsTheLastEvents() throws {
        var configuration = Simulation.Configuration()
        configuration.traceTailCountMax = 3
        let simulation = Simulation(seed: 8, configuration: configuration)
        for index in 1...5 { simulation.after(.seconds(index)) { simulation.note("step \(index)") } }
        try simulation.run(for: .seconds(10))
        #expect(
            simulation.traceTail.map(\.description) == [
                "3.000000000 note 0 -> 0 6 step 3",
                "4.000000000 note 0 -> 0 6 step 4",
                "5.000000000 note 0 -> 0 6 step 5",
            ]
        )
    }

    @Test func whatIsNotDoneInItsTimeIsReported() throws {
        let simulation = Simulation(seed: 9)
        let host = simulation.host()
        let loop = host.loop
        #expect(throws: SimulationError.unfinished(after: .seconds(5))) {
            try simulation.complete(on: host, within: .seconds(5)) { try await loop.sleep(for: .seconds(6)) }
        }
        #expect(throws: CancellationError.self) {
            try simulation.complete(on: host) { throw CancellationError() }
        }
    }
}

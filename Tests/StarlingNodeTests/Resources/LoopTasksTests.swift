import StarlingSimulator
import StarlingWorld
import Synchronization
import Testing

@testable import StarlingNode

@Suite struct LoopTasksTests {
    @Test func whatRunsIsCancelledAndNothingBeginsAfterwards() throws {
        let simulation = Simulation(seed: 1)
        let host = simulation.host("alice")
        let tasks = LoopTasks(on: host.loop)
        let log = Mutex<[String]>([])
        try simulation.complete(on: host) { [loop = host.loop] in
            tasks.start { log.withLock { $0.append("short") } }
            for name in ["one", "two"] {
                tasks.start {
                    try? await loop.sleep(for: .seconds(60))
                    log.withLock { $0.append(name + (Task.isCancelled ? " is cancelled" : "")) }
                }
            }
            try await loop.sleep(for: .seconds(1))
            let running = tasks.cancel()
            #expect(running.count == 2, "one has ended")
            #expect(tasks.start { log.withLock { $0.append("late") } } == nil)
            for task in running { await task.value }
        }
        #expect(log.withLock { $0 } == ["short", "one is cancelled", "two is cancelled"])
    }
}

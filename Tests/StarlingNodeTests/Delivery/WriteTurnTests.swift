import StarlingSimulator
import StarlingWorld
import Synchronization
import Testing

@testable import StarlingNode

@Suite struct WriteTurnTests {
    private let simulation = Simulation(seed: 1)

    @Test func whoComesFirstGoesFirst() throws {
        let loop = simulation.host("alice").world.loops[0]
        let turn = WriteTurn(on: loop)
        let order = Mutex<[Int]>([])
        for number in 0..<4 {
            loop.startTask {
                let isMine = await turn.take()
                order.withLock { $0.append(isMine ? number : -1) }
                try? await loop.sleep(for: .seconds(1))
                await turn.giveBack()
            }
        }
        try simulation.run(for: .milliseconds(1500))
        #expect(order.withLock { $0 } == [0, 1], "each keeps it until it gives it back")
        try simulation.run(for: .seconds(10))
        #expect(order.withLock { $0 } == [0, 1, 2, 3])
    }

    @Test func whoeverIsCancelledWaitsNoLongerAndTakesNothing() throws {
        let host = simulation.host("alice")
        let loop = host.world.loops[0]
        let turn = WriteTurn(on: loop)
        let told = Mutex<[String]>([])
        _ = try simulation.complete(on: host) { await turn.take() }
        let waiting = loop.startTask {
            let isMine = await turn.take()
            told.withLock { $0.append("cancelled \(isMine)") }
        }
        loop.startTask {
            let isMine = await turn.take()
            told.withLock { $0.append("next \(isMine)") }
        }
        try simulation.run(for: .seconds(1))
        waiting.cancel()
        try simulation.run(for: .seconds(1))
        #expect(told.withLock { $0 } == ["cancelled false"], "the turn is still somebody else's")
        try simulation.complete(on: host) { await turn.giveBack() }
        try simulation.run(for: .seconds(1))
        #expect(told.withLock { $0 } == ["cancelled false", "next true"])
    }

    @Test func nobodyWritesBehindAWriteThatFailed() throws {
        let host = simulation.host("alice")
        let loop = host.world.loops[0]
        let turn = WriteTurn(on: loop)
        let told = Mutex<[Bool]>([])
        _ = try simulation.complete(on: host) { await turn.take() }
        loop.startTask {
            let isMine = await turn.take()
            told.withLock { $0.append(isMine) }
        }
        try simulation.run(for: .seconds(1))
        try simulation.complete(on: host) { await turn.end() }
        try simulation.run(for: .seconds(1))
        #expect(told.withLock { $0 } == [false])
        let isMine = try simulation.complete(on: host) { await turn.take() }
        #expect(!isMine)
    }
}

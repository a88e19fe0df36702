import StarlingSimulator
import Synchronization
import Testing

@Suite struct PingFleetTests {
    static func options(seed: UInt64) -> PingFleet.Options {
        var options = PingFleet.Options()
        options.seed = seed
        options.nodeCount = 12
        options.duration = .seconds(60)
        options.resetRatioPerMinute = 0.5
        return options
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func theSameSeedGivesTheSameTrace(seed: UInt64) throws {
        let first = try PingFleet(Self.options(seed: seed)).run()
        let second = try PingFleet(Self.options(seed: seed)).run()
        #expect(first == second, "seed \(seed)")
        // Who looks at how far it is changes nothing.
        let count = Mutex(0)
        #expect(try PingFleet(Self.options(seed: seed)).run { _ in count.withLock { $0 += 1 } } == first)
        #expect(count.withLock { $0 } == 60)
        #expect(first.violations == [], "seed \(seed)")
        #expect(first.resetCount > 0, "seed \(seed)")
        #expect(first.pingCount > 12 * 5 * 10, "seed \(seed)")
    }

    @Test func anotherSeedGivesAnotherTrace() throws {
        let first = try PingFleet(Self.options(seed: 1)).run()
        #expect(try PingFleet(Self.options(seed: 2)).run().traceHash != first.traceHash)
    }
}

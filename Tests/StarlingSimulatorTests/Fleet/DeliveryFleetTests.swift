import StarlingSimulator
import Testing

@Suite struct DeliveryFleetTests {
    /// A small fleet with much trouble: some seconds for some hours.
    static func options(seed: UInt64, nodeCount: Int = 6) -> DeliveryFleet.Options {
        var options = DeliveryFleet.Options()
        options.seed = seed
        options.nodeCount = nodeCount
        options.duration = .seconds(90 * 60)
        options.traffic.messagesPerHour = 30
        options.faults.crashInterval = .seconds(10 * 60)
        options.faults.restartInterval = .seconds(40 * 60)
        options.faults.resetRatioPerMinute = 0.1
        return options
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func nothingIsLostNorDeliveredTwiceAndTheSameSeedGivesTheSameTrace(seed: UInt64) throws {
        let first = try DeliveryFleet(Self.options(seed: seed)).run().report
        let second = try DeliveryFleet(Self.options(seed: seed)).run().report
        #expect(first == second, "seed \(seed)")
        #expect(first.violations == [], "seed \(seed): \(first.events)")
        #expect(first.pending == 0 && first.lost == 0 && first.duplicated == 0, "seed \(seed)")
        #expect(first.accepted == first.delivered + first.expired, "seed \(seed)")
        #expect(first.crashCount > 10 && first.restartCount > 0 && first.resetCount > 0, "seed \(seed)")
        #expect(first.delivered > 100 && first.answered > 10 && first.repeated > 10, "seed \(seed)")
    }

    @Test func rowsInMemoryServeAsWell() throws {
        var options = Self.options(seed: 4, nodeCount: 6)
        options.databaseCountMax = 2
        let report = try DeliveryFleet(options).run().report
        #expect(report.violations == [], "\(report.events)")
        #expect(report.crashCount > 10)
    }

    /// The checks can fail: on a disk that lies, the node's promises cannot hold.
    @Test func onDisksThatForgetWhatTheySyncedLossesAreFoundAndTold() throws {
        var options = Self.options(seed: 8)
        options.disksForgetSyncs = true
        let report = try DeliveryFleet(options).run().report
        #expect(report.lost > 0 && report.duplicated > 0)
        #expect(report.violations.contains { $0.contains("knows nothing of it") })
        #expect(report.events.contains { $0.contains("loses its power") })
    }

    @Test func memoryIsAskedForAllAlong() throws {
        var options = Self.options(seed: 7)
        options.duration = .seconds(3600)
        options.sampleCount = 12
        var probes = DeliveryFleet.Probes()
        probes.memory = { 1 << 40 }
        let memory = try DeliveryFleet(options, probes: probes).run().memory
        #expect(memory.samples.count == 12)
        #expect(memory.samples.allSatisfy { $0.allocatedByteCount == 1 << 40 && $0.diskByteCount > 6 * 4096 })
        #expect(memory.samples.allSatisfy { $0.nodeByteCount + $0.diskByteCount == 1 << 40 })
    }
}

import StarlingCore
import StarlingSimulator
import StarlingWorld
import Testing

@Suite struct StoreTests {
    @Test(arguments: StoreCheck.all)
    func aSimulatedHostKeepsInMemoryWhatEveryStorePromises(_ check: StoreCheck) throws {
        let simulation = Simulation(seed: 1)
        let host = simulation.host()
        try simulation.complete(on: host) {
            try await StoreStage(loop: host.loop, outlivesClose: false) { host.world.store }.run(check)
        }
    }

    @Test(arguments: StoreCheck.all)
    func aSimulatedHostKeepsOnItsDiskWhatEveryStorePromises(_ check: StoreCheck) throws {
        func run(seed: UInt64) throws -> UInt64 {
            let simulation = Simulation(seed: seed)
            let host = simulation.host(configuration: Self.configuration(.disk))
            let (loop, store) = (host.loop, host.world.store)
            try simulation.complete(on: host) {
                try await StoreStage(loop: loop, outlivesClose: false) { store }.run(check)
            }
            return simulation.traceHash
        }
        #expect(try run(seed: 1) == run(seed: 1))
    }

    private static func configuration(_ storage: SimulatedHost.Storage) -> SimulatedHost.Configuration {
        var configuration = SimulatedHost.Configuration()
        configuration.storage = storage
        return configuration
    }

    @Test func aHostWhoseDiskIsFullTellsWhyItHasNoStore() throws {
        let simulation = Simulation(seed: 1)
        let host = simulation.host(configuration: Self.configuration(.disk))
        host.crash(.process)
        for path in host.disk?.paths ?? [] { try host.disk?.remove(path) }
        host.disk?.faults.byteCountMax = 0
        host.restart()
        #expect(host.storeError == .noSpace)
        host.disk?.faults.byteCountMax = nil
        host.restart()
        #expect(host.storeError == nil && host.store != nil)
    }

    @Test(arguments: [SimulatedHost.Storage.tables, .disk])
    func whatWasCompletedOutlivesACrashAndTheRestIsWholeOrAbsent(_ storage: SimulatedHost.Storage) throws {
        let table = StoreTable("crash", .numbers)
        var (present, absent) = (0, 0)
        for seed in UInt64(1)...40 {
            let simulation = Simulation(seed: seed)
            let host = simulation.host(configuration: Self.configuration(storage))
            try simulation.complete(on: host) {
                let probe = StoreCaller(host.world)
                try await probe.put(table, 1...2)
            }
            let late = StoreCaller(host.world)
            host.loop.startTask { () async -> Void in try? await late.put(table, 3...4) }
            try simulation.settle()
            host.crash(seed % 2 == 0 ? .process : .power)
            try simulation.run(for: .seconds(1))
            let world = host.restart()
            let rows = try simulation.complete(on: host) { try await StoreCaller(world).count(table) }
            #expect(rows == 2 || rows == 4, "seed \(seed)")
            if rows == 4 { present += 1 } else { absent += 1 }
        }
        #expect(present > 0 && absent > 0)
    }
}

/// Calls a store from its loop.
actor StoreCaller {
    private let world: World

    nonisolated var unownedExecutor: UnownedSerialExecutor { world.loops[0].asUnownedSerialExecutor() }

    init(_ world: World) { self.world = world }

    func put(_ table: StoreTable, _ numbers: ClosedRange<UInt64>) async throws {
        var batch = StoreBatch()
        for number in numbers { batch.put(StoreKey(table, number), [UInt8(number)]) }
        try await world.store.commit(batch)
    }

    func count(_ table: StoreTable) async throws -> Int {
        try await world.store.scan(StoreScan(table)).count
    }
}

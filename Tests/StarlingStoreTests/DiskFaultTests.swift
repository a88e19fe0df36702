import StarlingCore
import StarlingSimulator
import StarlingStore
import StarlingWorld
import Testing

@Suite struct DiskFaultTests {
    private func batch(_ number: UInt64, byteCount: Int = 100) -> StoreBatch {
        var batch = StoreBatch()
        batch.put(StoreKey(numbers, number), [UInt8](repeating: UInt8(number % 251), count: byteCount))
        batch.put(StoreKey(names, [UInt8(number % 251)]), [1])
        return batch
    }

    enum Fault: CaseIterable {
        case full, readOnly, failingSync

        var error: StoreError {
            switch self {
            case .full: .noSpace
            case .readOnly: .readOnly
            case .failingSync: .other(name: "SQLITE_IOERR_FSYNC")
            }
        }

        func set(_ disk: SimulatedDisk) {
            switch self {
            case .full: disk.faults.byteCountMax = 0
            case .readOnly: disk.faults.isReadOnly = true
            case .failingSync: disk.faults.failsSync = true
            }
        }
    }

    @Test func aDiskTellsWhatItsFilesTakeOfTheProcess() throws {
        let disk = SimulatedDisk(seed: 1)
        let content = [UInt8](repeating: 7, count: 100_000)
        let file = try disk.open("/a", creates: true)
        try content.withUnsafeBytes { try file.write($0, at: 0) }
        try file.sync()
        let synced = disk.heldByteCount
        #expect(synced >= 100_000)
        // A sector that is written again is there in both versions until it is synced.
        try content.withUnsafeBytes { try file.write($0, at: 0) }
        #expect(disk.heldByteCount >= synced + 100_000)
        try file.sync()
        #expect(disk.heldByteCount == synced)
        try disk.remove("/a")
        #expect(disk.heldByteCount == 0)
    }

    @Test func aFileThatGrowsOrShrinksTakesLittleMoreThanItHas() throws {
        let disk = SimulatedDisk(seed: 1)
        let page = [UInt8](repeating: 7, count: 4096)
        let file = try disk.open("/a", creates: true)
        for byteCount in stride(from: 0, to: 400 * 4096, by: 4096) {
            try page.withUnsafeBytes { try file.write($0, at: byteCount) }
            try file.sync()
            let end = byteCount + page.count
            // The last part is what an allocation may be rounded up by: a page.
            #expect(disk.heldByteCount <= end + max(65_536, end / 8) + 16_384)
        }
        try file.truncate(to: 8192)
        try file.sync()
        #expect(disk.heldByteCount <= 8192 + 65_536)
    }

    /// Whatever the fault, what the caller hears is what is there, now and after a crash.
    @Test(arguments: Fault.allCases)
    func aFaultFailsWholeBatchesAndPasses(_ fault: Fault) throws {
        for seed in UInt64(1)...20 {
            let disk = SimulatedDisk(seed: seed)
            // A log with room in it takes commits on a full disk.
            var limits = StoreEngine.Limits()
            limits.logByteCountMin = 0
            var rig: EngineRig? = try EngineRig(disk, limits: limits)
            var expected: [StoreKey: [UInt8]] = [:]
            for number in UInt64(1)...5 {
                #expect(rig?.commit(batch(number)) == nil)
                expected.apply(batch(number))
            }
            fault.set(disk)
            for number in UInt64(6)...8 {
                let errors = rig?.commit([batch(number), batch(number + 100, byteCount: 9000)])
                #expect(errors?.allSatisfy { $0 != nil } == true)
                if number == 6 { #expect(errors?.first == fault.error) }
                if fault != .failingSync { #expect(difference(try rig?.all(), expected) == nil) }
            }
            disk.faults = .init()
            #expect(difference(try rig?.all(), expected) == nil, "seed \(seed)")
            #expect(rig?.commit(batch(9)) == nil, "seed \(seed)")
            expected.apply(batch(9))
            #expect(difference(try rig?.all(), expected) == nil)
            disk.crash(.power)
            rig = nil
            let again = try EngineRig(disk)
            #expect(difference(try again.all(), expected) == nil, "seed \(seed)")
            #expect(again.board.report.isClean)
        }
    }

    /// The log cannot be moved into the database, but holds what was promised.
    @Test func aFullDiskStillOpensAndReads() throws {
        let disk = SimulatedDisk(seed: 1)
        var rig: EngineRig? = try EngineRig(disk)
        for number in UInt64(1)...20 { #expect(rig?.commit(batch(number, byteCount: 3000)) == nil) }
        disk.crash(.power)
        rig = nil
        disk.faults.byteCountMax = 0
        let again = try EngineRig(disk)
        #expect(try again.rows(of: numbers).count == 20)
        #expect(again.commit(batch(21)) == .noSpace)
        disk.faults = .init()
        #expect(again.commit(batch(21)) == nil)
        #expect(try again.rows(of: numbers).count == 21)
        again.engine.close()
        let third = try EngineRig(disk)
        #expect(try third.rows(of: numbers).count == 21)
    }

    @Test func aDiskThatCannotBeWrittenIsATypedErrorAtTheStart() throws {
        let disk = SimulatedDisk(seed: 1)
        disk.faults.isReadOnly = true
        #expect(throws: StoreError.readOnly) { try EngineRig(disk) }
        disk.faults = .init()
        disk.faults.byteCountMax = 0
        #expect(throws: StoreError.noSpace) { try EngineRig(disk) }
        disk.faults = .init()
        #expect(try EngineRig(disk).commit(batch(1)) == nil)
    }

    @Test func theLogStaysWithinItsLimitWhateverIsWritten() throws {
        let disk = SimulatedDisk(seed: 1)
        var limits = StoreEngine.Limits()
        limits.checkpointFrameCount = 50
        limits.logByteCountMin = 0
        let rig = try EngineRig(disk, limits: limits)
        var largest = 0
        for number in UInt64(1)...300 {
            #expect(rig.commit(batch(number, byteCount: 1000)) == nil)
            largest = max(largest, disk.content(of: EngineRig.logPath)?.count ?? 0)
        }
        #expect(largest > 50 * 4120 && largest < 80 * 4120, "\(largest) bytes")
    }

    @Test func theLogHasRoomBeforeCommitsNeedItAndIsNotWrongForIt() throws {
        let disk = SimulatedDisk(seed: 1)
        var rig: EngineRig? = try EngineRig(disk)
        #expect(disk.content(of: EngineRig.logPath)?.count ?? 0 == 0)
        var byteCounts: [Int] = []
        for number in UInt64(1)...300 {
            #expect(rig?.commit(batch(number, byteCount: 3000)) == nil)
            byteCounts.append(disk.content(of: EngineRig.logPath)?.count ?? 0)
        }
        #expect(byteCounts.first == 1_048_576)
        // Twice as long as what it held when its end came near, and no longer than what is left of a full one.
        #expect(Set(byteCounts).count < 8 && byteCounts[299] > 300 * 4120 && byteCounts[299] <= 16_777_216)
        disk.crash(.power)
        rig = nil
        let again = try EngineRig(disk)
        #expect(again.board.report.isClean)
        #expect(try again.rows(of: numbers).count == 300)
    }

    @Test func aDiskWithoutRoomForAReserveTakesCommitsUntilItIsFull() throws {
        let disk = SimulatedDisk(seed: 1)
        let rig = try EngineRig(disk)
        disk.faults.byteCountMax = 300_000
        var count: UInt64 = 0
        while rig.commit(batch(count + 1, byteCount: 3000)) == nil, count < 1000 { count += 1 }
        #expect(count > 10 && count < 100)
        disk.faults = .init()
        #expect(rig.commit(batch(count + 1)) == nil)
        #expect(try rig.rows(of: numbers).count == Int(count) + 1)
    }
}

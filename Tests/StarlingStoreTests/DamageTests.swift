import StarlingCore
import StarlingSimulator
import StarlingStore
import StarlingWorld
import Testing

@Suite struct DamageTests {
    /// A store with rows of all sizes, some of them removed, closed or killed.
    private func filled(seed: UInt64, closes: Bool) throws -> (disk: SimulatedDisk, rows: [StoreKey: [UInt8]])
    {
        var random = SplitMix64(seed: seed)
        let disk = SimulatedDisk(seed: seed)
        let rig = try EngineRig(disk)
        var rows: [StoreKey: [UInt8]] = [:]
        for _ in 0..<120 {
            let batch = StoreBatch.random(using: &random)
            #expect(rig.commit(batch) == nil)
            rows.apply(batch)
        }
        if closes { rig.engine.close() }
        disk.crash(.process)
        return (disk, rows)
    }

    /// Opens what is left, and checks that it is no lie; returns how many rows are missing.
    @discardableResult
    private func check(
        _ disk: SimulatedDisk,
        _ rows: [StoreKey: [UInt8]],
        _ comment: Comment
    ) throws -> (missing: Int, report: StoreReport) {
        let rig = try EngineRig(disk)
        let found = try rig.all()
        var wrong = 0
        for (key, value) in found where rows[key] != value { wrong += 1 }
        #expect(wrong == 0, comment)
        let missing = rows.keys.filter { found[$0] == nil }.count
        let report = rig.board.report
        if report.isClean { #expect(missing == 0, comment) }
        // It goes on as a store like any other.
        var batch = StoreBatch()
        batch.put(StoreKey(numbers, 5000), [1])
        #expect(rig.commit(batch) == nil, comment)
        rig.engine.close()
        let again = try EngineRig(disk)
        var expected = found
        expected.apply(batch)
        #expect(difference(try again.all(), expected) == nil, comment)
        #expect(again.board.report.isClean, comment)
        return (missing, report)
    }

    @Test func aFlippedBitInTheDatabaseCostsAFewRowsAtMostAndIsTold() throws {
        let (disk, rows) = try filled(seed: 1, closes: true)
        let sound = try #require(disk.content(of: EngineRig.path))
        var random = SplitMix64(seed: 2)
        // Each bit of the header, and some of the rest.
        let bits =
            Array(stride(from: 0, to: 800, by: 7))
            + (0..<150).map { _ in random.number(below: sound.count * 8) }
        var (detected, worst) = (0, 0)
        for bit in bits {
            let damaged = SimulatedDisk(seed: UInt64(bit))
            damaged.place(EngineRig.path, content: sound)
            damaged.flipBit(bit, of: EngineRig.path)
            let (missing, report) = try check(damaged, rows, "bit \(bit)")
            if !report.isClean { detected += 1 }
            worst = max(worst, missing)
        }
        #expect(detected > 80, "\(detected) of \(bits.count)")
        #expect(worst < 40, "\(worst) rows of \(rows.count) are missing")
    }

    @Test func aTornWriteInTheDatabaseCostsTheRowsOfThatPlace() throws {
        let (disk, rows) = try filled(seed: 3, closes: true)
        let sound = try #require(disk.content(of: EngineRig.path))
        var random = SplitMix64(seed: 4)
        for trial in 0..<30 {
            let damaged = SimulatedDisk(seed: UInt64(trial))
            var bytes = sound
            let sector = random.number(below: bytes.count / 512)
            for index in sector * 512..<min(bytes.count, (sector + 1 + random.number(below: 7)) * 512) {
                bytes[index] = trial % 2 == 0 ? 0 : UInt8(truncatingIfNeeded: random.next())
            }
            damaged.place(EngineRig.path, content: bytes)
            let (missing, report) = try check(damaged, rows, "trial \(trial), sector \(sector)")
            #expect(missing < rows.count / 2, "trial \(trial), sector \(sector)")
            if bytes != sound, missing > 0 { #expect(!report.isClean) }
        }
    }

    @Test func aTruncatedDatabaseKeepsWhatStandsBeforeTheCut() throws {
        let (disk, rows) = try filled(seed: 5, closes: true)
        let sound = try #require(disk.content(of: EngineRig.path))
        for part in 0..<24 {
            let damaged = SimulatedDisk(seed: UInt64(part))
            damaged.place(EngineRig.path, content: sound)
            damaged.place(EngineRig.lockPath, content: try #require(disk.content(of: EngineRig.lockPath)))
            let byteCount = sound.count * part / 24 + part
            damaged.truncate(EngineRig.path, to: byteCount)
            let (missing, report) = try check(damaged, rows, "\(byteCount) of \(sound.count) bytes")
            #expect(!report.isClean, "\(byteCount) bytes")
            if part > 12 { #expect(missing < rows.count * 3 / 4, "\(byteCount) bytes: \(missing) missing") }
        }
    }

    @Test func aFlippedBitInTheLogIsToldWhenCommitsFollowIt() throws {
        let (disk, rows) = try filled(seed: 7, closes: false)
        let database = try #require(disk.content(of: EngineRig.path))
        let log = try #require(disk.content(of: EngineRig.logPath))
        // Zeros behind the last commit are nobody's.
        let byteCount = try #require(log.lastIndex { $0 != 0 }) + 1
        #expect(byteCount > 100 * 4120 && byteCount < log.count)
        var random = SplitMix64(seed: 8)
        // Two batches at the end have no commit behind them that would tell.
        let end = byteCount - 40 * 4120
        for trial in 0..<100 {
            let damaged = SimulatedDisk(seed: UInt64(trial))
            damaged.place(EngineRig.path, content: database)
            damaged.place(EngineRig.logPath, content: log)
            let bit = trial < 32 ? trial * 8 + trial % 8 : random.number(below: end * 8)
            damaged.flipBit(bit, of: EngineRig.logPath)
            let (missing, report) = try check(damaged, rows, "bit \(bit)")
            #expect(!report.isClean, "bit \(bit)")
            #expect(missing < 40, "bit \(bit): \(missing) missing")
        }
    }

    @Test func whatWasPutAsideIsAllThere() throws {
        let (disk, rows) = try filled(seed: 9, closes: false)
        let (database, log) = (disk.content(of: EngineRig.path), disk.content(of: EngineRig.logPath))
        disk.flipBit(8 * 4120 * 3, of: EngineRig.logPath)
        let damagedLog = disk.content(of: EngineRig.logPath)
        #expect(log != damagedLog)
        let (_, report) = try check(disk, rows, "the log")
        let aside = EngineRig.path + ".damaged-20260501T120000Z"
        #expect(report.asidePaths == [aside])
        #expect(disk.content(of: aside) == database)
        #expect(disk.content(of: aside + "-wal") == damagedLog)
    }

    @Test func aSalvageThatACrashInterruptsGoesOn() throws {
        let (disk, rows) = try filled(seed: 11, closes: true)
        var sound = try #require(disk.content(of: EngineRig.path))
        sound[4096 * 2 + 200] ^= 1
        sound[4096 * 3] = 0
        var (finished, changeCount) = (false, 0)
        while !finished {
            let damaged = SimulatedDisk(seed: UInt64(changeCount))
            damaged.place(EngineRig.path, content: sound)
            damaged.faults.changeCountLeft = changeCount
            finished = (try? EngineRig(damaged)) != nil && damaged.faults.changeCountLeft != 0
            damaged.crash(.power)
            let rig = try EngineRig(damaged)
            let found = try rig.all()
            #expect(found.allSatisfy { rows[$0.key] == $0.value }, "\(changeCount) changes")
            #expect(found.count > rows.count / 2, "\(changeCount) changes: \(found.count) of \(rows.count)")
            changeCount += 4
        }
        #expect(changeCount > 40)
    }

    @Test func aRowThatFailsItsChecksumWhileTheStoreIsOpenIsPutAwayAndTold() throws {
        let (disk, before) = try filled(seed: 13, closes: true)
        var rows = before
        var rig = try EngineRig(disk)
        let victim = StoreKey(numbers, 300)
        let value = Array("A text that stands in no other row of this store.".utf8)
        var batch = StoreBatch()
        batch.put(victim, value)
        #expect(rig.commit(batch) == nil)
        rig.engine.close()
        rig = try EngineRig(disk)
        rows.apply(batch)
        let content = try #require(disk.content(of: EngineRig.path))
        // Wherever the value stands, also where it was before.
        for range in content.ranges(of: value) {
            disk.flipBit((range.lowerBound + 5) * 8, of: EngineRig.path)
        }
        rig.engine.releaseMemory()
        #expect(try rig.read(victim) == nil)
        #expect(rig.board.report.quarantined.map(\.table) == ["numbers"])
        #expect(rig.board.report.quarantined.map(\.rowCount) == [1])
        #expect(try rig.read(victim) == nil)
        var expected = rows
        expected[victim] = nil
        #expect(difference(try rig.all(), expected) == nil)
        rig.engine.close()
        let again = try EngineRig(disk)
        #expect(difference(try again.all(), expected) == nil)
        #expect(again.board.report.isClean)
    }

    @Test func aNewerSchemaIsRefusedAndLeftAsItIs() throws {
        let (disk, rows) = try filled(seed: 15, closes: true)
        let rig = try EngineRig(disk)
        var batch = StoreBatch()
        let version = StoreKey(StoreTable(onDisk: "_meta", .names), Array("version".utf8))
        let current = try #require(try rig.read(version))
        batch.put(version, [99, 0, 0, 0, 0, 0, 0, 0])
        #expect(rig.commit(batch) == nil)
        rig.engine.close()
        #expect(throws: StoreError.tooNew(version: 99, known: Int(current[0]))) { try EngineRig(disk) }
        #expect(disk.paths == [EngineRig.path, EngineRig.lockPath, EngineRig.logPath])
        #expect(rows.isEmpty == false)
    }
}

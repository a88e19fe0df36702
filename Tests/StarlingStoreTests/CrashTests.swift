import StarlingCore
import StarlingSimulator
import StarlingStore
import StarlingWorld
import Testing

@Suite struct CrashTests {
    /// Twenty lives of fifty disks: at a random change of the disk everything ends, and what was not synced is lost.
    @Test func athousandCrashesLoseNothingThatWasCompletedAndHalveNoBatch() throws {
        var (keptCount, goneCount, interruptedOpenings) = (0, 0, 0)
        for seed in UInt64(1)...50 {
            var random = SplitMix64(seed: seed)
            let disk = SimulatedDisk(seed: seed)
            var limits = StoreEngine.Limits()
            limits.checkpointFrameCount = 5 + random.number(below: 60)
            var certain: [StoreKey: [UInt8]] = [:]
            var uncertain: [StoreBatch] = []
            for life in 0..<20 {
                disk.faults.changeCountLeft = random.number(below: random.chance(0.2) ? 12 : 150)
                do {
                    let rig = try EngineRig(disk, limits: limits)
                    if disk.faults.changeCountLeft != 0 {
                        let found = try rig.all()
                        if found != certain {
                            for batch in uncertain { certain.apply(batch) }
                            keptCount += 1
                        } else if !uncertain.isEmpty {
                            goneCount += 1
                        }
                        #expect(difference(found, certain) == nil, "seed \(seed), life \(life)")
                        #expect(rig.board.report.isClean, "seed \(seed), life \(life): \(rig.board.report)")
                        uncertain = []
                        while disk.faults.changeCountLeft != 0, uncertain.isEmpty {
                            let batches = (0...random.number(below: 3)).map { _ in
                                StoreBatch.random(using: &random)
                            }
                            if rig.commit(batches).allSatisfy({ $0 == nil }) {
                                for batch in batches { certain.apply(batch) }
                            } else {
                                uncertain = batches
                            }
                        }
                    }
                } catch {
                    interruptedOpenings += 1
                }
                disk.crash(random.chance(0.8) ? .power : .process)
            }
            let rig = try EngineRig(disk, limits: limits)
            let found = try rig.all()
            if found != certain { for batch in uncertain { certain.apply(batch) } }
            #expect(difference(found, certain) == nil, "seed \(seed), at the end")
            #expect(rig.board.report.isClean, "seed \(seed), at the end")
        }
        #expect(keptCount > 0 && goneCount > 0 && interruptedOpenings > 0)
    }
}

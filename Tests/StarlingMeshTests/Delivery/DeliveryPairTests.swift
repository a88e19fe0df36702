import StarlingMesh
import Testing

@Suite struct DeliveryPairTests {
    private static func check(_ pair: DeliveryPair, seed: UInt64) {
        let tally = pair.tally
        #expect(pair.violations == [], "seed \(seed)")
        #expect(tally.accepted > 20 && tally.delivered > tally.accepted / 2, "seed \(seed): \(tally)")
    }

    /// Loss, repetition, another order, broken links, failing disks, crashes, replays and clocks that jump.
    @Test(arguments: UInt64(1)...24) func nothingIsLostAndNothingComesTwice(seed: UInt64) {
        var pair = DeliveryPair(seed: seed)
        pair.run(faultsFor: .seconds(600), messageCount: 60)
        Self.check(pair, seed: seed)
    }

    @Test(arguments: UInt64(101)...116) func withClocksThatAgreeNothingExpiresBeforeItsTime(seed: UInt64) {
        var faults = DeliveryPair.Faults()
        faults.jumps = false
        var pair = DeliveryPair(seed: seed, faults: faults)
        pair.run(faultsFor: .seconds(600), messageCount: 60)
        Self.check(pair, seed: seed)
    }

    @Test(arguments: UInt64(1)...6) func alsoAmongFour(seed: UInt64) {
        var group = DeliveryPair(seed: seed, nodeCount: 4)
        group.run(faultsFor: .seconds(300), messageCount: 30)
        Self.check(group, seed: seed)
    }

    @Test(arguments: UInt64(201)...220) func messagesWithFilesArriveOnceToo(seed: UInt64) {
        var faults = DeliveryPair.Faults()
        faults.fileRatio = 0.4
        var pair = DeliveryPair(seed: seed, faults: faults)
        pair.run(faultsFor: .seconds(600), messageCount: 60)
        Self.check(pair, seed: seed)
    }

    @Test func aSeedFromTheClockToo() {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("delivery pair, seed \(seed)")
        var pair = DeliveryPair(seed: seed)
        pair.run(faultsFor: .seconds(600), messageCount: 60)
        Self.check(pair, seed: seed)
    }

    @Test func withoutFaultsEverythingArrivesAtOnce() {
        let none = DeliveryPair.Faults(
            lossRatio: 0,
            repeatRatio: 0,
            commitFailureRatio: 0,
            crashes: false,
            jumps: false,
            replays: false,
            linkBreaks: false
        )
        var pair = DeliveryPair(seed: 5, faults: none)
        pair.run(faultsFor: .seconds(600), messageCount: 60)
        #expect(pair.violations == [])
        #expect(pair.tally.accepted == pair.tally.delivered + pair.tally.refused, "\(pair.tally)")
    }

    @Test func aSeedGivesOneTrace() {
        let traces = (0..<2).map { _ in
            var pair = DeliveryPair(seed: 77)
            pair.run(faultsFor: .seconds(300), messageCount: 40)
            return pair.trace
        }
        #expect(traces[0] == traces[1])
    }
}

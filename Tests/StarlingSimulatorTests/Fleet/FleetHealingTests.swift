import StarlingCore
import Testing

@testable import StarlingSimulator

@Suite struct FleetHealingTests {
    private static let second: Int64 = 1_000_000_000

    @Test func eachPartitionHasAnEndOfItsOwn() {
        var healing = FleetHealing()
        healing.begin([1, 2], now: 0)
        healing.begin([2, 3], now: Self.second)
        healing.begin([], now: Self.second)
        #expect(healing.count == 4 && healing.longest == nil)
        healing.ended(1, now: 2 * Self.second)
        healing.ended(3, now: 3 * Self.second)
        #expect(healing.straggler(beyond: .seconds(100)) == 2)
        healing.ended(2, now: 5 * Self.second)
        #expect(healing.longest == .seconds(5))
        #expect(healing.straggler(beyond: .seconds(5)) == nil)
        #expect(healing.straggler(beyond: .seconds(4)) == 2)
    }

    @Test func whereNobodyWaitedNothingTookTime() {
        var healing = FleetHealing()
        #expect(healing.longest == nil && healing.straggler(beyond: .zero) == nil)
        healing.begin([], now: 7)
        #expect(healing.longest == .zero && healing.straggler(beyond: .zero) == nil)
    }
}

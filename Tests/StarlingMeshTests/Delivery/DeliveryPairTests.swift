import StarlingMesh
import Testing

@Suite struct DeliveryPairTests {
    @Test(arguments: UInt64(1)...40) func nothingIsLostAndNothingComesTwice(seed: UInt64) {
        var pair = DeliveryPair(seed: seed)
        pair.run(faultsFor: .seconds(600), messageCount: 60)
        #expect(pair.violations == [], "seed \(seed)")
        #expect(
            pair.tally.accepted > 20 && pair.tally.delivered > pair.tally.accepted / 2,
            "seed \(seed): \(pair.tally)"
        )
        print("seed \(seed): \(pair.tally), \(pair.steps) steps, trace \(pair.trace)")
    }
}

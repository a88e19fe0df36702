import StarlingCore
import StarlingMesh
import Testing

@Suite struct RouteMetricTests {
    private static func cost(
        _ roundTrip: Duration?,
        loss: Double = 0,
        bytesPerSecond: Int64? = nil
    ) -> UInt32 {
        LinkQuality(roundTrip: roundTrip, lossRatio: loss, bytesPerSecond: bytesPerSecond).cost.microseconds
    }

    @Test func theCostIsTimeInMicroseconds() {
        #expect(Self.cost(.milliseconds(20)) == 21_000)
        #expect(Self.cost(.zero) == 1000)
        #expect(Self.cost(nil) == 51_000)
        // 16 KiB at 1,638,400 bytes a second take 10 ms.
        #expect(Self.cost(.milliseconds(20), bytesPerSecond: 1_638_400) == 31_000)
        #expect(Self.cost(.milliseconds(20), loss: 0.5) == 42_000)
    }

    @Test func whatIsMeasuredWronglyCostsSomethingStill() {
        #expect(Self.cost(.seconds(-5)) == 1000)
        #expect(Self.cost(.milliseconds(19), loss: 1) == Self.cost(.milliseconds(19), loss: 0.95))
        #expect(Self.cost(.milliseconds(19), loss: .nan) == Self.cost(.milliseconds(19), loss: 0.95))
        #expect(Self.cost(.milliseconds(19), loss: -1) == 20_000)
        #expect(Self.cost(.seconds(1_000_000)) == 60_000_000)
        #expect(Self.cost(.zero, loss: 1, bytesPerSecond: 0) == 60_000_000)
    }

    @Test func aDirectLinkWinsAmongEquals() throws {
        let link = LinkQuality(roundTrip: .milliseconds(5)).cost
        let short = LinkQuality(roundTrip: .microseconds(2500)).cost
        #expect(link < (try #require(short.adding(short))))
    }

    @Test func aSumAboveAnHourIsNoRoute() throws {
        let one = RouteKit.metric(1)
        #expect(RouteMetric.max.adding(.zero) == .max)
        #expect(RouteMetric.max.adding(one) == nil)
        #expect(RouteMetric.max.adding(.max) == nil)
        #expect(RouteMetric(microseconds: UInt64(RouteMetric.max.microseconds) + 1) == nil)
    }
}

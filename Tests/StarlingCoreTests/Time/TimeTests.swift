import StarlingCore
import Testing

@Suite struct WallTimeTests {
    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"), (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"), (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"), (1_777_636_800_000, "2026-05-01T12:00:00.000Z"),
            (1_767_225_599_999, "2025-12-31T23:59:59.999Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (-62_135_596_800_000, "0001-01-01T00:00:00.000Z"),
            (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"),
        ] as [(Int64, String)]
    )
    func isWrittenAsRFC3339Says(milliseconds: Int64, text: String) {
        #expect(WallTime(millisecondsSince1970: milliseconds).rfc3339 == text)
    }

    @Test func everyTimeCanBeWritten() {
        for milliseconds in [Int64.min, .min + 1, .max - 1, .max] {
            #expect(WallTime(millisecondsSince1970: milliseconds).rfc3339.hasSuffix("Z"))
        }
        #expect(WallTime(millisecondsSince1970: 1) < WallTime(millisecondsSince1970: 2))
    }
}

@Suite struct InstantTests {
    static let origin = Instant(nanosecondsSinceOrigin: 0)
    static let last = Instant(nanosecondsSinceOrigin: .max)
    static let first = Instant(nanosecondsSinceOrigin: .min)

    @Test func movesByDurations() {
        let second = Self.origin + .seconds(1)
        #expect(second.nanosecondsSinceOrigin == 1_000_000_000)
        #expect(second - .milliseconds(1) == Instant(nanosecondsSinceOrigin: 999_000_000))
        #expect(Self.origin.duration(to: second) == .seconds(1))
        #expect(second.duration(to: Self.origin) == .seconds(-1))
        #expect(Self.origin < second)
    }

    @Test func staysWithinWhat64BitsHold() {
        #expect(Self.last + .nanoseconds(1) == Self.last)
        #expect(Self.first - .nanoseconds(1) == Self.first)
        #expect(Self.origin + .seconds(Int64.max) == Self.last)
        #expect(Self.origin - .seconds(Int64.max) == Self.first + .nanoseconds(1))
        #expect(Self.origin + .seconds(Int64.min) == Self.first)
        #expect(Self.origin - .seconds(Int64.min) == Self.last)
        #expect(Self.origin - Duration(attoseconds: .min) == Self.last)
    }

    @Test func theDistanceOfFarMomentsIsClampedToo() {
        #expect(Self.first.duration(to: Self.last) == .nanoseconds(Int64.max))
        #expect(Self.last.duration(to: Self.first) == .nanoseconds(Int64.min))
    }

    @Test func durationsAreClampedToNanoseconds() {
        #expect(Duration.seconds(1).nanosecondsClamped == 1_000_000_000)
        #expect(Duration.nanoseconds(-1).nanosecondsClamped == -1)
        #expect(Duration.seconds(Int64.max).nanosecondsClamped == .max)
        #expect(Duration.seconds(Int64.min).nanosecondsClamped == .min)
        #expect(Duration.nanoseconds(Int64.max).nanosecondsClamped == .max)
        #expect(Duration.nanoseconds(Int64.min).nanosecondsClamped == .min)
        #expect((Duration.nanoseconds(Int64.max) + .nanoseconds(1)).nanosecondsClamped == .max)
        #expect((Duration.nanoseconds(Int64.min) - .nanoseconds(1)).nanosecondsClamped == .min)
        #expect(Duration(secondsComponent: 0, attosecondsComponent: 999_999_999).nanosecondsClamped == 0)
        #expect(Duration(attoseconds: .max).nanosecondsClamped == .max)
        #expect(Duration(attoseconds: .min).nanosecondsClamped == .min)
        #expect(Duration.milliseconds(1500).inSeconds == 1.5)
    }
}

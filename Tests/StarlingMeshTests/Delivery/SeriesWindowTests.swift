import StarlingMesh
import Testing

@Suite struct SeriesWindowTests {
    @Test func aNumberIsOpenUntilItIsDecided() {
        var window = SeriesWindow()
        #expect(window.standing(of: 1) == .open)
        window.decide(1)
        window.decide(64)
        #expect(window.standing(of: 1) == .decided)
        #expect(window.standing(of: 2) == .open)
        #expect(window.standing(of: 64) == .decided)
        window.reopen(64)
        #expect(window.standing(of: 64) == .open)
        #expect(window.standing(of: 0) == .settled)
    }

    @Test(arguments: [UInt64(1), 2, 63, 64, 65, 4095, 1_000_000_000_000] as [UInt64])
    func theWindowHasItsEdges(floor: UInt64) {
        var window = SeriesWindow(floor: floor)
        #expect(window.standing(of: floor - 1) == .settled)
        #expect(window.standing(of: floor) == .open)
        #expect(window.standing(of: floor + 4095) == .open)
        #expect(window.standing(of: floor + 4096) == .beyond)
        #expect(window.standing(of: .max) == .beyond)
        window.decide(floor + 4095)
        #expect(window.standing(of: floor + 4095) == .decided)
        #expect(window.standing(of: floor + 4094) == .open)
        window.decide(floor + 4096)
        #expect(window.standing(of: floor + 4096) == .beyond, "what is beyond is not kept")
    }

    @Test func theFloorOnlyRises() {
        var window = SeriesWindow()
        let raised = [100, 100, 99].map { window.raise(to: $0) }
        #expect(raised == [true, false, false])
        #expect(window.floor == 100)
        #expect(window.standing(of: 99) == .settled)
    }

    @Test func decisionsStayWhereTheyAreWhenTheFloorRises() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var draws = SeededDraws(seed: seed)
        var window = SeriesWindow(count: 256)
        var decided: Set<UInt64> = []
        var floor: UInt64 = 1
        for _ in 0..<5000 {
            let number = floor + UInt64(draws.below(256))
            switch draws.below(10) {
            case 0:
                floor += UInt64(draws.below(40))
                _ = window.raise(to: floor)
            case 1:
                window.reopen(number)
                decided.remove(number)
            default:
                window.decide(number)
                decided.insert(number)
            }
            let probe = floor + UInt64(draws.below(256))
            #expect(
                window.standing(of: probe) == (decided.contains(probe) ? .decided : .open),
                "seed \(seed)"
            )
        }
    }

    @Test func equalDecisionsAreEqualWindows() {
        var (one, other) = (SeriesWindow(), SeriesWindow())
        one.decide(5)
        one.decide(200)
        one.reopen(200)
        _ = one.raise(to: 10)
        _ = other.raise(to: 10)
        #expect(one == other)
    }

    @Test(arguments: UInt64(1)...20) func aRangeIsDecidedAsItsNumbersAre(seed: UInt64) {
        var draws = SeededDraws(seed: seed)
        var (whole, single) = (SeriesWindow(count: 300), SeriesWindow(count: 300))
        for _ in 0..<30 {
            if draws.next() % 4 == 0 {
                let floor = whole.floor + draws.next() % 100
                #expect(whole.raise(to: floor) == single.raise(to: floor))
            }
            let first = whole.floor + draws.next() % 400 - min(whole.floor, draws.next() % 50)
            let numbers = first...first + draws.next() % 200
            whole.decide(numbers)
            for number in numbers { single.decide(number) }
            #expect(whole == single)
        }
    }
}

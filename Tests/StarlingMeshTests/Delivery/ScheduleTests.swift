import StarlingCore
import Testing

@testable import StarlingMesh

@Suite struct ScheduleTests {
    @Test func waitsDoubleUpToTheirLimitAndSpread() {
        var (schedule, jitter) = (RetrySchedule(), DeliveryJitter(seed: 4))
        let limits = RetrySchedule.Limits()
        for expected in [1.0, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300] {
            let wait = schedule.next(limits, &jitter).inSeconds
            #expect(wait >= expected * 0.9 && wait <= expected * 1.1, "\(wait)")
        }
        for _ in 0..<1000 { #expect(schedule.next(limits, &jitter) <= .seconds(330)) }
        schedule.reset()
        #expect(schedule.next(limits, &jitter) <= .seconds(1.1))
    }

    @Test func thoseWhoFailTogetherDoNotReturnTogether() {
        var jitter = DeliveryJitter(seed: 9)
        let draws = (0..<1000).map { _ in jitter.balanced() }
        #expect(draws.allSatisfy { $0 >= -1 && $0 <= 1 })
        #expect(abs(draws.reduce(0, +) / 1000) < 0.1)
        #expect(Set(draws).count == 1000)
        var again = DeliveryJitter(seed: 9)
        #expect(again.balanced() == draws[0], "a seed decides")
    }

    @Test func deadlinesComeInTheirOrder() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var draws = SeededDraws(seed: seed)
        var heap = DeadlineHeap()
        var model: [Int: Instant] = [:]
        for step in 0..<5000 {
            let key = draws.below(100)
            switch draws.below(4) {
            case 0:
                heap.remove(key)
                model[key] = nil
            case 1:
                let now = Instant(nanosecondsSinceOrigin: Int64(draws.below(1000)))
                let due = model.filter { $0.value <= now }.min { ($0.value, $0.key) < ($1.value, $1.key) }
                let popped = heap.popFirst(through: now)
                #expect(popped == due?.key, "seed \(seed), step \(step)")
                if let popped { model[popped] = nil }
            default:
                let deadline = Instant(nanosecondsSinceOrigin: Int64(draws.below(1000)))
                heap.set(key, to: deadline)
                model[key] = deadline
            }
            #expect(
                heap.first == model.values.min() && heap.count == model.count,
                "seed \(seed), step \(step)"
            )
            #expect(heap.contains(key) == (model[key] != nil))
        }
    }

    @Test func positionsAreFoundInTheirOrder() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var draws = SeededDraws(seed: seed)
        var (order, model) = (PositionOrder(), [UInt64]())
        for position in UInt64(1)...2000 {
            order.append(position)
            model.append(position)
            while !model.isEmpty, draws.below(100) < 49 {
                order.remove(model.remove(at: draws.below(model.count)))
            }
            let after = UInt64(draws.below(2000))
            #expect(
                order.positions(after: after, countMax: 5) == Array(model.filter { $0 > after }.prefix(5)),
                "seed \(seed)"
            )
            #expect(order.count == model.count)
        }
        #expect(order.positions(after: .max, countMax: 1) == [])
    }

    @Test func numbersKnowTheirFloorAndWhatIsSettledAboveIt() {
        var numbers = LaneNumbers(from: 1)
        #expect(numbers.floor == 1 && numbers.next == 1)
        for slot in 0..<10 { numbers.append(Int32(slot)) }
        for number in [UInt64(3), 4, 6, 10] { numbers.settle(number) }
        #expect(numbers.floor == 1 && numbers.next == 11 && numbers.firstSlot == 0)
        #expect(numbers.settledRanges(below: 4096, countMax: 64) == [3...4, 6...6, 10...10])
        #expect(numbers.settledRanges(below: 4096, countMax: 2) == [3...4, 6...6])
        #expect(numbers.settledRanges(below: 4, countMax: 64) == [3...3])
        numbers.settle(1)
        numbers.settle(2)
        #expect(numbers.floor == 5)
        numbers.skip(to: 100)
        for number in [UInt64(5), 7, 8, 9] { numbers.settle(number) }
        #expect(numbers.floor == 100 && numbers.isEmpty)
    }
}

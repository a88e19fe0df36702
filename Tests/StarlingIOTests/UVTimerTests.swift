import StarlingCore
import StarlingIO
import StarlingWorld
import Testing

@Suite struct UVTimerTests {
    /// Touched on the loop only.
    private final class Record: @unchecked Sendable {
        let gate = Gate()
        var fired: [Int] = []
        func note(_ number: Int) {
            fired.append(number)
            gate.check()
        }
    }

    @Test func timersFireInTheOrderOfTheirDeadlinesAndNeverEarly() async throws {
        try await withLoop { loop in
            let record = Record()
            let start = loop.now
            let milliseconds = [9, 3, 7, 1, 5, 3]
            var timers: [any LoopTimer] = []
            for (number, delay) in milliseconds.enumerated() {
                let deadline = start + .milliseconds(delay)
                let timer = loop.makeTimer {
                    #expect(loop.now >= deadline)
                    record.note(number)
                }
                timer.arm(at: deadline)
                timers.append(timer)
            }
            await record.gate.until { record.fired.count == 6 }
            #expect(record.fired == [3, 1, 5, 4, 2, 0])
            withExtendedLifetime(timers) {}
        }
    }

    @Test func armingReplacesTheDeadlineInBothDirections() async throws {
        try await withLoop { loop in
            let record = Record()
            let later = loop.makeTimer { record.note(1) }
            let earlier = loop.makeTimer { record.note(2) }
            let end = loop.makeTimer { record.note(3) }
            let start = loop.now
            later.arm(at: start + .milliseconds(1))
            later.arm(at: start + .milliseconds(20))
            earlier.arm(at: start + .seconds(3600))
            earlier.arm(at: start + .milliseconds(10))
            end.arm(at: start + .milliseconds(40))
            await record.gate.until { record.fired.last == 3 }
            #expect(record.fired == [2, 1, 3])
        }
    }

    @Test func disarmedAndDroppedTimersStaySilent() async throws {
        try await withLoop { loop in
            let record = Record()
            let disarmed = loop.makeTimer { record.note(1) }
            disarmed.arm(at: loop.now + .milliseconds(1))
            disarmed.disarm()
            var dropped: (any LoopTimer)? = loop.makeTimer { record.note(2) }
            dropped?.arm(at: loop.now + .milliseconds(1))
            dropped = nil
            try await loop.sleep(for: .milliseconds(10))
            let end = loop.makeTimer { record.note(3) }
            end.arm(at: loop.now)
            await record.gate.until { !record.fired.isEmpty }
            #expect(record.fired == [3])
            disarmed.arm(at: loop.now)
            await record.gate.until { record.fired.count == 2 }
            #expect(record.fired == [3, 1])
        }
    }

    @Test func aTimerDroppedOnAnotherThreadLetsGoOfWhatItHeld() async throws {
        let other = try UVLoop(name: "other", log: Log(sink: SilentLog()))
        try await withLoop { loop in
            let box = Box(nil)
            weak let weakRecord: Record? = {
                let record = Record()
                box.value = loop.makeTimer { record.note(1) }
                return record
            }()
            box.value?.arm(at: loop.now + .seconds(3600))
            #expect(weakRecord != nil)
            await other.startTask { box.value = nil }.value
            // The other thread's word comes through the loop's inbox.
            await loop.startTask {}.value
            while weakRecord != nil { try await loop.sleep(for: .milliseconds(1)) }
        }
        other.stop()
    }

    private final class Box: @unchecked Sendable {
        var value: (any LoopTimer)?
        init(_ value: (any LoopTimer)?) { self.value = value }
    }

    @Test func aTimerThatArmsItselfForThePastLetsOthersIn() async throws {
        try await withLoop { loop in
            let record = Record()
            let box = Box(loop.makeTimer {})
            let spinning = loop.makeTimer { box.value?.arm(at: loop.now - .seconds(1)) }
            box.value = spinning
            spinning.arm(at: loop.now)
            let other = loop.makeTimer { record.note(1) }
            other.arm(at: loop.now + .milliseconds(3))
            await record.gate.until { !record.fired.isEmpty }
            box.value = nil
        }
    }

    @Test(arguments: UInt64(1)...5) func manyTimersInRandomOrderFireInOrder(seed: UInt64) async throws {
        try await withLoop { loop in
            var state = seed
            let record = Record()
            var timers: [any LoopTimer] = []
            let start = loop.now
            for _ in 0..<500 {
                state = state &* 6_364_136_223_846_793_005 &+ 1
                let delay = Int(state >> 40) % 20_000
                let timer = loop.makeTimer { record.note(delay) }
                timer.arm(at: start + .microseconds(Int(state >> 30) % 40_000))
                timer.arm(at: start + .microseconds(delay))
                timers.append(timer)
            }
            await record.gate.until { record.fired.count == 500 }
            let isOrdered = record.fired == record.fired.sorted()
            #expect(isOrdered, "seed \(seed)")
            withExtendedLifetime(timers) {}
        }
    }

    @Test func cancellingASleepEndsItAtOnce() async throws {
        try await withLoop { loop in
            let sleeper = loop.startTask(returning: Bool.self) {
                do {
                    try await loop.sleep(for: .seconds(3600))
                    return false
                } catch {
                    return true
                }
            }
            try await loop.sleep(for: .milliseconds(1))
            sleeper.cancel()
            #expect(try await sleeper.value)
        }
    }
}

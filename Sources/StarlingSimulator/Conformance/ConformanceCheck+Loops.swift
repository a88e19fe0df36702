internal import StarlingCore
internal import StarlingWorld

extension ConformanceCheck {
    static let ofLoops: [ConformanceCheck] = [
        ConformanceCheck("timers fire in the order of their deadlines, and of equal ones as they were armed")
        {
            stage in
            let probe = LoopProbe(loop: stage.dialerLoop)
            await probe.armAll([30, 10, 20, 10, 5, 30])
            try expect(await probe.wait { $0.fired.count == 6 }, "not all timers fired")
            let fired = await probe.fired
            try expect(fired == [4, 1, 3, 2, 0, 5], "they fired in the order \(fired)")
            try expect(await !probe.sawEarlyTimer, "a timer fired before its deadline")
        },
        ConformanceCheck("a timer armed for the past fires, and not from within the call") { stage in
            let probe = LoopProbe(loop: stage.dialerLoop)
            await probe.arm(1, after: .seconds(-5))
            try expect(await probe.wait { $0.fired == [1] }, "the timer did not fire")
            try expect(await probe.reentrantFireCount == 0, "it fired from within the call")
        },
        ConformanceCheck("a disarmed timer and a dropped one do not fire") { stage in
            let probe = LoopProbe(loop: stage.dialerLoop)
            await probe.perform { probe in
                probe.arm(1, after: .milliseconds(5))
                probe.arm(2, after: .milliseconds(5))
                probe.arm(3, after: .milliseconds(20))
                probe.disarm(1)
                probe.drop(2)
            }
            try expect(await probe.wait { !$0.fired.isEmpty }, "the third timer did not fire")
            let fired = await probe.fired
            try expect(fired == [3], "the timers \(fired) fired")
        },
        ConformanceCheck("arming again replaces the deadline, earlier or later") { stage in
            let probe = LoopProbe(loop: stage.dialerLoop)
            await probe.perform { probe in
                let now = probe.loop.now
                probe.arm(1, at: now + .milliseconds(5))
                probe.arm(2, at: now + .seconds(600))
                probe.arm(3, at: now + .milliseconds(15))
                probe.arm(1, at: now + .milliseconds(25))
                probe.arm(2, at: now + .milliseconds(2))
            }
            try expect(await probe.wait { $0.fired.count == 3 }, "not all timers fired")
            let fired = await probe.fired
            try expect(fired == [2, 3, 1], "they fired in the order \(fired)")
            await probe.arm(1, after: .milliseconds(1))
            try expect(await probe.wait { $0.fired.count == 4 }, "a timer that fired cannot be armed again")
        },
        ConformanceCheck("work at the end of a turn is done once, after the turn's jobs") { stage in
            // A turn that has taken its share of time goes on after a poll: where the system gives the loop no time, one
            // such turn says nothing.
            var jobCount = 0
            for _ in 0..<20 where jobCount != 3 {
                let probe = LoopProbe(loop: stage.dialerLoop)
                let turn = await probe.askForEndOfTurn()
                try expect(await probe.wait { $0.endOfTurnCount == 2 }, "it was not done")
                let count = await probe.endOfTurnCount
                try expect(count == 2, "it was done \(count) times")
                jobCount = await turn.jobCountAtFirst
            }
            try expect(jobCount == 3, "it was done before the turn's jobs")
        },
        ConformanceCheck("a sleep ends at its deadline, not before") { stage in
            let loop = stage.dialerLoop
            let deadline = loop.now + .milliseconds(12)
            try await loop.sleep(until: deadline)
            try expect(loop.now >= deadline, "the sleep ended early")
            try expect(loop.isCurrent, "the task went on elsewhere")
            try await loop.sleep(for: .milliseconds(-1))
        },
        ConformanceCheck("a sleep ends at once when it is cancelled, before or during it") { stage in
            let loop = stage.dialerLoop
            let begin = loop.now
            for isCancelledBefore in [true, false] {
                try await withThrowingTaskGroup(of: Bool.self) { group in
                    group.addTask {
                        if isCancelledBefore { withUnsafeCurrentTask { $0?.cancel() } }
                        do { try await loop.sleep(for: .seconds(600)) } catch { return loop.isCurrent }
                        return false
                    }
                    if !isCancelledBefore { try await loop.sleep(for: .milliseconds(5)) }
                    group.cancelAll()
                    for try await ended in group {
                        try expect(ended, "a cancelled sleep did not throw on its loop")
                    }
                }
            }
            try expect(loop.now < begin + .seconds(600), "the sleep went on")
        },
        ConformanceCheck("callbacks, actors and tasks run on their loop") { stage in
            for loop in [stage.dialerLoop, stage.listenerLoop] {
                let probe = LoopProbe(loop: loop)
                await probe.arm(1, after: .milliseconds(1))
                try expect(await probe.wait { $0.fired == [1] }, "the timer did not fire")
                try expect(await probe.isOnItsLoop, "an actor ran off its loop")
                let isCurrent = await loop.startTask(returning: Bool.self) {
                    await withTaskGroup(of: Bool.self) { group in
                        group.addTask { loop.isCurrent }
                        return await group.next() == true && loop.isCurrent
                    }
                }.result
                try expect((try? isCurrent.get()) == true, "a task ran off its loop")
            }
            try expect(stage.dialerLoop.isCurrent, "the check's task went on elsewhere")
        },
        ConformanceCheck("a continuation resumed on the loop goes on there") { stage in
            let loop = stage.dialerLoop
            await withUnsafeContinuation { continuation in
                loop.startTask { continuation.resume() }
            }
            try expect(loop.isCurrent, "the task went on elsewhere")
        },
        ConformanceCheck("record buffers hold a record, and are not shared") { stage in
            let (one, other) = await LoopProbe(loop: stage.dialerLoop).takeTwoRecordBuffers()
            try expect(one !== other, "two records share a block")
            try expect(one.byteCount >= LoopBlock.recordByteCount, "a block is too small")
        },
    ]
}

import StarlingIO
import Testing

@Suite("When a loop looks for events before it sleeps")
struct PollSpinTests {
    private let limits = PollSpin.Limits()

    @Test("A loop that has not waited yet, or waited long, sleeps at once")
    func longWaits() {
        var spin = PollSpin()
        #expect(spin.begin() == nil)
        spin.waited(limits.lookMax)
        #expect(spin.begin() == nil)
    }

    @Test("After a short wait it looks first")
    func shortWaits() {
        var spin = PollSpin()
        spin.waited(limits.lookMax - .nanoseconds(1))
        #expect(spin.begin() == limits.lookMax)
        spin.looked(found: true)
        spin.waited(.microseconds(10))
        #expect(spin.begin() == limits.lookMax)
    }

    @Test("Looks in vain double the waits without one, up to the limit, and a look that finds halves them")
    func pauses() {
        var spin = PollSpin()
        var expected = 1
        for _ in 0..<14 {
            #expect(waitsUntilLook(&spin) == 0)
            spin.looked(found: false)
            #expect(waitsUntilLook(&spin) == expected)
            expected = min(expected * 2, limits.pauseCountMax)
        }
        spin.looked(found: true)
        #expect(waitsUntilLook(&spin) == 0)
        spin.looked(found: false)
        #expect(waitsUntilLook(&spin) == limits.pauseCountMax / 2)
    }

    /// Short waits that are slept through before the next look.
    private func waitsUntilLook(_ spin: inout PollSpin) -> Int {
        var count = 0
        while true {
            spin.waited(.microseconds(10))
            if spin.begin() != nil { return count }
            count += 1
        }
    }
}

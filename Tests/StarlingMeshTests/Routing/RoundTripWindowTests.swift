import StarlingCore
import Testing

@testable import StarlingMesh

@Suite struct RoundTripWindowTests {
    @Test func theLeastOfTheLastRoundTripsCounts() {
        var window = RoundTripWindow()
        #expect(window.least == nil)
        window.add(.milliseconds(300))
        #expect(window.least == .milliseconds(300))
        window.add(.milliseconds(30))
        // As many longer ones as it keeps beside the short one, and one more.
        for _ in 1..<RoundTripWindow.countMax {
            window.add(.milliseconds(300))
            #expect(window.least == .milliseconds(30))
        }
        window.add(.milliseconds(200))
        #expect(window.least == .milliseconds(200))
    }

    @Test func aLinkThatBecomesFasterIsSoAtOnce() {
        var window = RoundTripWindow()
        for _ in 0..<10 { window.add(.milliseconds(100)) }
        window.add(.milliseconds(20))
        #expect(window.least == .milliseconds(20))
    }
}

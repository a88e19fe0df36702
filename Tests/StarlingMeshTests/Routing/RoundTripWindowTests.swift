import StarlingCore
import Testing

@testable import StarlingMesh

@Suite struct RoundTripWindowTests {
    @Test func theLeastOfTheLastRoundTripsCounts() {
        var window = RoundTripWindow()
        #expect(window.least == nil)
        window.add(.milliseconds(300), over: 1)
        #expect(window.least == .milliseconds(300))
        window.add(.milliseconds(30), over: 1)
        // As many longer ones as it keeps beside the short one, and one more.
        for _ in 1..<RoundTripWindow.countMax {
            window.add(.milliseconds(300), over: 1)
            #expect(window.least == .milliseconds(30))
        }
        window.add(.milliseconds(200), over: 1)
        #expect(window.least == .milliseconds(200))
    }

    @Test func aLinkThatBecomesFasterIsSoAtOnce() {
        var window = RoundTripWindow()
        for _ in 0..<10 { window.add(.milliseconds(100), over: 1) }
        window.add(.milliseconds(20), over: 1)
        #expect(window.least == .milliseconds(20))
    }

    @Test func anotherConnectionIsMeasuredAnew() {
        var window = RoundTripWindow()
        for _ in 0..<RoundTripWindow.countMax { window.add(.milliseconds(20), over: 1) }
        window.add(.milliseconds(80), over: 2)
        #expect(
            window.least == .milliseconds(80),
            "it goes another way, and none of the short ones is one of it"
        )
        window.add(.milliseconds(70), over: 2)
        #expect(window.least == .milliseconds(70))
    }
}

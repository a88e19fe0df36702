import StarlingCore
import StarlingMesh
import Testing

@Suite struct PacketWindowTests {
    @Test func aShareIsWorkedOutOfEnoughPackets() {
        var window = PacketWindow()
        window.add(sentCount: 31, repeatedCount: 15, bytesPerSecond: nil, over: 1)
        #expect(window.lossRatio == 0)
        window.add(sentCount: 62, repeatedCount: 31, bytesPerSecond: nil, over: 1)
        #expect(window.lossRatio == 0.5)
        // Of 31 packets more nothing is worked out; of 32 a share that moves it by a quarter.
        window.add(sentCount: 93, repeatedCount: 31, bytesPerSecond: nil, over: 1)
        #expect(window.lossRatio == 0.5)
        window.add(sentCount: 94, repeatedCount: 31, bytesPerSecond: nil, over: 1)
        #expect(window.lossRatio == 0.375)
    }

    @Test func whatTheLinkTakesIsBelievedAfterMuchWent() {
        var window = PacketWindow()
        window.add(sentCount: 399, repeatedCount: 0, bytesPerSecond: 1000, over: 1)
        #expect(window.bytesPerSecond == nil)
        window.add(sentCount: 799, repeatedCount: 0, bytesPerSecond: 2000, over: 1)
        #expect(window.bytesPerSecond == 2000)
        window.add(sentCount: 2000, repeatedCount: 0, bytesPerSecond: nil, over: 1)
        #expect(window.bytesPerSecond == 2000, "the sender had no more to send")
        for _ in 0..<8 {
            window.add(sentCount: 2100, repeatedCount: 0, bytesPerSecond: 3000, over: 1)
            #expect(window.bytesPerSecond == 2000)
        }
        window.add(sentCount: 2100, repeatedCount: 0, bytesPerSecond: 3000, over: 1)
        #expect(window.bytesPerSecond == nil, "it may have been busy just then")
        window.add(sentCount: 2500, repeatedCount: 0, bytesPerSecond: 3000, over: 1)
        #expect(window.bytesPerSecond == 3000)
    }

    /// The system counts with 32 bits.
    @Test func countsThatBeginAnewAreTakenFromThere() {
        var window = PacketWindow()
        window.add(sentCount: 4_294_967_290, repeatedCount: 0, bytesPerSecond: nil, over: 1)
        window.add(sentCount: 100, repeatedCount: 0, bytesPerSecond: nil, over: 1)
        window.add(sentCount: 132, repeatedCount: 16, bytesPerSecond: nil, over: 1)
        #expect(window.lossRatio == 0.125)
    }

    @Test func anotherConnectionIsCountedAnew() {
        var window = PacketWindow()
        window.add(sentCount: 400, repeatedCount: 100, bytesPerSecond: 1000, over: 1)
        #expect(window.lossRatio == 0.25 && window.bytesPerSecond == 1000)
        window.add(sentCount: 10, repeatedCount: 0, bytesPerSecond: nil, over: 2)
        #expect(window.lossRatio == 0 && window.bytesPerSecond == nil)
        window.add(sentCount: 42, repeatedCount: 21, bytesPerSecond: nil, over: 2)
        #expect(window.lossRatio == 0.5)
    }
}

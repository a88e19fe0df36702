import Foundation
import StarlingCore
import StarlingIO
import StarlingWorld
import Testing

@Suite struct SystemTests {
    @Test func randomBytesDiffer() {
        let random = SystemRandom()
        #expect(random.bytes(count: 0).isEmpty)
        #expect(random.bytes(count: 100_000).count == 100_000)
        #expect(random.bytes(count: 32) != random.bytes(count: 32))
    }

    @Test func aMachineCanCarryAsMuchAsItHasProcessorsUpToSixteen() {
        #expect((1...16).contains(RealWorld.suitableCapacity))
        #expect(RealWorld.suitableCapacity <= ProcessInfo.processInfo.processorCount)
    }

    @Test func theWallClockIsTheSystems() {
        let system = Int64(Date.now.timeIntervalSince1970 * 1000)
        #expect(SystemWallClock().now.millisecondsSince1970 >= system)
    }

    @Test func theMonotonicClockNeverGoesBack() async throws {
        try await withLoop { loop in
            var last = loop.now
            for _ in 0..<10_000 {
                let now = loop.now
                #expect(now >= last)
                last = now
            }
        }
    }

    @Test func theLoopbackInterfaceIsThere() async throws {
        try await withLoop { loop in
            let interfaces = SystemInterfaces(loop: loop).interfaces()
            let loopback = try #require(interfaces.first { $0.isLoopback })
            #expect(loopback.addresses.contains(.v4(0x7f00_0001)))
            #expect(loopback.index > 0 && !loopback.name.isEmpty)
            #expect(interfaces == interfaces.sorted { $0.index < $1.index })
        }
    }

    @Test(arguments: [
        (1000, 1024, 896), (896, 1024, 896), (895, 1024, 895), (5, 128, 1), (5, 129, 1), (5, 130, 2),
    ])
    func connectionsLeaveDescriptorsForTheRest(_ wanted: Int, _ descriptorCountMax: Int, _ got: Int) {
        let countMax = DescriptorLimit.connectionCountMax(wanted, descriptorCountMax: descriptorCountMax)
        #expect(countMax == got)
    }

    @Test func theDescriptorLimitSaysWhatItGot() {
        let limit = DescriptorLimit.raise(to: 0)
        #expect(limit > 0)
        #expect(DescriptorLimit.raise(to: limit) == limit)
        #expect(DescriptorLimit.current == limit)
        #expect(DescriptorLimit.raise(to: .max) >= limit)
    }
}

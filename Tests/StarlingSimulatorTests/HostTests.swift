import StarlingCore
import StarlingSimulator
import StarlingWorld
import Synchronization
import Testing

@Suite struct HostTests {
    private static let group = IPAddress.v4(0xe000_00fb)

    private static func open(_ host: SimulatedHost) -> DatagramOptions {
        var options = DatagramOptions(local: .ip(.v4(0), port: 5353))
        options.isShared = true
        options.groups = [.init(address: group, interfaceIndex: 2)]
        return options
    }

    @Test func multicastReachesTheMembersOfOneSegmentAndItsSender() throws {
        let simulation = Simulation(seed: 1)
        let hosts = (0..<4).map { index in
            let address = IPAddress.v4(0xc0a8_0101 + UInt32(index))
            let interface = SimulatedInterface(addresses: [address], segment: index == 3 ? 1 : 0)
            return simulation.host("h\(index)", configuration: .init(interfaces: [interface]))
        }
        let probes = hosts.map { DatagramProbe(loop: $0.loop) }
        let options = Self.open(hosts[0])
        try simulation.complete(on: hosts[0]) {
            for probe in probes { try await probe.open(options) }
            try await probes[0].send([1, 2], to: .ip(Self.group, port: 5353), interfaceIndex: 2)
        }
        try simulation.run(for: .seconds(1))
        let received = try simulation.complete(on: hosts[0]) {
            var all: [[DatagramProbe.Datagram]] = []
            for probe in probes { all.append(await probe.received) }
            return all
        }
        let sender = SocketAddress.ip(.v4(0xc0a8_0101), port: 5353)
        #expect(received.map { $0.map(\.bytes) } == [[[1, 2]], [[1, 2]], [[1, 2]], []])
        #expect(received.joined().allSatisfy { $0.remote == sender && $0.interfaceIndex == 2 })
    }

    @Test func datagramsAreLostDoubledAndOvertakenAsTheLinkSays() throws {
        var configuration = Simulation.Configuration()
        configuration.link = LinkProfile(lossRatio: 0.2, duplicationRatio: 0.1, reorderRatio: 0.3)
        let simulation = Simulation(seed: 2, configuration: configuration)
        let (alice, bob) = (simulation.host(), simulation.host())
        let (here, there) = (DatagramProbe(loop: alice.loop), DatagramProbe(loop: bob.loop))
        let (local, remote) = (try #require(alice.address), try #require(bob.address))
        try simulation.complete(on: alice) {
            try await here.open(DatagramOptions(local: .ip(local, port: 0)))
            let target = try await there.open(DatagramOptions(local: .ip(remote, port: 0)))
            for index in 0..<1000 {
                try await here.send([UInt8(index >> 8), UInt8(index & 255)], to: target)
            }
        }
        try simulation.run(for: .seconds(1))
        let numbers = try simulation.complete(on: bob) {
            await there.received.map { Int($0.bytes[0]) << 8 | Int($0.bytes[1]) }
        }
        let distinct = Set(numbers)
        #expect((700...900).contains(distinct.count))
        #expect((40...140).contains(numbers.count - distinct.count))
        #expect(numbers != numbers.sorted())
    }

    @Test func observersHearOfChangedInterfaces() throws {
        let simulation = Simulation(seed: 3)
        let host = simulation.host()
        let count = Mutex(0)
        let loop = host.loop
        var observation: (any InterfaceObservation)? = host.interfaceMonitor.observe(on: loop) {
            count.withLock { $0 += 1 }
        }
        #expect(host.interfaceMonitor.interfaces().map(\.name) == ["lo", "eth0"])
        host.setInterfaces([])
        try simulation.settle()
        try simulation.run(for: .seconds(1))
        #expect(count.withLock { $0 } == 1)
        #expect(host.interfaceMonitor.interfaces().map(\.name) == ["lo"])
        withExtendedLifetime(observation) {}
        observation = nil
        host.setInterfaces([SimulatedInterface(addresses: [.v4(1)])])
        try simulation.run(for: .seconds(1))
        #expect(count.withLock { $0 } == 1)
    }

    @Test func aHostWithoutARouteCannotDial() throws {
        let simulation = Simulation(seed: 4)
        let host = simulation.host()
        host.setInterfaces([])
        let probe = SocketProbe(loop: host.loop)
        #expect(throws: SocketError.unreachable) {
            try simulation.complete(on: host) { try await probe.connect(to: .ip(.v4(0x0a00_0002), port: 1)) }
        }
    }

    @Test func namesResolveAfterTheirLatency() throws {
        let simulation = Simulation(seed: 5)
        let host = simulation.host()
        simulation.names.setAddresses([.v4(1), .v6(high: 0, low: 9)], of: "Node.example")
        simulation.names.setTexts(["dnsaddr=/ip4/1.2.3.4"], of: "_dnsaddr.node.example")
        let resolver = host.world.resolver
        let begin = simulation.now
        let answers = try simulation.complete(on: host) {
            [
                try await resolver.addresses(of: "node.EXAMPLE", family: .any),
                try await resolver.addresses(of: "node.example", family: .ipv6),
            ]
        }
        #expect(answers == [[.v4(1), .v6(high: 0, low: 9)], [.v6(high: 0, low: 9)]])
        #expect(simulation.now == begin + .milliseconds(40))
        #expect(throws: ResolverError.notFound) {
            try simulation.complete(on: host) { try await resolver.texts(of: "nowhere.example") }
        }
        simulation.names.isAvailable = false
        #expect(throws: ResolverError.self) {
            try simulation.complete(on: host) { try await resolver.texts(of: "_dnsaddr.node.example") }
        }
    }

    @Test func filesKeepTheirModesAndLimits() throws {
        let files = MemoryFiles()
        try files.createFolder("/var/a/b")
        try files.create("/var/a/b/key", content: [1, 2])
        #expect(files.mode(of: "/var/a/b/key") == 0o600)
        #expect(try files.read("/var/a/b/key", byteCountMax: 2, isSecret: true) == [1, 2])
        #expect(throws: FileError.tooLarge(path: "/var/a/b/key")) {
            try files.read("/var/a/b/key", byteCountMax: 1, isSecret: false)
        }
        #expect(throws: FileError.alreadyExists(path: "/var/a/b/key")) {
            try files.create("/var/a/b/key", content: [])
        }
        #expect(throws: FileError.notFound(path: "/var/c/key")) {
            try files.create("/var/c/key", content: [])
        }
        files.place("/var/a/open", content: [1], mode: 0o644)
        #expect(throws: FileError.readableByOthers(path: "/var/a/open")) {
            try files.read("/var/a/open", byteCountMax: 9, isSecret: true)
        }
        files.isFull = true
        #expect(throws: FileError.noSpace(path: "/var/a/b/c")) {
            try files.create("/var/a/b/c", content: [])
        }
    }

    @Test func clocksAdvanceWithTheSimulationAndCanBeWrong() throws {
        let simulation = Simulation(seed: 6)
        let (host, other) = (simulation.host(), simulation.host())
        try simulation.run(for: .seconds(90))
        #expect(host.wallClock.now.rfc3339 == "2026-01-01T00:01:30.000Z")
        host.wallClock.skew = .seconds(-30)
        #expect(host.wallClock.now.rfc3339 == "2026-01-01T00:01:00.000Z")
        #expect(other.wallClock.now.rfc3339 == "2026-01-01T00:01:30.000Z")
    }

    @Test func randomBytesFollowFromTheSeedAndDifferBetweenHosts() {
        func bytes(_ seed: UInt64) -> [[UInt8]] {
            let simulation = Simulation(seed: seed)
            return (0..<3).map { _ in simulation.host().world.random.bytes(count: 37) }
        }
        #expect(bytes(1) == bytes(1))
        #expect(bytes(1) != bytes(2))
        #expect(Set(bytes(1)).count == 3)
    }

    @Test func aScriptRunsOutsideOfAllHosts() throws {
        let simulation = Simulation(seed: 7)
        var times: [Int64] = []
        var routine: ScriptedRoutine? = simulation.every(.seconds(2)) {
            times.append(simulation.now.nanosecondsSinceOrigin / 1_000_000_000)
        }
        simulation.after(.seconds(3)) { times.append(-3) }
        try simulation.run(for: .seconds(7))
        withExtendedLifetime(routine) {}
        routine = nil
        try simulation.run(for: .seconds(7))
        #expect(times == [2, -3, 4, 6])
    }
}

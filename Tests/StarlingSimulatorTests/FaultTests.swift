import StarlingCore
import StarlingSimulator
import StarlingWorld
import Synchronization
import Testing

@Suite struct FaultTests {
    private struct Scene: Sendable {
        let simulation: Simulation
        let alice: SimulatedHost
        let bob: SimulatedHost
        let listener: ListenerProbe
        let address: SocketAddress
        let dialer: SocketProbe
        let server: SocketProbe
    }

    /// Two hosts with a connection between them, both ends reading.
    private static func scene(_ configuration: Simulation.Configuration = .init()) throws -> Scene {
        let simulation = Simulation(seed: 1, configuration: configuration)
        let (alice, bob) = (simulation.host("alice"), simulation.host("bob"))
        let listener = ListenerProbe(loop: bob.loop)
        let (dialer, server) = (SocketProbe(loop: alice.loop), SocketProbe(loop: bob.loop))
        let address = try #require(bob.address)
        let bound = try simulation.complete(on: alice) {
            let bound = try await listener.listen(on: .ip(address, port: 4001))
            try await dialer.connect(to: bound)
            try await server.adopt(try #require(await listener.accept()))
            await dialer.wait { $0.count(of: .connected) == 1 }
            await dialer.resumeReading()
            await server.echo()
            return bound
        }
        return Scene(
            simulation: simulation,
            alice: alice,
            bob: bob,
            listener: listener,
            address: bound,
            dialer: dialer,
            server: server
        )
    }

    @Test func aPartitionHoldsBytesBackUntilItHeals() throws {
        let scene = try Self.scene()
        let dialer = scene.dialer
        scene.simulation.network.partition([scene.alice], [scene.bob])
        try scene.simulation.complete(on: scene.alice) { await dialer.write([1, 2, 3]) }
        try scene.simulation.run(for: .seconds(20))
        #expect(try scene.simulation.complete(on: scene.alice) { await dialer.byteCount } == 0)
        scene.simulation.network.healAll()
        let isHealed = try scene.simulation.complete(on: scene.alice) {
            await dialer.wait(within: .seconds(60)) { $0.bytes == [1, 2, 3] }
        }
        #expect(isHealed)
    }

    @Test func aCutSwallowsOneDirectionAlone() throws {
        let scene = try Self.scene()
        let (dialer, server) = (scene.dialer, scene.server)
        scene.simulation.network.cut(from: scene.bob, to: scene.alice)
        try scene.simulation.complete(on: scene.alice) { await dialer.write([1, 2, 3]) }
        try scene.simulation.run(for: .seconds(20))
        // What the other end echoes does not come back.
        #expect(try scene.simulation.complete(on: scene.bob) { await server.byteCount } == 3)
        #expect(try scene.simulation.complete(on: scene.alice) { await dialer.byteCount } == 0)
        scene.simulation.network.cut(from: scene.bob, to: scene.alice, false)
        let isMended = try scene.simulation.complete(on: scene.alice) {
            await dialer.wait(within: .seconds(60)) { $0.bytes == [1, 2, 3] }
        }
        #expect(isMended)
    }

    @Test func overWiresPacketsPassBetweenThoseThatTheyJoinAlone() throws {
        let simulation = Simulation(seed: 1)
        let hosts = (0..<3).map { _ in simulation.host() }
        simulation.network.wire([(hosts[0], hosts[1]), (hosts[1], hosts[2])])
        let listener = ListenerProbe(loop: hosts[2].loop)
        let address = try #require(hosts[2].address)
        let bound = try simulation.complete(on: hosts[2]) {
            try await listener.listen(on: .ip(address, port: 4001))
        }
        for (host, isJoined) in [(hosts[1], true), (hosts[0], false)] {
            let dialer = SocketProbe(loop: host.loop)
            let isConnected = try simulation.complete(on: host) {
                try await dialer.connect(to: bound)
                return await dialer.wait(within: .seconds(30)) { $0.count(of: .connected) == 1 }
            }
            #expect(isConnected == isJoined)
        }
    }

    @Test func aLinkMayBeSlowInOneDirection() throws {
        let scene = try Self.scene()
        let (simulation, dialer) = (scene.simulation, scene.dialer)
        simulation.network.setLink(
            from: scene.bob,
            to: scene.alice,
            LinkProfile(latency: .seconds(2))
        )
        let start = simulation.now
        try simulation.complete(on: scene.alice) {
            await dialer.write([1])
            _ = await dialer.wait(within: .seconds(30)) { $0.bytes == [1] }
        }
        let roundTrip = start.duration(to: simulation.now)
        #expect(roundTrip > .seconds(2) && roundTrip < .seconds(2.1))
    }

    @Test func aPartitionThatLastsTimesTheWriterOut() throws {
        let scene = try Self.scene()
        let (dialer, server) = (scene.dialer, scene.server)
        let partition = scene.simulation.network.partition([scene.alice], [scene.bob])
        try scene.simulation.complete(on: scene.alice) { await dialer.write([1]) }
        try scene.simulation.run(for: .seconds(1000))
        let (failure, heard) = try scene.simulation.complete(on: scene.alice) {
            (await dialer.failure, await server.events)
        }
        #expect(failure == .timedOut)
        #expect(heard.isEmpty)
        // The other end learns of it only when it writes.
        scene.simulation.network.heal(partition)
        try scene.simulation.complete(on: scene.bob) { await server.write([1]) }
        try scene.simulation.run(for: .seconds(1))
        #expect(try scene.simulation.complete(on: scene.bob) { await server.failure } == .reset)
        #expect(scene.simulation.network.connectionCount == 0)
    }

    @Test func diallingIntoAPartitionTimesOut() throws {
        let scene = try Self.scene()
        scene.simulation.network.partition([scene.alice], [scene.bob])
        let probe = SocketProbe(loop: scene.alice.loop)
        let begin = scene.simulation.now
        let address = scene.address
        let failure = try scene.simulation.complete(on: scene.alice, within: .seconds(300)) {
            try await probe.connect(to: address)
            await probe.wait(within: .seconds(200)) { $0.hasFailed }
            return await probe.failure
        }
        #expect(failure == .timedOut)
        #expect(scene.simulation.now > begin + .seconds(126))
    }

    @Test func diallingAnAddressThatNobodyHasTimesOut() throws {
        let scene = try Self.scene()
        let probe = SocketProbe(loop: scene.alice.loop)
        let failure = try scene.simulation.complete(on: scene.alice, within: .seconds(300)) {
            try await probe.connect(to: .ip(.v4(0x0a01_0101), port: 1))
            await probe.wait(within: .seconds(200)) { $0.hasFailed }
            return await probe.failure
        }
        #expect(failure == .timedOut)
    }

    @Test func aMiddleboxResetReachesBothEnds() throws {
        let scene = try Self.scene()
        let (dialer, server) = (scene.dialer, scene.server)
        #expect(scene.simulation.network.resetConnections(probability: 0) == 0)
        #expect(scene.simulation.network.resetConnections(probability: 1) == 1)
        try scene.simulation.run(for: .seconds(1))
        let failures = try scene.simulation.complete(on: scene.alice) {
            [await dialer.failure, await server.failure]
        }
        #expect(failures == [.reset, .reset])
        #expect(scene.simulation.network.connectionCount == 0)
    }

    @Test func aKilledProcessResetsItsConnectionsAndRefusesOthers() throws {
        let scene = try Self.scene()
        let (dialer, server) = (scene.dialer, scene.server)
        let heardBefore = try scene.simulation.complete(on: scene.bob) { await server.events }
        scene.bob.crash(.process)
        try scene.simulation.run(for: .seconds(1))
        let late = SocketProbe(loop: scene.alice.loop)
        let address = scene.address
        let failures = try scene.simulation.complete(on: scene.alice) {
            try await late.connect(to: address)
            await late.wait { $0.hasFailed }
            return [await dialer.failure, await late.failure]
        }
        #expect(failures == [.reset, .refused])
        #expect(heardBefore.isEmpty)
        #expect(scene.simulation.network.connectionCount == 0)
    }

    @Test func aMachineWithoutPowerGoesSilentAndResetsWhatItForgotAfterwards() throws {
        let scene = try Self.scene()
        let dialer = scene.dialer
        scene.bob.crash(.power)
        try scene.simulation.complete(on: scene.alice) { await dialer.write([1]) }
        try scene.simulation.run(for: .seconds(30))
        #expect(try scene.simulation.complete(on: scene.alice) { await dialer.failure } == nil)
        scene.bob.restart()
        try scene.simulation.run(for: .seconds(60))
        #expect(try scene.simulation.complete(on: scene.alice) { await dialer.failure } == .reset)
    }

    @Test func aCrashedHostRunsNothingMoreAndItsNextLifeDoes() throws {
        let simulation = Simulation(seed: 3)
        let (host, other) = (simulation.host(), simulation.host())
        let loop = host.loop
        let log = host.world.log
        let firstBytes = host.world.random.bytes(count: 16)
        loop.perform {
            _ = loop.startTask {
                for index in 0..<100 {
                    log(.info, "alive", ["life": 1, "index": .number(Int64(index))])
                    try? await loop.sleep(for: .seconds(1))
                }
            }
        }
        try host.files.createFolder("/var/node")
        try host.files.create("/var/node/key", content: [1, 2, 3])
        try simulation.run(for: .milliseconds(4500))
        #expect(host.log.lines.count == 5)
        host.crash()
        try simulation.run(for: .seconds(10))
        #expect(host.log.lines.count == 5)
        let world = host.restart()
        #expect(try world.files.read("/var/node/key", byteCountMax: 10, isSecret: true) == [1, 2, 3])
        #expect(world.random.bytes(count: 16) != firstBytes)
        #expect(world.loops[0] as AnyObject !== loop)
        try simulation.complete(on: host) { try await world.loops[0].sleep(for: .seconds(1)) }
        try simulation.complete(on: other) {}
        #expect(host.log.lines.count == 5)
        #expect(simulation.now == Instant(nanosecondsSinceOrigin: 15_500_000_000))
    }

    @Test(arguments: [SimulatedHost.Crash.process, .power])
    func whatACrashLeftBehindEndsWithoutEffect(_ crash: SimulatedHost.Crash) throws {
        let scene = try Self.scene()
        let (alice, dialer, address) = (scene.alice, scene.dialer, scene.address)
        let (world, loop) = (alice.world, alice.loop)
        let table = StoreTable("late", .numbers)
        alice.crash(crash, leaving: .unwinding)
        let remains = Outcome()
        loop.startTask {
            do { try await StoreCaller(world).put(table, 1...2) } catch { remains.note("\(error)") }
            do { try await SocketProbe(loop: loop).connect(to: address) } catch { remains.note("\(error)") }
            try? await loop.sleep(for: .milliseconds(1))
            await dialer.write([1, 2, 3])
            remains.note("\(await dialer.failure, default: "no failure")")
        }
        try scene.simulation.run(for: .seconds(1))
        #expect(remains.notes == ["closed", "unreachable", "reset"])
        let next = alice.restart()
        try scene.simulation.run(for: .seconds(60))
        #expect(try scene.simulation.complete(on: alice) { try await StoreCaller(next).count(table) } == 0)
        let server = scene.server
        #expect(try scene.simulation.complete(on: scene.bob) { await server.byteCount } == 0)
    }

    /// What a task that nobody can ask any more had to say.
    private final class Outcome: Sendable {
        private let texts = Mutex<[String]>([])

        var notes: [String] { texts.withLock { $0 } }
        func note(_ text: String) { texts.withLock { $0.append(text) } }
    }

    @Test func bandwidthDelaysWhatIsSent() throws {
        var configuration = Simulation.Configuration()
        configuration.link = LinkProfile(latency: .milliseconds(10), bytesPerSecond: 1_000_000)
        let scene = try Self.scene(configuration)
        let dialer = scene.dialer
        let begin = scene.simulation.now
        try scene.simulation.complete(on: scene.alice) {
            await dialer.write([UInt8](repeating: 1, count: 2_000_000))
            await dialer.wait { $0.byteCount == 2_000_000 }
        }
        let elapsed = begin.duration(to: scene.simulation.now)
        #expect(elapsed > .seconds(2) && elapsed < .seconds(3))
    }

    @Test func loopsOfDifferentHostsAreIsolatedFromEachOther() throws {
        let simulation = Simulation(seed: 4)
        let (one, other) = (simulation.host(), simulation.host())
        let (here, there) = (one.loop, other.loop)
        let views = try simulation.complete(on: one) { [here.isCurrent, there.isCurrent] }
        #expect(views == [true, false])
        #expect(!here.isCurrent)
    }
}

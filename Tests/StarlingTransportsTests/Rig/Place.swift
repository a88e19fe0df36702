import StarlingCore
import StarlingCrypto
import StarlingIO
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Testing

/// Where two parties meet: in virtual time, with reads cut at seeded places or not, or on real sockets.
enum Place: Sendable, CustomTestStringConvertible {
    case simulated(seed: UInt64, StreamChunking)
    case loopback

    /// Every kind of place.
    static let all: [Place] = [
        .simulated(seed: 1, .whole), .simulated(seed: 2, .seeded(byteCountMax: 3)),
        .simulated(seed: 3, .seeded(byteCountMax: 1000)), .loopback,
    ]
    static let both: [Place] = [.simulated(seed: 1, .whole), .loopback]
    static let virtual = Place.simulated(seed: 1, .whole)

    var testDescription: String {
        switch self {
        case .simulated(let seed, let chunking): "seed \(seed), \(chunking)"
        case .loopback: "loopback"
        }
    }

    /// Runs `body` on Alice's loop, with Bob listening.
    func run(
        securities: [SecurityProtocol] = [.noise],
        link: LinkProfile = .lan,
        network: NetworkLimits = NetworkLimits(),
        limits change: (inout ConnectionLimits) -> Void = { _ in },
        _ body: @escaping @Sendable (Meeting) async throws -> Void
    ) async throws {
        var limits = ConnectionLimits()
        change(&limits)
        switch self {
        case .simulated(let seed, let chunking):
            var configuration = Simulation.Configuration()
            configuration.link = link
            configuration.networkLimits = network
            configuration.chunking = chunking
            try Self.simulate(seed, configuration, securities, limits, body)
        case .loopback:
            let real = try RealWorld.make(loopCount: 2, log: Log(sink: SilentLog()))
            defer { real.stop() }
            var (alice, bob) = (real.world, real.world)
            alice.loops = [real.loops[0]]
            bob.loops = [real.loops[1]]
            let meeting = try Meeting(alice, bob, securities, limits)
            let task = real.loops[0].startTask(returning: Void.self) {
                try await meeting.take(try Multiaddr("/ip4/127.0.0.1/tcp/0"), body)
            }
            try await task.value
        }
    }

    private static func simulate(
        _ seed: UInt64,
        _ configuration: Simulation.Configuration,
        _ securities: [SecurityProtocol],
        _ limits: ConnectionLimits,
        _ body: @escaping @Sendable (Meeting) async throws -> Void
    ) throws {
        let simulation = Simulation(seed: seed, configuration: configuration)
        let (alice, bob) = (simulation.host("alice"), simulation.host("bob"))
        let meeting = try Meeting(alice.world, bob.world, securities, limits)
        try simulation.complete(on: alice, within: .seconds(3600)) {
            try await meeting.take(try Multiaddr("/ip4/10.0.0.2/tcp/4001"), body)
        }
    }
}

/// Alice and Bob, who listens.
struct Meeting: Sendable {
    let alice: Party
    let bob: Party
    private(set) var address: Multiaddr

    init(
        _ alice: World,
        _ bob: World,
        _ securities: [SecurityProtocol],
        _ limits: ConnectionLimits
    ) throws {
        self.alice = try Party(alice, securities: securities, limits: limits)
        self.bob = try Party(bob, securities: securities, limits: limits)
        address = Multiaddr(.v4(0), tcpPort: 0)
    }

    func take(_ local: Multiaddr, _ body: (Meeting) async throws -> Void) async throws {
        var meeting = self
        meeting.address = try await bob.listen(on: local)
        let result: Result<Void, any Error>
        do { result = .success(try await body(meeting)) } catch { result = .failure(error) }
        await alice.stop()
        await bob.stop()
        try result.get()
    }

    var socketAddress: SocketAddress {
        get throws {
            guard let address = address.socketAddress else { throw ConnectionError.cancelled }
            return address
        }
    }

    /// Alice's connection with Bob; Bob's end is the last of his.
    func connect() async throws -> any Connection {
        let count = bob.owner.connections.count
        let connection = try await alice.transport.dial(address, expecting: bob.peerID)
        try await alice.until { bob.owner.connections.count > count }
        return connection
    }
}

struct SilentLog: LogSink {
    func write(_ level: LogLevel, _ message: String, _ values: [(key: String, value: LogValue)]) {}
}

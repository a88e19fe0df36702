internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingCrypto
internal import StarlingNode
internal import StarlingStore
internal import StarlingTransports
internal import StarlingWorld

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// One node, and the commands that it is put through.
actor PeerSession {
    static let echoProtocol = "/echo/1.0.0"
    static let resetProtocol = "/reset/1.0.0"
    /// Dials at a time of one `concurrent`: a listener limits its half-open connections.
    static let parallelDialCountMax = 8
    /// Between two looks at something that is waited for.
    static let pollInterval: Duration = .milliseconds(10)

    let node: Node
    let world: World
    let lines: PeerLines
    nonisolated let loop: any EventLoop
    private let settings: PeerSettings
    /// The peer that was connected to last: what `-` stands for.
    var last: PeerID?
    /// The dialers of `concurrent`.
    var crowd: [Node] = []

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// A node that listens, and has said so.
    init(_ settings: PeerSettings, _ world: World, _ lines: PeerLines) async throws {
        self.settings = settings
        self.world = world
        self.lines = lines
        loop = world.loops[0]
        node = try Self.makeNode(settings.listenAddresses, settings.securities, world)
        try await node.start()
        node.swarm.protocols.set(settings.echoProtocol, PeerStreams.echo(lines))
        node.swarm.protocols.set(Self.resetProtocol, PeerStreams.reset(lines))
        lines.write([
            "event": "ready", "impl": "starling", "id": .string(node.peerID.base58),
            "addrs": await addresses, "pid": JSON(getpid()),
        ])
    }

    /// Runs one command and tells its answer.
    ///
    /// - Returns: Whether it succeeded; an empty line does.
    func run(_ line: String) async -> Bool {
        let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
        guard let name = words.first else { return true }
        let arguments = Array(words.dropFirst())
        let startedAt = loop.now
        var result: JSON = [:]
        var failure: String?
        do {
            let outcome = try await loop.withDeadline(startedAt + settings.timeout) {
                () async throws -> JSON in
                try await self.perform(PeerWords(name: name, arguments: arguments))
            }
            if let outcome { result = outcome } else { failure = "took more than \(settings.timeout)" }
        } catch {
            failure = "\(error)"
        }
        let took = Self.seconds(startedAt.duration(to: loop.now))
        var answer: JSON = ["cmd": .string(name), "args": JSON(arguments), "ok": .bool(failure == nil)]
        answer["ms"] = .double((took * 1e6).rounded() / 1e3)
        for member in result.object?.members ?? [] { answer[member.key] = member.value }
        if let failure { answer["error"] = .string(failure) }
        lines.write(answer)
        return failure == nil
    }

    /// Ends the node and the dialers of `concurrent`.
    func stop() async {
        await release()
        await node.stop()
    }

    // MARK: What commands share

    /// A node with a fresh identity that keeps nothing and announces nothing.
    static func makeNode(
        _ listenAddresses: [Multiaddr],
        _ securities: [SecurityProtocol],
        _ world: World
    ) throws -> Node {
        var world = world
        world.store = try SQLiteStore.inMemory(loop: world.loops[0], wallClock: world.wallClock)
        var seed = world.random.bytes(count: IdentityKey.seedByteCount)
        var configuration = NodeConfiguration(machineMemoryByteCount: 4 << 30)
        configuration.usesMDNS = false
        configuration.measurableBy = .anyone
        configuration.securities = securities
        configuration.listenAddresses = listenAddresses
        return try Node(
            world: world,
            identity: try IdentityKey(wipingSeed: &seed),
            configuration: configuration
        )
    }

    /// A dialer with an identity of its own.
    func makeDialer() throws -> Node { try Self.makeNode([], settings.securities, world) }

    /// Where the node listens, each with its name.
    var addresses: JSON {
        get async {
            JSON(await node.swarm.listenAddresses.map { "\($0.with(peerID: node.peerID))" })
        }
    }

    static func seconds(_ duration: Duration) -> Double {
        let (seconds, attoseconds) = duration.components
        return Double(seconds) + Double(attoseconds) / 1e18
    }

    /// Megabytes a second, with one decimal.
    static func rate(_ byteCount: Int, _ duration: Duration) -> JSON {
        let seconds = seconds(duration)
        return byteCount > 0 && seconds > 0
            ? .double((Double(byteCount) / seconds / 1e5).rounded() / 10) : .null
    }
}

/// A command's name and its arguments.
struct PeerWords: Sendable {
    var name: String
    var arguments: [String]

    /// The argument at `index`.
    func text(_ index: Int, _ what: String) throws(PeerFailure) -> String {
        guard index < arguments.count else { throw PeerFailure("\(name) needs \(what)") }
        return arguments[index]
    }

    /// The number at `index`, not negative.
    func count(_ index: Int, _ what: String) throws(PeerFailure) -> Int {
        let text = try text(index, what)
        guard let number = Int(text), number >= 0 else { throw PeerFailure("\(what): '\(text)'") }
        return number
    }

    /// The seconds at `index`, as a decimal number.
    func seconds(_ index: Int) throws(PeerFailure) -> Duration {
        let text = try text(index, "SECONDS")
        guard let duration = DurationText.read(text + "s") else { throw PeerFailure("SECONDS: '\(text)'") }
        return duration
    }

    func multiaddr(_ index: Int) throws(PeerFailure) -> Multiaddr {
        let text = try text(index, "MULTIADDR")
        do throws(MultiaddrError) { return try Multiaddr(text) } catch {
            throw PeerFailure("'\(text)' is not a multiaddr: \(error)")
        }
    }

    /// The peer at `index`, by its id or an address; nil for `-` or nothing.
    func peer(_ index: Int) throws(PeerFailure) -> PeerID? {
        guard index < arguments.count, arguments[index] != "-" else { return nil }
        let text = arguments[index]
        if text.hasPrefix("/") {
            guard let peer = try multiaddr(index).peerID else { throw PeerFailure("'\(text)' names no peer") }
            return peer
        }
        do throws(PeerIDError) { return try PeerID(text: text) } catch {
            throw PeerFailure("'\(text)' is not a peer id: \(error)")
        }
    }
}

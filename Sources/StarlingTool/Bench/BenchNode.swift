internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingCrypto
internal import StarlingIO
internal import StarlingNode
internal import StarlingStore
internal import StarlingTransports
internal import StarlingWorld

/// Makes the nodes that a bench measures: as `starling up` would, but with a fresh identity, on loopback, and silent.
enum BenchNode {
    /// One loop: what is measured is one connection, and the other process needs a core too.
    static func makeWorld() throws(Diagnostic) -> RealWorld {
        do throws(SocketError) {
            return try RealWorld.make(loopCount: 1, log: Log(levelMin: .error, sink: NoLog()))
        } catch {
            throw Diagnostic(
                code: "system",
                message: "the event loop cannot start: \(error).",
                nextStep: "Raise the limit of open files (ulimit -n)."
            )
        }
    }

    /// A node that has started.
    ///
    /// - Parameters:
    ///   - addresses: Where it listens; none to dial only.
    ///   - storePath: The file of its store; `nil` for one that ends with the process.
    ///   - usesRoutes: Whether it carries messages of others, and reaches others over its neighbours.
    static func start(
        _ world: World,
        _ security: SecurityProtocol,
        listensOn addresses: [Multiaddr],
        connectionCountMax: Int = 1024,
        storePath: String? = nil,
        usesRoutes: Bool = false
    ) async throws -> (node: Node, addresses: [Multiaddr]) {
        var seed = world.random.bytes(count: IdentityKey.seedByteCount)
        let identity = try IdentityKey(wipingSeed: &seed)
        var configuration = NodeConfiguration(machineMemoryByteCount: 1 << 40)
        configuration.usesMDNS = false
        configuration.usesRoutes = usesRoutes
        // The bench says who is connected with whom.
        configuration.topology = nil
        configuration.measurableBy = .anyone
        configuration.securities = [security]
        // Above eight tenths of it the node would begin to close connections.
        configuration.connectionCountMax = max(1024, connectionCountMax * 2)
        configuration.listenAddresses = addresses
        var world = world
        world.store = try openStore(world, storePath)
        let node = try Node(world: world, identity: identity, configuration: configuration)
        let bound = try await node.start()
        return (node, bound.map { $0.with(peerID: node.peerID) })
    }

    /// Opens a durable store, or with `nil` one in memory.
    static func openStore(_ world: World, _ path: String?) throws(Diagnostic) -> SQLiteStore {
        let (loop, wallClock) = (world.loops[0], world.wallClock)
        do throws(StoreError) {
            guard let path else { return try SQLiteStore.inMemory(loop: loop, wallClock: wallClock) }
            return try SQLiteStore.open(path: path, loop: loop, wallClock: wallClock)
        } catch {
            throw Diagnostic(error)
        }
    }

    /// Ends a node and its store.
    static func stop(_ node: Node) async {
        await node.stop()
        await node.world.store.close()
    }
}

/// Drops what a measured node would log.
private struct NoLog: LogSink {
    func write(_ level: LogLevel, _ message: String, _ values: [(key: String, value: LogValue)]) {}
}

/// Counts events of a loop, and lets one task wait for a number of them.
actor EventTally {
    private(set) var count = 0
    private let loop: any EventLoop
    private var wanted = 0
    private var waiter: Waiter<Bool>?

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(loop: any EventLoop) { self.loop = loop }

    /// One more has happened.
    ///
    /// For the loop only.
    nonisolated func add() {
        assumeIsolated { tally in
            tally.count += 1
            if tally.count >= tally.wanted { tally.waiter.take()?.resume(returning: true) }
        }
    }

    /// Waits until `count` have happened in all; `false` when `limit` has passed before.
    func wait(for count: Int, limit: Duration) async -> Bool {
        if self.count >= count { return true }
        wanted = count
        let timer = loop.makeTimer { [weak self] in
            self?.assumeIsolated { $0.waiter.take()?.resume(returning: false) }
        }
        timer.arm(at: loop.now + limit)
        defer { timer.disarm() }
        return await Waiter.suspend { waiter = $0 }
    }
}

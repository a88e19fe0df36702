public import StarlingCore
internal import StarlingCrypto
internal import StarlingIO
internal import StarlingNode
internal import StarlingStore
internal import StarlingTransports
internal import StarlingWorld

/// One running Starling with one identity.
///
///     let node = try await Node.start(.init(name: "kitchen"))
///     for await message in node.messages {
///         print(message.from, message.text ?? "")
///         await node.acknowledge(message)
///     }
///
/// It listens, finds peers on the LAN by itself, and keeps connections with those that it was told of. Its identity
/// lives in ``Configuration/home``; without one the node has a new identity each time.
public final class Node: Sendable {
    /// How a node behaves.
    ///
    /// Every setting has a value that fits most nodes.
    public struct Configuration: Sendable {
        /// The folder that holds the identity key and the store, made where missing; `nil` for both to end with the node.
        public var home: String?
        /// The longest ``name``, ``agentVersion`` and ``protocolVersion``, in bytes of UTF-8.
        public static let nameByteCountMax = 64
        /// The least ``memoryByteCountMax``: 16 MiB.
        public static let memoryByteCountMin = 16 << 20

        /// What people call the node; others see it.
        ///
        /// At most ``nameByteCountMax`` bytes.
        public var name: String
        /// Where to listen; port 0 lets the system choose one.
        public var listenAddresses: [String]
        /// Peers to stay connected with: multiaddrs, each with its `/p2p/` part.
        public var bootstrapAddresses: [String]
        /// Whether to announce the node on its LANs, and to look for others there.
        public var usesLANDiscovery: Bool
        /// What the node says that it runs, such as `kitchen-clock/2.1`; `nil` for Starling and its version.
        ///
        /// At most ``nameByteCountMax`` bytes. The name is put behind it.
        public var agentVersion: String?
        /// Which network the node says that it belongs to, such as `/kitchen/1`; `nil` for `starling/1`.
        ///
        /// At most ``nameByteCountMax`` bytes.
        public var protocolVersion: String?
        /// The most connections, both directions; `nil` scales with the machine.
        public var connectionCountMax: Int?
        /// The most memory that connections and streams may take, in bytes; `nil` scales with the machine.
        public var memoryByteCountMax: Int?

        /// A configuration; what is left out has the value that the property says.
        public init(
            home: String? = nil,
            name: String = "",
            listenAddresses: [String] = ["/ip4/0.0.0.0/tcp/0"],
            bootstrapAddresses: [String] = [],
            usesLANDiscovery: Bool = true,
            agentVersion: String? = nil,
            protocolVersion: String? = nil,
            connectionCountMax: Int? = nil,
            memoryByteCountMax: Int? = nil
        ) {
            self.home = home
            self.name = name
            self.listenAddresses = listenAddresses
            self.bootstrapAddresses = bootstrapAddresses
            self.usesLANDiscovery = usesLANDiscovery
            self.agentVersion = agentVersion
            self.protocolVersion = protocolVersion
            self.connectionCountMax = connectionCountMax
            self.memoryByteCountMax = memoryByteCountMax
        }
    }

    private let real: RealWorld
    let node: StarlingNode.Node
    let arrivals: Arrivals

    private init(real: RealWorld, node: StarlingNode.Node, arrivals: Arrivals) {
        self.real = real
        self.node = node
        self.arrivals = arrivals
    }

    // The loops end with the last reference, not with `stop()`: a call under way still needs them.
    deinit { real.stop() }

    /// Starts a node.
    ///
    /// - Throws: ``NodeError`` when an address is malformed or taken, or the key or the store cannot be read; nothing
    ///   is left running then.
    public static func start(_ configuration: Configuration = Configuration()) async throws(NodeError) -> Node
    {
        var real: RealWorld
        do throws(SocketError) {
            let log = Log(
                levelMin: .error,
                sink: StandardErrorLog(format: StandardErrorLog.suitableFormat(noColor: nil))
            )
            real = try RealWorld.make(loopCount: RealWorld.suitableLoopCount, log: log)
        } catch {
            throw NodeError(.system, "The system has no room for event loops: \(error).", cause: error)
        }
        do throws(NodeError) {
            let identity = try identity(configuration, real.world)
            real = real.with(store: try store(configuration, real.world))
            let settings = try settings(configuration)
            let node: StarlingNode.Node
            do throws(NodeStartError) {
                node = try StarlingNode.Node(world: real.world, identity: identity, configuration: settings)
            } catch {
                throw NodeError(error)
            }
            let arrivals = Arrivals()
            await node.messages.observe { arrivals.noteArrival(number: $0.number) }
            do throws(NodeStartError) { try await node.start() } catch { throw NodeError(error) }
            return Node(real: real, node: node, arrivals: arrivals)
        } catch {
            await real.world.store.close()
            real.stop()
            throw error
        }
    }

    /// Says goodbye to all peers and ends.
    ///
    /// The node is of no use afterwards; its messages end.
    public func stop() async {
        await node.stop()
        await node.world.store.close()
        arrivals.end()
    }

    /// The node's name for others.
    public var id: PeerID { node.peerID }

    /// Where others reach this node, each with its `/p2p/` part.
    public var addresses: [Multiaddr] {
        get async { await node.swarm.listenAddresses.map { $0.with(peerID: node.peerID) } }
    }

    /// The peers that are connected now.
    public var connectedPeers: [PeerID] {
        get async { await node.swarm.connectedPeers }
    }

    /// Connects to a peer at an address, and returns who is there.
    ///
    /// - Parameter address: a multiaddr, such as `/ip4/192.0.2.1/tcp/4001/p2p/12D3KooW…`. With a `/p2p/` part, anybody
    ///   else at that address is refused.
    /// - Throws: ``NodeError/Code/unreachable`` with each address that was tried and why it failed.
    @discardableResult
    public func connect(to address: String) async throws(NodeError) -> PeerID {
        let parsed = try Self.multiaddr(address)
        do throws(DialError) { return try await node.swarm.connect(to: parsed).info.peer } catch {
            throw NodeError(error)
        }
    }

    /// Measures round trips to a peer, which is dialled where needed.
    ///
    /// With a count below 1 nothing is measured.
    public func ping(_ peer: PeerID, count: Int = 1) async throws(NodeError) -> [Duration] {
        guard count > 0 else { return [] }
        var roundTrips: [Duration] = []
        do throws(NodePingError) {
            try await node.ping(peer, count: count) { roundTrips.append($0) }
        } catch {
            throw NodeError(error)
        }
        return roundTrips
    }

    /// Sends a message to a peer and returns with its signed receipt.
    ///
    /// - Parameters:
    ///   - payload: at most 1 MiB.
    ///   - type: what the payload is, by a name of the application's; at most 128 bytes.
    ///   - peer: the recipient, known by discovery or from ``connect(to:)``.
    /// - Throws: ``NodeError/Code/unreachable``, ``NodeError/Code/refused``, or ``NodeError/Code/timedOut`` when
    ///   no receipt came: the message may have arrived then.
    @discardableResult
    public func send(
        _ payload: [UInt8],
        type: String = "application/octet-stream",
        to peer: PeerID
    ) async throws(NodeError) -> Receipt {
        do throws(MessageFailure) {
            let delivery = try await node.messages.send(type: type, payload: payload, to: peer)
            return Receipt(messageID: "\(delivery.id)", recipient: peer, roundTrip: delivery.roundTrip)
        } catch {
            throw NodeError(error)
        }
    }

    /// Sends a text.
    ///
    /// See ``send(_:type:to:)-([UInt8],_,_)``.
    @discardableResult
    public func send(_ text: String, to peer: PeerID) async throws(NodeError) -> Receipt {
        try await send(Array(text.utf8), type: "text/plain", to: peer)
    }

    /// The messages that arrive, from the first one that is still in the inbox on.
    ///
    /// It ends when the node stops or the task that iterates is cancelled. Each iteration sees every message that has not
    /// been acknowledged: ``acknowledge(_:)`` what was dealt with, or the inbox fills up.
    public var messages: Messages { Messages(node: self) }

    /// Takes a message and all that arrived before it out of the inbox, for good.
    ///
    /// The inbox holds 10,000 messages and 64 MiB of payload; when it is full, further ones are refused, and their senders
    /// told so.
    public func acknowledge(_ message: Message) async {
        _ = await node.messages.take(through: message.number)
    }

    // MARK: Settings

    private static func identity(
        _ configuration: Configuration,
        _ world: World
    ) throws(NodeError) -> IdentityKey {
        do {
            guard let home = configuration.home else {
                var seed = world.random.bytes(count: IdentityKey.seedByteCount)
                return try IdentityKey(wipingSeed: &seed)
            }
            try world.files.createFolder(home)
            return try KeyFile(path: home + "/identity.key", files: world.files, random: world.random)
                .readOrCreate()
        } catch {
            throw NodeError(
                .identity,
                "The node's identity key cannot be had: \(error).",
                nextStep: "Check the folder's owner and modes, or use another home.",
                cause: error
            )
        }
    }

    private static func check(_ configuration: Configuration) throws(NodeError) {
        func demand(_ isValid: Bool, _ message: String, _ nextStep: String) throws(NodeError) {
            guard !isValid else { return }
            throw NodeError(.invalidConfiguration, message, nextStep: nextStep)
        }
        try demand(
            [configuration.name, configuration.agentVersion ?? "", configuration.protocolVersion ?? ""]
                .allSatisfy { $0.utf8.count <= Configuration.nameByteCountMax },
            "The node's name or one of its versions has more than \(Configuration.nameByteCountMax) bytes.",
            "Use a shorter one."
        )
        try demand(
            configuration.connectionCountMax ?? 1 >= 1,
            "A node without connections can do nothing.",
            "Allow one connection at least, or leave the limit out."
        )
        try demand(
            configuration.memoryByteCountMax ?? .max >= Configuration.memoryByteCountMin,
            "A node needs \(Configuration.memoryByteCountMin) bytes of memory for its connections.",
            "Allow as much, or leave the limit out."
        )
    }

    /// The node's durable memory; without a home it ends with the node.
    private static func store(
        _ configuration: Configuration,
        _ world: World
    ) throws(NodeError) -> any Store {
        let (loop, clock) = (world.loops[0], world.wallClock)
        do throws(StoreError) {
            guard let home = configuration.home else {
                return try SQLiteStore.inMemory(loop: loop, wallClock: clock)
            }
            return try SQLiteStore.open(path: home + "/starling.db", loop: loop, wallClock: clock)
        } catch {
            throw NodeError(.store, error.words.what, nextStep: error.words.nextStep, cause: error)
        }
    }

    private static func settings(_ configuration: Configuration) throws(NodeError) -> NodeConfiguration {
        try check(configuration)
        var settings = NodeConfiguration(machineMemoryByteCount: SystemMemory.byteCount)
        settings.name = configuration.name
        if let agentVersion = configuration.agentVersion { settings.agentVersion = agentVersion }
        if let protocolVersion = configuration.protocolVersion { settings.protocolVersion = protocolVersion }
        settings.usesMDNS = configuration.usesLANDiscovery
        for text in configuration.listenAddresses { settings.listenAddresses.append(try multiaddr(text)) }
        for text in configuration.bootstrapAddresses {
            settings.bootstrapAddresses.append(try multiaddr(text))
        }
        if let count = configuration.connectionCountMax { settings.connectionCountMax = count }
        if let byteCount = configuration.memoryByteCountMax { settings.memoryByteCountMax = byteCount }
        return settings
    }

    private static func multiaddr(_ text: String) throws(NodeError) -> Multiaddr {
        do throws(MultiaddrError) { return try Multiaddr(text) } catch {
            throw NodeError(
                .invalidAddress,
                "'\(text)' is not a multiaddr: \(error).",
                nextStep: "Write it like /ip4/192.0.2.1/tcp/4001/p2p/12D3KooW…",
                cause: error
            )
        }
    }
}

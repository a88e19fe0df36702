public import StarlingCore
internal import StarlingCrypto
internal import StarlingIO
public import StarlingMesh
internal import StarlingNode
internal import StarlingStore
internal import StarlingTransports
internal import StarlingWorld

/// One running Starling with one identity.
///
///     let node = try await Node.start(.init(name: "kitchen"))
///     for await message in node.messages {
///         print(message.from, message.text ?? "")
///         try await message.acknowledge()
///     }
///
/// It listens, finds peers on the LAN by itself, and keeps connections with those that it was told of. Its identity
/// lives in ``Configuration/home``; without one the node has a new identity each time.
public final class Node: Sendable {
    /// How a node behaves.
    ///
    /// Every setting has a value that fits most nodes.
    public struct Configuration: Sendable {
        /// The folder that holds the identity key, the store and files on their way, made where missing; `nil` for all to
        /// end with the node.
        public var home: String?
        /// The longest ``name``, ``agentVersion`` and ``protocolVersion``, in bytes of UTF-8.
        public static let nameByteCountMax = 64
        /// The least ``memoryByteCountMax``: 16 MiB.
        public static let memoryByteCountMin = 16 << 20
        /// The least ``mailSpaceByteCount``: 1 MiB.
        public static let mailSpaceByteCountMin = 1 << 20
        /// What ``mailLifetime`` may be: a minute to 30 days.
        public static let mailLifetimes: ClosedRange<Duration> = .seconds(60) ... .seconds(30 * 86_400)

        /// What people call the node; others see it.
        ///
        /// At most ``nameByteCountMax`` bytes.
        public var name: String
        /// Where to listen; port 0 lets the system choose one.
        public var listenAddresses: [String]
        /// Peers to stay connected with: multiaddrs, each with its `/p2p/` part.
        public var bootstrapAddresses: [String]
        /// For whom the node keeps private messages while they are away; it cannot read them.
        public var keepsMailFor: MailRecipients = .nobody
        /// The most bytes of messages that are kept for others; `nil` for 256 MiB.
        ///
        /// One sender has an eighth of it at most, one recipient a quarter; ``mailSpaceByteCountMin`` at least.
        public var mailSpaceByteCount: Int?
        /// How long any message is kept for others at most, though its own lifetime may be longer; `nil` for 30 days.
        ///
        /// One of ``mailLifetimes``. What is on the disk from before keeps to it, too.
        public var mailLifetime: Duration?
        /// Who keeps messages for this node while it is away: multiaddrs of at most 8 peers, each with its `/p2p/` part, the
        /// one that is asked first in the first place.
        public var mailboxAddresses: [String] = []
        /// Whether to announce the node on its LANs, and to look for others there.
        public var usesLANDiscovery: Bool
        /// Whether to reach peers over neighbours, to carry what others send over this node, and to hear who of the mesh is
        /// alive.
        public var usesRoutes: Bool
        /// To which members of the mesh to stay connected, where it uses routes; `nil` leaves that to whoever dials.
        public var topology: Topology?
        /// How much the node can carry for others, compared with the others of its mesh, 1 to 65535; `nil` for as many as the
        /// machine has processors, at most 16.
        ///
        /// All are told. Where there are super-peers, they are those with the highest product of capacity and uptime; use 1 for
        /// what runs from a battery.
        public var capacity: Int?
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
        /// The most other nodes to keep routes to, 16 to 4096; `nil` for 1024.
        ///
        /// The nearest and those that are written to have them; the others are asked for when there is a message for them.
        public var routeCountMax: Int?

        /// A configuration; what is left out has the value that the property says.
        public init(
            home: String? = nil,
            name: String = "",
            listenAddresses: [String] = ["/ip4/0.0.0.0/tcp/0"],
            bootstrapAddresses: [String] = [],
            usesLANDiscovery: Bool = true,
            usesRoutes: Bool = true,
            topology: Topology? = .mesh,
            capacity: Int? = nil,
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
            self.usesRoutes = usesRoutes
            self.topology = topology
            self.capacity = capacity
            self.agentVersion = agentVersion
            self.protocolVersion = protocolVersion
            self.connectionCountMax = connectionCountMax
            self.memoryByteCountMax = memoryByteCountMax
        }
    }

    private let real: RealWorld
    let node: StarlingNode.Node
    /// Where files are kept that end with the node, which removes them at its end at the latest.
    private let temporaryFolder: TemporaryFolder?

    private init(real: RealWorld, node: StarlingNode.Node, temporaryFolder: TemporaryFolder?) {
        self.real = real
        self.node = node
        self.temporaryFolder = temporaryFolder
    }

    // The loops end with the last reference, not with `stop()`: a call under way still needs them. That may be one of
    // their own, such as a handler's.
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
        var temporaryFolder: TemporaryFolder?
        do throws(NodeError) {
            let identity = try identity(configuration, real.world)
            real = real.with(store: try store(configuration, real.world))
            temporaryFolder = configuration.home == nil ? try Self.temporaryFolder() : nil
            let folder = temporaryFolder?.path ?? (configuration.home ?? "") + "/blobs"
            real = real.with(store: real.world.store, blobs: try blobs(folder, real.loops[0]))
            var settings = try settings(configuration)
            let mark = configuration.home.map { RunMark(home: $0, files: real.world.files) }
            settings.hasToldRoutes = try Self.marked { () throws(FileError) in try mark?.isSet() ?? false }
            let node: StarlingNode.Node
            do throws(NodeStartError) {
                node = try StarlingNode.Node(world: real.world, identity: identity, configuration: settings)
            } catch {
                throw NodeError(error)
            }
            do throws(NodeStartError) { try await node.start() } catch { throw NodeError(error) }
            do throws(NodeError) {
                if settings.usesRoutes { try Self.marked { () throws(FileError) in try mark?.set() } }
            } catch {
                await node.stop()
                throw error
            }
            return Node(real: real, node: node, temporaryFolder: temporaryFolder)
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
        temporaryFolder?.remove()
        await node.world.store.close()
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

    /// Accepts a message to a peer: when this returns, it is on the disk and will be delivered, whenever the peer can be
    /// reached within its lifetime.
    ///
    /// - Parameters:
    ///   - payload: at most 1 MiB.
    ///   - type: what the message is; an application's own types have names of 1 to 128 bytes.
    ///   - peer: the recipient.
    ///   - options: how urgent, how private and how long.
    /// - Throws: ``NodeError/Code/refused`` when the outbox is full, ``NodeError/Code/store`` when the disk took nothing;
    ///   the message is not accepted then.
    @discardableResult
    public func send(
        _ payload: [UInt8],
        type: MessageType = .data,
        to peer: PeerID,
        options: SendOptions = SendOptions()
    ) async throws(NodeError) -> SentMessage {
        let startedAt = node.world.loops[0].now
        var content = MessageContent(type: type, payload: payload)
        content.contentType = options.contentType
        do throws(DeliveryError) {
            let id = try await node.delivery.accept(options.draft(to: peer, content))
            return SentMessage(id: "\(id)", to: peer, messageID: id, startedAt: startedAt, node: self)
        } catch {
            throw NodeError(error)
        }
    }

    /// Accepts a text.
    ///
    /// See ``send(_:type:to:options:)-([UInt8],_,_,_)``.
    @discardableResult
    public func send(
        _ text: String,
        type: MessageType = .data,
        to peer: PeerID,
        options: SendOptions = SendOptions()
    ) async throws(NodeError) -> SentMessage {
        var options = options
        if options.contentType.isEmpty { options.contentType = "text/plain" }
        return try await send(Array(text.utf8), type: type, to: peer, options: options)
    }

    /// Sends a message to every node that can be reached now or within its lifetime: neighbours carry it on, and each node
    /// takes it into its inbox once.
    ///
    /// Nobody gives a receipt for it, it is sealed to nobody, and this node forgets it when it stops.
    ///
    /// - Parameters:
    ///   - payload: some 70 KB at most.
    ///   - type: what the message is.
    ///   - priority: how urgent it is.
    ///   - lifetime: a millisecond to an hour.
    ///   - contentType: the payload's media type.
    /// - Returns: the message's id: 32 hexadecimal digits.
    @discardableResult
    public func broadcast(
        _ payload: [UInt8],
        type: MessageType = .data,
        priority: MessagePriority = .normal,
        lifetime: Duration = .seconds(300),
        contentType: String = ""
    ) async throws(NodeError) -> String {
        var content = MessageContent(type: type, payload: payload)
        content.contentType = contentType
        var draft = BroadcastDraft(content: content)
        draft.priority = priority
        draft.lifetime = lifetime
        do throws(DeliveryError) { return "\(try await node.delivery.broadcast(draft).id)" } catch {
            throw NodeError(error)
        }
    }

    /// Sends a request and returns with the recipient's answer.
    ///
    /// The request is as durable as any message; an answer that comes after `timeout` stays in the inbox.
    /// - Throws: ``NodeError/Code/timedOut`` when no answer came in time, ``NodeError/Code/refused`` when the recipient
    ///   answered that it has none.
    public func request(
        _ payload: [UInt8],
        type: MessageType = .agentTask,
        to peer: PeerID,
        timeout: Duration,
        options: SendOptions = SendOptions()
    ) async throws(NodeError) -> Message {
        var content = MessageContent(type: type, payload: payload)
        content.contentType = options.contentType
        var draft = options.draft(to: peer, content)
        draft.lifetime = min(draft.lifetime, timeout)
        do throws(RequestError) {
            let deadline = node.world.loops[0].now + timeout
            return Message(try await node.delivery.request(draft, deadline: deadline), node: self)
        } catch {
            throw NodeError(error)
        }
    }

    /// Gives every message of a type to a closure, those that wait already first.
    ///
    /// What it returns answers a request; nothing answers it without content. The message is acknowledged when it
    /// returns; when it throws, or the node ends before, the message is handed out again, with a higher
    /// ``Message/attempt``.
    ///
    /// - Parameter concurrencyMax: how many run at once; further messages wait.
    /// - Throws: ``NodeError/Code/invalidConfiguration`` when the type has a handler already.
    public func handle(
        _ type: MessageType,
        concurrencyMax: Int = 64,
        _ body: @escaping @Sendable (Message) async throws -> [UInt8]?
    ) async throws(NodeError) {
        let isSet = await node.delivery.handle(type, concurrencyMax: max(1, concurrencyMax)) {
            [weak self] delivery in
            guard let self else { throw CancellationError() }
            let answer = try await body(Message(delivery, node: self))
            return answer.map { MessageContent(type: type, payload: $0) }
        }
        guard !isSet else { return }
        throw NodeError(
            .invalidConfiguration,
            "The type \(type) has a handler already.",
            nextStep: "Remove it first: stopHandling(_:)."
        )
    }

    /// Takes a type's handler away; messages that it has it keeps.
    public func stopHandling(_ type: MessageType) async { await node.delivery.stopHandling(type) }

    /// The messages that arrive and have no handler, from the oldest that nobody has dealt with on.
    ///
    /// A message stays in the inbox until ``Message/acknowledge()``, and comes again after a restart, with a higher
    /// ``Message/attempt``. The sequence ends when the node stops or the task that iterates is cancelled.
    public var messages: Messages { Messages(node: self) }

    /// Messages that arrived and that cannot be read back from the disk, as far as that was found out: nobody is handed these,
    /// and they take their places in the inbox until they are acknowledged or the node starts anew.
    ///
    /// Their senders have receipts, and do not send them again by themselves.
    public var damagedMessages: [DamagedMessage] {
        get async { await node.delivery.damagedEntries.map { DamagedMessage($0, node: self) } }
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

    private static func marked<Value>(_ body: () throws(FileError) -> Value) throws(NodeError) -> Value {
        do throws(FileError) { return try body() } catch {
            throw NodeError(
                .store,
                "The node's home cannot be written to: \(error).",
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
        try demand(
            configuration.mailSpaceByteCount ?? .max >= Configuration.mailSpaceByteCountMin,
            "A mailbox needs \(Configuration.mailSpaceByteCountMin) bytes.",
            "Allow as much, or leave the limit out."
        )
        let capacities = NodeConfiguration.capacities
        try demand(
            configuration.capacity.map(capacities.contains) ?? true,
            "A node's capacity is \(capacities.lowerBound) to \(capacities.upperBound).",
            "Use a number between these, or leave it out."
        )
        try demand(
            configuration.mailLifetime.map(Configuration.mailLifetimes.contains) ?? true,
            "A mailbox keeps messages for a minute to 30 days.",
            "Use a duration between these, or leave it out."
        )
        let routeCounts = NodeConfiguration.routeCounts
        try demand(
            configuration.routeCountMax.map(routeCounts.contains) ?? true,
            "A node keeps \(routeCounts.lowerBound) to \(routeCounts.upperBound) routes.",
            "Use a number between these, or leave the limit out."
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

    private static func temporaryFolder() throws(NodeError) -> TemporaryFolder {
        do throws(FileError) { return try TemporaryFolder(named: "starling") } catch {
            throw NodeError(
                .file,
                "There is no folder for temporary files: \(error).",
                nextStep: "Give the node a home, or set TMPDIR.",
                cause: error
            )
        }
    }

    /// The place of files that are sent and received.
    private static func blobs(_ folder: String, _ loop: UVLoop) throws(NodeError) -> any BlobStore {
        do throws(BlobError) { return try SystemBlobStore.open(folder, digest: .chunkTree, loop: loop) } catch
        {
            throw NodeError(BlobFailure.store(error))
        }
    }

    private static func settings(_ configuration: Configuration) throws(NodeError) -> NodeConfiguration {
        try check(configuration)
        var settings = NodeConfiguration(machineMemoryByteCount: SystemMemory.byteCount)
        settings.name = configuration.name
        if let agentVersion = configuration.agentVersion { settings.agentVersion = agentVersion }
        if let protocolVersion = configuration.protocolVersion { settings.protocolVersion = protocolVersion }
        settings.usesMDNS = configuration.usesLANDiscovery
        settings.usesRoutes = configuration.usesRoutes
        settings.topology = configuration.topology?.policy
        settings.capacity = configuration.capacity.map(UInt16.init(clamping:)) ?? RealWorld.suitableCapacity
        for text in configuration.listenAddresses { settings.listenAddresses.append(try multiaddr(text)) }
        for text in configuration.bootstrapAddresses {
            settings.bootstrapAddresses.append(try multiaddr(text))
        }
        settings.mailbox = try mailbox(configuration, bootstrapAddresses: settings.bootstrapAddresses)
        if let count = configuration.connectionCountMax { settings.connectionCountMax = count }
        if let byteCount = configuration.memoryByteCountMax { settings.memoryByteCountMax = byteCount }
        if let count = configuration.routeCountMax { settings.setRouteCountMax(count) }
        return settings
    }

    static func multiaddr(_ text: String) throws(NodeError) -> Multiaddr {
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

internal import StarlingCore
internal import StarlingCrypto
internal import StarlingIO
internal import StarlingMesh
internal import StarlingNode
internal import StarlingStore
internal import StarlingTransports
internal import StarlingWorld

// What a configuration stands for: the settings, and the places on the disk.
extension Node {
    static func identity(
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

    static func marked<Value>(_ body: () throws(FileError) -> Value) throws(NodeError) -> Value {
        do throws(FileError) { return try body() } catch {
            throw NodeError(
                .storeFailed,
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
    static func store(
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
            throw NodeError(error)
        }
    }

    static func temporaryFolder() throws(NodeError) -> TemporaryFolder {
        do throws(FileError) { return try TemporaryFolder(named: "starling") } catch {
            throw NodeError(
                .storeFailed,
                "There is no folder for temporary files: \(error).",
                nextStep: "Give the node a home, or set TMPDIR.",
                cause: error
            )
        }
    }

    /// The place of files that are sent and received.
    static func blobs(_ folder: String, _ loop: UVLoop) throws(NodeError) -> any BlobStore {
        do throws(BlobError) { return try SystemBlobStore.open(folder, digest: .chunkTree, loop: loop) } catch
        {
            throw NodeError(BlobFailure.store(error))
        }
    }

    static func settings(_ configuration: Configuration) throws(NodeError) -> NodeConfiguration {
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
            settings.bootstrapAddresses.append(try peerAddress(text, of: "bootstrap peer"))
        }
        settings.mailbox = try mailbox(configuration, bootstrapAddresses: settings.bootstrapAddresses)
        settings.connectionCountMax = DescriptorLimit.connectionCountMax(
            configuration.connectionCountMax ?? settings.connectionCountMax,
            descriptorCountMax: DescriptorLimit.current
        )
        if let byteCount = configuration.memoryByteCountMax { settings.memoryByteCountMax = byteCount }
        if let count = configuration.routeCountMax { settings.setRouteCountMax(count) }
        return settings
    }

    /// An address that names its peer.
    static func peerAddress(_ text: String, of role: String) throws(NodeError) -> Multiaddr {
        let address = try multiaddr(text)
        guard address.peerID == nil else { return address }
        throw NodeError(
            .invalidAddress,
            "The \(role)'s address \(text) names no peer.",
            nextStep: "Add /p2p/ and the PeerID at its end."
        )
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

internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingCrypto
internal import StarlingIO
internal import StarlingNode
internal import StarlingTransports
internal import StarlingWorld

/// A node that `starling up` has started.
struct StartedNode: Sendable {
    let identity: NodeIdentity
    let desk: NodeDesk
    private let node: Node

    /// The node's messages.
    var delivery: DeliveryDriver { node.delivery }

    /// Says goodbye to all peers and ends.
    func stop() async { await node.stop() }

    /// Builds the node from the settings and starts it.
    ///
    /// `onOtherPort` hears of the usual port and of the one that is used because that is taken.
    static func start(
        _ settings: UpSettings,
        identity: IdentityKey,
        world: World,
        descriptorCountMax: Int,
        onOtherPort: @Sendable (UInt16, UInt16) -> Void
    ) async throws(Diagnostic) -> StartedNode {
        var configuration = configuration(settings, descriptorCountMax: descriptorCountMax)
        guard let addresses = settings.listenAddresses else {
            return try await startOnFreePort(configuration, identity, world, onOtherPort)
        }
        configuration.listenAddresses = addresses
        do throws(NodeStartError) {
            return try await start(configuration, identity, world)
        } catch {
            throw diagnostic(error)
        }
    }

    private static func configuration(_ settings: UpSettings, descriptorCountMax: Int) -> NodeConfiguration {
        var configuration = NodeConfiguration(machineMemoryByteCount: SystemMemory.byteCount)
        configuration.bootstrapAddresses = settings.bootstrapAddresses
        configuration.usesMDNS = settings.usesMDNS
        configuration.usesRoutes = settings.usesRoutes
        configuration.mailbox = settings.mailbox
        configuration.topology = settings.topology
        configuration.capacity = settings.capacity.map(UInt16.init(clamping:)) ?? RealWorld.suitableCapacity
        configuration.hasToldRoutes = settings.hasToldRoutes
        configuration.name = settings.name ?? ""
        configuration.measurableBy = settings.measurableBy
        configuration.securities = settings.securities.compactMap { word in
            SecurityProtocol.allCases.first { $0.shortName == word }
        }
        if let byteCount = settings.memoryByteCountMax { configuration.memoryByteCountMax = byteCount }
        if let count = settings.routeCountMax { configuration.setRouteCountMax(count) }
        configuration.connectionCountMax = DescriptorLimit.connectionCountMax(
            settings.connectionCountMax ?? configuration.connectionCountMax,
            descriptorCountMax: descriptorCountMax
        )
        return configuration
    }

    private static func start(
        _ configuration: NodeConfiguration,
        _ identity: IdentityKey,
        _ world: World
    ) async throws(NodeStartError) -> StartedNode {
        let node = try Node(world: world, identity: identity, configuration: configuration)
        try await node.start()
        let desk = NodeDesk(node: node, onShutdown: StopSignal.send)
        return StartedNode(identity: await desk.identity(), desk: desk, node: node)
    }

    // MARK: The default port

    private static let port: UInt16 = 4001
    private static let portCountMax: UInt16 = 100

    /// Listens on TCP port 4001 of IPv4 and IPv6, or on the next that is free on both.
    private static func startOnFreePort(
        _ configuration: NodeConfiguration,
        _ identity: IdentityKey,
        _ world: World,
        _ onOtherPort: @Sendable (UInt16, UInt16) -> Void
    ) async throws(Diagnostic) -> StartedNode {
        var configuration = configuration
        var hosts = [IPAddress.v6(high: 0, low: 0), .v4(0)]
        var port = port
        while true {
            configuration.listenAddresses = hosts.reversed().map { Multiaddr($0, tcpPort: port) }
            do throws(NodeStartError) {
                let started = try await start(configuration, identity, world)
                if port != Self.port { onOtherPort(Self.port, port) }
                return started
            } catch {
                guard case .listen(.socket(let address, let reason)) = error else { throw diagnostic(error) }
                switch reason {
                case .addressInUse where port - Self.port < portCountMax: port += 1
                // A machine without IPv6 is none without a network.
                case .addressUnavailable where hosts.count == 2 && address.isIPv6,
                    .other where hosts.count == 2 && address.isIPv6:
                    hosts.removeFirst()
                default: throw diagnostic(error)
                }
            }
        }
    }

    private static func diagnostic(_ error: NodeStartError) -> Diagnostic {
        switch error {
        case .delivery(.store(let error)):
            Diagnostic(error)
        case .delivery(.crypto(let reason)):
            Diagnostic(
                code: "system",
                message: "the ciphers cannot be had: \(reason).",
                nextStep: "Check that libgcrypt works here."
            )
        case .listen(.socket(let address, .addressInUse)):
            Diagnostic(
                code: "address_in_use",
                message: "another program listens on \(address).",
                nextStep: "Use another port with --listen, or stop that program."
            )
        case .listen(.socket(let address, .notPermitted)):
            Diagnostic(
                code: "not_permitted",
                message: "the system does not allow this user to listen on \(address).",
                nextStep: "Use a port above 1023."
            )
        case .listen(.socket(let address, .addressUnavailable)):
            Diagnostic(
                code: "address_unavailable",
                message: "\(address) is not an address of this machine.",
                nextStep: "Use one of its own, or /ip4/0.0.0.0/tcp/4001 for all."
            )
        case .listen(.socket(let address, let reason)):
            Diagnostic(
                code: "system",
                message: "the node cannot listen on \(address): \(reason).",
                nextStep: "Use another address with --listen."
            )
        case .listen(.unsupported(let address)):
            Diagnostic(
                code: "unsupported_address",
                message: "no transport of this node listens on \(address).",
                nextStep: "Use TCP: /ip4/0.0.0.0/tcp/4001"
            )
        case .setup, .discovery:
            Diagnostic(
                code: "internal",
                message: "the node cannot start: \(error).",
                nextStep: "Check the system's memory and libraries with: ./dev setup"
            )
        }
    }
}

extension Multiaddr {
    fileprivate var isIPv6: Bool {
        if case .ip(let address, _) = host { !address.isIPv4 } else { false }
    }
}

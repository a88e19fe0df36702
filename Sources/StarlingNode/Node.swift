package import StarlingCore
package import StarlingCrypto
package import StarlingProtocols
package import StarlingTransports
package import StarlingWorld

/// One running Starling with one identity: the swarm and what runs on it.
package final class Node: Sendable {
    package let world: World
    package let identity: IdentityKey
    package let configuration: NodeConfiguration
    package let swarm: Swarm
    package let identify: IdentifyDriver
    package let delivery: DeliveryDriver
    package let routes: RouteDriver
    package let liveness: LivenessDriver
    package let records: RecordDriver
    /// `nil` where nobody decides on connections but those who dial.
    package let topology: TopologyDriver?
    package let traces: TraceDriver
    /// Messages that are left with mailboxes of others, and fetched there.
    package let mailboxes: MailboxDriver
    /// What this node keeps for others.
    package let shelf: MailboxShelfDriver
    /// Streams over others; in use where routes are.
    package let tunnels: TunnelDriver
    /// Files of messages; `nil` where the world has no place for them.
    package let blobs: BlobDriver?
    private let attendance: PeerAttendance
    private let discovery: MDNSDriver?

    package var peerID: PeerID { identity.peerID }

    /// A node that has not started.
    ///
    /// - Throws: ``NodeStartError/discovery(_:)``, which a correct random source never causes.
    package init(
        world: World,
        identity: IdentityKey,
        configuration: NodeConfiguration
    ) throws(NodeStartError) {
        self.world = world
        self.identity = identity
        self.configuration = configuration
        var limits = Swarm.Limits(
            connectionCountMax: configuration.connectionCountMax,
            memoryByteCountMax: configuration.memoryByteCountMax
        )
        // A dial that takes a second connection from its peer at once costs more than it is worth.
        limits.backoff.waitMin = .seconds(1)
        swarm = Swarm(world: world, peerID: identity.peerID, limits: limits)
        identify = IdentifyDriver(
            swarm: swarm,
            identity: identity,
            agentVersion: configuration.fullAgentVersion,
            protocolVersion: configuration.protocolVersion
        )
        let blobs = world.blobs.map { [swarm] in BlobDriver(swarm: swarm, store: $0) }
        self.blobs = blobs
        do throws(DeliveryStartError) {
            delivery = try DeliveryDriver(
                swarm: swarm,
                identity: identity,
                blobs: blobs,
                limits: configuration.deliveryLimits
            )
        } catch {
            throw .delivery(error)
        }
        routes = RouteDriver(
            swarm: swarm,
            identity: identity,
            delivery: delivery,
            limits: configuration.routeLimits,
            hasToldRoutes: configuration.hasToldRoutes,
            verification: configuration.routeVerification
        )
        liveness = LivenessDriver(
            routes: routes,
            identity: identity,
            capacity: configuration.capacity,
            limits: configuration.livenessLimits,
            world: world
        )
        records = RecordDriver(swarm: swarm, routes: routes, identify: identify)
        topology = configuration.topology.map { [swarm, routes, liveness, records] policy in
            TopologyDriver(
                swarm: swarm,
                routes: routes,
                liveness: liveness,
                records: records,
                policy: policy,
                capacity: configuration.capacity,
                limits: configuration.topologyLimits
            )
        }
        traces = TraceDriver(swarm: swarm, delivery: delivery)
        mailboxes = MailboxDriver(
            swarm: swarm,
            identity: identity,
            delivery: delivery,
            configuration: configuration.mailbox
        )
        shelf = MailboxShelfDriver(
            swarm: swarm,
            mailboxes: mailboxes,
            configuration: configuration.mailbox
        )
        tunnels = TunnelDriver(swarm: swarm, identity: identity, delivery: delivery)
        attendance = PeerAttendance(swarm: swarm)
        do throws(MDNSError) {
            discovery = configuration.usesMDNS ? try MDNSDriver(swarm: swarm) : nil
        } catch {
            throw .discovery(error)
        }
    }

    /// Listens, and begins to find and to serve others.
    ///
    /// - Returns: Where the node listens.
    /// - Throws: ``NodeStartError``; nothing is left running then.
    @discardableResult
    package func start() async throws(NodeStartError) -> [Multiaddr] {
        StoreHealth(world.store.report).tell(world.log)
        let transport: SocketTransport
        do throws(SetupError) { transport = try makeTransport() } catch { throw .setup(error) }
        await swarm.start([transport])
        Diagnostics(openTo: configuration.measurableBy).serve(on: swarm.protocols)
        await blobs?.start()
        do throws(DeliveryStartError) { try await delivery.start() } catch {
            await stop()
            throw .delivery(error)
        }
        do throws(StoreError) {
            if configuration.usesRoutes { try await startMesh() }
            if configuration.mailbox.isUsed {
                if configuration.usesRoutes {
                    await shelf.serve(in: tunnels)
                    await mailboxes.useTunnels(tunnels)
                }
                try await shelf.start()
                try await mailboxes.start()
            }
        } catch {
            await stop()
            throw .delivery(.store(error))
        }
        await traces.start()
        if configuration.usesRoutes {
            await tunnels.start()
            await blobs?.useTunnels(tunnels)
        }
        await identify.start()
        var bound: [Multiaddr] = []
        for address in configuration.listenAddresses {
            do throws(ListenError) { bound.append(try await swarm.listen(on: address)) } catch {
                await stop()
                throw .listen(error)
            }
        }
        await attendance.start(configuration.bootstrapAddresses)
        await discovery?.start()
        return bound
    }

    private func startMesh() async throws(StoreError) {
        await liveness.start()
        await records.start()
        await topology?.start()
        try await routes.start()
    }

    /// Says goodbye to all peers and ends.
    ///
    /// Called twice, the second call does nothing.
    package func stop() async {
        await discovery?.stop()
        await attendance.stop()
        await mailboxes.stop()
        await shelf.stop()
        await topology?.stop()
        await records.stop()
        await liveness.leave()
        await traces.stop()
        await routes.stop()
        await tunnels.stop()
        await delivery.stop()
        await blobs?.stop()
        await identify.stop()
        await swarm.stop()
    }

    /// Whether it takes no messages any more, since ``stop()`` was called.
    package var isStopped: Bool { get async { await delivery.isStopped } }

    /// Measures round trips to a peer, which is dialled where needed.
    package func ping(
        _ peer: PeerID,
        count: Int,
        interval: Duration = .zero,
        report: (Duration) -> Void
    ) async throws(NodePingError) {
        let stream: Stream
        do throws(SwarmError) { stream = try await swarm.openStream(to: peer, [ProtocolID.ping]) } catch {
            throw .swarm(error)
        }
        do throws(PingFailure) {
            try await PingDriver(stream: stream, world: world).run(
                count: count,
                interval: interval,
                report: report
            )
        } catch {
            throw .ping(error)
        }
    }

    private func makeTransport() throws(SetupError) -> SocketTransport {
        let setup = try ConnectionSetup(
            identity: identity,
            securities: configuration.securities,
            limits: configuration.connectionLimits,
            world: world,
            owner: swarm
        )
        return try SocketTransport(world: world, setup: setup)
    }
}

/// Why a node could not start.
package enum NodeStartError: Error, Equatable, Sendable {
    case setup(SetupError)
    case listen(ListenError)
    case discovery(MDNSError)
    case delivery(DeliveryStartError)
}

/// Why a ping did not run.
package enum NodePingError: Error, Equatable, Sendable {
    case swarm(SwarmError)
    case ping(PingFailure)
}

extension NodeConfiguration {
    /// The agent version with the node's name in it, where it has one.
    fileprivate var fullAgentVersion: String { name.isEmpty ? agentVersion : "\(agentVersion) (\(name))" }
}

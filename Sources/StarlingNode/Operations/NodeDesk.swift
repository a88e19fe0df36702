internal import StarlingCore
internal import StarlingMesh
internal import StarlingProtocols
internal import StarlingTransports
internal import StarlingWorld

/// A running node, as those see it who give it orders from outside: the API, the command-line tool.
package struct NodeDesk: NodeOperations {
    let node: Node
    private let startedAt: Instant
    private let onShutdown: @Sendable () -> Void

    /// - Parameter onShutdown: what begins to stop the node; called from any thread.
    package init(node: Node, onShutdown: @escaping @Sendable () -> Void) {
        self.node = node
        self.onShutdown = onShutdown
        startedAt = node.world.loops[0].now
    }

    var loop: any EventLoop { node.world.loops[0] }

    package func identity() async -> NodeIdentity {
        let addresses = await node.swarm.listenAddresses
        return NodeIdentity(
            peerID: node.peerID,
            name: node.configuration.name.isEmpty ? nil : node.configuration.name,
            agentVersion: node.configuration.agentVersion,
            addresses: addresses.map { $0.with(peerID: node.peerID) }
        )
    }

    package func status() async -> NodeStatus {
        let connections = await node.swarm.allConnections
        var streamCount = 0
        for connection in connections { streamCount += await connection.streamCount }
        let (reserved, limits) = node.swarm.protocols.withLedger { ($0.memoryByteCount, $0.limits) }
        let traffic = await node.swarm.traffic
        let delivery = await node.delivery.deliveryReport(countMax: OutboxStatus.listCountMax)
        return NodeStatus(
            identity: await identity(),
            version: NodeVersion.text,
            uptime: startedAt.duration(to: loop.now),
            loopCount: node.world.loops.count,
            securities: node.configuration.securities.map(\.shortName),
            isMDNSOn: node.configuration.usesMDNS,
            knownPeerCount: await node.swarm.peerBook.peers.count,
            connectionCount: connections.count,
            connectionCountMax: limits.connectionCountMax,
            streamCount: streamCount,
            reservedByteCount: reserved,
            reservedByteCountMax: limits.memoryByteCountMax,
            receivedByteCount: traffic.receivedByteCount,
            sentByteCount: traffic.sentByteCount,
            inbox: InboxStatus(delivery),
            outbox: OutboxStatus(delivery, wallNow: node.world.wallClock.now),
            mesh: await node.meshStatus,
            files: node.delivery.blobs?.occupancy,
            store: StoreHealth(node.world.store.report)
        )
    }

    package func peers() async -> [PeerSummary] {
        let book = await node.swarm.peerBook
        var connections: [PeerID: [any Connection]] = [:]
        for connection in await node.swarm.allConnections {
            connections[connection.info.peer, default: []].append(connection)
        }
        let connected = connections.keys.sorted()
        let known = Set(book.peers).union(await node.liveness.members.map(\.peer)).subtracting(connected)
        var summaries: [PeerSummary] = []
        for peer in connected + known.sorted() {
            summaries.append(await summary(of: peer, connections[peer] ?? [], book))
        }
        return summaries
    }

    package func mailbox() async -> MailboxSummary { await node.mailboxSummary() }

    package func routes() async -> [RouteSummary] { await node.routes.reports.map { RouteSummary($0) } }

    package func trace(_ request: TraceRequest) async throws(NodeFailure) -> TraceReport {
        if let report = await node.traces.trace(to: request.peer, hopLimit: request.hopLimit) {
            return report
        }
        _ = try await connection(to: .peer(request.peer), within: request.timeout)
        guard let report = await node.traces.trace(to: request.peer, hopLimit: request.hopLimit) else {
            throw NodeFailure(
                .unreachable,
                "The connection with \(request.peer) ended at once.",
                nextStep: "Try again."
            )
        }
        return report
    }

    package func connect(_ request: ConnectRequest) async throws(NodeFailure) -> PeerSummary {
        let connection = try await connection(to: .address(request.address), within: request.timeout)
        let peer = connection.info.peer
        let all = await node.swarm.allConnections.filter { $0.info.peer == peer }
        return await summary(of: peer, all, await node.swarm.peerBook)
    }

    package func ping(_ request: PingRequest) async throws(NodeFailure) -> PingReport {
        let connection = try await connection(to: request.target, within: request.timeout)
        let stream: Stream
        do throws(StreamError) {
            stream = try await connection.openStream([ProtocolID.ping])
        } catch {
            throw NodeFailure(error, peer: connection.info.peer)
        }
        let series = PingSeries(driver: PingDriver(stream: stream, world: node.world), loop: connection.loop)
        let (roundTrips, failure) = await series.run(request)
        // A stream that fails at once says why; later it has lost the pings that did not come back.
        if let failure, roundTrips.isEmpty { throw NodeFailure(failure, peer: connection.info.peer) }
        return PingReport(
            peerID: connection.info.peer,
            path: await summary(of: connection),
            roundTrips: roundTrips,
            lostCount: request.count - roundTrips.count
        )
    }

    package func shutdown() async { onShutdown() }

    // MARK: Parts

    private func connection(
        to target: PingRequest.Target,
        within timeout: Duration
    ) async throws(NodeFailure) -> any Connection {
        let (swarm, deadline) = (node.swarm, loop.now + timeout)
        do throws(DialError) {
            switch target {
            case .peer(let peer): return try await swarm.connect(to: peer, until: deadline)
            case .address(let address): return try await swarm.connect(to: address, until: deadline)
            }
        } catch {
            throw NodeFailure(error)
        }
    }

    private func summary(
        of peer: PeerID,
        _ connections: [any Connection],
        _ book: PeerBook
    ) async -> PeerSummary {
        var summaries: [ConnectionSummary] = []
        for connection in connections { summaries.append(await summary(of: connection)) }
        let agent = book[peer].flatMap { $0.agentVersion.isEmpty ? nil : $0.agentVersion }
        return PeerSummary(
            peerID: peer,
            name: agent.flatMap(NodeConfiguration.name(inAgentVersion:)),
            agentVersion: agent,
            addresses: book.addresses(of: peer, now: loop.now),
            connections: summaries,
            membership: await node.liveness.member(peer).map { Membership($0, now: loop.now) }
        )
    }

    private func summary(of connection: any Connection) async -> ConnectionSummary {
        let info = connection.info
        return ConnectionSummary(
            id: "\(connection.id)",
            direction: info.direction == .inbound ? .inbound : .outbound,
            remote: info.remote,
            security: info.security,
            muxer: info.muxer,
            age: info.openedAt.duration(to: loop.now),
            streamCount: await connection.streamCount,
            roundTrip: await connection.roundTrip
        )
    }
}

extension SecurityProtocol {
    /// The word of flags and reports: `noise`, `tls`.
    package var shortName: String {
        switch self {
        case .noise: "noise"
        case .tls: "tls"
        }
    }
}

extension NodeConfiguration {
    /// The name in the agent version of another Starling: `starling/0.1.0 (kitchen)`.
    static func name(inAgentVersion text: String) -> String? {
        guard text.hasPrefix("starling/"), text.hasSuffix(")"), let start = text.firstIndex(of: "(") else {
            return nil
        }
        let name = text[text.index(after: start)...].dropLast()
        return name.isEmpty ? nil : String(name)
    }
}

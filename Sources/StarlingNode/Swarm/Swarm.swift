package import StarlingCore
internal import StarlingCrypto
package import StarlingTransports
package import StarlingWorld

/// What a swarm tells those who asked.
///
/// Delivered in order, on the swarm's loop.
package enum SwarmEvent: Sendable {
    /// A connection is open. `isFirst` when there was none with that peer.
    case opened(any Connection, isFirst: Bool)
    /// A connection has ended. `isLast` when none is left with that peer.
    case closed(PeerID, ConnectionID, ConnectionError, isLast: Bool)
    /// The addresses that this node listens on, or speaks of, have changed.
    case addressesChanged
}

/// All connections of one node: dials, accepts, hands out streams, and keeps within limits.
package actor Swarm {
    package struct Limits: Sendable {
        package var plan = DialPlan.Limits()
        package var backoff = DialBackoff.Limits()
        package var peerBook = PeerBook.Limits()
        package var ledger: ResourceLedger.Limits
        package var pool: ConnectionPool.Limits
        /// From the beginning of a dial to its end, names and all addresses included.
        package var dialTimeout: Duration = .seconds(30)
        /// How deep `/dnsaddr` records may refer to others.
        package var resolveDepthMax = 4
        /// Names that one dial resolves, at the same time; further ones are not tried.
        package var nameCountMax = 8
        /// Questions to the name system that one of them may cost.
        package var lookupCountMaxPerName = 16
        /// How long two connections with one peer stay both: the peer may have begun something on either.
        package var redundancyGrace: Duration = .seconds(5)
        /// How often surplus connections are looked for.
        package var upkeepInterval: Duration = .seconds(10)
        /// The pause between two looks for surplus connections, while new ones keep coming.
        package var trimInterval: Duration = .seconds(1)

        package init(connectionCountMax: Int, memoryByteCountMax: Int) {
            ledger = .init(connectionCountMax: connectionCountMax, memoryByteCountMax: memoryByteCountMax)
            pool = .init(connectionCountMax: connectionCountMax)
        }
    }

    package nonisolated let world: World
    package nonisolated let peerID: PeerID
    package nonisolated let protocols: ProtocolTable
    nonisolated let limits: Limits
    nonisolated let loop: any EventLoop

    var transports: [any Transport] = []
    var listeners: [any Listener] = []
    var connections: [PeerID: [any Connection]] = [:]
    var dials: [PeerID: SharedDial] = [:]
    /// Dials that one caller has to itself, by number.
    var ownDials: [UInt64: OwnDial] = [:]
    var backoff: DialBackoff
    var nextWaiter: UInt64 = 0
    /// Results of dials that ended before their callers waited, by the callers' numbers; taken at once.
    var earlyResults: [UInt64: Result<any Connection, DialError>] = [:]
    package var peerBook: PeerBook
    package var pool: ConnectionPool
    private var observers: [@Sendable (SwarmEvent) -> Void] = []
    private var caretaker: (@Sendable (PeerID) -> Bool)?
    private var upkeep: Task<Void, Never>?
    /// Connections that this node closes, whose peers may take their time.
    private var closings: [ConnectionID: Task<Void, Never>] = [:]
    private var trimming: Task<Void, Never>?
    private var trimmedAt: Instant?
    private var addressObservation: (any InterfaceObservation)?
    private(set) var isStopped = false

    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    package init(world: World, peerID: PeerID, limits: Limits) {
        self.world = world
        self.peerID = peerID
        self.limits = limits
        loop = world.loops[0]
        protocols = ProtocolTable(ledger: ResourceLedger(limits: limits.ledger))
        backoff = DialBackoff(limits: limits.backoff)
        peerBook = PeerBook(limits: limits.peerBook)
        pool = ConnectionPool(limits: limits.pool)
    }

    /// Takes its transports, which need the swarm as their connections' owner, and begins its upkeep.
    package func start(_ transports: [any Transport]) {
        self.transports = transports
        upkeep = loop.startTask { await self.keepUp() }
        addressObservation = world.interfaces.observe(on: loop) { [weak self] in
            self?.assumeIsolated { $0.notify(.addressesChanged) }
        }
    }

    /// Hears of every event from here on.
    ///
    /// Observers are called on the swarm's loop and must be quick.
    package func observe(_ observer: @escaping @Sendable (SwarmEvent) -> Void) {
        observers.append(observer)
    }

    /// Closes listeners, dials and connections.
    ///
    /// The swarm is of no use afterwards.
    package func stop() async {
        guard !isStopped else { return }
        isStopped = true
        addressObservation = nil
        upkeep?.cancel()
        let closing = listeners
        listeners = []
        for listener in closing { await listener.close() }
        let dialling = dials.sorted { $0.key < $1.key }.map(\.value.task)
        for task in dialling { task.cancel() }
        let dialledAlone = ownDials.sorted { $0.key < $1.key }.compactMap(\.value.task)
        for task in dialledAlone { task.cancel() }
        await withTaskGroup(of: Void.self) { group in
            for connection in allConnections { group.addTask { await connection.close(.closedLocally) } }
        }
        await upkeep?.value
        await trimming?.value
        for task in dialling { await task.value }
        for task in dialledAlone { _ = await task.result }
        while let id = closings.keys.min(), let task = closings[id] { await task.value }
        // The transports hold the setup that names this swarm as owner: the circle ends here.
        transports = []
    }

    // MARK: Connections

    /// Every open connection, ordered by peer, then by age.
    package var allConnections: [any Connection] {
        connections.sorted { $0.key < $1.key }.flatMap(\.value)
    }

    /// What all connections have moved, those that have ended included.
    package var traffic: Traffic { transports.reduce(into: Traffic()) { $0 += $1.traffic } }

    package var connectedPeers: [PeerID] { connections.keys.sorted() }

    /// The connection that new streams to a peer use: of two that were dialled at once the one that stays, else the
    /// oldest.
    package func connection(to peer: PeerID) -> (any Connection)? {
        guard let all = connections[peer] else { return nil }
        return all.first(where: stays) ?? all.first
    }

    package func isConnected(_ peer: PeerID) -> Bool { connections[peer] != nil }

    /// Whether connections that nobody asked for are welcome: below half of what closes some.
    package var hasRoomForMore: Bool { connections.count < (limits.pool.highWaterCount + 1) / 2 }

    /// All connections with a peer, the oldest first.
    package func connections(with peer: PeerID) -> [any Connection] { connections[peer] ?? [] }

    /// From here on `caretaker` says of which peers it sees itself whether there are to be connections.
    func entrust(to caretaker: (@Sendable (PeerID) -> Bool)?) { self.caretaker = caretaker }

    /// Whether a peer is to be dialled by nobody for having been found, or named at start: another sees to that.
    func isEntrusted(_ peer: PeerID) -> Bool { caretaker?(peer) ?? false }

    /// Takes a peer's record into the peer book, with those of its addresses that reach far enough.
    ///
    /// - Parameter meeting: The other end of the connection over which the record came.
    func take(_ record: PeerRecord, in envelope: [UInt8], metAt meeting: Multiaddr?, lifetime: Duration) {
        peerBook.take(
            record: AddressFilter.worthy(record.addresses, metAt: meeting),
            in: envelope,
            sequence: record.sequenceNumber,
            of: record.peerID,
            lifetime: lifetime,
            now: loop.now
        )
    }

    /// Closes all connections with a peer.
    package func disconnect(_ peer: PeerID, _ reason: ConnectionError = .closedLocally) async {
        for connection in connections[peer] ?? [] { await connection.close(reason) }
    }

    /// Opens a stream to a peer, dialling it first where needed.
    package func openStream(
        to peer: PeerID,
        _ protocolIDs: [String],
        priority: StreamPriority = .normal
    ) async throws(SwarmError) -> Stream {
        for attempt in 0..<2 {
            let connection: any Connection
            do throws(DialError) { connection = try await connect(to: peer) } catch { throw .dial(error) }
            do throws(StreamError) {
                return try await connection.openStream(protocolIDs, priority: priority)
            } catch {
                // The connection may have ended between the two calls; once is enough to know better.
                guard attempt == 0, case .connectionClosed = error else { throw .stream(error) }
            }
        }
        throw .stream(.closed)
    }

    /// Counts an open connection, or closes it where a limit says so.
    func register(_ connection: any Connection) async throws(ConnectionError) {
        let peer = connection.info.peer
        let refusal: ConnectionError?
        if isStopped {
            refusal = .closedLocally
        } else if peer == peerID {
            refusal = .dialledSelf
        } else {
            do throws(ResourceError) {
                try protocols.withLedger { ledger throws(ResourceError) in try ledger.openConnection(peer) }
                refusal = nil
            } catch {
                refusal = .refusedByLimit(error.text)
            }
        }
        if let refusal {
            closeSoon(connection, refusal)
            throw refusal
        }
        let isFirst = connections[peer] == nil
        connections[peer, default: []].append(connection)
        backoff.succeeded(.peer(peer))
        peerBook.setConnected(true, peer, now: loop.now)
        world.log(
            .info,
            "connection open",
            [
                "peer": "\(peer)", "direction": "\(connection.info.direction)",
                "security": "\(connection.info.security)",
                "remote": "\(connection.info.remote?.description ?? "-")",
            ]
        )
        notify(.opened(connection, isFirst: isFirst))
        // It may have ended before it was in the table; then its end found nothing to remove.
        if let reason = await connection.closeReason { connectionClosed(connection, reason) }
        trimSoon()
    }

    private func connectionClosed(_ connection: any Connection, _ reason: ConnectionError) {
        let peer = connection.info.peer
        guard let index = connections[peer]?.firstIndex(where: { $0.id == connection.id }) else { return }
        connections[peer]?.remove(at: index)
        let isLast = connections[peer]?.isEmpty ?? true
        if isLast { connections[peer] = nil }
        protocols.withLedger { $0.closeConnection(peer) }
        if isLast { peerBook.setConnected(false, peer, now: loop.now) }
        world.log(.info, "connection closed", ["peer": "\(peer)", "reason": "\(reason.reason)"])
        notify(.closed(peer, connection.id, reason, isLast: isLast))
    }

    func notify(_ event: SwarmEvent) {
        for observer in observers { observer(event) }
    }

    // MARK: Upkeep

    private func keepUp() async {
        while !isStopped {
            do { try await loop.sleep(for: limits.upkeepInterval) } catch { return }
            trimSoon()
            await closeRedundant()
        }
    }

    /// Looks for surplus connections where there are too many, unless that is under way or was a moment ago: a flood of
    /// connections would otherwise cost a look at all of them for each.
    private func trimSoon() {
        guard pool.isOverfull(connections.values.reduce(0) { $0 + $1.count }) else { return }
        if let trimmedAt, loop.now < trimmedAt + limits.trimInterval { return }
        guard trimming == nil, !isStopped else { return }
        trimmedAt = loop.now
        trimming = loop.startTask { await self.trim() }
    }

    private func trim() async {
        defer { trimming = nil }
        var members: [ConnectionPool.Member] = []
        for connection in allConnections {
            members.append(
                ConnectionPool.Member(
                    id: connection.id,
                    peer: connection.info.peer,
                    openedAt: connection.info.openedAt,
                    streamCount: await connection.streamCount
                )
            )
        }
        let surplus = Set(pool.surplus(of: members, now: loop.now))
        for connection in allConnections where surplus.contains(connection.id) {
            closeSoon(connection, .refusedByLimit("high water mark of connections"))
        }
    }

    /// Closes a connection without waiting for its peer; ``stop()`` does.
    func closeSoon(_ connection: any Connection, _ reason: ConnectionError) {
        let id = connection.id
        guard closings[id] == nil else { return }
        closings[id] = loop.startTask {
            await connection.close(reason)
            await self.closingEnded(id)
        }
    }

    private func closingEnded(_ id: ConnectionID) { closings[id] = nil }

    /// Whether a connection is the one that stays where two nodes dialled each other at once: the one that the smaller
    /// PeerID dialled.
    private func stays(_ connection: any Connection) -> Bool {
        (connection.info.direction == .outbound) == (peerID < connection.info.peer)
    }

    /// Two nodes that dial each other at once get two connections, of which the smaller PeerID's node closes the one that
    /// does not stay.
    ///
    /// It does so once nothing runs on it, and the other is old enough for the peer to open its streams there.
    private func closeRedundant() async {
        let doubled = connections.filter { $0.value.count > 1 && peerID < $0.key }
        for (_, all) in doubled.sorted(by: { $0.key < $1.key }) {
            guard
                all.contains(where: { stays($0) && $0.info.openedAt + limits.redundancyGrace <= loop.now })
            else { continue }
            for connection in all where !stays(connection) {
                if await connection.streamCount == 0 { closeSoon(connection, .redundant) }
            }
        }
    }
}

/// Why a stream to a peer could not be had.
package enum SwarmError: Error, Equatable, Sendable {
    case dial(DialError)
    case stream(StreamError)
}

extension Swarm: ConnectionOwner {
    package nonisolated func speaks(_ protocolID: String) -> Bool { protocols.speaks(protocolID) }

    package nonisolated var protocolIDs: [String] { protocols.protocolIDs }

    package nonisolated func take(_ stream: Stream) -> Bool {
        guard let entry = protocols.entry(stream.protocolID) else { return false }
        let (peer, protocolID) = (stream.peer, stream.protocolID)
        do throws(ResourceError) {
            try protocols.withLedger { ledger throws(ResourceError) in
                try ledger.openStream(peer, protocolID, countMaxPerPeer: entry.streamCountMaxPerPeer)
            }
        } catch {
            world.log(.warning, "stream refused", ["peer": "\(peer)", "limit": "\(error.text)"])
            return false
        }
        // Ends with the stream: when its connection closes, the action's reads and writes fail.
        stream.connection.loop.startTask { [protocols] in
            await entry.action(stream)
            protocols.withLedger { $0.closeStream(peer, protocolID) }
        }
        return true
    }

    package nonisolated func admit(
        _ protocolID: String,
        to peer: PeerID
    ) throws(StreamError) -> (any StreamSlot)? {
        do throws(ResourceError) {
            return try OutboundSlot.take(from: protocols, to: peer)
        } catch {
            world.log(.warning, "stream not opened", ["peer": "\(peer)", "limit": "\(error.text)"])
            throw .tooManyStreams
        }
    }

    package nonisolated func memoryHold(for peer: PeerID) -> (any MemoryHold)? {
        ByteHold(protocols, of: peer, for: .unreadStreams)
    }

    package nonisolated func connectionDidClose(_ connection: any Connection, _ reason: ConnectionError) {
        loop.startTask { await self.connectionClosed(connection, reason) }
    }
}

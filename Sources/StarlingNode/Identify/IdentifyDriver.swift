internal import StarlingCore
internal import StarlingCrypto
package import StarlingProtocols
package import StarlingTransports
internal import StarlingWorld

/// Tells peers who this node is, and asks them who they are: on every new connection, and again when
/// something changes.
package actor IdentifyDriver {
    /// From the stream's opening to the whole message.
    private static let timeout: Duration = .seconds(10)
    /// How long an address that a peer named may be dialled after it was last heard.
    private static let addressLifetime: Duration = .seconds(3600)
    /// Changes that come close together are told once.
    private static let pushDelay: Duration = .milliseconds(100)
    /// Streams of identify, and of push, that one peer may have open: one for each of its connections, and some more.
    private static let streamCountMaxPerPeer = 16
    /// Pushes under way at a time.
    private static let parallelPushCountMax = 32

    private let swarm: Swarm
    private let identity: IdentityKey
    private let agentVersion: String
    private let protocolVersion: String
    private nonisolated let loop: any EventLoop
    /// The signed record of the addresses that were last told, made again only when they change.
    private var record: (addresses: [Multiaddr], envelope: [UInt8])?
    private var recordSequence: UInt64 = 0
    private var pushes: Task<Void, Never>?
    /// Something has changed since the last push began.
    private var isPushDue = false
    private var requests: [ConnectionID: Task<Void, Never>] = [:]
    private var observers: [@Sendable (IdentifiedPeer) -> Void] = []
    private var isStopped = false

    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    init(swarm: Swarm, identity: IdentityKey, agentVersion: String, protocolVersion: String) {
        self.swarm = swarm
        self.identity = identity
        self.agentVersion = agentVersion
        self.protocolVersion = protocolVersion
        loop = swarm.world.loops[0]
    }

    /// Hears of every peer that has said who it is, on the node's loop.
    package func observe(_ observer: @escaping @Sendable (IdentifiedPeer) -> Void) {
        observers.append(observer)
    }

    func start() async {
        // Later records of this identity must count as newer, after a restart too.
        recordSequence = UInt64(clamping: swarm.world.wallClock.now.millisecondsSince1970)
        let streamCountMax = Self.streamCountMaxPerPeer
        swarm.protocols.set(ProtocolID.identify, streamCountMaxPerPeer: streamCountMax) {
            [weak self] stream in
            await self?.serve(stream)
        }
        swarm.protocols.set(ProtocolID.identifyPush, streamCountMaxPerPeer: streamCountMax) {
            [weak self] stream in
            await self?.take(stream)
        }
        await swarm.observe { [weak self] event in
            self?.assumeIsolated { $0.swarmDid(event) }
        }
    }

    func stop() async {
        isStopped = true
        pushes?.cancel()
        await pushes?.value
        let running = requests.sorted { $0.key < $1.key }
        for (_, task) in running { task.cancel() }
        for (_, task) in running { await task.value }
    }

    private func swarmDid(_ event: SwarmEvent) {
        guard !isStopped else { return }
        switch event {
        case .opened(let connection, _):
            requests[connection.id] = loop.startTask { await self.ask(connection) }
        case .addressesChanged: changed()
        case .closed: break
        }
    }

    // MARK: Asking

    private func ask(_ connection: any Connection) async {
        defer { requests[connection.id] = nil }
        let hold = ByteHold(swarm.protocols, of: connection.info.peer, for: .unfinishedMessages)
        do {
            let answer = try await loop.withDeadline(loop.now + Self.timeout) {
                () async throws(IdentifyFailure) -> IdentifiedPeer in
                let stream: Stream
                do throws(StreamError) {
                    stream = try await connection.openStream([ProtocolID.identify])
                } catch {
                    throw .stream(error)
                }
                return try await Self.read(stream, hold)
            }
            guard let answer else { return log(connection, "no answer in time") }
            learn(answer, over: connection, replacesAll: true)
        } catch {
            log(connection, "\(error)")
        }
    }

    /// Takes what a peer pushes.
    private func take(_ stream: Stream) async {
        let hold = ByteHold(swarm.protocols, of: stream.peer, for: .unfinishedMessages)
        do {
            let push = try await loop.withDeadline(loop.now + Self.timeout) {
                () async throws(IdentifyFailure) -> IdentifiedPeer in
                try await Self.read(stream, hold)
            }
            guard let push else {
                await stream.reset()
                return log(stream.connection, "no push in time")
            }
            learn(push, over: stream.connection, replacesAll: false)
        } catch {
            log(stream.connection, "\(error)")
        }
    }

    private static func read(
        _ stream: Stream,
        _ hold: ByteHold
    ) async throws(IdentifyFailure) -> IdentifiedPeer {
        var reader = IdentifyReader()
        var byteCount = 0
        do {
            while let bytes = try await stream.read() {
                byteCount += bytes.count
                guard hold.set(byteCount) else { throw StreamError.unreadLimit }
                try bytes.withSpan { span throws(IdentifyError) in try reader.receive(span) }
            }
            let message = try reader.receiveEnd()
            try await stream.closeWrite()
            return try IdentifiedPeer(message, of: stream.peer)
        } catch let error as StreamError {
            await stream.reset()
            throw .stream(error)
        } catch let error as IdentifyError {
            await stream.reset()
            throw .identify(error)
        } catch {
            await stream.reset()
            throw .stream(.closed)
        }
    }

    private func learn(_ peer: IdentifiedPeer, over connection: any Connection, replacesAll: Bool) {
        let (id, message) = (peer.peerID, peer.message)
        let swarm = swarm
        swarm.assumeIsolated { swarm in
            if let record = peer.record {
                swarm.take(
                    record,
                    in: message.signedPeerRecord ?? [],
                    metAt: connection.info.remote,
                    lifetime: Self.addressLifetime
                )
            } else if !message.listenAddresses.isEmpty {
                swarm.peerBook.add(
                    AddressFilter.worthy(peer.addresses, metAt: connection.info.remote),
                    of: id,
                    source: .identify,
                    lifetime: Self.addressLifetime,
                    now: loop.now
                )
            }
            // In a push an absent field means that nothing has changed.
            let known = replacesAll ? nil : swarm.peerBook[id]
            swarm.peerBook.set(
                protocols: message.protocols.isEmpty ? known?.protocols ?? [] : message.protocols,
                agentVersion: message.agentVersion ?? known?.agentVersion ?? "",
                protocolVersion: message.protocolVersion ?? known?.protocolVersion ?? "",
                of: id,
                now: loop.now
            )
        }
        for observer in observers { observer(peer) }
    }

    private func log(_ connection: any Connection, _ reason: String) {
        swarm.world.log(
            .debug,
            "identify failed",
            ["peer": "\(connection.info.peer)", "reason": "\(reason)"]
        )
    }

    // MARK: Telling

    private func serve(_ stream: Stream) async {
        let message = await message(observed: stream.connection.info.remote)
        do throws(StreamError) {
            try await write(message, to: stream)
        } catch {
            log(stream.connection, "\(error)")
        }
    }

    /// Writes a message and ends the stream; a peer that does not take it in time has the stream reset.
    private func write(_ message: IdentifyMessage, to stream: Stream) async throws(StreamError) {
        let written: Void? = try await loop.withDeadline(loop.now + Self.timeout) {
            () async throws(StreamError) in
            do throws(StreamError) {
                try await stream.write(message.frames())
                try await stream.closeWrite()
            } catch {
                await stream.reset()
                throw error
            }
        }
        if written == nil { throw .cancelled }
    }

    private func message(observed: Multiaddr?) async -> IdentifyMessage {
        let addresses = await swarm.listenAddresses
        var message = IdentifyMessage()
        message.publicKey = identity.publicKey.protobuf
        message.listenAddresses = addresses
        message.protocols = swarm.protocols.protocolIDs
        message.observedAddress = observed
        message.protocolVersion = protocolVersion
        message.agentVersion = agentVersion
        message.signedPeerRecord = signedRecord(addresses)
        return message
    }

    /// The record of this node, as it tells others.
    func ownRecord() async -> (sequenceNumber: UInt64, envelope: [UInt8]) {
        let envelope = signedRecord(await swarm.listenAddresses)
        return (recordSequence, envelope)
    }

    private func signedRecord(_ addresses: [Multiaddr]) -> [UInt8] {
        if let record, record.addresses == addresses { return record.envelope }
        recordSequence += 1
        let fresh = PeerRecord(
            peerID: identity.peerID,
            sequenceNumber: recordSequence,
            addresses: Array(addresses.prefix(PeerRecord.addressCountMax))
        )
        let envelope = fresh.sealed(with: identity).encoded()
        record = (addresses, envelope)
        return envelope
    }

    /// Tells all connected peers, after a moment in which more may change.
    package func changed() {
        guard !isStopped else { return }
        isPushDue = true
        if pushes == nil { pushes = loop.startTask { await self.push() } }
    }

    /// Returns once the push that was asked for last has gone to every connected peer that takes it.
    package func waitForPush() async { await pushes?.value }

    private func push() async {
        defer { pushes = nil }
        while isPushDue && !isStopped {
            do throws(CancellationError) { try await loop.sleep(for: Self.pushDelay) } catch { return }
            // What changes from here on is told by another round.
            isPushDue = false
            var waiting = await swarm.connectedPeers[...]
            while !waiting.isEmpty && !isStopped {
                let batch = waiting.prefix(Self.parallelPushCountMax)
                waiting = waiting.dropFirst(batch.count)
                await withTaskGroup(of: Void.self) { group in
                    for peer in batch { group.addTask { await self.push(to: peer) } }
                }
            }
        }
    }

    private func push(to peer: PeerID) async {
        guard let connection = await swarm.connection(to: peer) else { return }
        // A peer that has told its protocols and does not take pushes is left alone.
        let known = await swarm.peerBook[peer]?.protocols ?? []
        guard known.isEmpty || known.contains(ProtocolID.identifyPush) else { return }
        let message = await message(observed: connection.info.remote)
        do throws(StreamError) {
            try await write(message, to: try await connection.openStream([ProtocolID.identifyPush]))
        } catch {
            log(connection, "push: \(error)")
        }
    }
}

/// Why a peer did not say who it is.
package enum IdentifyFailure: Error, Equatable, Sendable {
    case stream(StreamError)
    case identify(IdentifyError)
}

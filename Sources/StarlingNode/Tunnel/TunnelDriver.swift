package import StarlingCore
package import StarlingCrypto
package import StarlingMesh
package import StarlingTransports
package import StarlingWorld
internal import Synchronization

/// Streams to peers that are not connected, over those that are.
///
/// A protocol is spoken in tunnels once it is registered with ``serve(_:_:)``, and no other. The ends are authenticated
/// to each other by a handshake inside (``NoiseStream``); those who carry a tunnel learn who its ends say they are, which
/// protocol it is for, and how many bytes it moves.
package actor TunnelDriver {
    package struct Limits: Sendable {
        package var table = TunnelTable.Limits()
        /// Ways that one call tries, one after the other.
        package var wayCountMax = 3
        /// From the first byte to the end of the handshake, for each of them.
        package var openTimeout: Duration = .seconds(15)
        /// For the request of a peer that opened a stream.
        package var requestTimeout: Duration = .seconds(10)
        /// A tunnel of others that carries nothing for so long is reset: longer than the protocols inside have patience.
        package var idleTimeout: Duration = .seconds(90)
        /// Streams of tunnels that one peer may have open here: what the table grants, and some that are being refused.
        package var inboundStreamCountMax = 24

        package init() {}
    }

    let swarm: Swarm
    let delivery: DeliveryDriver
    nonisolated let limits: Limits
    private nonisolated let identity: NoiseIdentity
    package nonisolated let loop: any EventLoop
    private nonisolated let actions = Mutex<[String: StreamAction]>([:])

    var table: TunnelTable
    private(set) var isStopped = false

    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    /// - Parameter delivery: Who knows the ways to peers.
    package init(
        swarm: Swarm,
        identity: IdentityKey,
        delivery: DeliveryDriver,
        limits: Limits = Limits()
    ) {
        self.swarm = swarm
        self.delivery = delivery
        self.limits = limits
        var seed = swarm.world.random.bytes(count: 32)
        self.identity = NoiseIdentity(identity, wipingStaticSeed: &seed)
        loop = swarm.world.loops[0]
        table = TunnelTable(own: identity.peerID, limits: limits.table)
    }

    // MARK: Life

    /// Carries tunnels, and takes those for the protocols that are registered, from here on.
    package func start() {
        swarm.protocols.set(
            TunnelProtocol.id,
            streamCountMaxPerPeer: limits.inboundStreamCountMax
        ) { [weak self] stream in await self?.take(stream) }
    }

    /// Takes no more tunnels; those that are open end with their connections.
    package func stop() {
        isStopped = true
        swarm.protocols.set(TunnelProtocol.id, nil)
    }

    /// Speaks a protocol in tunnels from here on.
    package nonisolated func serve(_ protocolID: String, _ action: @escaping StreamAction) {
        actions.withLock { $0[protocolID] = action }
    }

    nonisolated func action(for protocolID: String) -> StreamAction? {
        actions.withLock { $0[protocolID] }
    }

    nonisolated func setup(on loop: any EventLoop) -> NoiseStream.Setup {
        NoiseStream.Setup(
            identity: identity,
            random: swarm.world.random,
            cipher: delivery.keys.cipher(on: loop)
        )
    }

    // MARK: Opening

    /// Whether a stream to a peer that is not connected has a way to take.
    package func hasWay(to peer: PeerID) async -> Bool { await !delivery.hops(to: peer).isEmpty }

    /// Opens a stream to a peer over others; of several ways those that failed lately are tried last.
    ///
    /// Cancellation: nothing stays open.
    package func openStream(to peer: PeerID, _ protocolID: String) async throws(TunnelError) -> Tunnel {
        guard !isStopped else { throw .stopped }
        // A link would be better: where there is one to be had, what goes over others moves to it.
        await delivery.dialSoon(peer)
        let ways = table.ordered(await delivery.hops(to: peer), to: peer, now: loop.now)
        guard !ways.isEmpty else {
            await delivery.lookForRoute(to: peer)
            throw .noRoute
        }
        var failure = TunnelError.noRoute
        for way in ways.prefix(limits.wayCountMax) {
            do throws(TunnelError) {
                let stream = try await open(to: peer, protocolID, over: way)
                return Tunnel(stream: stream, via: way)
            } catch {
                if Task.isCancelled || isStopped { throw .stopped }
                failure = error
            }
            guard failure.isOfTheWay else { throw failure }
            // The peer itself may take tunnels and spoil them.
            await doubted(to: peer, via: way)
        }
        throw failure
    }

    /// A tunnel was cut, or carries nothing, as its end itself may have brought about: its way is tried last for a while, and
    /// costs more to this peer alone.
    package func doubted(to peer: PeerID, via neighbour: PeerID) async {
        table.failed(to: peer, via: neighbour, now: loop.now)
        await delivery.tunnelDoubted(to: peer, via: neighbour)
    }

    private func open(
        to peer: PeerID,
        _ protocolID: String,
        over neighbour: PeerID
    ) async throws(TunnelError) -> Stream {
        guard let id = TunnelID(swarm.world.random.bytes(count: TunnelID.byteCount)) else { throw .noRoute }
        let request = TunnelRequest(to: peer, from: swarm.peerID, protocolID: protocolID, id: id)
        guard let connection = await swarm.connection(to: neighbour) else { throw .noRoute }
        let setup = setup(on: connection.loop)
        let stream = try await loop.withDeadline(loop.now + limits.openTimeout) {
            () async throws(TunnelError) -> Stream in
            try await request.open(over: connection, setup)
        }
        guard let stream else { throw .timedOut }
        return stream
    }

    /// Tunnels of others that are carried now.
    package var relayedCount: Int { table.relayedCount }

    /// Tunnels of others that were carried on.
    package var carriedCount: UInt64 { table.carriedCount }

    /// The tables that have a limit.
    package var tableFills: [TableFill] { inPlace(&table) { $0.tableFills } }
}

/// A stream to a peer over others.
package struct Tunnel: Sendable {
    package let stream: Stream
    /// The neighbour over which it goes.
    package let via: PeerID
}

extension TunnelRequest {
    /// Has a neighbour carry the request to its end, and makes the handshake with that.
    fileprivate func open(
        over connection: any Connection,
        _ setup: NoiseStream.Setup
    ) async throws(TunnelError) -> Stream {
        let stream: Stream
        let answer: [UInt8]?
        let unread: BufferSlice?
        do throws(StreamError) {
            stream = try await connection.openStream([TunnelProtocol.id])
            try await stream.write(encoded)
        } catch {
            throw .broken(error)
        }
        var frames = FrameStream(stream, frameByteCountMax: TunnelProtocol.frameByteCountMax)
        do throws(FrameError) {
            answer = try await frames.next()
            unread = frames.takeUnread()
        } catch {
            await stream.reset()
            guard case .stream(let error) = error else { throw .malformed }
            throw .broken(error)
        }
        guard let answer else { throw .broken(.ended) }
        switch try? TunnelAnswer.parse(answer.span) {
        case .accepted?: break
        case .refused(let reason)?:
            await stream.reset()
            throw .refused(reason)
        case nil:
            await stream.reset()
            throw .malformed
        }
        do throws(NoiseStreamError) {
            return try await NoiseStream.secure(
                stream,
                .initiator,
                with: to,
                speaking: protocolID,
                binding: binding,
                unread: unread,
                setup: setup
            )
        } catch {
            await stream.reset()
            throw TunnelError(error)
        }
    }
}

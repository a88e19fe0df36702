public import StarlingCore
internal import StarlingIO
public import StarlingMesh
internal import StarlingNode
internal import StarlingTransports
internal import StarlingWorld

/// One running Starling with one identity.
///
///     let node = try await Node.start(.init(name: "kitchen"))
///     for await message in node.messages {
///         print(message.from, message.text ?? "")
///         try await message.acknowledge()
///     }
///     await node.stop()
///
/// It listens, finds peers on the LAN by itself, and keeps connections with those that it was told of. Its identity
/// lives in ``Configuration/home``; without one the node has a new identity each time.
///
/// Stop it with ``stop()``, which says goodbye. With its last reference a node that was not stopped ends as in a crash: its
/// threads end at once, its peers find out by themselves, and what was accepted is on the disk of its home for the next
/// start. Messages, sequences and calls under way hold references, too; a handler does not.
public final class Node: Sendable {
    private let real: RealWorld
    let node: StarlingNode.Node
    /// What tells how the node is doing.
    let desk: NodeDesk
    /// Where files are kept that end with the node, which removes them at its end at the latest.
    private let temporaryFolder: TemporaryFolder?

    private init(real: RealWorld, node: StarlingNode.Node, temporaryFolder: TemporaryFolder?) {
        self.real = real
        self.node = node
        desk = NodeDesk(node: node) {}
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
                levelMin: configuration.logLevel.level,
                sink: StandardErrorLog(format: StandardErrorLog.suitableFormat(noColor: nil))
            )
            real = try RealWorld.make(loopCount: RealWorld.suitableLoopCount, log: log)
        } catch {
            throw NodeError(
                .system,
                "The system has no room for event loops: \(error).",
                nextStep: "Raise the limit of open files (ulimit -n).",
                cause: error
            )
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
    /// The node is of no use afterwards: its sequences end, and calls under way or made later throw
    /// ``NodeError/Code/stopped``. Called twice, the second call does nothing. Cancellation changes nothing.
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
    /// Cancellation: it throws ``NodeError/Code/stopped`` at once. A dial that others wait for goes on.
    ///
    /// - Throws: ``NodeError/Code/unreachable`` with each address that was tried and why it failed,
    ///   ``NodeError/Code/timedOut`` when that took too long, ``NodeError/Code/invalidAddress`` for a text that is no multiaddr.
    @discardableResult
    public func connect(to address: String) async throws(NodeError) -> PeerID {
        let parsed = try Self.multiaddr(address)
        do throws(DialError) { return try await node.swarm.connect(to: parsed).info.peer } catch {
            throw NodeError(error)
        }
    }

    /// Measures round trips to a peer, which is dialled where needed.
    ///
    /// One ping follows the other, each for 10 s at most. Cancellation: it throws ``NodeError/Code/stopped``, and what was
    /// measured is gone, as it is where one of the pings fails.
    ///
    /// - Parameters:
    ///   - peer: a peer that is connected, or whose address is known.
    ///   - count: how many; below 1 nothing is measured.
    /// - Returns: The round trips, in their order.
    /// - Throws: as ``connect(to:)``, and ``NodeError/Code/unknownPeer`` where no address is known;
    ///   ``NodeError/Code/timedOut`` when an echo does not come in time, ``NodeError/Code/peerFailed`` when it is another one, the
    ///   peer knows no pings, or the connection ends.
    public func ping(_ peer: PeerID, count: Int = 1) async throws(NodeError) -> [Duration] {
        guard count > 0 else { return [] }
        var roundTrips: [Duration] = []
        do throws(NodePingError) {
            try await node.ping(peer, count: count) { roundTrips.append($0) }
        } catch {
            throw NodeError(error, peer: peer)
        }
        return roundTrips
    }

    /// Accepts a message to a peer: when this returns, it is on the disk and will be delivered, whenever the peer can be
    /// reached within its lifetime.
    ///
    /// Cancellation changes nothing: whether the message is accepted is told all the same.
    ///
    /// - Parameters:
    ///   - payload: at most 1 MiB.
    ///   - type: what the message is; an application's own types have names of 1 to 128 bytes.
    ///   - peer: the recipient.
    ///   - options: how urgent, how private and how long.
    /// - Throws: ``NodeError/Code/limitReached`` when the outbox is full, ``NodeError/Code/storeFailed`` when the disk took
    ///   nothing, ``NodeError/Code/tooLarge`` and ``NodeError/Code/invalidRequest`` for a message that cannot be sent: the message
    ///   is not accepted then. ``NodeError/Code/stopped`` when the node stops meanwhile; the error says whether the message may
    ///   have been accepted.
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
            throw NodeError(error, peer: peer)
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

    /// Sends a request and returns with the recipient's answer, which is acknowledged.
    ///
    /// The request is as durable as any message until `timeout` is over, or ``SendOptions/lifetime`` where that is shorter:
    /// then nobody tries to deliver it any more. An answer that comes after that stays in the inbox, for ``messages``.
    ///
    /// Cancellation: it throws ``NodeError/Code/stopped``, and the request is tried on.
    ///
    /// - Parameters:
    ///   - payload: at most 1 MiB.
    ///   - type: what the request is.
    ///   - peer: the recipient.
    ///   - timeout: how long to wait for the answer, and how long the request lives at most.
    ///   - options: how urgent, how private and how long; without an ``SendOptions/idempotencyKey``.
    /// - Throws: ``NodeError/Code/timedOut`` when no answer came in time, ``NodeError/Code/expired`` when the lifetime in
    ///   `options` is shorter, and ended before the recipient had the request, ``NodeError/Code/refused`` when the recipient does
    ///   not take it, or answered that it has no answer; otherwise as ``send(_:type:to:options:)-([UInt8],_,_,_)``.
    public func request(
        _ payload: [UInt8],
        type: MessageType = .agentTask,
        to peer: PeerID,
        timeout: Duration,
        options: SendOptions = SendOptions()
    ) async throws(NodeError) -> Message {
        guard options.idempotencyKey == nil else {
            throw NodeError(
                .invalidRequest,
                "A request has no idempotency key: the answer to the first would not be told to the second.",
                nextStep: "Leave the key out; to send something once, use send(_:to:options:)."
            )
        }
        var content = MessageContent(type: type, payload: payload)
        content.contentType = options.contentType
        var draft = options.draft(to: peer, content)
        draft.lifetime = min(draft.lifetime, timeout)
        let deadline = node.world.loops[0].now + timeout
        let failure: RequestError
        do throws(RequestError) {
            return Message(try await node.delivery.request(draft, deadline: deadline), node: self)
        } catch {
            failure = error
        }
        switch failure {
        case .timedOut:
            if let interruption = await interruption { throw interruption }
        // It lived for as long as the caller waits.
        case .undelivered(.expired) where options.lifetime >= timeout:
            throw NodeError(
                .timedOut,
                "\(peer) did not get the request in time.",
                nextStep: "Ask again, and give it more time.",
                cause: failure
            )
        case .delivery, .failed, .undelivered: break
        }
        throw NodeError(failure, peer: peer)
    }

    /// Why a wait ended before its time: the node has stopped, or the task was cancelled; `nil` where neither is so.
    var interruption: NodeError? {
        get async {
            if Task.isCancelled {
                return NodeError(
                    .stopped,
                    "The wait was cancelled.",
                    nextStep: "The message is tried on: see what becomes of it."
                )
            }
            guard await node.isStopped else { return nil }
            return NodeError(
                .stopped,
                "The node has stopped.",
                nextStep: "Started again in the same home, it tries the message on."
            )
        }
    }

    /// Gives every message of a type to a closure, those that wait already first.
    ///
    /// What it returns answers a request; nothing answers it without content. The message is acknowledged when it
    /// returns; when it throws, or the node ends before, the message is handed out again, with a higher
    /// ``Message/attempt``: after as many seconds as attempts, a minute at most. What it threw is logged as a warning.
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
}

internal import StarlingCore
internal import StarlingCrypto
internal import StarlingMesh
internal import StarlingTransports
internal import StarlingWorld

// Peers that are connected: streams to them, and what is written there.
extension DeliveryDriver {
    func take(_ event: SwarmEvent) {
        switch event {
        case .opened(let connection, let isFirst): if isFirst { linkUp(connection.info.peer) }
        case .closed(let peer, _, _, let isLast): if isLast { linkDown(peer) }
        case .addressesChanged: break
        }
    }

    func linkUp(_ peer: PeerID) {
        guard !isStopped, sessions[peer] == nil else { return }
        lastSession += 1
        sessions[peer] = PeerSession(number: lastSession)
        forwarder.linkUp(peer, now: loop.now)
        flood.linkUp(peer, now: loop.now)
        if let before = routed.removeValue(forKey: peer) {
            // It was reached over others, and goes on over the link.
            sessions[peer]?.owesReceipts = before.owesReceipts
            sessions[peer]?.owesSettlement = before.owesSettlement
            isOutOfReach(peer)
        }
        isWithinReach(peer)
        followDetour(to: peer)
        followLinkCounts()
        pump()
    }

    /// A peer can be sent to.
    func isWithinReach(_ peer: PeerID) {
        if case .unreachable? = obstacles[peer] { obstacles[peer] = nil }
        inbox.linkUp(peer, now: loop.now)
        outbox.linkUp(peer, linkCount: linkCount(to: peer), now: loop.now)
        if isPresent(peer) { outboxObserver?(.present(peer)) }
    }

    /// A peer can be sent to no more: what was on its way waits again.
    func isOutOfReach(_ peer: PeerID) {
        outbox.linkDown(peer, now: loop.now)
        inbox.linkDown(peer)
        outboxObserver?(.absent(peer))
    }

    private func linkDown(_ peer: PeerID) {
        for priority in MessagePriority.allCases { sessions[peer]?.resume(priority, shallLook: false) }
        guard sessions.removeValue(forKey: peer) != nil else { return }
        forwarder.linkDown(peer, wallNow: world.wallClock.now)
        flood.linkDown(peer)
        routed[peer] = nil
        isOutOfReach(peer)
        // What waited for its stream has other ways, and what had only this one has none.
        for other in sessions.keys.sorted() { feed(other) }
        for other in routed.keys.sorted() where !hasRoute(to: other) { routeDown(other) }
        if hasBusiness(with: peer) { _ = routeUp(peer) }
        followLinkCounts()
        tellRoom()
        pump()
    }

    // MARK: Reaching

    func reach(_ peer: PeerID) {
        // Where there is a way over others, it is used until there is a link, which is better.
        if !routeUp(peer) || !forwarder.knowsRoute(to: peer) { router?.find(peer) }
        dialSoon(peer)
    }

    /// Dials a peer when it is its turn.
    func dialSoon(_ peer: PeerID) {
        guard dialled.insert(peer).inserted else { return }
        toReach.append(peer)
        reachNext()
    }

    private func reachNext() {
        while reaching < limits.reachCountMax, let peer = toReach.popFirst() {
            reaching += 1
            startTask { driver in await driver.dial(peer) }
        }
    }

    private func dial(_ peer: PeerID) async {
        do throws(DialError) {
            _ = try await swarm.connect(to: peer)
            // The swarm's event has told so, unless the connection has gone already.
            if sessions[peer] == nil { outbox.unreachable(peer, now: loop.now) }
        } catch {
            if routed[peer] == nil { note(.unreachable(error), for: peer) }
            outbox.unreachable(peer, now: loop.now)
        }
        reaching -= 1
        dialled.remove(peer)
        pump()
        reachNext()
    }

    private func note(_ obstacle: DeliveryObstacle, for peer: PeerID) {
        if obstacles[peer] == nil, obstacles.count >= limits.obstacleCountMax {
            // Those of peers for whom nothing waits any more give way.
            obstacles = obstacles.filter { outbox.count(to: $0.key) > 0 }
            guard obstacles.count < limits.obstacleCountMax else { return }
        }
        obstacles[peer] = obstacle
    }

    // MARK: Streams

    /// Sees that what waits for a peer finds a stream.
    func feed(_ peer: PeerID) {
        guard !isStopped else { return }
        feedRouted(peer)
        guard let session = sessions[peer] else { return }
        let waiting = waitingPriorities(for: peer)
        for priority in MessagePriority.allCases where waiting.contains(priority) { wake(peer, priority) }
        guard session.owesReceipts || session.owesSettlement, waiting.isEmpty else { return }
        // Whichever stream is there takes them along; with none, one opens that goes before the others.
        if let priority = session.waitingPriority {
            wake(peer, priority)
        } else if !session.hasOpenChannel {
            wake(peer, .high)
        }
    }

    func wake(_ peer: PeerID, _ priority: MessagePriority) {
        guard let session = sessions[peer] else { return }
        switch session[priority] {
        case .waiting: sessions[peer]?.resume(priority, shallLook: true)
        case .closed:
            let writer = MessageWriter(peer: peer, priority: priority, session: session.number)
            sessions[peer]?[priority] = .busy
            startTask { driver in await driver.carry(for: writer) }
        case .busy: break
        }
    }

    /// Opens a stream and carries what waits, until nothing has for a while.
    private func carry(for writer: MessageWriter) async {
        let peer = writer.peer
        do throws(MessageChannelError) {
            let stream: Stream
            do throws(SwarmError) {
                stream = try await swarm.openStream(
                    to: peer,
                    [MessageFrame.protocolID],
                    priority: StreamPriority(writer.priority)
                )
            } catch {
                throw MessageChannelError(error)
            }
            let holds = MessageHolds(swarm.protocols, of: peer)
            // Receipts are checked where the connection is: this loop seals and signs for all senders.
            try await withTaskExecutorPreference(stream.connection.loop) {
                () async throws(MessageChannelError) in try await channel(stream).run(self, holds, writer)
            }
        } catch {
            note(.stream(error), for: peer)
            world.log(.debug, "a stream of messages failed", ["peer": "\(peer)", "reason": "\(error)"])
            await pause(after: writer)
        }
        if isOpen(writer) { sessions[peer]?[writer.priority] = .closed }
        // What came while it was closing finds another one.
        feed(peer)
    }

    /// Lets the writer's place be taken for a while after its stream failed.
    private func pause(after writer: MessageWriter) async {
        let most = limits.channelPauseMax
        guard isOpen(writer),
            let pause = sessions[writer.peer]?.pauseAfterFailure(now: loop.now, most: most), pause > .zero
        else { return }
        do throws(CancellationError) { try await loop.sleep(for: pause) } catch {
            // The node stops: whoever comes next finds that.
        }
    }

    /// Whether the peer is still connected as when the writer's stream was opened: a session that came after has streams
    /// of its own.
    private func isOpen(_ writer: MessageWriter) -> Bool { sessions[writer.peer]?.number == writer.session }

    private nonisolated func channel(_ stream: Stream) -> MessageChannel {
        var limits = MessageChannel.Limits()
        limits.writePatience = self.limits.writePatience
        return MessageChannel(
            stream,
            own: identity.peerID,
            keys: keys,
            wallClock: world.wallClock,
            limits: limits
        )
    }

    /// Serves a stream that a peer opened.
    nonisolated func serve(_ stream: Stream) async {
        do throws(MessageChannelError) {
            try await channel(stream).serve(self, MessageHolds(swarm.protocols, of: stream.peer))
        } catch {
            world.log(
                error.isForged ? .warning : .debug,
                "a peer's stream of messages failed",
                ["peer": "\(stream.peer)", "reason": "\(error)"]
            )
        }
    }

    /// Ends streams that nothing was written to for a while, and says when to look again.
    func sweep(now: Instant) {
        sweepAt = nil
        codec.rest()
        for peer in sessions.keys.sorted() {
            for priority in MessagePriority.allCases {
                guard case .waiting(_, let since)? = sessions[peer]?[priority] else { continue }
                let end = since + limits.channelIdle
                if end > now {
                    sweepAt = .earlier(sweepAt, end)
                } else {
                    sessions[peer]?.resume(priority, shallLook: false)
                }
            }
        }
    }

    /// Sees that streams are looked through before long.
    private func sweepLater() {
        guard sweepAt == nil else { return }
        sweepAt = loop.now + limits.channelIdle
        setTimer()
    }
}

extension DeliveryDriver: MessageChannelOwner {
    func next(for writer: MessageWriter) async -> [UInt8]? {
        while !isStopped, !Task.isCancelled, isOpen(writer) {
            let frames = frames(for: writer.peer, writer.priority)
            pump()
            if !frames.isEmpty { return frames }
            guard await somethingToWrite(for: writer) else { return nil }
        }
        return nil
    }

    private func somethingToWrite(for writer: MessageWriter) async -> Bool {
        let (peer, priority) = (writer.peer, writer.priority)
        return await withTaskCancellationHandler {
            await Waiter.suspend { waiter in
                guard !Task.isCancelled, !isStopped, isOpen(writer), let session = sessions[peer] else {
                    waiter.resume(returning: false)
                    return
                }
                if session.owesReceipts || session.owesSettlement
                    || waitingPriorities(for: peer).contains(priority)
                {
                    waiter.resume(returning: true)
                    return
                }
                sessions[peer]?[priority] = .waiting(waiter, since: loop.now)
                sweepLater()
            }
        } onCancel: {
            loop.startTask { await self.end(writer) }
        }
    }

    /// The priorities of which something waits for the streams to a connected peer.
    private func waitingPriorities(for peer: PeerID) -> PrioritySet {
        let carried = inPlace(&forwarder) { $0.waitingPriorities(for: peer) }
        // What goes over others does not wait here.
        return routed[peer] == nil
            ? carried.union(inPlace(&outbox) { $0.waitingPriorities(for: peer) }) : carried
    }

    private func end(_ writer: MessageWriter) {
        if isOpen(writer) { sessions[writer.peer]?.resume(writer.priority, shallLook: false) }
    }

    /// What a stream to a peer writes next: receipts and the settlement first, then messages of its priority.
    private func frames(for peer: PeerID, _ priority: MessagePriority) -> [UInt8] {
        var frames = answers(for: peer)
        if sessions[peer]?.owesSettlement == true {
            sessions[peer]?.owesSettlement = false
            if let settlement = settlement(for: peer) {
                MessageFrame(.settlement, settlement.encoded).append(to: &frames)
            }
        }
        let (now, wallNow) = (loop.now, world.wallClock.now)
        while frames.count < limits.writeByteCount, routed[peer] == nil,
            let sent = outbox.nextTransmission(
                to: peer,
                among: PrioritySet(priority),
                now: now,
                wallNow: wallNow
            )
        {
            MessageFrame(.envelope, sent.envelope).append(to: &frames)
            notify(sent.id, isEnd: false)
        }
        let hasRoom = forwarder.take(
            for: peer,
            priority,
            into: &frames,
            byteCountMax: limits.writeByteCount,
            wallNow: wallNow
        )
        if hasRoom { tellRoom() }
        return frames
    }

    /// What a peer is to hear of settled messages now.
    func settlement(for peer: PeerID) -> Settlement? {
        outbox.takeSettlement(for: peer, now: loop.now).map {
            Settlement(of: $0, to: peer, created: world.wallClock.now, from: identity)
        }
    }

    /// The next of the receipts that a peer is owed now.
    func receipt(for peer: PeerID) -> Receipt? {
        inbox.takeReceipts(for: peer, now: loop.now).map { receipt(for: $0, to: peer) }
    }

    /// This node's word on messages of a peer, with the ways that they took where they asked for that.
    func receipt(for entries: [Receipt.Entry], to peer: PeerID) -> Receipt {
        let entries = paths.isEmpty ? entries : entries.map { paths.added(to: $0, of: peer) }
        return Receipt(for: entries, to: peer, created: world.wallClock.now, from: identity)
    }

    /// The receipts that a peer is owed now, as frames.
    func answers(for peer: PeerID) -> [UInt8] {
        guard sessions[peer]?.owesReceipts == true else { return [] }
        sessions[peer]?.owesReceipts = false
        var frames: [UInt8] = []
        while let receipt = receipt(for: peer) { MessageFrame(.receipt, receipt.encoded).append(to: &frames) }
        return frames
    }
}

extension StreamPriority {
    /// The streams that carry messages of a priority.
    init(_ priority: MessagePriority) {
        self =
            switch priority {
            case .emergency: .urgent
            case .high: .high
            case .normal: .normal
            case .low: .low
            }
    }
}

extension MessageChannelError {
    /// A stream that could not be opened.
    init(_ error: SwarmError) {
        switch error {
        case .dial(let error): self = .dial(error)
        case .stream(let error): self = .frames(.stream(error))
        }
    }

    /// Whether the peer did what no honest peer does.
    var isForged: Bool {
        switch self {
        case .forged: true
        case .dial, .frames, .unread: false
        }
    }
}

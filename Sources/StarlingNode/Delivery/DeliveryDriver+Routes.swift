package import StarlingCore
internal import StarlingCrypto
package import StarlingMesh
internal import StarlingWorld

/// What is due to a peer that is reached over others, and over whom it went.
struct RoutedPeer {
    var owesReceipts = false
    var owesSettlement = false
    /// When the last message of it came, or else since when it is reached over others.
    var heardAt: Instant
    /// The neighbours to which messages went that have no answer yet; no more than the outbox has on their way.
    private(set) var vias: [MessageID: PeerID] = [:]
    /// The neighbour to which the last receipt or settlement went.
    private(set) var answerVia: PeerID?
    /// When all may be sent again at once because another way is the best, and how long that is after the last time.
    private var resendAt: Instant?
    private var resendPause = Duration.zero
    /// Times in a row that messages had no answer in their time.
    private var missedCount = 0

    /// So often in a row nothing was answered that the peer counts as away, whatever routes are told.
    private static let silenceCount = 3

    /// Whether routes to the peer are told, and nothing that goes there is answered.
    var isSilent: Bool { missedCount >= Self.silenceCount }

    init(heardAt: Instant, owesReceipts: Bool = false, owesSettlement: Bool = false) {
        self.heardAt = heardAt
        (self.owesReceipts, self.owesSettlement) = (owesReceipts, owesSettlement)
    }

    /// A frame went to a neighbour, or to the peer itself (`nil`): a message of this id, or an answer.
    mutating func sent(_ id: MessageID?, via neighbour: PeerID?) {
        if let id { vias[id] = neighbour } else { answerVia = neighbour }
    }

    /// Messages are answered, or of no more use.
    ///
    /// - Returns: The neighbours to which they went, in order.
    @discardableResult
    mutating func settled(_ ids: [MessageID]) -> [PeerID] {
        Set(ids.compactMap { vias.removeValue(forKey: $0) }).sorted()
    }

    /// The peer has answered: the next time that the ways change counts as the first one.
    ///
    /// - Returns: Whether it had been silent.
    mutating func answered() -> Bool {
        defer { (resendAt, resendPause, missedCount) = (nil, .zero, 0) }
        return isSilent
    }

    /// Messages had no answer in their time.
    ///
    /// - Returns: Whether the peer counts as silent from here on.
    mutating func missed() -> Bool {
        guard !isSilent else { return false }
        missedCount += 1
        return isSilent
    }

    /// Another way to the peer is the best: whether all is to be sent again at once over that, as some went another way and may be
    /// lost with it.
    ///
    /// Where the ways change again and again without an answer it waits for its own time: who lies about its routes could else be
    /// sent to for ever, and never be found to deliver nothing.
    mutating func shallResend(over best: PeerID, now: Instant, longest: Duration) -> Bool {
        guard vias.values.contains(where: { $0 != best }) || answerVia ?? best != best else { return false }
        if let resendAt, resendAt > now { return false }
        resendPause = min(max(resendPause * 2, .seconds(1)), longest)
        resendAt = now + resendPause
        (vias, answerVia) = ([:], nil)
        return true
    }
}

/// What a ``DeliveryDriver`` asks of a router, and tells it: called on the driver's loop, and never answered at once.
package struct RouterCalls: Sendable {
    /// Look for a way to a peer; ``DeliveryDriver/setRoute(to:_:)`` follows when there is one.
    var find: @Sendable (PeerID) -> Void
    /// What went to a peer over a neighbour was answered.
    var delivered: @Sendable (PeerID, _ via: PeerID) -> Void
    /// What went to a peer over a neighbour had no answer in its time.
    var lost: @Sendable (PeerID, _ via: PeerID) -> Void
    /// What others sent to a peer, and went over a neighbour, came again without having been answered.
    var doubted: @Sendable (PeerID, _ via: PeerID) -> Void
}

// Peers that are reached over others, and frames of others on their way through this node.
extension DeliveryDriver {
    // MARK: Ways

    /// From here on, a router is asked for ways, and told of them.
    package func useRoutes(of router: RouterCalls) { self.router = router }

    /// The neighbours through which a peer is reached from now on, the best first; none when it is not.
    package func setRoute(to peer: PeerID, _ hops: [RouteHop]) {
        let isOther = forwarder.setRoute(to: peer, hops)
        // Files that wait for a way have one.
        if isOther, !hops.isEmpty { blobs?.enter(peer) { $0.wake($1) } }
        if sessions[peer] != nil { return followDetour(to: peer, best: isOther ? hops.first?.peer : nil) }
        guard routed[peer] != nil else {
            guard hasBusiness(with: peer) else { return }
            if routeUp(peer) { pump() }
            return
        }
        if !hasRoute(to: peer) {
            routeDown(peer)
        } else if isOther, let best = hops.first?.peer, shallResend(to: peer, over: best) {
            isOutOfReach(peer)
            isWithinReach(peer)
        } else {
            outbox.setLinkCount(linkCount(to: peer), for: peer, now: loop.now)
            feed(peer)
        }
        pump()
    }

    /// Links that a message to a peer crosses at least: one where there is a connection, and two where nobody knows.
    func linkCount(to peer: PeerID) -> Int {
        sessions[peer] != nil ? 1 : forwarder.linkCount(to: peer) ?? 2
    }

    /// A neighbour has come or gone: the shortest ways of which routes tell may be others.
    func followLinkCounts() {
        for peer in routed.keys.sorted() {
            outbox.setLinkCount(linkCount(to: peer), for: peer, now: loop.now)
        }
    }

    /// Whether something is due to a peer.
    func hasBusiness(with peer: PeerID) -> Bool {
        inPlace(&outbox) { $0.count(to: peer) > 0 || $0.owesSettlement(to: peer) }
            || inPlace(&inbox) { $0.owesReceipts(to: peer) }
    }

    private func shallResend(to peer: PeerID, over best: PeerID) -> Bool {
        let longest = limits.outbox.retries.longest
        return routed[peer]?.shallResend(over: best, now: loop.now, longest: longest) ?? false
    }

    /// Sends to a peer over others from now on, where there is a way and no link.
    func routeUp(_ peer: PeerID) -> Bool {
        guard !isStopped, sessions[peer] == nil, hasRoute(to: peer) else {
            return false
        }
        guard routed[peer] == nil else { return true }
        if routed.count >= limits.routedCountMax { forgetIdleRouted() }
        guard routed.count < limits.routedCountMax else { return false }
        routed[peer] = RoutedPeer(heardAt: loop.now)
        isWithinReach(peer)
        return true
    }

    /// Whether messages to a peer that is no neighbour find a way that is not too long for all of them.
    func hasRoute(to peer: PeerID) -> Bool {
        forwarder.hasRoute(to: peer, linkCountMax: Int(TransitFrame.hopLimitMax), now: loop.now)
    }

    /// Over whom frames to a peer go that this node makes, or that came from a neighbour; `nil` when there is no way.
    package func way(to peer: PeerID, from neighbour: PeerID?) -> PeerID? {
        forwarder.way(to: peer, from: neighbour.map { .neighbour($0) } ?? .own, now: loop.now)
    }

    /// Sends to a peer over others no more: over its link, where there is one.
    func routeDown(_ peer: PeerID) {
        guard let before = routed.removeValue(forKey: peer) else { return }
        guard sessions[peer] != nil else { return isOutOfReach(peer) }
        if before.owesReceipts { sessions[peer]?.owesReceipts = true }
        if before.owesSettlement { sessions[peer]?.owesSettlement = true }
        feed(peer)
    }

    /// Sends to a connected peer over others from now on, where its link is so much worse, or over the link again.
    ///
    /// - Parameter best: Over whom it is reached best, where that is somebody else than before.
    func followDetour(to peer: PeerID, best: PeerID? = nil) {
        guard routed[peer] != nil || forwarder.isDetoured(peer) else { return }
        var begins = routed[peer] == nil
        if begins, routed.count >= limits.routedCountMax { forgetIdleRouted() }
        begins = begins && routed.count < limits.routedCountMax
        // What went over a link that is lost is lost with it.
        let resends =
            begins ? forwarder.isLinkLost(to: peer) : best.map { shallResend(to: peer, over: $0) } ?? false
        // Called back before anything is sent, so that each goes once.
        if resends { isOutOfReach(peer) }
        if !forwarder.isDetoured(peer) {
            routeDown(peer)
        } else {
            if begins, let session = sessions[peer] {
                routed[peer] = RoutedPeer(
                    heardAt: loop.now,
                    owesReceipts: session.owesReceipts,
                    owesSettlement: session.owesSettlement
                )
                sessions[peer]?.owesReceipts = false
                sessions[peer]?.owesSettlement = false
            }
            feed(peer)
        }
        if resends { isWithinReach(peer) }
        pump()
    }

    /// A peer is owed receipts: they go the way that its messages come where that is known, and else as messages to it do.
    func owesReceipts(_ peer: PeerID) {
        if routed[peer] != nil, sessions[peer]?.answererCount ?? 0 == 0 {
            routed[peer]?.owesReceipts = true
        } else {
            sessions[peer]?.owesReceipts = true
        }
        if sessions[peer]?.answererCount ?? 0 == 0 { feed(peer) }
    }

    /// A peer is owed a settlement.
    func owesSettlement(_ peer: PeerID) {
        if routed[peer] != nil {
            routed[peer]?.owesSettlement = true
        } else {
            sessions[peer]?.owesSettlement = true
        }
        feed(peer)
    }

    private func forgetIdleRouted() {
        // Neighbours are few, and nobody would find out again that their links are bad.
        let quiet = routed.filter { outbox.count(to: $0.key) == 0 && sessions[$0.key] == nil }
        let idle = quiet.keys.filter { !inbox.owesReceipts(to: $0) }.sorted()
        for peer in idle { routeDown(peer) }
        guard idle.isEmpty else { return }
        // Whoever never confirms what it is sent does not stand in the way of what this node has to send; several at once, so that
        // not each message of somebody else has all of them looked through.
        let order = quiet.sorted { ($0.value.heardAt, $0.key) < ($1.value.heardAt, $1.key) }
        for (peer, _) in order.prefix(limits.routedForgottenCount) { routeDown(peer) }
    }

    /// A message of a peer came over a neighbour: its receipt goes the same way, or a better one.
    func heard(of peer: PeerID, via neighbour: PeerID) {
        forwarder.heard(of: peer, via: neighbour, now: loop.now)
        if routeUp(peer) { routed[peer]?.heardAt = loop.now }
    }

    // MARK: Tunnels

    /// The neighbours over which a peer is reached now, the best first, without one of them.
    func hops(to peer: PeerID, without other: PeerID? = nil) -> [PeerID] {
        forwarder.hops(to: peer, without: other, now: loop.now)
    }

    /// Has a way to a peer looked for, which may become known later.
    func lookForRoute(to peer: PeerID) { router?.find(peer) }

    /// What a neighbour carried to a peer has come to an end on its way, which the peer itself may have brought about.
    func tunnelDoubted(to peer: PeerID, via neighbour: PeerID) { router?.doubted(peer, neighbour) }

    // MARK: Sending

    /// Puts what waits for a peer that is reached over others among the frames that are on their way.
    func feedRouted(_ peer: PeerID) {
        guard let state = routed[peer] else { return }
        if state.owesReceipts {
            routed[peer]?.owesReceipts = false
            // Whoever sent the messages may never confirm: it counts for the way to it alone.
            if inbox.takeOverdue(for: peer) {
                if let via = state.answerVia { router?.doubted(peer, via) }
                missed(peer, via: state.answerVia)
            }
            while let receipt = receipt(for: peer) { offer(TransitFrame(receipt, crossed: 0)) }
        }
        if hasLeftDetour(to: peer) { return routeDown(peer) }
        if state.owesSettlement {
            routed[peer]?.owesSettlement = false
            if let settlement = settlement(for: peer) { offer(TransitFrame(settlement, crossed: 0)) }
        }
        let (now, wallNow) = (loop.now, world.wallClock.now)
        var missing: Set<PeerID?> = []
        for priority in MessagePriority.allCases {
            while routed[peer] != nil, forwarder.takes(to: peer, from: .own, now: now),
                let sent = outbox.nextTransmission(
                    to: peer,
                    among: PrioritySet(priority),
                    now: now,
                    wallNow: wallNow
                )
            {
                notify(sent.id, isEnd: false)
                // What became due together counts once.
                let via = routed[peer]?.vias[sent.id]
                if sent.isOverdue, missing.insert(via).inserted {
                    if let via { router?.lost(peer, via) }
                    missed(peer, via: via)
                }
                offer(
                    TransitFrame(
                        own: sent.envelope,
                        from: identity.peerID,
                        to: peer,
                        priority: priority,
                        hopLimit: sent.hopLimit
                    ),
                    of: sent.id
                )
            }
        }
        guard !missing.isEmpty else { return }
        if hasLeftDetour(to: peer) {
            routeDown(peer)
        } else if sessions[peer] == nil, routed[peer]?.missed() == true {
            // Who is told to be reachable and is not may have mailboxes.
            outboxObserver?(.absent(peer))
        }
    }

    /// What was sent to a peer over others had no answer in its time: the way is worse than it is told to be, and a link of
    /// its own is better, where there is one or can be.
    private func missed(_ peer: PeerID, via: PeerID?) {
        forwarder.missed(peer, via: via, now: loop.now)
        if sessions[peer] == nil {
            dialSoon(peer)
        } else if let via, via == forwarder.way(to: peer, from: .own, now: loop.now) {
            // What was lost on another way says nothing of this one.
            forwarder.endDetour(to: peer)
        }
    }

    /// Whether a connected peer that was sent to over others is not any more.
    private func hasLeftDetour(to peer: PeerID) -> Bool {
        sessions[peer] != nil && routed[peer] != nil && !forwarder.isDetoured(peer)
    }

    /// A receipt of a peer came: the ways that these messages took work.
    func answered(by peer: PeerID, _ ids: [MessageID]) {
        for via in routed[peer]?.settled(ids) ?? [] { router?.delivered(peer, via) }
        hasAnswered(peer)
    }

    private func hasAnswered(_ peer: PeerID) {
        if routed[peer]?.answered() == true { outboxObserver?(.present(peer)) }
    }

    /// A peer has confirmed the receipts that it was sent: the way that they took works.
    func confirmed(by peer: PeerID) {
        if let via = routed[peer]?.answerVia { router?.delivered(peer, via) }
        hasAnswered(peer)
    }

    /// - Parameter id: The message's; `nil` where the frame is an answer.
    private func offer(_ frame: TransitFrame, of id: MessageID? = nil) {
        switch forwarder.offer(frame, from: .own, now: loop.now, wallNow: world.wallClock.now) {
        case .queued(let next):
            // A link of its own has no part in what is found of the ways over others.
            routed[frame.to]?.sent(id, via: next == frame.to ? nil : next)
            wake(next, frame.priority)
        case .dropped(.noRoute):
            routeDown(frame.to)
            // The way back to whoever has sent something is forgotten after a while, without a word.
            if id != nil, sessions[frame.to] == nil { reach(frame.to) }
        // It is sent again when no receipt comes.
        case .dropped, .full, .tooFast: break
        }
    }

    // MARK: Forwarding

    /// Carries a neighbour's frame on; suspends while there is no room for it.
    func forward(_ frame: TransitFrame, from neighbour: PeerID) async {
        let deadline = loop.now + limits.roomPatience
        defer { while let doubt = forwarder.nextDoubt() { router?.doubted(doubt.to, doubt.via) } }
        while !isStopped, loop.now < deadline {
            switch forwarder.offer(
                frame,
                from: .neighbour(neighbour),
                now: loop.now,
                wallNow: world.wallClock.now
            ) {
            case .queued(let next): return wake(next, frame.priority)
            case .dropped: return
            case .full: await room(before: deadline)
            case .tooFast(let until): await room(before: min(until, deadline))
            }
        }
        forwarder.gaveUp(frame, from: .neighbour(neighbour), now: loop.now)
    }

    private func room(before deadline: Instant) async {
        lastRoomWaiter += 1
        let number = lastRoomWaiter
        let timer = loop.makeTimer { [weak self] in self?.enter { $0.endRoomWait(number) } }
        timer.arm(at: deadline)
        defer { timer.disarm() }
        await withTaskCancellationHandler {
            await Waiter.suspend { waiter in
                if Task.isCancelled || isStopped { waiter.resume() } else { roomWaiters[number] = waiter }
            }
        } onCancel: {
            loop.startTask { await self.endRoomWait(number) }
        }
    }

    private func endRoomWait(_ number: UInt64) { roomWaiters.removeValue(forKey: number)?.resume() }

    /// There may be room among the frames that are on their way.
    func tellRoom() {
        for number in roomWaiters.keys.sorted() { endRoomWait(number) }
        guard !isStopped else { return }
        let waiting = inPlace(&outbox) { outbox in
            routed.keys.filter { !outbox.waitingPriorities(for: $0).isEmpty }
        }
        for peer in waiting.sorted() { feedRouted(peer) }
    }
}

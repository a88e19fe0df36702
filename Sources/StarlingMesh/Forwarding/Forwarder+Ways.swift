package import StarlingCore

// Ways: over which neighbour a peer is reached.
extension Forwarder {
    /// The neighbours through which a peer is reached now, the best first; none when it is not.
    ///
    /// Where the peer is one of them and not the best, its link is so much worse that frames go over others.
    ///
    /// - Returns: Whether the best is another one than before.
    @discardableResult
    package mutating func setRoute(to peer: PeerID, _ hops: [RouteHop]) -> Bool {
        if let first = hops.first, first.peer != peer, let link = hops.first(where: { $0.peer == peer }) {
            detours[peer] = Detour(
                linkCount: UInt32(clamping: first.hops),
                isLinkLost: link.metric.microseconds >= Detour.lostMetric
            )
        } else {
            detours[peer] = nil
        }
        return routes.set(hops, for: peer)
    }

    /// Whether frames to a neighbour go over others, as far as they may cross so many links.
    package func isDetoured(_ peer: PeerID, linkCountMax: UInt32 = .max) -> Bool {
        // There is hardly ever one, and each frame that is carried on asks.
        guard !detours.isEmpty, let detour = detours[peer] else { return false }
        return detour.linkCount <= linkCountMax
    }

    /// Whether frames to a neighbour go over others because hardly anything comes over its link.
    package func isLinkLost(to peer: PeerID) -> Bool { detours[peer]?.isLinkLost ?? false }

    /// What went to a neighbour over others was not answered: it goes over the link until the ways are told again, unless that is
    /// hardly better.
    package mutating func endDetour(to peer: PeerID) {
        if !isLinkLost(to: peer) { detours[peer] = nil }
    }

    /// Whether frames to a peer go to itself.
    private func goesDirect(to peer: PeerID, linkCountMax: UInt32) -> Bool {
        neighbours[peer] != nil && !isDetoured(peer, linkCountMax: linkCountMax)
    }

    /// Whether frames to a peer that is no neighbour find a way that crosses no more than so many links.
    package func hasRoute(to peer: PeerID, linkCountMax: Int, now: Instant) -> Bool {
        if let linkCount = linkCount(to: peer), linkCount <= linkCountMax { return true }
        return trace(to: peer, now: now) != nil
    }

    /// Links that the shortest way to a peer crosses of which routes tell; `nil` where they tell of none.
    package func linkCount(to peer: PeerID) -> Int? {
        routes.linkCount(to: peer) { neighbours[$0] != nil }
    }

    /// Whether routes, and not only a frame that came, say how a peer is reached.
    package func knowsRoute(to peer: PeerID) -> Bool {
        routes.first(to: peer) { neighbours[$0] != nil } != nil
    }

    /// What went to a peer was not answered: receipts do not go the way that its frames come, for a while.
    ///
    /// - Parameter neighbour: The one that it went to, where that is known: that a frame came that way is no reason any more.
    package mutating func missed(_ peer: PeerID, via neighbour: PeerID?, now: Instant) {
        barred.set(now, for: peer)
        guard let neighbour, traces[peer]?.via == neighbour else { return }
        let longAgo = Instant(nanosecondsSinceOrigin: 0)
        traces.set(Trace(via: neighbour, at: longAgo, since: longAgo), for: peer)
    }

    /// The neighbours over which a peer is reached now, the best first: itself where it is one, and never the one that
    /// is left out.
    package func hops(to peer: PeerID, without other: PeerID?, now: Instant) -> [PeerID] {
        if neighbours[peer] != nil { return [peer] }
        var hops = routes.hops(to: peer).filter { neighbours[$0] != nil && $0 != other }
        if let back = trace(to: peer, now: now), back != other, !hops.contains(back) { hops.append(back) }
        return hops
    }

    /// The neighbour that a frame to a peer goes to: never the one that it came from.
    ///
    /// - Parameter linkCountMax: Links that it may cross still.
    package func way(
        to peer: PeerID,
        from origin: Origin,
        linkCountMax: UInt32 = .max,
        now: Instant
    ) -> PeerID? {
        if let way = knownWay(to: peer, from: origin, linkCountMax: linkCountMax) { return way }
        guard let back = trace(to: peer, now: now), origin != .neighbour(back) else { return nil }
        return back
    }

    /// The neighbour that a frame goes to.
    ///
    /// - Parameter other: One that it goes to only where there is no other.
    func way(of frame: TransitFrame, from origin: Origin, besides other: PeerID?, now: Instant) -> PeerID? {
        let peer = frame.to
        if frame.isReceipt, !goesDirect(to: peer, linkCountMax: frame.linkCountLeft),
            !isBarred(peer, now: now), let trace = traces[peer],
            trace.at + limits.reverseDuration > now, neighbours[trace.via] != nil,
            origin != .neighbour(trace.via)
        {
            return trace.via
        }
        let way = way(to: peer, from: origin, linkCountMax: frame.linkCountLeft, now: now)
        guard let way, way == other, way != peer else { return way }
        return routes.first(to: peer, linkCountMax: frame.linkCountLeft) {
            $0 != other && isOpen($0, from: origin)
        } ?? way
    }

    /// The neighbour that a frame goes to where much waits for the best one: of those that a route goes over, the one for which
    /// the least waits.
    ///
    /// Receipts are small, and tell by their way whether it works.
    ///
    /// - Parameter other: One that it does not go to instead.
    func spread(_ frame: TransitFrame, from origin: Origin, best: PeerID, besides other: PeerID?) -> PeerID {
        guard !frame.isReceipt, best != frame.to, let entry = neighbours[best],
            entry.byteCount >= limits.spreadByteCountMin || !hasRoom(for: best, from: origin)
        else { return best }
        var (least, leastByteCount) = (best, hasRoom(for: best, from: origin) ? entry.byteCount : .max)
        let hops = routes.hops(to: frame.to, linkCountMax: frame.linkCountLeft)
        for hop in hops where hop != other && hop != frame.to && isOpen(hop, from: origin) {
            guard let byteCount = neighbours[hop]?.byteCount, byteCount < leastByteCount,
                hasRoom(for: hop, from: origin)
            else { continue }
            (least, leastByteCount) = (hop, byteCount)
        }
        // A link that is not taken because it is bad is the last resort.
        let isStranded = leastByteCount == .max && isOpen(frame.to, from: origin)
        return isStranded && hasRoom(for: frame.to, from: origin) ? frame.to : least
    }

    private func isBarred(_ peer: PeerID, now: Instant) -> Bool {
        barred[peer].map { $0 + limits.barDuration > now } ?? false
    }

    /// The best neighbour over whom the way to a peer is not too long for a frame; where there is none, the best one: how long
    /// ways are is the word of others.
    func knownWay(to peer: PeerID, from origin: Origin, linkCountMax: UInt32 = .max) -> PeerID? {
        if isOpen(peer, from: origin), !isDetoured(peer, linkCountMax: linkCountMax) { return peer }
        return routes.first(to: peer, linkCountMax: linkCountMax) { isOpen($0, from: origin) }
            ?? routes.first(to: peer) { isOpen($0, from: origin) }
    }

    func isOpen(_ neighbour: PeerID, from origin: Origin) -> Bool {
        neighbours[neighbour] != nil && origin != .neighbour(neighbour)
    }

    func trace(to peer: PeerID, now: Instant) -> PeerID? {
        guard let trace = traces[peer], trace.at + limits.traceDuration > now, neighbours[trace.via] != nil
        else { return nil }
        return trace.via
    }

    /// A frame of a peer came over a neighbour: there is a way back.
    ///
    /// Of several that come together the first way counts, which is the shortest: it stands for a moment, and no longer for
    /// what comes that way meanwhile.
    package mutating func heard(of peer: PeerID, via neighbour: PeerID, now: Instant) {
        let last = traces[peer]
        if let last, last.via != neighbour, last.since + limits.seenDuration > now,
            neighbours[last.via] != nil
        {
            return
        }
        let since = last.flatMap { $0.via == neighbour ? $0.since : nil } ?? now
        traces.set(Trace(via: neighbour, at: now, since: since), for: peer)
    }
}

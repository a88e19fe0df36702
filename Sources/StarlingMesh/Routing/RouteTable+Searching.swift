package import StarlingCore

/// A destination that is looked for, by this node or on behalf of others.
struct RouteSearch: Sendable {
    let destination: PeerID
    /// Whether this node looks for it.
    var isOwn: Bool
    /// The hop limit of the last request that was sent.
    var hopLimit: UInt8
    /// When that was.
    var asked: Instant

    /// The hop limits of this node's requests, one after the other: most of what is looked for is near.
    static let hopLimits: [UInt8] = [2, 5, 10]
    /// Neighbours that are asked, so that one request does not become hundreds at a node with many.
    static let fanOut = 16
}

// Searches for destinations that the table does not have.
extension RouteTable {
    /// Something waits for a destination: its route counts as in use.
    ///
    /// Without one it is looked for; ``RouteAction/changed(_:)`` or ``RouteAction/notFound(_:)`` follows.
    package mutating func find(_ destination: PeerID, now: Instant, wallNow: WallTime) {
        guard destination != own else { return }
        if let slot = slot(of: destination), destinations[slot].primary >= 0 {
            destinations[slot].lastUse = now
            tellHops(of: slot, tellsLinkCounts: true)
            return
        }
        search(for: destination, now: now)
        finish(now: now, wallNow: wallNow)
    }

    /// Begins to look for a destination, unless that is under way.
    private mutating func search(for destination: PeerID, now: Instant) {
        if let place = searches.firstIndex(where: { $0.destination == destination }) {
            guard !searches[place].isOwn else { return }
            searches.remove(at: place)
        }
        makeRoomForSearch()
        let first = min(RouteSearch.hopLimits[0], limits.hopLimit)
        searches.append(RouteSearch(destination: destination, isOwn: true, hopLimit: first, asked: now))
        request(destination, hopLimit: first, besides: nil)
    }

    mutating func endSearch(for destination: PeerID) {
        searches.removeAll { $0.destination == destination }
    }

    /// When a search goes on.
    var searchDeadline: Instant? {
        var (own, passed): (Instant?, Instant?) = (nil, nil)
        for search in searches {
            if search.isOwn {
                own = .earlier(own, search.asked)
            } else {
                passed = .earlier(passed, search.asked)
            }
        }
        return .earlier(own.map { $0 + limits.searchInterval }, passed.map { $0 + passedSearchDuration })
    }

    /// Takes the next step of the searches for which it is time.
    mutating func advanceSearches(to now: Instant) {
        var place = 0
        while place < searches.count {
            let search = searches[place]
            guard search.asked + duration(of: search) <= now else {
                place += 1
                continue
            }
            let next = RouteSearch.hopLimits.first {
                $0 > search.hopLimit && search.isOwn && $0 <= limits.hopLimit
            }
            guard let next else {
                searches.remove(at: place)
                if search.isOwn { actions.append(.notFound(search.destination)) }
                continue
            }
            (searches[place].hopLimit, searches[place].asked) = (next, now)
            request(search.destination, hopLimit: next, besides: nil)
            place += 1
        }
    }

    /// A neighbour asks for a route, or for all.
    mutating func take(_ request: RouteRequest, from link: Int, now: Instant) {
        guard let destination = request.destination else { return tellEverything(to: link) }
        if let slot = slot(of: destination), slot == Self.ownSlot || destinations[slot].isLive {
            if destinations[slot].advert != nil, !destinations[slot].isActive(link) {
                answer(slot, to: link)
            }
            return
        }
        guard request.hopLimit > 1 else { return }
        let hopLimit = min(request.hopLimit - 1, limits.hopLimit)
        if let place = searches.firstIndex(where: { $0.destination == destination }) {
            // The same request comes by several ways.
            let isRecent = searches[place].asked + limits.searchInterval > now
            guard !isRecent || searches[place].hopLimit < hopLimit,
                links[link].searchAllowance.take(now: now)
            else { return }
            searches[place].hopLimit = max(searches[place].hopLimit, hopLimit)
            if !searches[place].isOwn { searches[place].asked = now }
        } else {
            guard links[link].searchAllowance.take(now: now) else { return }
            makeRoomForSearch()
            searches.append(
                RouteSearch(destination: destination, isOwn: false, hopLimit: hopLimit, asked: now)
            )
        }
        self.request(destination, hopLimit: hopLimit, besides: link)
    }

    /// For how long an answer is waited for: others' searches are remembered for as long as they may go on.
    private func duration(of search: RouteSearch) -> Duration {
        search.isOwn ? limits.searchInterval : passedSearchDuration
    }

    private var passedSearchDuration: Duration { limits.searchInterval * RouteSearch.hopLimits.count }

    private mutating func makeRoomForSearch() {
        guard searches.count >= limits.searchCountMax else { return }
        let oldest = searches.firstIndex { !$0.isOwn } ?? 0
        let search = searches.remove(at: oldest)
        if search.isOwn { actions.append(.notFound(search.destination)) }
    }

    private mutating func request(_ destination: PeerID, hopLimit: UInt8, besides asker: Int?) {
        guard !links.isEmpty else { return }
        // With many neighbours each destination is asked of others.
        let start = Int(XXH64.hash(destination.multihash.span) % UInt64(links.count))
        var askedCount = 0
        for offset in links.indices where askedCount < RouteSearch.fanOut {
            let link = (start + offset) % links.count
            guard links[link].isUp, link != asker else { continue }
            queue(RouteRequest(destination: destination, hopLimit: hopLimit), to: link)
            askedCount += 1
        }
    }
}

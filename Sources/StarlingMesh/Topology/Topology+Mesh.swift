internal import StarlingCore

/// A number of neighbours, near and far.
extension Topology {
    /// Neighbours that are wanted, with what the adaptive policy adds.
    var degreeTarget: Int { min(limits.degreeMax, limits.degreeTarget + adaptation.extraLinkCount) }

    /// Looks for more neighbours, at once when there are too few.
    mutating func grow() {
        // Of former neighbours that are dialled all may be gone.
        var degree = degree + dialCount(toFormers: false)
        while degree < limits.degreeMin {
            let reason = TopologyReason.tooFew(degree: self.degree, degreeMin: limits.degreeMin)
            guard seekAnyone(reason, isChoosy: false) else { break }
            degree += 1
        }
        guard degree < degreeTarget else { return }
        guard growAt <= now else { return look(at: growAt) }
        growAt = now + spread(limits.growInterval)
        look(at: growAt)
        if let near = nearCandidate() {
            seek(near, .near)
        } else {
            let reason = TopologyReason.growing(degree: self.degree, degreeTarget: degreeTarget)
            _ = seekAnyone(reason, isChoosy: true)
        }
    }

    /// Dials a peer that is drawn among those that may be dialled, or else has an address found.
    ///
    /// - Parameter isChoosy: Whether who closed a link is left alone.
    private mutating func seekAnyone(_ reason: TopologyReason, isChoosy: Bool) -> Bool {
        var drawn: Int?
        var best = 0
        var count = 0
        for place in rows.indices where rows[place].link == nil && rows[place].dial == nil {
            let row = rows[place]
            guard row.isAlive, row.lost == nil else { continue }
            // Better one with an address, and one that did not fail; with nobody else whoever there is.
            let isReady = row.nextTry <= now
            // In need, one that closed a link gets some seconds only.
            let early = isChoosy || !row.hasAddress ? nil : row.closed.map { $0 + limits.formerPauseMax }
            guard isReady || early.map({ $0 <= now }) ?? false else {
                look(at: early.map { min($0, row.nextTry) } ?? row.nextTry)
                continue
            }
            let rank = row.hasAddress ? (isReady ? 3 : 1) : 2
            if rank > best { (best, count) = (rank, 0) }
            guard rank == best else { continue }
            count += 1
            if draws.number(below: count) == 0 { drawn = place }
        }
        guard let drawn else { return false }
        rows[drawn].nextTry = min(rows[drawn].nextTry, now)
        return seek(drawn, reason)
    }

    // MARK: Near

    /// A peer that has answered sooner than one of the nearest neighbours does.
    private func nearCandidate() -> Int? {
        let nearest = nearestNeighbours
        var limit = Duration.seconds(3600)
        if nearest.count >= limits.nearCount, let last = nearest.last {
            limit = roundTrip(last) * limits.nearerRatio
        }
        return rows.indices.filter {
            let row = rows[$0]
            return row.link == nil && row.dial == nil && row.isAlive && row.hasAddress
                && row.lost == nil && row.nextTry <= now && row.quality?.roundTrip != nil
                && roundTrip($0) < limit
        }.min { roundTrip($0) < roundTrip($1) }
    }

    private func roundTrip(_ place: Int) -> Duration { rows[place].quality?.roundTrip ?? .seconds(3600) }

    /// The neighbours that answer soonest, the soonest first.
    private var nearestNeighbours: [Int] {
        let measured = rows.indices.filter { rows[$0].isNeighbour && rows[$0].quality?.roundTrip != nil }
        return Array(measured.sorted { roundTrip($0) < roundTrip($1) }.prefix(limits.nearCount))
    }

    /// Now and then a content node tries whether one that it has met is nearer.
    mutating func explore() {
        guard policy == .mesh || policy == .adaptive else { return }
        guard exploreAt <= now else { return look(at: exploreAt) }
        exploreAt = now + spread(limits.exploreInterval)
        look(at: exploreAt)
        guard (degreeTarget..<limits.degreeMax).contains(degree), let near = nearCandidate() else { return }
        seek(near, .near)
    }

    // MARK: Letting go

    mutating func letGo() {
        for place in rows.indices {
            guard let link = rows[place].link, !link.isEnding, !rows[place].isAlive else { continue }
            // Who has just come back has yet to hear what it is taken for.
            if rows[place].hasLeft || link.since + limits.youth <= now {
                end(place, .dead)
            } else {
                look(at: link.since + limits.youth)
            }
        }
        switch policy {
        case .mesh: letGoSurplus(beyond: limits.degreeMax)
        case .adaptive: letGoSurplus(beyond: max(limits.degreeMax, wanted.count + limits.degreeMin))
        case .ring, .hierarchical: letGoUnwanted()
        }
    }

    /// With too many neighbours the last to come go, unless they are near, wanted or in use, or the last that this node has dialled.
    private func surplusOrder(without returners: [Int]) -> [Int] {
        let nearest = nearestNeighbours
        let candidates = rows.indices.filter { place in
            guard let link = rows[place].link, !link.isEnding, !link.isProtected else { return false }
            return !nearest.contains(place) && !rows[place].isDemanded && wanted[rows[place].peer] == nil
                && !returners.contains(place)
        }
        return candidates.sorted { one, other in
            guard let mine = rows[one].link?.since, let its = rows[other].link?.since, mine != its else {
                return rows[one].peer < rows[other].peer
            }
            return mine > its
        }
    }

    /// Neighbours that were let go and came back soon each time: so many of them as keep their links, the oldest.
    private var returners: [Int] {
        let places = rows.indices.filter { place in
            rows[place].returnCount >= limits.returnCount && rows[place].link.map { !$0.isEnding } ?? false
        }
        guard places.count > limits.returnerCountMax else { return places }
        let oldest = places.sorted { one, other in
            guard let mine = rows[one].link?.since, let its = rows[other].link?.since else { return false }
            return mine == its ? rows[one].peer < rows[other].peer : mine < its
        }
        return Array(oldest.prefix(limits.returnerCountMax))
    }

    mutating func letGoSurplus(beyond most: Int) {
        let degree = degree
        guard degree > most else { return }
        let returners = returners
        var surplus = degree - returners.count - most
        var ownCount = rows.count { $0.link.map { $0.isOwn && !$0.isEnding } ?? false }
        for place in surplusOrder(without: returners) where surplus > 0 {
            guard let link = rows[place].link else { continue }
            if link.isOwn {
                // Those who dial in may all be one's, and keep their links in use.
                guard ownCount > limits.degreeMin else { continue }
                ownCount -= 1
            }
            surplus -= 1
            // Whoever came before is not let go in its stead.
            if link.since + limits.youth <= now {
                end(place, .tooMany(degree: degree, degreeMax: most))
            } else {
                look(at: link.since + limits.youth)
            }
        }
    }

    mutating func end(_ place: Int, _ reason: TopologyReason) {
        rows[place].link?.isEnding = true
        actions.append(.letGo(rows[place].peer, reason))
    }
}

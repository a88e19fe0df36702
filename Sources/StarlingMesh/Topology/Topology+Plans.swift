internal import StarlingCore

/// Neighbours that a policy asks for by name.
///
/// Each node works them out from the members that it knows. As all know nearly the same members, both ends of a link
/// come to the same: a link is kept when either end has a use for it.
extension Topology {
    /// A member, as plans see it.
    struct Seat {
        var peer: PeerID
        var position: UInt64
        var capacity: UInt16
        var started: Instant
    }

    /// Works out whom the policy wants.
    mutating func plan() {
        (wanted, kept, isSuperPeer) = ([:], [], false)
        switch policy {
        case .mesh: break
        case .ring: planRing(among: seats)
        case .hierarchical: planHierarchy(among: seats)
        case .adaptive: if adaptation.hasHierarchy { planHierarchy(among: seats) }
        }
    }

    /// The living members with this node, in the order of the ring.
    private var seats: [Seat] {
        var seats = [Seat(peer: own, position: ownPosition, capacity: capacity, started: started)]
        for row in rows where row.isAlive {
            seats.append(
                Seat(peer: row.peer, position: row.position, capacity: row.capacity, started: row.started)
            )
        }
        return seats.sorted { $0.position == $1.position ? $0.peer < $1.peer : $0.position < $1.position }
    }

    // MARK: Ring

    /// The next on either side, and chords: whoever comes next after half the ring, a quarter, and so on.
    ///
    /// Chords are measured by places, not counted by members: a member that comes or goes changes few of them.
    private mutating func planRing(among seats: [Seat]) {
        guard seats.count > 1, let place = seats.firstIndex(where: { $0.peer == own }) else { return }
        let next = seats[(place + 1) % seats.count]
        let previous = seats[(place - 1 + seats.count) % seats.count]
        for chord in 1...limits.chordCount {
            let length: UInt64 = 1 << UInt64(64 - chord)
            wanted[seats[first(from: ownPosition &+ length, seats)].peer] = .chord
            // Those whose chords of this length end here: from the one before, exclusively.
            let arc = ownPosition &- previous.position
            var other = first(from: previous.position &+ 1 &- length, seats)
            for _ in seats.indices {
                guard seats[other].position &- (previous.position &+ 1 &- length) < arc else { break }
                kept.insert(seats[other].peer)
                other = (other + 1) % seats.count
            }
        }
        wanted[next.peer] = .ringNeighbour
        wanted[previous.peer] = .ringNeighbour
        wanted[own] = nil
    }

    /// The first seat at a place of the ring or after it.
    private func first(from position: UInt64, _ seats: [Seat]) -> Int {
        var (low, high) = (0, seats.count)
        while low < high {
            let middle = (low + high) / 2
            if seats[middle].position < position { low = middle + 1 } else { high = middle }
        }
        return low % seats.count
    }

    // MARK: Hierarchy

    /// The tenth of the members, at least one, that are up longest and can carry most; in the order of the ring.
    private func superPeers(among seats: [Seat]) -> [Seat] {
        let count = max(1, seats.count / limits.membersPerSuperPeer)
        let byRank = seats.sorted { one, other in
            let (mine, its) = (rank(one), rank(other))
            return mine == its ? one.peer < other.peer : mine > its
        }
        return byRank.prefix(count).sorted { $0.position < $1.position }
    }

    /// Capacity times uptime: as both grow evenly, two members change places once and then never again.
    private func rank(_ seat: Seat) -> Int64 {
        Int64(seat.capacity) * max(0, seat.started.duration(to: now).milliseconds)
    }

    private mutating func planHierarchy(among seats: [Seat]) {
        let superPeers = superPeers(among: seats)
        isSuperPeer = superPeers.contains { $0.peer == own }
        if !isSuperPeer {
            // Those whose names go best with one's own: each super-peer gets its share, and loses few to another.
            let chosen = superPeers.sorted { affinity($0) > affinity($1) }.prefix(limits.superPeerLinkCount)
            for seat in chosen { wanted[seat.peer] = .superPeer }
        } else if superPeers.count > limits.fullBackboneCount {
            planRing(among: superPeers)
            wanted = wanted.mapValues { _ in .superPeer }
        } else {
            for seat in superPeers where seat.peer != own { wanted[seat.peer] = .superPeer }
        }
    }

    private func affinity(_ seat: Seat) -> UInt64 {
        var mixed = SplitMix64(seed: seat.position ^ ownPosition &* 0x9e37_79b9_7f4a_7c15)
        return mixed.next()
    }

    // MARK: Letting go

    /// Links that neither end has a use for, as far as this node can tell, go after a while.
    mutating func letGoUnwanted() {
        // Whoever waits for the wanted links keeps the others.
        let isComplete = rows.allSatisfy { $0.isNeighbour || !$0.isAlive || wanted[$0.peer] == nil }
        let isHub = policy == .hierarchical && isSuperPeer
        for place in rows.indices {
            guard let link = rows[place].link, !link.isEnding else { continue }
            let isNeeded =
                isHub || !isComplete || link.isProtected || rows[place].isDemanded
                || wanted[rows[place].peer] != nil || kept.contains(rows[place].peer)
            guard !isNeeded else {
                rows[place].link?.unwantedSince = nil
                continue
            }
            let since = link.unwantedSince ?? now
            rows[place].link?.unwantedSince = since
            let due = max(since + limits.unwantedDuration, link.since + limits.youth)
            if due <= now { end(place, .unwanted) } else { look(at: due) }
        }
        if isHub { letGoSurplus(beyond: limits.superPeerDegreeMax) }
    }
}

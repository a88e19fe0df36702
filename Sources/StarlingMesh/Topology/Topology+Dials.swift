internal import StarlingCore

/// Who is dialled when.
extension Topology {
    /// The end of every input: what is to be done, and when to look again.
    mutating func review() {
        reviewAt = nil
        if isPlanStale, planAt <= now {
            plan()
            planAt = now + limits.planInterval
            isPlanStale = false
        } else if hasHierarchy, planAt + limits.planRefresh <= now {
            // Uptimes grow.
            plan()
            planAt = now
        }
        watch()
        dialFormers()
        dialDemanded()
        dialWanted()
        if needsMany { grow() }
        explore()
        keepSpares()
        letGo()
        if isPlanStale { look(at: planAt) }
        if hasHierarchy { look(at: planAt + limits.planRefresh) }
    }

    /// Looks again no later than then.
    mutating func look(at moment: Instant) {
        reviewAt = Instant.earlier(reviewAt, max(moment, now))
    }

    private var hasHierarchy: Bool { policy == .hierarchical || adaptation.hasHierarchy }

    /// Whether the number of neighbours counts, and not only who they are.
    private var needsMany: Bool {
        switch policy {
        case .mesh, .adaptive: true
        // Until the members are known, any neighbour helps.
        case .ring, .hierarchical: degree < min(limits.degreeMin, rows.count) && !hasWanted
        }
    }

    private var hasWanted: Bool {
        rows.contains { $0.isNeighbour && wanted[$0.peer] != nil }
    }

    // MARK: Former neighbours

    /// A link broke.
    mutating func mourn(_ place: Int) {
        if rows.count(where: { $0.lost != nil }) >= limits.formerCountMax {
            var longest: (place: Int, lost: Instant)?
            for place in rows.indices {
                guard let lost = rows[place].lost, longest.map({ lost < $0.lost }) ?? true else { continue }
                longest = (place, lost)
            }
            if let longest { rows[longest.place].lost = nil }
        }
        rows[place].lost = now
        rows[place].failureCount = 0
        rows[place].nextTry = now + spread(limits.pauseMin)
    }

    /// Looks again when a dial takes too long, or a former neighbour has been one for long enough.
    private mutating func watch() {
        for place in rows.indices {
            if let dial = rows[place].dial { look(at: dial.ends) }
            guard let lost = rows[place].lost else { continue }
            if lost + limits.formerDuration <= now {
                rows[place].lost = nil
            } else {
                look(at: lost + limits.formerDuration)
            }
        }
    }

    /// Dials former neighbours, those that wait longest first: of many that are silent each has its turn.
    private mutating func dialFormers() {
        var waiting: [Int] = []
        for place in rows.indices where rows[place].lost != nil && rows[place].dial == nil {
            if rows[place].nextTry <= now, rows[place].hasAddress {
                waiting.append(place)
            } else {
                seek(place, .former)
            }
        }
        waiting.sort { (rows[$0].nextTry, $0) < (rows[$1].nextTry, $1) }
        for place in waiting { guard seek(place, .former) else { break } }
    }

    private mutating func dialDemanded() {
        for place in rows.indices where rows[place].isDemanded { seek(place, .demanded) }
    }

    private mutating func dialWanted() {
        guard !wanted.isEmpty else { return }
        for place in rows.indices where rows[place].isAlive {
            if let reason = wanted[rows[place].peer] { seek(place, reason) }
        }
    }

    // MARK: Spares

    /// Has addresses found while there is somebody to ask: one after the other, drawn among the peers without one.
    private mutating func keepSpares() {
        guard spareAt <= now else { return look(at: spareAt) }
        var (spareCount, drawn, count): (Int, Int?, Int) = (0, nil, 0)
        var hasNeighbour = false
        var next: Instant?
        for place in rows.indices where rows[place].isAlive {
            if rows[place].link != nil {
                hasNeighbour = true
            } else if rows[place].hasAddress {
                if rows[place].failureCount == 0 { spareCount += 1 }
            } else if rows[place].nextTry <= now {
                count += 1
                if draws.number(below: count) == 0 { drawn = place }
            } else {
                next = .earlier(next, rows[place].nextTry)
            }
        }
        guard hasNeighbour, spareCount < limits.spareCount else { return }
        guard let drawn else {
            if let next { look(at: next) }
            return
        }
        spareAt = now + spread(limits.spareInterval)
        look(at: spareAt)
        seek(drawn, .spare)
    }

    // MARK: Dials

    /// Dials under way, those to lost neighbours or the others.
    func dialCount(toFormers isToFormer: Bool) -> Int {
        rows.indices.count { rows[$0].dial?.isToFormer == isToFormer }
    }

    /// There is somebody to ask again: addresses are looked for at once.
    mutating func findAnew() {
        for place in rows.indices where !rows[place].hasAddress && rows[place].findCount > 0 {
            (rows[place].findCount, rows[place].nextTry) = (0, now)
        }
    }

    /// Dials a peer, or has its address found, unless it is a neighbour or it is too early.
    ///
    /// - Returns: Whether something was done.
    @discardableResult
    mutating func seek(_ place: Int, _ reason: TopologyReason) -> Bool {
        guard rows[place].link == nil, rows[place].dial == nil else { return false }
        guard rows[place].nextTry <= now else {
            look(at: rows[place].nextTry)
            return false
        }
        guard rows[place].hasAddress else {
            // Where there is nobody to ask, nobody has said that it does not know.
            let count = degree > 0 ? rows[place].findCount : 0
            rows[place].nextTry = now + spread(min(limits.findPause * (1 << count), limits.findPauseMax))
            if degree > 0 { rows[place].findCount = min(count + 1, 20) }
            look(at: rows[place].nextTry)
            actions.append(.find(rows[place].peer, reason))
            return true
        }
        let isToFormer = rows[place].lost != nil
        // The end of another dial is an input.
        let dialCountMax = isToFormer ? limits.formerDialCountMax : limits.dialCountMax
        guard dialCount(toFormers: isToFormer) < dialCountMax else { return false }
        let ends = now + (isToFormer ? formerDialDuration(place) : limits.dialDuration)
        rows[place].dial = Dial(began: now, ends: ends, isToFormer: isToFormer)
        look(at: ends)
        actions.append(.dial(rows[place].peer, reason))
        return true
    }

    /// How long a dial of a lost neighbour may take: longer where its link was slow.
    private func formerDialDuration(_ place: Int) -> Duration {
        let roundTrip = rows[place].quality?.roundTrip ?? .zero
        let needed = max(limits.formerDialDuration, roundTrip * limits.formerDialRoundTripCount)
        return min(needed, limits.dialDuration)
    }

    mutating func fail(_ place: Int) {
        let began = rows[place].dial?.began ?? now
        (rows[place].dial, rows[place].closed) = (nil, nil)
        let isFormer = rows[place].lost != nil
        let longest = isFormer || rows[place].isDemanded ? limits.formerPauseMax : limits.pauseMax
        // Spread to the short side, so that the longest pause is that.
        let pause = min(
            longest,
            spread(min(longest, limits.pauseMin * (1 << min(rows[place].failureCount, 20))))
        )
        rows[place].failureCount += 1
        // For a lost neighbour it runs from the beginning of the dial: one that answers nothing takes all its time.
        rows[place].nextTry =
            isFormer ? max(began + pause, now + spread(limits.pauseMin)) : now + pause
    }
}

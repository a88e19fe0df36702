internal import StarlingCore

// Room for what is new, and what gives way to it.
extension MailboxShelf {
    /// Makes room for something new, in its sender's part, its recipient's and the whole, in this order.
    ///
    /// While a part is full, one of those that are kept in it gives way: of the peer that has left most in that part, by
    /// number where the number is full and else by bytes, what is new counted, the one whose bytes times the time that it
    /// has been here are most; where two are alike, the one that came first. Of peers that have left as many as each other,
    /// the one that came last loses its last. So a flood pushes out what belongs to it, of however many peers it is, and not
    /// the little that others have left.
    ///
    /// What each peer has in each part is known, so that little is looked at: a number for each peer in the part, and what those
    /// have of whom one gives way.
    ///
    /// - Returns: Whether there is room; what is being written gives no room.
    mutating func makeRoom(_ byteCount: Int, sender: PeerID, recipient: PeerID, now: Instant) -> Bool {
        // A peer's number changes when it is forgotten meanwhile.
        while let from = partyIndex[sender],
            let measure = fullness(
                parties[from].leftCount,
                limits.senderCountMax,
                parties[from].leftByteCount + byteCount,
                limits.senderByteCountMax
            )
        {
            guard displace(.left(from), measure, byteCount, sender, now: now) else { return false }
        }
        while let to = partyIndex[recipient],
            let measure = fullness(
                parties[to].count,
                limits.recipientCountMax,
                parties[to].byteCount + byteCount,
                limits.recipientByteCountMax
            )
        {
            guard displace(.box(to), measure, byteCount, sender, now: now) else { return false }
        }
        while let measure = fullness(count, limits.countMax, self.byteCount + byteCount, limits.byteCountMax)
        {
            guard displace(.whole, measure, byteCount, sender, now: now) else { return false }
        }
        return true
    }

    /// What of a part is full, which holds so many and will hold so many bytes; `nil` when there is room.
    private func fullness(_ count: Int, _ countMax: Int, _ byteCount: Int, _ byteCountMax: Int) -> Measure? {
        if count >= countMax { return .count }
        return byteCount > byteCountMax ? .bytes : nil
    }

    /// Has one that is kept in a part give way.
    private mutating func displace(
        _ part: Part,
        _ measure: Measure,
        _ byteCount: Int,
        _ sender: PeerID,
        now: Instant
    ) -> Bool {
        guard let victim = victim(in: part, measure, byteCount, sender, now: now) else { return false }
        displacedCount += 1
        remove(victim)
        return true
    }

    /// The slot that gives way to something of a sender's with so many bytes; `nil` where nothing can.
    func victim(
        in part: Part,
        _ measure: Measure,
        _ byteCount: Int,
        _ sender: PeerID,
        now: Instant
    ) -> Int? {
        let from = partyIndex[sender] ?? -1
        switch part {
        case .left(let party): return heaviest(left.slots(of: party), now: now)
        case .box(let party):
            let places = parties[party].pairs.indices
            return victim(shared, places, measure, now: now) { place in
                let pair = Int(parties[party].pairs[place])
                return (pair, pairs[pair].name.sender == from ? byteCount : nil)
            }
        case .whole:
            return victim(left, parties.indices, measure, now: now) { party in
                (party, party == from ? byteCount : nil)
            }
        }
    }

    /// - Parameter owner: Whose share is meant by a number, and the bytes that are added to it, if any.
    private func victim(
        _ shares: MailboxShares,
        _ numbers: Range<Int>,
        _ measure: Measure,
        now: Instant,
        owner: (Int) -> (owner: Int, fresh: Int?)
    ) -> Int? {
        var (most, those): (Int, [Int]) = (1, [])
        for number in numbers {
            let (owner, fresh) = owner(number)
            let share = shares[owner]
            guard share.count > 0 else { continue }
            let sum =
                measure == .count ? share.count + (fresh == nil ? 0 : 1) : share.byteCount + (fresh ?? 0)
            guard sum >= most else { continue }
            if sum > most { (most, those) = (sum, []) }
            those.append(owner)
        }
        if measure == .count, those.count > 1 {
            let last = those.max { shares[$0].firstPosition < shares[$1].firstPosition }
            return last.map { Int(shares[$0].last) }
        }
        return heaviest(those.flatMap { shares.slots(of: $0) }, now: now)
    }

    /// The oldest and largest slot.
    private func heaviest(_ candidates: [Int], now: Instant) -> Int? {
        func weight(_ slot: Int) -> Int64 {
            let age = max(0, slots[slot].since.duration(to: now).milliseconds)
            let (weight, overflow) = age.multipliedReportingOverflow(by: Int64(slots[slot].byteCount))
            return overflow ? .max : weight
        }
        var heaviest: (slot: Int, weight: Int64)?
        for slot in candidates {
            let weight = weight(slot)
            if let best = heaviest,
                (best.weight, -Int64(slots[best.slot].position))
                    >= (weight, -Int64(slots[slot].position))
            {
                continue
            }
            heaviest = (slot, weight)
        }
        return heaviest?.slot
    }

    // MARK: Shares

    /// A slot is on the disk: it can give way.
    mutating func share(_ slot: Int) {
        slots[slot].state = .kept
        let entry = slots[slot]
        let pair = pair(entry.sender, entry.recipient)
        slots[slot].pair = Int32(pair)
        left.add(slot, of: entry.sender, position: entry.position, byteCount: entry.byteCount)
        shared.add(slot, of: pair, position: entry.position, byteCount: entry.byteCount)
    }

    /// A slot goes.
    mutating func unshare(_ slot: Int) {
        let entry = slots[slot]
        guard entry.pair >= 0 else { return }
        let pair = Int(entry.pair)
        slots[slot].pair = -1
        left.remove(slot, of: entry.sender, byteCount: entry.byteCount)
        shared.remove(slot, of: pair, byteCount: entry.byteCount)
        if shared[pair].count == 0 { forget(pair: pair) }
    }

    private mutating func pair(_ sender: Int, _ recipient: Int) -> Int {
        let name = Pair.Name(sender: sender, recipient: recipient)
        if let known = pairIndex[name] { return known }
        let fresh = Pair(name: name, place: parties[recipient].pairs.count)
        let pair: Int
        if let reused = freePairs.popLast() {
            pair = reused
            pairs[pair] = fresh
        } else {
            pair = pairs.count
            pairs.append(fresh)
        }
        pairIndex[name] = pair
        parties[recipient].pairs.append(Int32(pair))
        return pair
    }

    private mutating func forget(pair: Int) {
        let entry = pairs[pair]
        let recipient = entry.name.recipient
        pairIndex[entry.name] = nil
        freePairs.append(pair)
        // The last of the recipient's takes the place.
        guard let last = parties[recipient].pairs.popLast(), last != pair else { return }
        parties[recipient].pairs[entry.place] = last
        pairs[Int(last)].place = entry.place
    }
}

import StarlingCore
import StarlingCrypto
import Testing

@testable import StarlingMesh

/// What gives way and what an id names, as they are known at once, against all slots looked at one after the other.
@Suite struct MailboxVictimTests {
    private static let keys = (1...9).map { MessageKit.key(UInt8($0 + 20)) }

    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func theVictimIsTheOneThatAPlainScanFinds(seed: UInt64) throws {
        var draws = SeededDraws(seed: seed)
        var limits = MailboxShelf.Limits()
        (limits.countMax, limits.senderCountMax, limits.recipientCountMax) = (24, 8, 11)
        (limits.byteCountMax, limits.senderByteCountMax, limits.recipientByteCountMax) = (16_000, 6000, 8000)
        limits.batchByteCount = 800
        var kit = MailboxKit(limits: limits, policy: .anyone)
        var displacedCount = 0
        for step in 1...400 {
            try change(&kit, &draws)
            if step % 90 == 0 {
                displacedCount += kit.shelf.displacedCount
                kit.pull()
                try kit.restart()
            }
            let (peer, byteCount) = (Self.keys[draws.below(9)].peerID, 1 + draws.below(2000))
            let (shelf, now) = (kit.shelf, kit.now)
            for part in parts(of: shelf) {
                for measure in [MailboxShelf.Measure.count, .bytes] {
                    let found = shelf.victim(in: part, measure, byteCount, peer, now: now)
                    let plain = shelf.plainVictim(in: part, measure, byteCount, peer, now: now)
                    #expect(found == plain, "seed \(seed), step \(step): \(part), by \(measure)")
                }
            }
        }
        #expect(displacedCount > 20, "seed \(seed): the shelf was full")
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func whatStandsUnderAnIDIsWhatABoxHasOfIt(seed: UInt64) throws {
        var draws = SeededDraws(seed: seed)
        var limits = MailboxShelf.Limits()
        (limits.countMax, limits.senderCountMax, limits.recipientCountMax) = (60, 20, 40)
        var kit = MailboxKit(limits: limits, policy: .anyone)
        for step in 0..<300 {
            try change(&kit, &draws)
            let shelf = kit.shelf
            var names = 0
            for party in shelf.partyIndex.values {
                let envelopes = shelf.box(of: party).filter { !shelf.slots[$0].isReceipt }
                for number in 1...30 as ClosedRange<UInt64> {
                    let id = MailboxKit.id(number)
                    let plain = envelopes.filter { shelf.slots[$0].id == id }
                    #expect(
                        shelf.boxed.slots(for: party, id).sorted() == plain.sorted(),
                        "seed \(seed), step \(step)"
                    )
                    if !plain.isEmpty { names += 1 }
                }
            }
            #expect(shelf.boxed.count == names, "seed \(seed), step \(step): nothing else stays")
        }
    }

    @Test func aRecipientErasesWhateverHasTheIDItNamesAndNothingElse() throws {
        var kit = MailboxKit()
        for number in 1...3 as ClosedRange<UInt64> {
            for sender in [MailboxKit.alice, MailboxKit.carol] {
                kit.expect(.stored, of: try MailboxKit.envelope(number, from: sender))
            }
        }
        kit.shelf.erase([MailboxKit.id(2), MailboxKit.id(9)], by: MailboxKit.bob.peerID)
        kit.pull()
        try kit.expectFetched([1, 1, 3, 3])
        kit.shelf.erase([MailboxKit.id(1), MailboxKit.id(3)], by: MailboxKit.bob.peerID)
        kit.pull()
        #expect(kit.shelf.count == 0 && kit.rowCount == 0)
        #expect(kit.shelf.boxed.count == 0 && kit.shelf.pairIndex.isEmpty)
    }

    /// Something of what peers, time and disks do.
    private func change(_ kit: inout MailboxKit, _ draws: inout SeededDraws) throws {
        let (from, to) = (Self.keys[draws.below(9)], Self.keys[draws.below(3)])
        let id = UInt64(draws.below(30) + 1)
        switch draws.below(11) {
        case 0...7:
            // Many are of the same size, and come at the same time.
            let byteCount = draws.happens(0.5) ? 100 : draws.below(1500)
            let envelope = try MailboxKit.envelope(
                id,
                from: from,
                to: to.peerID,
                byteCount: byteCount,
                lifetime: .seconds(Int64(draws.below(3000) + 1))
            )
            kit.shelf.offer(envelope, from: from.peerID, now: kit.now, wallNow: kit.wallNow)
            // Some wait for the disk meanwhile.
            if draws.happens(0.7) {
                kit.isDiskBroken = draws.happens(0.1)
                kit.pull()
                kit.isDiskBroken = false
            }
        case 8: kit.shelf.erase([MailboxKit.id(id)], by: from.peerID)
        case 9:
            let receipt = Receipt(
                for: [.init(id: MailboxKit.id(id), outcome: .delivered)],
                to: from.peerID,
                created: kit.wallNow,
                from: to
            )
            kit.shelf.acknowledge(receipt, now: kit.now, wallNow: kit.wallNow)
        default: kit.advance(.milliseconds(Int64(draws.below(200_000))))
        }
    }

    private func parts(of shelf: MailboxShelf) -> [MailboxShelf.Part] {
        shelf.partyIndex.values.sorted().flatMap { [.left($0), .box($0)] } + [.whole]
    }
}

extension MailboxShelf {
    /// What gives way, by looking at every slot.
    fileprivate func plainVictim(
        in part: Part,
        _ measure: Measure,
        _ byteCount: Int,
        _ sender: PeerID,
        now: Instant
    ) -> Int? {
        let candidates =
            switch part {
            case .left(let party): slots.indices.filter { slots[$0].sender == party }
            case .box(let party): box(of: party)
            case .whole: Array(slots.indices)
            }
        let kept = candidates.filter { slots[$0].state == .kept }
        var sums = [Int](repeating: 0, count: parties.count)
        for slot in kept { sums[slots[slot].sender] += measure == .count ? 1 : slots[slot].byteCount }
        if let from = partyIndex[sender], sums[from] > 0 {
            sums[from] += measure == .count ? 1 : byteCount
        }
        guard let most = sums.max(), most > 0 else { return nil }
        let those = kept.filter { sums[slots[$0].sender] == most }
        if measure == .count, let last = lastOfTheLast(those) { return last }
        return those.max { one, other in
            let (first, second) = (weight(one, now: now), weight(other, now: now))
            return first == second ? slots[one].position > slots[other].position : first < second
        }
    }

    private func lastOfTheLast(_ candidates: [Int]) -> Int? {
        var firsts: [Int: UInt64] = [:]
        for slot in candidates {
            let (sender, position) = (slots[slot].sender, slots[slot].position)
            firsts[sender] = min(firsts[sender] ?? position, position)
        }
        guard firsts.count > 1, let last = firsts.max(by: { $0.value < $1.value }) else { return nil }
        return candidates.filter { slots[$0].sender == last.key }
            .max { slots[$0].position < slots[$1].position }
    }

    private func weight(_ slot: Int, now: Instant) -> Int64 {
        let age = max(0, slots[slot].since.duration(to: now).milliseconds)
        let (weight, overflow) = age.multipliedReportingOverflow(by: Int64(slots[slot].byteCount))
        return overflow ? .max : weight
    }
}

internal import StarlingCore

/// This node's own sequence number.
struct RouteNumber: Sendable {
    /// The one that is told; 0 before the first.
    var current: UInt64 = 0
    /// The one that is needed.
    var wanted: UInt64 = 0
    /// The one that others ask for: it is needed once they may have it.
    var asked: UInt64 = 0
    /// Up to here numbers may be used: that is on the disk.
    var reserved: UInt64 = 0
    /// What is to be reserved, until it is.
    var reserving: UInt64?
    /// When the proof is renewed.
    var renewAt: Instant?
    /// When the proof ends: numbers that others ask for before it is renewed end with it.
    var end: WallTime?
    /// How often others may make it count.
    var allowance: RouteAllowance
    /// When what others ask for is taken; `nil` where they ask for nothing.
    var askedAt: Instant? { asked > wanted ? allowance.ready : nil }

    init(limits: RouteTable.Limits, now: Instant) {
        allowance = RouteAllowance(interval: limits.numberInterval, atOnce: limits.numberCountMax, now: now)
    }

    /// Goes on behind all numbers that may have been used.
    mutating func begin(now: Instant) {
        wanted = reserved + 1
        (renewAt, end) = (nil, nil)
    }
}

// This node as a destination: it alone gives its numbers, and never twice.
extension RouteTable {
    /// Takes the number that is needed, once it is reserved.
    mutating func takeNumber(now: Instant, wallNow: WallTime) {
        guard hasBegun else { return }
        if let renewAt = ownNumber.renewAt, renewAt <= now {
            ownNumber.wanted = max(ownNumber.wanted, ownNumber.current + 1)
            (ownNumber.renewAt, ownNumber.end) = (nil, nil)
        }
        // Each number goes through the whole mesh: others cannot have one as often as they like.
        if ownNumber.asked > ownNumber.wanted, ownNumber.allowance.take(now: now) {
            ownNumber.wanted = ownNumber.asked
        }
        guard ownNumber.wanted > ownNumber.current else { return }
        guard ownNumber.wanted <= ownNumber.reserved else {
            let through = min(ownNumber.wanted + limits.reservationCount, RouteProof.numberMax)
            if ownNumber.wanted <= RouteProof.numberMax {
                ownNumber.reserving = max(ownNumber.reserving ?? 0, through)
            }
            return
        }
        ownNumber.current = ownNumber.wanted
        let expires = ownNumber.end ?? Self.end(ofProofFrom: wallNow)
        if ownNumber.end == nil {
            (ownNumber.renewAt, ownNumber.end) = (now + RouteProof.lifetime / 2, expires)
        }
        let proof = RouteProof(number: ownNumber.current, expires: expires, from: identity)
        let advert = RouteAdvert(proof: proof, way: .init(metric: .zero, hops: 0))
        tell(Self.ownSlot, advert, partOfMetric: 4, now: now)
    }

    private static func end(ofProofFrom wallNow: WallTime) -> WallTime {
        let lifetime = RouteProof.lifetime.milliseconds
        let (end, overflow) = wallNow.millisecondsSince1970.addingReportingOverflow(lifetime)
        return WallTime(millisecondsSince1970: overflow ? .max : max(0, end))
    }

    /// A neighbour asks for a number of this node.
    mutating func answer(_ request: NumberRequest, from link: Int, now: Instant) {
        guard request.number > ownNumber.current else { return answer(Self.ownSlot, to: link) }
        links[link].asks(for: Self.ownSlot, request.number)
        if request.number == ownNumber.current + 1 {
            ownNumber.asked = max(ownNumber.asked, request.number)
        } else if let proof = request.proof, proof.number + 1 >= request.number {
            // Nobody on the way has checked it.
            try? takeOwn(proof, from: link, now: now)
        }
    }

    /// Goes on behind a number that this node has signed and does not remember: its disk is another one.
    mutating func takeOwn(_ proof: RouteProof?, from link: Int, now: Instant) throws(RouteBreach) {
        guard let proof, proof.number > ownNumber.current, proof.number < RouteProof.numberMax,
            proof.destination == own
        else { return }
        _ = try verified(proof, of: nil, from: link, now: now)
        // Whoever signed more than is remembered has told more, too.
        if hasNoPast { waitOutLoss(now: now) }
        ownNumber.asked = max(ownNumber.asked, proof.number + 1)
    }
}

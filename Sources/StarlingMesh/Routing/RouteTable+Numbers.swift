internal import StarlingCore

/// This node's own sequence number.
struct RouteNumber: Sendable {
    /// The one that is told; 0 before the first.
    var current: UInt64 = 0
    /// The one that is needed.
    var wanted: UInt64 = 0
    /// Up to here numbers may be used: that is on the disk.
    var reserved: UInt64 = 0
    /// What is to be reserved, until it is.
    var reserving: UInt64?
    /// When the proof is renewed.
    var renewAt: Instant?
    /// How often others may make it count.
    var allowance: RouteAllowance

    init(limits: RouteTable.Limits, now: Instant) {
        allowance = RouteAllowance(interval: limits.numberInterval, atOnce: limits.numberCountMax, now: now)
    }

    /// Goes on behind all numbers that may have been used.
    mutating func begin(now: Instant) {
        wanted = reserved + 1
        renewAt = nil
    }
}

// This node as a destination: it alone gives its numbers, and never twice.
extension RouteTable {
    /// Takes the number that is needed, once it is reserved.
    mutating func takeNumber(now: Instant, wallNow: WallTime) {
        guard hasBegun else { return }
        if let renewAt = ownNumber.renewAt, renewAt <= now {
            ownNumber.wanted = max(ownNumber.wanted, ownNumber.current + 1)
            ownNumber.renewAt = nil
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
        ownNumber.renewAt = now + RouteProof.lifetime / 2
        let lifetime = RouteProof.lifetime.milliseconds
        let (end, overflow) = wallNow.millisecondsSince1970.addingReportingOverflow(lifetime)
        let expires = WallTime(millisecondsSince1970: overflow ? .max : max(0, end))
        let proof = RouteProof(number: ownNumber.current, expires: expires, from: identity)
        let advert = RouteAdvert(proof: proof, way: .init(metric: .zero, hops: 0))
        tell(Self.ownSlot, advert, partOfMetric: 4, now: now)
    }

    /// A neighbour asks for a number of this node.
    mutating func answer(_ request: NumberRequest, from link: Int, now: Instant) {
        guard request.number > ownNumber.current else { return tellAgain(Self.ownSlot, to: link) }
        if request.number == ownNumber.current + 1 {
            want(request.number, now: now)
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
        want(proof.number + 1, now: now)
    }

    private mutating func want(_ number: UInt64, now: Instant) {
        guard number > ownNumber.wanted else { return }
        // Each number goes through the whole mesh: others cannot have one as often as they like.
        guard ownNumber.allowance.take(now: now) else { return }
        ownNumber.wanted = number
    }
}

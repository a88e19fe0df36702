package import StarlingCore
package import StarlingCrypto

/// Who of the mesh is alive, by SWIM with Lifeguard's rules, over the links that there are.
///
/// A node asks its neighbours in turn whether they are alive. One that does not answer is asked by others as well, and
/// then suspected; the news of it goes from neighbour to neighbour. A suspect has time to contradict, less of it the more
/// neighbours accuse it, and is taken for dead when it does not. Nobody but the member itself can raise its incarnation,
/// which ends any accusation, true or forged.
///
/// - A node that gets no processor time, or no answers from anybody, mistrusts itself: it asks less often and waits
///   longer, and timers that come late put off what else was due.
/// - A neighbour's death is believed only by who has asked it in vain: others' word makes it a suspect, and is told to it
///   with the next frame.
/// - Everything has an age, so that nobody outlives its silence by being told on.
///
/// Every node that hears of a suspect keeps its time. All members are known to all, up to a limit; what a neighbour may
/// bring is bounded by its share of the table and by a rate.
///
/// Spec: docs/specs/liveness.md; A. Das et al., "SWIM", DSN 2002; A. Dadgar et al., "Lifeguard", DSN 2018. Deviations:
/// only neighbours are probed, and accusers are listed in the claim.
package struct Liveness: Machine, Sendable {
    package enum Action: Equatable, Sendable {
        /// Send a frame over the link to a neighbour, or drop it when there is none any more.
        case send(LivenessFrame, to: PeerID)
        /// A neighbour has answered after so long.
        case measured(PeerID, Duration)
        /// What this node's own questions to a neighbour have come to; the same may be said again.
        case suspected(PeerID, NeighbourSuspicion)
        /// A member is new, or has another state.
        case changed(LivenessMember)
        /// A member is not in the table any more.
        case forgot(PeerID)
    }

    /// How a link ended.
    package enum LinkEnd: Sendable {
        /// One of the two sides wanted it so.
        case closed
        /// It broke: the neighbour may be dead.
        case lost
    }

    let own: PeerID
    private let key: IdentityKey
    let limits: Limits
    private let started: Instant
    /// What spreads the probes, and what their numbers come from.
    let seed: UInt64
    var draws: SplitMix64
    /// The moment of the input that is being worked on.
    var now: Instant

    /// By number; this node is number 0.
    var members: [Member] = []
    var vacant: [Int] = []
    var index = PlaceIndex<PeerID>()
    /// Signatures of members with high incarnations.
    var proofs: [Int: [UInt8]] = [:]
    /// Members that are dead or have left.
    var goneCount = 0
    /// Before this, none of them gives way to others.
    var ripeAt: Instant
    /// Members that came of late, in their order; others too, until somebody looks.
    var young: [Int] = []
    /// By link, how many of them it has told of, as of a moment.
    var youngCounts: [Int] = []
    var youngCountedAt: Instant?
    /// When suspects are taken for dead.
    var suspicions = DeadlineHeap()

    var links: [Link] = []
    /// Links that are up, a bit for each.
    var upLinks: UInt64 = 0
    /// Members that the next frames tell of.
    var news: [Int] = []
    /// When those get a frame who have not been told something, and when also what is not urgent.
    var gossipAt: Instant?
    var lazyAt: Instant?
    var lastGossip: Instant

    /// News that neighbours may still bring.
    var newsAllowances: NeighbourAllowances

    var probes: [Probe] = []
    var errands: [Errand] = []
    var probeCount: UInt64 = 0
    var probeAt: Instant?
    /// How bad this node takes its own health for; 0 is good.
    package internal(set) var score = 0
    /// When an accusation last made it worse.
    var heededAt: Instant?
    var renewAt: Instant
    var sweepAt: Instant
    var actions = RingQueue<Action>()
    /// News that were not taken because their neighbour brought too many.
    package internal(set) var refusedNewsCount = 0

    /// - Parameters:
    ///   - key: Who this node is; signs only when its incarnation was driven high.
    ///   - capacity: How much it can carry for others, which all are told.
    ///   - seed: Eight random bytes, which nobody else may know.
    package init(
        key: IdentityKey,
        capacity: UInt16 = 1,
        seed: UInt64,
        limits: Limits = Limits(),
        now: Instant
    ) {
        own = key.peerID
        self.key = key
        self.limits = limits
        newsAllowances = NeighbourAllowances(
            RouteRate(perSecond: limits.newsPerSecond, atOnce: limits.newsBurst),
            goneCountMax: limits.formerLinkCountMax
        )
        (started, self.now, lastGossip, ripeAt) = (now, now, now, now)
        self.seed = seed
        draws = SplitMix64(seed: seed)
        sweepAt = now + limits.sweepInterval
        renewAt = now
        var member = Member(peer: own, incarnation: 1, renewed: now, since: now, met: now)
        member.capacity = capacity
        _ = insert(member)
        renewAt = now + spread(limits.renewInterval)
    }

    // MARK: Inputs

    /// There is a link to a peer; a second one to the same changes nothing.
    ///
    /// - Returns: Whether it is watched: there may be too many.
    @discardableResult
    package mutating func linkUp(_ peer: PeerID, now: Instant) -> Bool {
        self.now = now
        guard peer != own else { return false }
        if let slot = slot(of: peer), members[slot].link >= 0 { return true }
        guard let link = openLink(peer) else { return false }
        if probeAt == nil { probeAt = now + limits.probeInterval * Double(draws.number(below: 1000)) / 1000 }
        links[link].isDue = true
        finish()
        return true
    }

    /// A link is gone.
    package mutating func linkDown(_ peer: PeerID, _ end: LinkEnd, now: Instant) {
        self.now = now
        guard let slot = slot(of: peer), members[slot].link >= 0 else { return }
        closeLink(Int(members[slot].link))
        if upLinks == 0 {
            forgetNews()
        } else if end == .lost, members[slot].state == .alive, members[slot].incarnation > 0 {
            askOthers(about: slot)
        }
        finish()
    }

    /// A frame came over the link to a peer.
    package mutating func receive(_ frame: LivenessFrame, from peer: PeerID, now: Instant) {
        self.now = now
        let known = slot(of: peer)
        if let known { acquit(known) }
        guard let slot = known, members[slot].link >= 0 else { return answerStranger(frame, peer) }
        let link = Int(members[slot].link)
        noteLife(link)
        for ack in frame.acks.prefix(limits.frame.ackCountMax) { take(ack: ack, link) }
        if let probe = frame.probe, links[link].outgoing.acks.count < limits.frame.ackCountMax {
            links[link].outgoing.acks.append(probe)
            links[link].isDue = true
        }
        for report in frame.reports { take(report, link) }
        for claim in frame.claims { take(claim, link) }
        for request in frame.requests { take(request, link) }
        if frame.wantsTable { tellTable(link) }
        // Who speaks and is accused is told so, and can contradict; so can one that is back after it had left.
        if members[slot].link >= 0, members[slot].state != .alive { links[link].isDue = true }
        finish()
    }

    /// Something else came over the link to a peer: it is alive.
    package mutating func heard(from peer: PeerID, now: Instant) {
        self.now = now
        guard let slot = slot(of: peer) else { return }
        acquit(slot)
        guard members[slot].link >= 0 else { return }
        noteLife(Int(members[slot].link))
        finish()
    }

    /// This node goes; send what comes of it before the links are closed.
    package mutating func leave(now: Instant) {
        self.now = now
        guard members[0].state != .left else { return }
        members[0].state = .left
        tell(0, from: -1, .urgent)
        for link in links.indices where links[link].isUp { links[link].isDue = true }
        finish()
    }

    package mutating func advance(to now: Instant) {
        if let due = nextDeadline, due + limits.latenessMax < now { putOff(until: now + limits.latenessMax) }
        self.now = now
        while let slot = suspicions.popFirst(through: now) { expireSuspicion(slot) }
        advanceProbes()
        if renewAt <= now {
            renewAt = now + spread(limits.renewInterval)
            if members[0].state == .alive, members[0].incarnation < LivenessClaim.incarnationMax {
                raise(to: members[0].incarnation + 1, .lazy)
            }
        }
        if sweepAt <= now {
            sweepAt = now + limits.sweepInterval
            sweep()
            askForTables()
        }
        finish()
    }

    // MARK: Outputs

    package mutating func nextAction() -> Action? { actions.popFirst() }

    package var nextDeadline: Instant? {
        var next = min(renewAt, sweepAt)
        if let first = suspicions.first { next = min(next, first) }
        if let probeAt, upLinks != 0 { next = min(next, probeAt) }
        if let gossipAt { next = min(next, gossipAt) }
        if let lazyAt { next = min(next, lazyAt) }
        for probe in probes { next = min(next, probe.deadline) }
        for errand in errands { next = min(next, errand.deadline) }
        return next
    }

    /// Members that are known, this one and the dead included.
    package var memberCount: Int { index.count }

    /// Members that are alive as far as is known, this one included.
    package var livingCount: Int { index.count - goneCount }

    package func member(_ peer: PeerID) -> LivenessMember? { slot(of: peer).map(report) }

    /// All members but this one, in no order that means anything.
    package var allMembers: [LivenessMember] {
        members.indices.dropFirst().filter { members[$0].isPresent }.map(report)
    }

    /// How long probes of a neighbour have taken, smoothed.
    package func roundTrip(to peer: PeerID) -> Duration? {
        guard let slot = slot(of: peer), members[slot].link >= 0 else { return nil }
        return links[Int(members[slot].link)].roundTrip
    }

    /// A neighbour that is not watched gets its answer: it may watch this node.
    private mutating func answerStranger(_ frame: LivenessFrame, _ peer: PeerID) {
        guard let probe = frame.probe else { return }
        var answer = LivenessFrame()
        answer.acks = [probe]
        actions.append(.send(answer, to: peer))
    }

    // MARK: Own incarnation

    /// Raises the own incarnation, which says to all that this node is there.
    mutating func raise(to incarnation: UInt64, _ haste: Haste) {
        members[0].incarnation = incarnation
        members[0].renewed = now
        members[0].uptimeSeconds = UInt32(clamping: started.duration(to: now).milliseconds / 1000)
        if incarnation > limits.unprovenStepMax {
            proofs[0] = LivenessClaim.proof(of: incarnation, by: key)
        }
        tell(0, from: -1, haste)
    }

    /// A duration, up to a tenth longer or shorter, so that nodes which started together do not act together.
    mutating func spread(_ duration: Duration) -> Duration {
        duration * (0.9 + 0.2 * Double(draws.number(below: 1001)) / 1000)
    }
}

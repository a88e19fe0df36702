package import StarlingCore

/// Which peers to stay connected to.
///
/// A node tells this machine which peers there are, what links it has and how good they are; the machine says whom to
/// dial, whose address to look for and which link to let go, each with its reason. It knows nothing of the links of
/// others: what it wants fits together because all nodes follow one policy with the same knowledge.
///
/// - A link that broke is dialled again, soon and then every few seconds, also when there are other neighbours: that is
///   how the halves of a partition find one another.
/// - Addresses of some more peers are kept, since whoever loses all neighbours at once can ask nobody.
/// - A link in use is not let go; one that is young is not either, so that a newcomer has time to learn of others. Some that
///   this node has dialled stay, whoever dials it: nobody can take the places of all.
/// - Nothing is let go for a reason that may be over in a moment, and who let go of a link is left alone for a while.
///
/// To join through one known peer, the machine needs the members that the peer knows (``Liveness``), and an address for
/// each that it says ``Action/find(_:_:)`` of: its neighbours have them in signed peer records.
///
/// Spec: docs/specs/liveness.md, "Topology".
package struct Topology: Machine, Sendable {
    /// What a fleet looks like.
    package enum Policy: String, CaseIterable, Sendable {
        /// Near and far neighbours, some seven of them.
        case mesh
        /// The next on either side, and chords across.
        case ring
        /// The tenth that is up longest and can carry most is the backbone of the others.
        case hierarchical
        /// A mesh that gets more links where many frames are lost, and super-peers where answers take long.
        case adaptive
    }

    package enum Action: Equatable, Sendable {
        /// Make a connection; answered by a link, or by ``Topology/dialFailed(_:now:)``.
        case dial(PeerID, TopologyReason)
        /// Ask neighbours, or whoever else may know, for an address; answered by ``Topology/learn(_:now:)`` or not at all.
        case find(PeerID, TopologyReason)
        /// Close the link when nothing is under way; answered by the end of the link.
        case letGo(PeerID, TopologyReason)
        /// Do not close a link that was to be let go of.
        case keep(PeerID)
    }

    let own: PeerID
    let ownPosition: UInt64
    let capacity: UInt16
    let started: Instant
    let limits: Limits
    package private(set) var policy: Policy
    var draws: SplitMix64
    /// The moment of the input that is being worked on.
    var now: Instant

    var rows: [Row] = []
    var index: [PeerID: Int] = [:]
    /// Neighbours that the policy asks for by name, as of the last plan, with their reasons.
    var wanted: [PeerID: TopologyReason] = [:]
    /// Peers that have a use for a link with this node, by the same plan.
    var kept: Set<PeerID> = []
    /// Whether this node is one of the super-peers, under a policy that has some.
    package internal(set) var isSuperPeer = false
    /// Whether the wanted may have changed.
    var isPlanStale = true
    var planAt: Instant
    /// When there is something to do next.
    var reviewAt: Instant?
    /// When the next neighbour beyond the needed ones is looked for.
    var growAt: Instant
    var exploreAt: Instant
    var adaptAt: Instant
    /// When the next address is looked for that is needed only once all neighbours are gone.
    var spareAt: Instant
    /// What the adaptive policy has found.
    package internal(set) var adaptation = Adaptation()
    var actions = RingQueue<Action>()

    /// - Parameters:
    ///   - capacity: How much this node can carry for others, as it tells all.
    ///   - seed: Eight random bytes, by which far neighbours are drawn.
    package init(
        own: PeerID,
        policy: Policy = .mesh,
        capacity: UInt16 = 1,
        seed: UInt64,
        limits: Limits = Limits(),
        now: Instant
    ) {
        self.own = own
        self.policy = policy
        self.capacity = capacity
        self.limits = limits
        ownPosition = XXH64.hash(own.multihash.span)
        (started, self.now, planAt, growAt, spareAt) = (now, now, now, now, now)
        draws = SplitMix64(seed: seed)
        exploreAt = now + limits.exploreInterval
        adaptAt = now + limits.adaptInterval
    }

    // MARK: Inputs

    /// There is a peer, or something of it has changed.
    package mutating func learn(_ facts: TopologyPeer, now: Instant) {
        self.now = now
        guard let place = row(facts.peer) else { return }
        let before = rows[place]
        rows[place].hasAddress = facts.hasAddress
        rows[place].state = facts.state
        if facts.state == .left, before.state != .left, facts.isOwnWord, before.isNeighbour {
            rows[place].hasLeft = true
        }
        rows[place].capacity = facts.capacity
        rows[place].started = now - facts.uptime
        if rows[place].isAlive && !before.isAlive {
            (rows[place].failureCount, rows[place].findCount, rows[place].nextTry) = (0, 0, now)
            rows[place].hasLeft = false
            if let link = before.link, link.isEnding {
                // It has contradicted.
                rows[place].link?.isEnding = false
                actions.append(.keep(facts.peer))
            }
        }
        // Its address was looked for.
        if facts.hasAddress && !before.hasAddress { (rows[place].findCount, rows[place].nextTry) = (0, now) }
        isPlanStale = true
        look(at: now)
    }

    /// A peer is not a member any more; a lost neighbour is dialled all the same.
    package mutating func forget(_ peer: PeerID, now: Instant) {
        self.now = now
        guard let place = index[peer], rows[place].link == nil, rows[place].lost == nil,
            !rows[place].isDemanded
        else { return }
        remove(place)
        isPlanStale = true
        look(at: now)
    }

    /// There is a link, whoever dialled.
    ///
    /// - Parameter isOwn: Whether this node did so, for whatever reason; where the machine asked for it, it need not be told.
    package mutating func linkUp(_ peer: PeerID, isOwn: Bool = false, now: Instant) {
        self.now = now
        guard let place = row(peer, isNeighbour: true), rows[place].link == nil else { return }
        if degree == 0 { findAnew() }
        rows[place].link = Link(since: now, isOwn: isOwn || rows[place].dial != nil)
        rows[place].hasLeft = false
        let returns = rows[place].closed.map { $0 + limits.returnDuration > now } ?? false
        rows[place].returnCount = returns ? min(rows[place].returnCount + 1, limits.returnCount) : 0
        (rows[place].dial, rows[place].lost, rows[place].closed) = (nil, nil, nil)
        (rows[place].failureCount, rows[place].findCount) = (0, 0)
        review()
    }

    /// A link is gone.
    package mutating func linkDown(_ peer: PeerID, _ end: Liveness.LinkEnd, now: Instant) {
        self.now = now
        guard let place = index[peer], let link = rows[place].link else { return }
        rows[place].link = nil
        // Who said so comes back by itself.
        guard !rows[place].hasLeft else { return review() }
        if !rows[place].isAlive || end == .lost && !link.isEnding {
            mourn(place)
        } else {
            // Whoever let it go had enough neighbours, and may have for long.
            if link.since + limits.closedPause <= now { rows[place].closeCount = 0 }
            rows[place].closed = now
            let pause = limits.closedPause * (1 << rows[place].closeCount)
            rows[place].closeCount = min(rows[place].closeCount + 1, 20)
            rows[place].nextTry = now + spread(min(pause, limits.closedPauseMax))
        }
        review()
    }

    /// A peer was dialled in vain.
    package mutating func dialFailed(_ peer: PeerID, now: Instant) {
        self.now = now
        guard let place = index[peer], rows[place].dial != nil else { return }
        fail(place)
        review()
    }

    /// How good a link is.
    package mutating func measured(_ peer: PeerID, _ quality: LinkQuality, now: Instant) {
        self.now = now
        guard let place = index[peer] else { return }
        rows[place].quality = quality
    }

    /// A link is in use, by messages or by the user, and must not be let go; or it is not any more.
    package mutating func protect(_ peer: PeerID, _ isProtected: Bool, now: Instant) {
        self.now = now
        guard let place = index[peer] else { return }
        rows[place].link?.isProtected = isProtected
        if !isProtected { review() }
    }

    /// The user wants a link to a peer, or does not care any more.
    package mutating func demand(_ peer: PeerID, _ isDemanded: Bool, now: Instant) {
        self.now = now
        guard let place = row(peer, isNeighbour: true) else { return }
        rows[place].isDemanded = isDemanded
        if isDemanded { rows[place].nextTry = now }
        review()
    }

    package mutating func setPolicy(_ policy: Policy, now: Instant) {
        self.now = now
        self.policy = policy
        adaptation = Adaptation()
        adaptAt = now + limits.adaptInterval
        isPlanStale = true
        planAt = now
        review()
    }

    package mutating func advance(to now: Instant) {
        self.now = now
        for place in rows.indices {
            if let dial = rows[place].dial, dial.ends <= now { fail(place) }
        }
        if adaptAt <= now {
            adaptAt = now + limits.adaptInterval
            if policy == .adaptive { adapt() }
        }
        review()
    }

    // MARK: Outputs

    package mutating func nextAction() -> Action? { actions.popFirst() }

    package var nextDeadline: Instant? {
        policy == .adaptive ? Instant.earlier(reviewAt, adaptAt) : reviewAt
    }

    /// When a dial of a peer that is under way counts as failed.
    package func dialEnds(of peer: PeerID) -> Instant? { index[peer].flatMap { rows[$0].dial?.ends } }

    /// Links that are not being let go.
    package var degree: Int { rows.indices.count { rows[$0].link.map { !$0.isEnding } ?? false } }

    /// The neighbours, in no order that means anything.
    package var neighbours: [PeerID] { rows.filter(\.isNeighbour).map(\.peer) }

    package var peerCount: Int { rows.count }

    /// The tables that have a limit.
    package var tableFills: [TableFill] {
        // Where they stand: a row is large, and there may be a thousand.
        let formerCount = rows.indices.count { rows[$0].lost != nil }
        return [
            TableFill("topology peers", rows.count, of: limits.peerCountMax + degree),
            TableFill("topology dials", dialCount(toFormers: false), of: limits.dialCountMax),
            TableFill(
                "topology dials of former neighbours",
                dialCount(toFormers: true),
                of: limits.formerDialCountMax
            ),
            TableFill("topology former neighbours", formerCount, of: limits.formerCountMax),
        ]
    }

    /// A duration, up to a tenth longer or shorter, so that nodes which lost something together do not act together.
    mutating func spread(_ duration: Duration) -> Duration {
        duration * (0.9 + 0.2 * Double(draws.number(below: 1001)) / 1000)
    }
}

extension Topology {
    package struct Limits: Sendable {
        // MARK: Mesh

        /// Neighbours that a node needs: with fewer it dials as many as it may at once.
        package var degreeMin = 3
        /// Neighbours that it would like: until then it looks for one after the other.
        package var degreeTarget = 7
        /// Neighbours beyond which it lets some go.
        package var degreeMax = 10
        /// The nearest of them, which are kept for that; the others are whoever was drawn, near or far.
        ///
        /// Drawn neighbours keep the diameter logarithmic, however the nodes lie.
        package var nearCount = 3
        /// How often one more is looked for.
        package var growInterval: Duration = .seconds(2)
        /// How often a node that is content looks whether a peer that it has met is nearer than its neighbours.
        package var exploreInterval: Duration = .seconds(300)
        /// By how much nearer it must be.
        package var nearerRatio = 0.7
        /// How old a link is at least before it is let go: a newcomer learns of other peers meanwhile.
        package var youth: Duration = .seconds(20)
        /// How long the policy must have no use for a link before it is let go.
        package var unwantedDuration: Duration = .seconds(30)
        /// How long a peer that let a link go, or was let go, is left alone; twice as long each time that it was a short one.
        package var closedPause: Duration = .seconds(300)
        package var closedPauseMax: Duration = .seconds(7200)
        /// Who comes back sooner than this, and more than once, has nobody else: it keeps its link.
        package var returnDuration: Duration = .seconds(240)
        package var returnCount = 2
        /// Such neighbours beside the others; of more, those whose links are the oldest.
        package var returnerCountMax = 32

        // MARK: Dials

        /// Dials under way to others than lost neighbours; more wait.
        package var dialCountMax = 3
        /// Dials under way to lost neighbours, beside those; more wait.
        ///
        /// As many as a node has neighbours: whoever has lost all at once, and gets no answer from any, dials each every 10 s.
        package var formerDialCountMax = 8
        /// How long a dial may take.
        package var dialDuration: Duration = .seconds(30)
        /// How long one to a lost neighbour may take, so that the next can begin within ``formerPauseMax`` of its beginning.
        package var formerDialDuration: Duration = .seconds(8)
        /// Round trips of its last link that it may take where that is longer, up to ``dialDuration``.
        package var formerDialRoundTripCount = 16
        /// The first pause after a dial in vain, or before a lost neighbour is dialled; doubled from one to the next.
        ///
        /// After one to a lost neighbour the least; there, pauses run from the beginning of one dial to that of the next.
        package var pauseMin: Duration = .seconds(1)
        /// The longest pause for a neighbour that was lost of late, as far as it gets its turn among them.
        package var formerPauseMax: Duration = .seconds(10)
        /// How long that is so; afterwards it is a peer as others.
        package var formerDuration: Duration = .seconds(1800)
        /// Lost neighbours that are dialled for that; beyond it the one lost longest ago is a peer as others.
        package var formerCountMax = 16
        /// The longest pause for other peers.
        package var pauseMax: Duration = .seconds(300)
        /// Peers beside the neighbours whose addresses a node keeps: whoever loses all neighbours at once can ask nobody.
        package var spareCount = 8
        /// How often an address is looked for to that end.
        package var spareInterval: Duration = .seconds(5)
        /// The pause after a peer's address was looked for; twice as long each time that neighbours know none.
        package var findPause: Duration = .seconds(10)
        package var findPauseMax: Duration = .seconds(300)

        // MARK: Ring and hierarchy

        /// Chords that a node has towards the far side of the ring, each half as long as the one before.
        package var chordCount = 4
        /// One of so many is a super-peer.
        package var membersPerSuperPeer = 10
        /// Super-peers that each other node is connected to.
        package var superPeerLinkCount = 3
        /// Super-peers up to so many are all connected to one another; more form a ring with chords.
        package var fullBackboneCount = 8
        /// Neighbours of a super-peer beyond which it lets some go.
        package var superPeerDegreeMax = 64
        /// How often the wanted neighbours are worked out at most.
        package var planInterval: Duration = .seconds(2)
        /// How often at least, where it matters how long nodes have been running.
        package var planRefresh: Duration = .seconds(60)

        // MARK: Adaptive

        /// How often the links are judged.
        package var adaptInterval: Duration = .seconds(60)
        /// Above so much loss, on average, one more link is wanted each time.
        package var lossRatioHigh = 0.1
        /// Below so much, one less.
        package var lossRatioLow = 0.05
        /// Above so much latency, at the median, super-peers are wanted.
        package var latencyHigh: Duration = .milliseconds(500)
        /// Below so much, they are not any more.
        package var latencyLow: Duration = .milliseconds(350)

        /// Peers that are known; more are not, unless one of the dead gives way.
        package var peerCountMax = 1024

        package init() {}
    }
}

internal import StarlingCore

/// A neighbour's route to a destination.
///
/// There may be four thousand of them: the fields stand so that they leave no gaps, 48 bytes in all.
struct RouteEntry: Sendable {
    /// `nil` for a direct neighbour that has not told its own.
    var proof: RouteProof?
    /// When the proof does not hold any more.
    var proofEnd: Instant
    /// When the neighbour told something else than before.
    var changed: Instant
    /// The best distance that the neighbour has told since it has a route.
    ///
    /// Its own feasibility distance is no worse, for ever: a metric that rises takes nothing from what is known.
    var best: RouteDistance
    /// What was found missing on this way, in microseconds of metric.
    var penalty: UInt32 = 0
    /// What the neighbour told last.
    var way: RouteUpdate.Way
    /// Whether messages go here now.
    var isActive = false
    private let linkNumber: Int16

    /// The neighbour, by its place among the links.
    @inline(__always) var link: Int { Int(linkNumber) }

    /// Whether the neighbour is the destination.
    var isDirect: Bool { way.hops == 0 }

    init(link: Int, way: RouteUpdate.Way, proof: RouteProof?, proofEnd: Instant, now: Instant) {
        linkNumber = Int16(link)
        self.way = way
        self.proof = proof
        self.proofEnd = proofEnd
        best = RouteDistance(number: proof?.number ?? 0, metric: way.metric)
        changed = now
    }

    /// Takes what the neighbour tells now.
    mutating func take(_ way: RouteUpdate.Way, _ proof: RouteProof, end: Instant, now: Instant) {
        if self.way != way { changed = now }
        (self.way, self.proof, proofEnd) = (way, proof, end)
        let distance = RouteDistance(number: proof.number, metric: way.metric)
        if distance.isBetter(than: best) { best = distance }
    }
}

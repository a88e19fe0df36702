internal import StarlingCore

/// How far a destination is, as routes are compared for loops: the sequence number first, then the metric.
///
/// Each node keeps for each destination the best distance that it has ever told, and uses only those neighbours that
/// have told a better one. So along a route these distances get strictly better from node to node, and no route comes
/// back to where it was.
///
/// Spec: RFC 8966, section 2.4; docs/specs/routing.md, "Feasibility".
package struct RouteDistance: Equatable, Sendable {
    package let number: UInt64
    package let metric: RouteMetric

    /// Whether the number is higher, or the same with a lower metric.
    func isBetter(than other: RouteDistance) -> Bool {
        number > other.number || (number == other.number && metric < other.metric)
    }
}

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

/// What a node tells of a destination.
struct RouteAdvert: Equatable, Sendable {
    var proof: RouteProof
    var way: RouteUpdate.Way

    var distance: RouteDistance { RouteDistance(number: proof.number, metric: way.metric) }

    /// Whether this is told in place of `other`, where small differences of the metric are not.
    func isNews(after other: RouteAdvert, partOfMetric part: UInt32) -> Bool {
        proof.number != other.proof.number || way.hops != other.way.hops
            || way.metric.differs(from: other.way.metric, byMoreThanOnePartIn: part)
    }
}

/// Up to four links, by their places: as many as a destination has routes.
struct RouteLinks: Equatable, Sendable {
    static let countMax = 4

    private var places = SIMD4<Int16>(repeating: -1)
    private(set) var count: Int8 = 0

    var indices: Range<Int> { 0..<Int(count) }

    @inline(__always) subscript(index: Int) -> Int { Int(places[index]) }

    mutating func append(_ link: Int) {
        places[Int(count)] = Int16(link)
        count += 1
    }
}

/// A destination, with the routes to it that are kept.
struct RouteDestination: Sendable {
    let id: PeerID
    var entries: [RouteEntry] = []
    /// The link of the first choice; -1 when there is no feasible route.
    var primary = -1
    /// When the first choice became another one.
    var chosen: Instant
    /// The links over which the destination may be reached, the first choice first.
    var hops = RouteLinks()
    /// Whether the driver is about to hear that they are others.
    var isChangeTold = false
    var advert: RouteAdvert?
    /// The best distance that was ever told, or is about to be.
    var feasibility: RouteDistance?
    /// What of that is on the disk: nothing better is told.
    var durable: RouteDistance?
    /// Until when the feasibility distance is kept once nothing is told.
    var heldUntil: Instant
    /// When a message was last sent here.
    var lastUse: Instant?
    /// How often a higher number was asked for in vain.
    var askCount = 0
    /// The last number that was asked for to have a better route, and when.
    var askedBetter: (number: UInt64, at: Instant)?
    /// The last number that was asked for on behalf of others, and when.
    var forwarded: (number: UInt64, at: Instant)?
    /// Whether the feasibility distance waits to be written.
    var isUnwritten = false
    /// Whether neighbours have told routes that were not kept.
    var hasMore = false

    init(id: PeerID, now: Instant) {
        self.id = id
        chosen = now
        heldUntil = now
    }

    @inline(__always) var isLive: Bool { !entries.isEmpty }

    // Each of these is inlined: a call would copy the row, with a count of references for each of its parts.

    /// The place of a neighbour's route among the entries.
    @inline(__always) func entry(of link: Int) -> Int? {
        for place in entries.indices where entries[place].link == link { return place }
        return nil
    }

    @inline(__always) func isActive(_ link: Int) -> Bool {
        for place in entries.indices where entries[place].link == link { return entries[place].isActive }
        return false
    }

    /// How many neighbours messages go over.
    @inline(__always) var activeCount: Int {
        var count = 0
        for place in entries.indices where entries[place].isActive { count += 1 }
        return count
    }

    /// Whether the destination is a neighbour.
    @inline(__always) var hasDirect: Bool {
        for place in entries.indices where entries[place].isDirect { return true }
        return false
    }
}

internal import StarlingCore

/// A request for a number that was made on behalf of others.
struct PassedRequest: Sendable {
    var number: UInt64
    var hopLimit: UInt8
    var at: Instant
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
    var hops = RouteHops()
    /// Whether the driver is about to hear that they are others.
    var isChangeTold = false
    var advert: RouteAdvert?
    /// The best distance that was ever told, or is about to be.
    var feasibility: RouteDistance?
    /// What of that is on the disk: nothing better is told.
    var durable: RouteDistance?
    /// The proof of the number in the feasibility distance of the last run, which this one has not checked.
    var restoredProof: RouteProof?
    /// Until when the feasibility distance is kept once nothing is told.
    var heldUntil: Instant
    /// The link whose neighbour alone told the last route, once there is none: the place is charged to it; -1 for none.
    var lastLink = -1
    /// When a message was last sent here.
    var lastUse: Instant?
    /// How often a higher number was asked for in vain.
    var askCount = 0
    /// The last number that was asked for to have a better route, and when.
    var askedBetter: (number: UInt64, at: Instant)?
    /// The last request for a number that was passed on.
    var forwarded: PassedRequest?
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

    /// The proof that the neighbour told which has told of it for longest.
    @inline(__always) var firstProof: RouteProof? { entries.isEmpty ? nil : entries[0].proof }

    /// What is told that it costs.
    @inline(__always) var toldMetric: RouteMetric? { advert?.way.metric }

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

/// What a node tells of a destination.
struct RouteAdvert: Equatable, Sendable {
    var proof: RouteProof
    var way: RouteUpdate.Way

    var distance: RouteDistance { RouteDistance(number: proof.number, metric: way.metric) }

    /// Whether this is told in place of `other`, where small differences of the metric are not.
    func isNews(after other: RouteAdvert, partOfMetric part: UInt32) -> Bool {
        proof.number != other.proof.number || way.isNews(after: other.way, partOfMetric: part)
    }
}

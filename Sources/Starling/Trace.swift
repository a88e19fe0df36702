public import StarlingCore
internal import StarlingNode

/// The way that messages to a peer take, as those on it tell.
///
/// Each hop speaks for itself: a hostile one can invent what lies behind it.
public struct Trace: Equatable, Sendable {
    /// How the question stands at a peer.
    public enum Standing: Equatable, Sendable {
        /// It went on to this neighbour.
        case passedOn(to: PeerID)
        /// The peer is this one.
        case arrived
        /// This one knows no way to the peer.
        case noRoute
        /// The question may cross no further link.
        case hopLimit
        /// The question came back to one that it had passed.
        case looped
        /// This neighbour did not answer in time.
        case unanswered(by: PeerID?)
        /// This one has too much to do.
        case busy
    }

    /// What one of those on the way told.
    public struct Hop: Equatable, Sendable {
        /// Who told.
        public let peer: PeerID
        /// How the question stands there.
        public let standing: Standing
        /// The round trip to it, and what the question waited on the way.
        public let roundTrip: Duration
    }

    /// The peer.
    public let to: PeerID
    /// In the order of the way; the last one says how it ends.
    public let hops: [Hop]

    /// Whether the way leads to the peer.
    public var hasArrived: Bool { hops.last?.standing == .arrived && hops.last?.peer == to }

    init(_ report: TraceReport) {
        to = report.peerID
        hops = report.hops.map {
            Hop(peer: $0.peerID, standing: Standing($0), roundTrip: $0.roundTrip)
        }
    }
}

extension Trace.Standing {
    fileprivate init(_ hop: TraceReport.Hop) {
        switch hop.standing {
        case .passedOn: self = hop.next.map { .passedOn(to: $0) } ?? .noRoute
        case .arrived: self = .arrived
        case .noRoute: self = .noRoute
        case .hopLimit: self = .hopLimit
        case .looped: self = .looped
        case .unanswered: self = .unanswered(by: hop.next)
        case .busy: self = .busy
        }
    }
}

extension Node {
    /// Asks hop by hop for the way that messages to a peer take; one that is neither connected nor reached over others is
    /// dialled.
    ///
    ///     let trace = try await node.trace(to: peer)
    ///     for hop in trace.hops { print(hop.peer, hop.roundTrip) }
    ///
    /// Cancellation: it ends early, with the hops that have answered.
    ///
    /// - Parameters:
    ///   - peer: the peer.
    ///   - hopLimit: links that the question may cross, 1 to 10.
    /// - Throws: ``NodeError/Code/invalidRequest`` for another number of links, otherwise as ``connect(to:)`` where the peer is
    ///   dialled. A way that does not lead to the peer is no error: ``Trace/hasArrived``.
    public func trace(to peer: PeerID, hopLimit: Int = 10) async throws(NodeError) -> Trace {
        guard (1...TraceRequest.hopLimitMax).contains(hopLimit) else {
            throw NodeError(
                .invalidRequest,
                "A trace crosses 1 to \(TraceRequest.hopLimitMax) links.",
                nextStep: "Use a number between these, or leave the limit out."
            )
        }
        do throws(NodeFailure) {
            let request = TraceRequest(peer: peer, hopLimit: hopLimit, timeout: .seconds(10))
            return Trace(try await desk.trace(request))
        } catch {
            throw NodeError(error, cause: error)
        }
    }
}

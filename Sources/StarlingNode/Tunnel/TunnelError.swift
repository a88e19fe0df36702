internal import StarlingCore
package import StarlingMesh
package import StarlingTransports

/// Why there is no stream to a peer over others.
package enum TunnelError: Error, Equatable, Sendable {
    /// No way to the peer is known; one is looked for.
    case noRoute
    /// A node on the way, or the peer itself, does not take the tunnel.
    case refused(TunnelAnswer.Refusal)
    /// A stream on the way failed.
    case broken(StreamError)
    /// Nothing came for too long.
    case timedOut
    /// What came is no tunnel.
    case malformed
    /// What came over the tunnel was changed on the way.
    case forged
    /// The handshake failed: somebody else is at the end, or bytes were changed on the way.
    case security(ConnectionError)
    /// The node is stopping, or the task was cancelled.
    case stopped

    init(_ error: NoiseStreamError) {
        switch error {
        case .stream(let error): self = .broken(error)
        case .security(let error): self = .security(error)
        }
    }

    /// Whether another way may do better.
    package var isOfTheWay: Bool {
        switch self {
        case .refused(.protocolNotSpoken), .refused(.malformed), .stopped: false
        case .noRoute, .refused, .broken, .timedOut, .malformed, .forged, .security: true
        }
    }

    /// What went wrong, in a sentence.
    package var what: String {
        switch self {
        case .noRoute: "No way to the peer is known."
        case .refused(.noRoute), .refused(.circle): "A node on the way knows no way on."
        case .refused(.tooFar): "The peer is more hops away than a tunnel may cross."
        case .refused(.busy): "A node on the way carries as many tunnels as it takes."
        case .refused(.protocolNotSpoken): "The peer does not take over others what is sent to it."
        case .refused(.malformed), .malformed:
            "A node on the way does not understand tunnels as this one does."
        case .broken: "A connection on the way failed."
        case .timedOut: "Nothing came over the other nodes for too long."
        case .forged, .security: "Somebody on the way changes what is sent, or is not who it should be."
        case .stopped: "The node is stopping."
        }
    }

    /// What the user can do about it.
    package var nextStep: String {
        switch self {
        case .noRoute, .refused(.noRoute), .refused(.circle):
            "Wait for a way to the peer: the routes tell those that are known."
        case .refused(.tooFar): "Connect to a peer that is nearer to it."
        case .refused(.busy), .broken, .timedOut: "Wait: it goes on where it was at the next attempt."
        case .refused(.protocolNotSpoken), .refused(.malformed), .malformed:
            "Compare the versions of Starling on the way."
        case .forged, .security: "Connect to the peer directly, or over other nodes."
        case .stopped: "Ask for it again; what has arrived is kept."
        }
    }
}

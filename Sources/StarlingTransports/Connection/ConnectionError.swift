package import StarlingCrypto
package import StarlingProtocols
package import StarlingTLS
package import StarlingWorld

/// Why a connection did not come to stand, or ended.
package enum ConnectionError: Error, Equatable, Sendable {
    /// The socket failed.
    case socket(SocketError)
    /// The peer closed the connection, while it was in this phase.
    case closedByPeer(UpgradePhase)
    /// The peer did not finish this phase in time.
    case timedOut(UpgradePhase)
    /// The peer speaks none of our security protocols.
    case noCommonSecurity
    /// The peer speaks none of our multiplexers.
    case noCommonMuxer
    /// The peer broke the rules of protocol negotiation.
    case negotiation(MultistreamError)
    /// The Noise handshake or a record failed: not a libp2p peer, another peer than expected, or tampering.
    case noise(NoiseError)
    /// The TLS handshake or a record failed.
    case tls(TLSError)
    /// The peer broke the rules of the multiplexer, or stopped answering its pings.
    case muxer(YamuxError)
    /// The peer said goodbye.
    case goneAway
    /// The peer is this node itself.
    case dialledSelf
    /// A limit of this node refused the connection.
    case refusedByLimit(String)
    /// This node closed it.
    case closedLocally
    /// A better connection with the same peer replaced it.
    case redundant
    /// The task that dialled was cancelled.
    case cancelled
}

/// How far a connection has come.
package enum UpgradePhase: String, Sendable {
    case connecting, security, handshake, muxer, open
}

extension ConnectionError {
    /// What the user can do about it, where there is something.
    package var nextStep: String? {
        switch self {
        case .socket(.refused): "Nothing listens there: start the peer, or check the port."
        case .socket(.timedOut), .timedOut: "Check the network and the firewalls on the way."
        case .socket(.unreachable): "There is no route: check the address and this machine's network."
        case .noise(.unexpectedPeer), .tls(.wrongPeer):
            "Another peer answers at this address: check the part behind /p2p/."
        case .noCommonSecurity: "The peers share no security protocol: compare --security."
        case .negotiation: "What answers there is not a libp2p node: check the port."
        case .socket, .closedByPeer, .noCommonMuxer, .noise, .tls, .muxer, .goneAway, .dialledSelf,
            .refusedByLimit,
            .closedLocally, .redundant, .cancelled:
            nil
        }
    }
}

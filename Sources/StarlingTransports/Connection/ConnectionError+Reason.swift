internal import StarlingCore
internal import StarlingCrypto
internal import StarlingTLS
internal import StarlingWorld

extension ConnectionError {
    /// Why, in a few words.
    package var reason: String {
        switch self {
        case .socket(let error): error.reason
        case .closedByPeer(let phase): "the peer closed it (\(phase.rawValue))"
        case .timedOut(let phase): "no answer in time (\(phase.rawValue))"
        case .noCommonSecurity: "no security protocol in common"
        case .noCommonMuxer: "no multiplexer in common"
        case .negotiation: "what answers is not a libp2p node"
        case .noise(.unexpectedPeer(let peer)): "another peer answers, \(peer)"
        case .noise(let error): "the Noise handshake failed (\(error))"
        case .tls(.wrongPeer(_, let actual)): "another peer answers, \(actual)"
        case .tls(let error): "the TLS handshake failed (\(error))"
        case .muxer(let error): "the multiplexer failed (\(error))"
        case .goneAway: "the peer said goodbye"
        case .dialledSelf: "it is this node itself"
        case .refusedByLimit(let limit): "a limit of this node (\(limit))"
        case .closedLocally: "this node closed it"
        case .redundant: "another connection replaced it"
        case .cancelled: "cancelled"
        }
    }
}

extension SocketError {
    fileprivate var reason: String {
        switch self {
        case .refused: "refused"
        case .reset: "reset"
        case .timedOut: "no answer"
        case .unreachable: "no route"
        case .addressInUse: "the address is in use"
        case .addressUnavailable: "not an address of this machine"
        case .notPermitted: "not permitted"
        case .tooManyOpenFiles: "too many open files"
        case .outOfMemory: "out of memory"
        case .messageTooLarge: "too large"
        case .other(let name): name
        }
    }
}

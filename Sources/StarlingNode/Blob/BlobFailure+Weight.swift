internal import StarlingMesh
internal import StarlingTransports
internal import StarlingWorld

extension BlobFailure {
    enum Weight {
        /// The next attempt would fail the same way.
        case final
        /// The peer did something wrong, or does not know the blob; that may be a matter of time.
        case suspicious
        /// The network, or the peer's load.
        case passing
    }

    var weight: Weight {
        switch self {
        case .store(.wrongChunk), .store(.wrongLeaves): .suspicious
        case .store, .tooMany, .unusableKey, .cancelled: .final
        case .unreachable: .passing
        case .tunnel(.forged), .tunnel(.security), .tunnel(.malformed), .tunnel(.refused(.malformed)),
            .tunnel(.refused(.protocolNotSpoken)):
            .suspicious
        case .tunnel: .passing
        case .stream(.protocolNotSupported), .stream(.negotiationFailed), .stream(.reset): .suspicious
        case .stream: .passing
        case .fetch(.refused(.busy)), .fetch(.stalled), .fetch(.ended),
            .fetch(.yielded):
            .passing
        case .fetch: .suspicious
        }
    }
}

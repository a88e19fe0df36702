internal import StarlingCore
internal import StarlingTransports

/// A stream that this node opened, as it is counted for its peer and the node.
final class OutboundSlot: StreamSlot {
    private let protocols: ProtocolTable
    private let peer: PeerID

    private init(_ protocols: ProtocolTable, _ peer: PeerID) {
        self.protocols = protocols
        self.peer = peer
    }

    deinit { protocols.withLedger { $0.closeOutboundStream(peer) } }

    static func take(from protocols: ProtocolTable, to peer: PeerID) throws(ResourceError) -> OutboundSlot {
        try protocols.withLedger { ledger throws(ResourceError) in try ledger.openOutboundStream(peer) }
        return OutboundSlot(protocols, peer)
    }
}

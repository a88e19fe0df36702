package import StarlingCore
internal import StarlingTransports
internal import Synchronization

/// What a stream holds of a message that has not come whole, or a connection of bytes that nobody has read, charged to
/// the peer and to the node's memory.
///
/// Given back when nobody refers to it any more.
package final class ByteHold: MemoryHold {
    private let protocols: ProtocolTable
    private let peer: PeerID
    private let purpose: ResourceLedger.Purpose
    private let held = Mutex(0)

    package init(_ protocols: ProtocolTable, of peer: PeerID, for purpose: ResourceLedger.Purpose) {
        self.protocols = protocols
        self.peer = peer
        self.purpose = purpose
    }

    deinit { _ = set(0) }

    /// Says how many bytes are held from here on; `false` where that is too much, and as many as before are charged.
    package func set(_ byteCount: Int) -> Bool { hold(byteCount) == .held }

    /// Says how many bytes are held from here on, for who can wait: as many as before are charged where that is too much.
    package func hold(_ byteCount: Int) -> HoldVerdict {
        held.withLock { held in
            let old = held
            let verdict = protocols.withLedger { ledger in
                do throws(ResourceError) {
                    try ledger.hold(peer, byteCount, insteadOf: old, for: purpose)
                    return HoldVerdict.held
                } catch {
                    return ledger.heldByteCount(of: peer, for: purpose) > 0 ? .later : .never
                }
            }
            if verdict == .held { held = byteCount }
            return verdict
        }
    }
}

/// What becomes of a wish to hold more bytes of a peer.
package enum HoldVerdict: Equatable, Sendable {
    /// They are charged.
    case held
    /// There is no room, and bytes of the same peer are held for the same: once they are not, there may be.
    case later
    /// There is no room, and nothing of the peer is held for that.
    case never
}

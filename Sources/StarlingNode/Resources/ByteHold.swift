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
    package func set(_ byteCount: Int) -> Bool {
        held.withLock { held in
            let old = held
            do throws(ResourceError) {
                try protocols.withLedger { ledger throws(ResourceError) in
                    try ledger.hold(peer, byteCount, insteadOf: old, for: purpose)
                }
                held = byteCount
                return true
            } catch {
                return false
            }
        }
    }
}

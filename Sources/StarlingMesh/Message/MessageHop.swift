package import StarlingCore

/// One link that a message crossed, as noted by the node at its end: who handed it over there, and when.
///
///     message Hop { bytes peer = 1; uint64 arrived_ms = 2; }
///
/// A node notes its neighbour, whom the link proves, and never itself. So whoever changes what came before can not hide that it
/// was on the way: the next node names it.
///
/// Spec: docs/specs/message.md, "Path".
package struct MessageHop: Equatable, Sendable {
    /// Links of one message that are noted; those beyond are not.
    package static let countMax = 10
    /// The most bytes that one takes in an envelope or a receipt: the longest PeerID, a time, and what stands around them.
    package static let byteCountMax = 64

    /// What one takes of memory: the bytes of a PeerID with what stands around them, and a time.
    static let memoryByteCount = 128

    /// Who handed the message over.
    package var peer: PeerID
    /// When it arrived, by the clock of whoever notes that.
    package var arrived: WallTime

    package init(peer: PeerID, arrived: WallTime) {
        self.peer = peer
        self.arrived = arrived
    }
}

extension MessageHop {
    /// Writes hops as a repeated field.
    static func append(_ hops: [MessageHop], fieldNumber: Int, to writer: inout ProtobufWriter) {
        for hop in hops {
            writer.message(fieldNumber) { inner in
                inner.name(1, hop.peer)
                inner.varint(2, UInt64(clamping: hop.arrived.millisecondsSince1970))
            }
        }
    }

    /// Reads one more hop of a repeated field.
    static func read(
        _ field: ProtobufField,
        in message: Span<UInt8>,
        after hops: inout [MessageHop]
    ) throws(ProtobufError) {
        guard hops.count < countMax else { throw .tooManyEntries(fieldNumber: field.number) }
        var (peer, arrived): (PeerID?, UInt64?) = (nil, nil)
        var cursor = ProtobufCursor(range: try field.range())
        while let inner = try cursor.next(in: message) {
            switch inner.number {
            case 1: peer = try inner.peerID(in: message)
            case 2: arrived = try inner.varint()
            default: break
            }
        }
        guard let peer else { throw .missingField(fieldNumber: 1) }
        guard let arrived else { throw .missingField(fieldNumber: 2) }
        hops.append(
            MessageHop(peer: peer, arrived: WallTime(millisecondsSince1970: Int64(clamping: arrived)))
        )
    }
}

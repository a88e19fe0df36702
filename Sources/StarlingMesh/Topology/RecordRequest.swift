package import StarlingCore

/// Asks a neighbour for the signed record of a peer: where it can be dialled, in its own words.
///
///     message RecordRequest { bytes peer = 1; uint64 newer_than = 2; uint32 hop_limit = 3; }
///
/// A neighbour that has none asks the next one on the way to the peer, as far as the hop limit says.
///
/// Spec: docs/specs/liveness.md, "Addresses".
package struct RecordRequest: Equatable, Sendable {
    /// The stream protocol: one request, one answer, each behind its length as a varint.
    package static let protocolID = "/starling/record/1"
    /// The longest request that a peer may send, without its length.
    package static let byteCountMax = 128

    package var peer: PeerID
    /// The sequence number of the record that the asker has; 0 for none.
    package var newerThan: UInt64
    /// Links that the request may cross, this one included; at least 1.
    package var hopLimit: UInt8

    package init(_ peer: PeerID, newerThan: UInt64 = 0, hopLimit: UInt8) {
        self.peer = peer
        self.newerThan = newerThan
        self.hopLimit = hopLimit
    }

    /// The request in `message`, without the length before it.
    package init(parsing message: Span<UInt8>) throws(ProtobufError) {
        var (peer, newerThan, hopLimit): (PeerID?, UInt64, UInt8?) = (nil, 0, nil)
        var cursor = ProtobufCursor(message)
        while let field = try cursor.next(in: message) {
            switch field.number {
            case 1: peer = try field.peerID(in: message)
            case 2: newerThan = try field.varint()
            case 3: hopLimit = try field.number()
            default: break
            }
        }
        guard let peer else { throw .missingField(fieldNumber: 1) }
        guard let hopLimit else { throw .missingField(fieldNumber: 3) }
        guard hopLimit > 0 else { throw .invalidValue(fieldNumber: 3) }
        self.init(peer, newerThan: newerThan, hopLimit: hopLimit)
    }

    /// The request as it goes onto the stream, its length before it.
    package var encoded: [UInt8] {
        var writer = ProtobufWriter()
        writer.name(1, peer)
        if newerThan > 0 { writer.varint(2, newerThan) }
        writer.varint(3, UInt64(hopLimit))
        return writer.bytes.behindLength
    }
}

/// The answer to a ``RecordRequest``.
///
///     message RecordAnswer { bytes record = 1; }
///
/// Spec: docs/specs/liveness.md, "Addresses".
package struct RecordAnswer: Equatable, Sendable {
    /// The longest record that is handed on: that of a peer with some hundred addresses.
    package static let recordByteCountMax = 4096
    /// The longest answer that a peer may send, without its length.
    package static let byteCountMax = recordByteCountMax + 64

    /// The signed envelope with the peer's record, as the peer made it; empty when none was found that is newer.
    package var record: [UInt8]

    package init(record: [UInt8]) { self.record = record }

    /// The answer in `message`, without the length before it.
    ///
    /// Its form is checked, and no signature.
    package init(parsing message: Span<UInt8>) throws(ProtobufError) {
        record = []
        var cursor = ProtobufCursor(message)
        while let field = try cursor.next(in: message) {
            guard field.number == 1 else { continue }
            guard try field.range().count <= Self.recordByteCountMax else {
                throw .invalidValue(fieldNumber: 1)
            }
            record = try field.bytes(in: message)
        }
    }

    /// The answer as it goes onto the stream, its length before it.
    package var encoded: [UInt8] {
        var writer = ProtobufWriter()
        if !record.isEmpty { writer.bytes(1, record) }
        return writer.bytes.behindLength
    }
}

extension [UInt8] {
    fileprivate var behindLength: [UInt8] {
        var wire: [UInt8] = []
        Varint.append(UInt64(count), to: &wire)
        return wire + self
    }
}

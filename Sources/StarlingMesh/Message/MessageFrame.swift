package import StarlingCore

/// What a `/starling/message/1` stream carries, each frame behind its length as a varint.
///
///     message Frame { oneof kind { Envelope envelope = 1; Receipt receipt = 2; Settlement settlement = 3;
///                                  Fragment fragment = 4; FragmentRequest fragment_request = 5; } }
///
/// A frame of a kind that is not known is skipped, so that later versions can add some.
///
/// Spec: docs/specs/message.md, "Stream".
package struct MessageFrame: Equatable, Sendable {
    package enum Kind: UInt8, CaseIterable, Sendable {
        /// ``Envelope/init(verifying:limits:)`` reads it.
        case envelope = 1
        /// ``Receipt/init(verifying:limits:)`` reads it.
        case receipt = 2
        /// ``Settlement/init(verifying:limits:)`` reads it.
        case settlement = 3
        /// A piece of an envelope, on links that carry no longer ones.
        case fragment = 4
        /// Names the pieces that did not arrive.
        case fragmentRequest = 5
    }

    package let kind: Kind
    package let bytes: [UInt8]

    /// The stream protocol.
    package static let protocolID = "/starling/message/1"

    /// The longest frame that a peer may send, without its length.
    package static let byteCountMax = max(
        Envelope.Limits().envelopeByteCountMax,
        Receipt.Limits().receiptByteCountMax,
        Settlement.Limits().settlementByteCountMax
    )

    /// The longest frame with its length.
    package static let wireByteCountMax = byteCountMax + Varint.byteCount(of: UInt64(byteCountMax))

    package init(_ kind: Kind, _ bytes: [UInt8]) {
        self.kind = kind
        self.bytes = bytes
    }

    /// The frame in `bytes`, without the length before it; `nil` when its kind is not known.
    package static func parse(_ bytes: Span<UInt8>) throws(ProtobufError) -> MessageFrame? {
        var cursor = ProtobufCursor(bytes)
        while let field = try cursor.next(in: bytes) {
            guard let kind = UInt8(exactly: field.number).flatMap({ Kind(rawValue: $0) }) else { continue }
            return MessageFrame(kind, try field.bytes(in: bytes))
        }
        return nil
    }

    /// The frame as it goes onto the stream, its length before it.
    package var encoded: [UInt8] {
        var wire: [UInt8] = []
        wire.reserveCapacity(bytes.count + 12)
        append(to: &wire)
        return wire
    }

    /// Appends the frame as it goes onto the stream, its length before it.
    package func append(to wire: inout [UInt8]) {
        let inner = Varint.byteCount(of: UInt64(bytes.count))
        Varint.append(UInt64(1 + inner + bytes.count), to: &wire)
        appendWithoutLength(to: &wire)
    }

    /// Appends the frame as a link carries it that keeps frames apart by itself.
    package func appendWithoutLength(to wire: inout [UInt8]) {
        wire.append(kind.rawValue << 3 | 2)
        Varint.append(UInt64(bytes.count), to: &wire)
        wire += bytes
    }
}

package import StarlingCore

/// What a `/starling/message/1` stream carries, each frame behind its length as a varint.
///
///     message Frame { oneof kind { Envelope envelope = 1; Receipt receipt = 2; } }
///
/// A frame of a kind that is not known is skipped, so that later versions can add some.
///
/// Spec: docs/specs/message.md, "Stream".
package enum MessageFrame: Equatable, Sendable {
    /// An envelope's bytes; ``Envelope/init(verifying:limits:)`` reads them.
    case envelope([UInt8])
    /// A receipt's bytes; ``Receipt/init(verifying:limits:)`` reads them.
    case receipt([UInt8])

    /// The stream protocol.
    package static let protocolID = "/starling/message/1"

    /// The longest frame that a peer may send.
    package static let byteCountMax = max(
        Envelope.Limits().envelopeByteCountMax,
        Receipt.Limits().receiptByteCountMax
    )

    /// The frame in `bytes`, without the length before it; `nil` when its kind is not known.
    package static func parse(_ bytes: Span<UInt8>) throws(ProtobufError) -> MessageFrame? {
        var cursor = ProtobufCursor(bytes)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1: return .envelope(try field.bytes(in: bytes))
            case 2: return .receipt(try field.bytes(in: bytes))
            default: break
            }
        }
        return nil
    }

    /// The frame as it goes onto the stream, its length before it.
    package var encoded: [UInt8] {
        var writer = ProtobufWriter()
        switch self {
        case .envelope(let bytes): writer.bytes(1, bytes)
        case .receipt(let bytes): writer.bytes(2, bytes)
        }
        var frame: [UInt8] = []
        frame.reserveCapacity(writer.bytes.count + 4)
        Varint.append(UInt64(writer.bytes.count), to: &frame)
        return frame + writer.bytes
    }
}

internal import StarlingCore

/// A row of ``MailboxTables/shelf``: what is kept, and since when.
///
///     message Row { bytes envelope = 1; bytes receipt = 2; uint64 received_ms = 3; uint64 expires_ms = 4;
///                   repeated bytes ids = 5; }
///
/// An envelope says itself until when it is of use; a receipt is kept as long as the messages that it ends would have been of use,
/// and for those of them whose sender does not have it yet. Nothing is kept for longer than ``MailboxShelf/Limits/lifetime`` from
/// when it came.
enum MailboxRow: Equatable, Sendable {
    case envelope([UInt8], received: WallTime)
    case receipt([UInt8], received: WallTime, expires: WallTime, ids: [MessageID])

    init(_ bytes: Span<UInt8>) throws(ProtobufError) {
        var (envelope, receipt): ([UInt8]?, [UInt8]?) = (nil, nil)
        var (received, expires): (UInt64?, UInt64?) = (nil, nil)
        var ids: [MessageID] = []
        var cursor = ProtobufCursor(bytes)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1: envelope = try field.bytes(in: bytes)
            case 2: receipt = try field.bytes(in: bytes)
            case 3: received = try field.varint()
            case 4: expires = try field.varint()
            case 5:
                guard ids.count < Receipt.Limits().entryCountMax else {
                    throw .tooManyEntries(fieldNumber: 5)
                }
                ids.append(try field.messageID(in: bytes))
            default: break
            }
        }
        guard let received else { throw .missingField(fieldNumber: 3) }
        let since = WallTime(millisecondsSince1970: Int64(clamping: received))
        if let envelope {
            self = .envelope(envelope, received: since)
            return
        }
        guard let receipt else { throw .missingField(fieldNumber: 1) }
        guard let expires else { throw .missingField(fieldNumber: 4) }
        guard !ids.isEmpty else { throw .missingField(fieldNumber: 5) }
        let end = WallTime(millisecondsSince1970: Int64(clamping: expires))
        self = .receipt(receipt, received: since, expires: end, ids: ids)
    }

    var encoded: [UInt8] {
        var writer = ProtobufWriter()
        switch self {
        case .envelope(let envelope, let received):
            writer.reserveCapacity(envelope.count + 24)
            writer.bytes(1, envelope)
            writer.varint(3, UInt64(clamping: received.millisecondsSince1970))
        case .receipt(let receipt, let received, let expires, let ids):
            writer.bytes(2, receipt)
            writer.varint(3, UInt64(clamping: received.millisecondsSince1970))
            writer.varint(4, UInt64(clamping: expires.millisecondsSince1970))
            for id in ids { writer.bytes(5, id.bytes) }
        }
        return writer.bytes
    }
}

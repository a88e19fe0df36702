internal import StarlingCore

/// The protocol by which envelopes are kept for peers that are away.
///
/// Spec: docs/specs/mailbox.md.
package enum MailboxProtocol {
    /// The stream protocol.
    package static let id = "/starling/mailbox/1"
    /// Copies of one message that its sender may have in mailboxes at a time.
    package static let copyCountMax = 4
    /// Messages that one frame names.
    package static let idCountMax = 256
    /// Envelopes and receipts in one page.
    package static let pageCountMax = 256
    /// Bytes of what one page holds: enough for the largest envelope, so that each can be fetched.
    package static let pageByteCountMax = Envelope.Limits().envelopeByteCountMax
    /// The longest frame of whoever asks, without the length before it.
    package static let askByteCountMax =
        max(Envelope.Limits().envelopeByteCountMax, Receipt.Limits().receiptByteCountMax) + 16
    /// The longest frame of whoever answers, without the length before it: a full page.
    package static let answerByteCountMax = pageByteCountMax + 8 * pageCountMax + 32
    /// Asks of one stream that may wait for their answers; a mailbox reads no more until it has answered.
    package static let openAskCountMax = 64

    /// The ids of a frame, field 1 of the nested message.
    static func ids(in bytes: Span<UInt8>, _ range: Range<Int>) throws(ProtobufError) -> [MessageID] {
        var ids: [MessageID] = []
        var cursor = ProtobufCursor(range: range)
        while let field = try cursor.next(in: bytes) {
            guard field.number == 1 else { continue }
            guard ids.count < idCountMax else { throw .tooManyEntries(fieldNumber: 1) }
            ids.append(try field.messageID(in: bytes))
        }
        return ids
    }

    static func write(_ ids: [MessageID], as number: Int, to writer: inout ProtobufWriter) {
        writer.message(number) { inner in
            for id in ids { inner.bytes(1, id.bytes) }
        }
    }
}

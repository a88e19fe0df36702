package import StarlingCore

/// What is said to a mailbox.
///
///     message Ask { oneof kind { bytes offer = 1; Fetch fetch = 2; bytes receipt = 3; Ids erase = 4;
///                                Ids status = 5; bytes list = 6; bytes told = 7; Waiting waiting = 8; }
///                   uint32 hop_limit = 9; }
///     message Waiting {}
///     message Fetch { uint64 after = 1; uint32 count_max = 2; uint32 byte_count_max = 3; }
///     message Ids { repeated bytes ids = 1; }
///
/// Spec: docs/specs/mailbox.md, "Stream".
package enum MailboxAsk: Equatable, Sendable {
    /// An envelope of the asking peer's, to be kept for its recipient.
    case offer([UInt8])
    /// What is kept for the asking peer.
    case fetch(MailboxFetch)
    /// A receipt of the asking peer's: the messages that it ends need not be kept any more, and their sender may have it.
    case receipt([UInt8])
    /// Messages from or to the asking peer that need not be kept any more.
    case erase([MessageID])
    /// How the mailbox stands to the asking peer, and which of these messages it does not have.
    case status([MessageID])
    /// Which mailboxes a peer has; whoever does not know asks others, as long as the question may cross more links.
    case list(PeerID, hopLimit: UInt8 = 1)
    /// Which mailboxes the asking peer has, an encoded ``MailboxList``; there is no answer.
    case told([UInt8])
    /// The asking peer keeps something for the one that it asks; there is no answer.
    case waiting

    /// The frame in `bytes`, without the length before it; `nil` when its kind is not known.
    package static func parse(_ bytes: Span<UInt8>) throws(ProtobufError) -> MailboxAsk? {
        var (peer, hopLimit): (PeerID?, UInt8) = (nil, 1)
        var cursor = ProtobufCursor(bytes)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1: return .offer(try field.bytes(in: bytes))
            case 2: return .fetch(try MailboxFetch(bytes, try field.range()))
            case 3: return .receipt(try field.bytes(in: bytes))
            case 4:
                let ids = try MailboxProtocol.ids(in: bytes, try field.range())
                guard !ids.isEmpty else { throw .missingField(fieldNumber: 1) }
                return .erase(ids)
            case 5: return .status(try MailboxProtocol.ids(in: bytes, try field.range()))
            case 6: peer = try field.peerID(in: bytes)
            case 7: return .told(try field.bytes(in: bytes))
            case 8:
                _ = try field.range()
                return .waiting
            case 9:
                hopLimit = try field.number()
                guard hopLimit > 0 else { throw .invalidValue(fieldNumber: 9) }
            default: break
            }
        }
        return peer.map { .list($0, hopLimit: hopLimit) }
    }

    /// The frame as it goes onto the stream, its length before it.
    package var encoded: [UInt8] {
        var writer = ProtobufWriter()
        switch self {
        case .offer(let envelope):
            writer.reserveCapacity(envelope.count + 8)
            writer.bytes(1, envelope)
        case .fetch(let fetch): writer.message(2) { fetch.write(to: &$0) }
        case .receipt(let receipt): writer.bytes(3, receipt)
        case .erase(let ids): MailboxProtocol.write(ids, as: 4, to: &writer)
        case .status(let ids): MailboxProtocol.write(ids, as: 5, to: &writer)
        case .list(let peer, let hopLimit):
            writer.name(6, peer)
            if hopLimit > 1 { writer.varint(9, UInt64(hopLimit)) }
        case .told(let list): writer.bytes(7, list)
        case .waiting: writer.message(8) { _ in }
        }
        return writer.framed
    }
}

/// Which part of what a mailbox keeps for a peer is asked for.
package struct MailboxFetch: Equatable, Sendable {
    /// What the last page called its end; 0 begins with what has been there for longest.
    package var after: UInt64
    /// The most that the page may hold, in number.
    package var countMax: Int
    /// The most that the page may hold, in bytes; the first one counts as within.
    package var byteCountMax: Int

    package init(
        after: UInt64 = 0,
        countMax: Int = MailboxProtocol.pageCountMax,
        byteCountMax: Int = MailboxProtocol.pageByteCountMax
    ) {
        self.after = after
        self.countMax = countMax
        self.byteCountMax = byteCountMax
    }

    fileprivate init(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(ProtobufError) {
        var (after, count, byteCount): (UInt64, UInt64, UInt64) = (0, 0, 0)
        var cursor = ProtobufCursor(range: range)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1: after = try field.varint()
            case 2: count = try field.varint()
            case 3: byteCount = try field.varint()
            default: break
            }
        }
        guard count >= 1, count <= UInt64(MailboxProtocol.pageCountMax) else {
            throw .invalidValue(fieldNumber: 2)
        }
        guard byteCount >= 1, byteCount <= UInt64(MailboxProtocol.pageByteCountMax) else {
            throw .invalidValue(fieldNumber: 3)
        }
        self.init(after: after, countMax: Int(count), byteCountMax: Int(byteCount))
    }

    fileprivate func write(to writer: inout ProtobufWriter) {
        if after > 0 { writer.varint(1, after) }
        writer.varint(2, UInt64(countMax))
        writer.varint(3, UInt64(byteCountMax))
    }
}

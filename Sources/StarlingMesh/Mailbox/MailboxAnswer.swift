package import StarlingCore

/// What a mailbox makes of an envelope that it is offered.
package enum MailboxVerdict: UInt8, CaseIterable, Sendable {
    /// It is on the mailbox's disk.
    case stored = 1
    /// There is no room for it, and may be later.
    case refusedFull = 2
    /// The mailbox does not serve its recipient.
    case refusedByPolicy = 3
    /// It is larger than the mailbox takes, whatever else it holds.
    case refusedTooLarge = 4
    /// It is not private: a mailbox keeps nothing that it could read.
    case refusedReadable = 5
    /// It is not from the asking peer, or to nobody.
    case refusedForeign = 6
    /// Its lifetime is over by the mailbox's clock.
    case expired = 7
    /// The mailbox could not write it, or has too much to write; it may later.
    case failed = 8
    /// Its recipient has it, or has refused it for good, or its sender has had it erased.
    case settled = 9

    /// Whether the same envelope may fare better there later.
    package var isTransient: Bool {
        switch self {
        case .refusedFull, .failed: true
        case .stored, .refusedByPolicy, .refusedTooLarge, .refusedReadable, .refusedForeign, .expired,
            .settled:
            false
        }
    }
}

/// What a mailbox says.
///
///     message Answer { oneof kind { Verdicts verdicts = 1; Page page = 2; Ids erased = 3; Status status = 4;
///                                   List list = 5; } }
///     message Verdicts { repeated Verdict verdicts = 1; }
///     message Verdict { bytes id = 1; uint32 verdict = 2; }
///     message Page { repeated bytes envelopes = 1; repeated bytes receipts = 2; uint64 next = 3; }
///     message Status { bool serves = 1; uint32 waiting_count = 2; uint64 waiting_bytes = 3; uint32 left_count = 4;
///                      uint64 left_bytes = 5; repeated bytes missing = 6; }
///     message List { bytes list = 1; }
///
/// Spec: docs/specs/mailbox.md, "Stream".
package enum MailboxAnswer: Equatable, Sendable {
    package struct Verdict: Equatable, Sendable {
        package var id: MessageID
        package var verdict: MailboxVerdict

        package init(id: MessageID, verdict: MailboxVerdict) {
            self.id = id
            self.verdict = verdict
        }
    }

    /// What became of envelopes that were offered.
    case verdicts([Verdict])
    /// The part that was asked for.
    case page(MailboxPage)
    /// Messages that the mailbox does not have, or has no more.
    case erased([MessageID])
    case status(MailboxStatus)
    /// The list that was asked for, an encoded ``MailboxList``; empty when none is known.
    case list([UInt8])

    /// The frame in `bytes`, without the length before it; `nil` when its kind is not known.
    package static func parse(_ bytes: Span<UInt8>) throws(ProtobufError) -> MailboxAnswer? {
        var cursor = ProtobufCursor(bytes)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1: return .verdicts(try verdicts(bytes, try field.range()))
            case 2: return .page(try MailboxPage(bytes, try field.range()))
            case 3: return .erased(try MailboxProtocol.ids(in: bytes, try field.range()))
            case 4: return .status(try MailboxStatus(bytes, try field.range()))
            case 5: return .list(try list(bytes, try field.range()))
            default: break
            }
        }
        return nil
    }

    /// The frame as it goes onto the stream, its length before it.
    package var encoded: [UInt8] {
        var writer = ProtobufWriter()
        switch self {
        case .verdicts(let verdicts):
            writer.message(1) { inner in
                for entry in verdicts {
                    inner.message(1) {
                        $0.bytes(1, entry.id.bytes)
                        $0.varint(2, UInt64(entry.verdict.rawValue))
                    }
                }
            }
        case .page(let page): writer.message(2) { page.write(to: &$0) }
        case .erased(let ids): MailboxProtocol.write(ids, as: 3, to: &writer)
        case .status(let status): writer.message(4) { status.write(to: &$0) }
        case .list(let list):
            writer.message(5) { if !list.isEmpty { $0.bytes(1, list) } }
        }
        return writer.framed
    }

    private static func verdicts(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(ProtobufError) -> [Verdict]
    {
        var verdicts: [Verdict] = []
        var cursor = ProtobufCursor(range: range)
        while let field = try cursor.next(in: bytes) {
            guard field.number == 1 else { continue }
            guard verdicts.count < MailboxProtocol.idCountMax else { throw .tooManyEntries(fieldNumber: 1) }
            verdicts.append(try verdict(bytes, try field.range()))
        }
        return verdicts
    }

    private static func verdict(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(ProtobufError) -> Verdict {
        var (id, verdict): (MessageID?, MailboxVerdict?) = (nil, nil)
        var cursor = ProtobufCursor(range: range)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1: id = try field.messageID(in: bytes)
            case 2: verdict = UInt8(exactly: try field.varint()).flatMap { MailboxVerdict(rawValue: $0) }
            default: break
            }
        }
        guard let id else { throw .missingField(fieldNumber: 1) }
        // A verdict of a later version says at least that it may not be there.
        return Verdict(id: id, verdict: verdict ?? .failed)
    }

    private static func list(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(ProtobufError) -> [UInt8] {
        var list: [UInt8] = []
        var cursor = ProtobufCursor(range: range)
        while let field = try cursor.next(in: bytes) {
            if field.number == 1 { list = try field.bytes(in: bytes) }
        }
        return list
    }
}

/// A part of what a mailbox keeps for a peer, in the order in which it came.
package struct MailboxPage: Equatable, Sendable {
    /// Encoded ``Envelope``s to the peer.
    package var envelopes: [[UInt8]]
    /// Encoded ``Receipt``s to the peer.
    package var receipts: [[UInt8]]
    /// What to ask for more by; 0 when this is all.
    package var next: UInt64

    package init(envelopes: [[UInt8]] = [], receipts: [[UInt8]] = [], next: UInt64 = 0) {
        self.envelopes = envelopes
        self.receipts = receipts
        self.next = next
    }

    fileprivate init(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(ProtobufError) {
        self.init()
        var cursor = ProtobufCursor(range: range)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1, 2:
                guard envelopes.count + receipts.count < MailboxProtocol.pageCountMax else {
                    throw .tooManyEntries(fieldNumber: field.number)
                }
                let item = try field.bytes(in: bytes)
                if field.number == 1 { envelopes.append(item) } else { receipts.append(item) }
            case 3: next = try field.varint()
            default: break
            }
        }
    }

    fileprivate func write(to writer: inout ProtobufWriter) {
        writer.reserveCapacity((envelopes + receipts).reduce(16) { $0 + $1.count + 8 })
        for envelope in envelopes { writer.bytes(1, envelope) }
        for receipt in receipts { writer.bytes(2, receipt) }
        if next > 0 { writer.varint(3, next) }
    }
}

/// How a mailbox stands to a peer.
package struct MailboxStatus: Equatable, Sendable {
    /// Whether it keeps envelopes for the peer.
    package var serves = false
    /// What it keeps for the peer.
    package var waitingCount = 0
    package var waitingByteCount = 0
    /// What it keeps of the peer's, for others.
    package var leftCount = 0
    package var leftByteCount = 0
    /// Those of the messages asked about that it does not have.
    package var missing: [MessageID] = []

    package init() {}

    fileprivate init(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(ProtobufError) {
        var cursor = ProtobufCursor(range: range)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1: serves = try field.varint() != 0
            case 2: waitingCount = Int(clamping: try field.varint())
            case 3: waitingByteCount = Int(clamping: try field.varint())
            case 4: leftCount = Int(clamping: try field.varint())
            case 5: leftByteCount = Int(clamping: try field.varint())
            case 6:
                guard missing.count < MailboxProtocol.idCountMax else {
                    throw .tooManyEntries(fieldNumber: 6)
                }
                missing.append(try field.messageID(in: bytes))
            default: break
            }
        }
    }

    fileprivate func write(to writer: inout ProtobufWriter) {
        if serves { writer.varint(1, 1) }
        let numbers = [(2, waitingCount), (3, waitingByteCount), (4, leftCount), (5, leftByteCount)]
        for (number, value) in numbers where value > 0 { writer.varint(number, UInt64(value)) }
        for id in missing { writer.bytes(6, id.bytes) }
    }
}

internal import StarlingCore

/// A row of ``DeliveryTables/inbox``: an entry with its content.
///
///     message Row { bytes id = 1; bytes from = 2; fixed64 series = 3; uint64 number = 4; uint64 created_ms = 5;
///                   uint32 priority = 6; uint32 privacy = 7; uint64 received_ms = 8; uint64 attempt = 9;
///                   bytes content = 10; }
///
/// Series and number are left out where the message is to everybody.
package struct InboxRow: Equatable, Sendable {
    package var entry: InboxEntry
    package var place: MessageHeader.Place?
    /// The encoded ``MessageContent``, as the sender wrote it.
    package var content: [UInt8]

    package init(entry: InboxEntry, place: MessageHeader.Place?, content: [UInt8]) {
        self.entry = entry
        self.place = place
        self.content = content
    }

    package var encoded: [UInt8] {
        var writer = ProtobufWriter()
        writer.reserveCapacity(content.count + 128)
        writer.bytes(1, entry.id.bytes)
        writer.name(2, entry.from)
        if let place {
            writer.fixed64(3, place.series)
            writer.varint(4, place.number)
        }
        writer.varint(5, UInt64(clamping: entry.created.millisecondsSince1970))
        writer.varint(6, UInt64(entry.priority.rawValue))
        writer.varint(7, UInt64(entry.privacy.rawValue))
        writer.varint(8, UInt64(clamping: entry.received.millisecondsSince1970))
        writer.varint(9, UInt64(entry.attempt))
        writer.bytes(10, content)
        return writer.bytes
    }

    /// Reads a row, as it stands at a position.
    package init(_ bytes: Span<UInt8>, position: UInt64) throws(DeliveryRowError) {
        var (id, from, content): (MessageID?, PeerID?, [UInt8]?) = (nil, nil, nil)
        var series: UInt64?
        var numbers = [UInt64](repeating: 0, count: 10)
        do throws(ProtobufError) {
            var cursor = ProtobufCursor(bytes)
            while let field = try cursor.next(in: bytes) {
                switch field.number {
                case 1: id = try field.messageID(in: bytes)
                case 2: from = try field.peerID(in: bytes)
                case 3: series = try field.fixed64()
                case 4...9: numbers[field.number] = try field.varint()
                case 10: content = try field.bytes(in: bytes)
                default: break
                }
            }
            guard let id else { throw .missingField(fieldNumber: 1) }
            guard let from else { throw .missingField(fieldNumber: 2) }
            guard let content else { throw .missingField(fieldNumber: 10) }
            if let series {
                guard (1...MessageHeader.Place.numberMax).contains(numbers[4]) else {
                    throw .invalidValue(fieldNumber: 4)
                }
                place = .init(series: series, number: numbers[4], floor: 1)
            } else {
                guard numbers[4] == 0 else { throw .missingField(fieldNumber: 3) }
                place = nil
            }
            guard let priority = UInt8(exactly: numbers[6]).flatMap({ MessagePriority(rawValue: $0) }) else {
                throw .invalidValue(fieldNumber: 6)
            }
            guard let privacy = UInt8(exactly: numbers[7]).flatMap({ MessageHeader.Privacy(rawValue: $0) })
            else { throw .invalidValue(fieldNumber: 7) }
            let parsed: MessageContent
            do throws(ContentError) {
                // What was taken is kept, whatever the limits are by now.
                var limits = MessageContent.Limits()
                limits.payloadByteCountMax = .max
                parsed = try MessageContent(parsing: content.span, limits: limits)
            } catch {
                throw .invalidValue(fieldNumber: 10)
            }
            entry = InboxEntry(
                position: position,
                id: id,
                isBroadcast: place == nil,
                type: parsed.type,
                kind: parsed.kind,
                from: from,
                priority: priority,
                privacy: privacy,
                created: WallTime(millisecondsSince1970: Int64(clamping: numbers[5])),
                received: WallTime(millisecondsSince1970: Int64(clamping: numbers[8])),
                byteCount: content.count,
                file: InboxFile(parsed),
                attempt: Int(Int32(clamping: numbers[9])),
                state: .waiting
            )
            self.content = content
        } catch {
            throw .malformed(error)
        }
    }
}

// The other tables of the inbox.
extension InboxRow {
    static func broadcastKey(_ name: MessageName) -> StoreKey {
        StoreKey(DeliveryTables.broadcasts, name.from.multihash + name.id.bytes)
    }

    static func broadcastName(_ key: [UInt8]) -> MessageName? {
        let (from, id) = (key.dropLast(MessageID.byteCount), Array(key.suffix(MessageID.byteCount)))
        guard let sender = try? PeerID(multihash: Array(from)), let id = MessageID(bytes: id) else {
            return nil
        }
        return MessageName(from: sender, id: id)
    }

    /// `message Broadcast { uint64 expires_ms = 1; }`, of a message to everybody that has come.
    static func broadcast(expires: WallTime) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.varint(1, UInt64(clamping: expires.millisecondsSince1970))
        return writer.bytes
    }

    static func broadcast(_ bytes: Span<UInt8>) throws(ProtobufError) -> WallTime {
        var expires: UInt64?
        var cursor = ProtobufCursor(bytes)
        while let field = try cursor.next(in: bytes) {
            if field.number == 1 { expires = try field.varint() }
        }
        guard let expires else { throw .missingField(fieldNumber: 1) }
        return WallTime(millisecondsSince1970: Int64(clamping: expires))
    }

    /// `message Counter { uint64 count = 1; }`, of attempts and of positions.
    static func counter(_ count: UInt64) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.varint(1, count)
        return writer.bytes
    }

    static func counter(_ bytes: Span<UInt8>) throws(ProtobufError) -> UInt64 {
        var count: UInt64?
        var cursor = ProtobufCursor(bytes)
        while let field = try cursor.next(in: bytes) {
            if field.number == 1 { count = try field.varint() }
        }
        guard let count else { throw .missingField(fieldNumber: 1) }
        return count
    }

    static func seriesKey(_ sender: PeerID, _ series: UInt64) -> StoreKey {
        let name = (0..<8).map { UInt8(truncatingIfNeeded: series >> UInt64(56 - 8 * $0)) }
        return StoreKey(DeliveryTables.series, sender.multihash + name)
    }

    /// `message Series { uint64 floor = 1; uint64 expires_ms = 2; bytes decided = 3; }`, the bits from the floor's
    /// multiple of 64 on, in words with the low byte first.
    static func series(_ window: SeriesWindow, expires: WallTime) -> [UInt8] {
        var bits: [UInt8] = []
        bits.reserveCapacity(window.words.count * 8)
        for word in window.words {
            for index in 0..<8 { bits.append(UInt8(truncatingIfNeeded: word >> UInt64(8 * index))) }
        }
        var writer = ProtobufWriter()
        writer.reserveCapacity(bits.count + 32)
        writer.varint(1, window.floor)
        writer.varint(2, UInt64(clamping: expires.millisecondsSince1970))
        if !bits.isEmpty { writer.bytes(3, bits) }
        return writer.bytes
    }

    struct SeriesState {
        var sender: PeerID
        var series: UInt64
        var window: SeriesWindow
        var expires: WallTime
    }

    static func series(_ key: [UInt8], _ bytes: Span<UInt8>, count: UInt64) throws(ProtobufError)
        -> SeriesState
    {
        guard key.count > 8, let sender = try? PeerID(multihash: Array(key.dropLast(8))) else {
            throw .invalidValue(fieldNumber: 0)
        }
        var (floor, expires, bits): (UInt64?, UInt64?, Range<Int>) = (nil, nil, 0..<0)
        var cursor = ProtobufCursor(bytes)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1: floor = try field.varint()
            case 2: expires = try field.varint()
            case 3: bits = try field.range()
            default: break
            }
        }
        guard let floor else { throw .missingField(fieldNumber: 1) }
        guard let expires else { throw .missingField(fieldNumber: 2) }
        guard bits.count % 8 == 0 else { throw .invalidValue(fieldNumber: 3) }
        var words = [UInt64](repeating: 0, count: bits.count / 8)
        for (index, offset) in bits.enumerated() {
            words[index / 8] |= UInt64(bytes[offset]) << UInt64(8 * (index % 8))
        }
        guard let window = SeriesWindow(floor: floor, count: count, words: words) else {
            throw .invalidValue(fieldNumber: 3)
        }
        return SeriesState(
            sender: sender,
            series: key.suffix(8).reduce(0) { $0 << 8 | UInt64($1) },
            window: window,
            expires: WallTime(millisecondsSince1970: Int64(clamping: expires))
        )
    }

    /// `message Owed { bytes from = 1; fixed64 series = 2; repeated Entry entries = 3; }`,
    /// `message Entry { uint64 number = 1; bytes id = 2; uint32 outcome = 3; uint64 expires_ms = 4; }`.
    static func owed(_ sender: PeerID, _ series: UInt64, _ entries: [(UInt64, Inbox.Decision)]) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.reserveCapacity(entries.count * 36 + 64)
        writer.name(1, sender)
        writer.fixed64(2, series)
        for (number, decision) in entries {
            writer.message(3) { inner in
                inner.varint(1, number)
                inner.bytes(2, decision.id.bytes)
                inner.varint(3, UInt64(decision.outcome.rawValue))
                inner.varint(4, UInt64(clamping: decision.expires.millisecondsSince1970))
            }
        }
        return writer.bytes
    }

    static func owed(_ bytes: Span<UInt8>) throws(ProtobufError)
        -> (sender: PeerID, series: UInt64, entries: [(UInt64, Inbox.Decision)])
    {
        var (sender, series): (PeerID?, UInt64?) = (nil, nil)
        var entries: [(UInt64, Inbox.Decision)] = []
        var cursor = ProtobufCursor(bytes)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1: sender = try field.peerID(in: bytes)
            case 2: series = try field.fixed64()
            case 3: entries.append(try owedEntry(bytes, try field.range()))
            default: break
            }
        }
        guard let sender else { throw .missingField(fieldNumber: 1) }
        guard let series else { throw .missingField(fieldNumber: 2) }
        return (sender, series, entries)
    }

    private static func owedEntry(
        _ bytes: Span<UInt8>,
        _ range: Range<Int>
    ) throws(ProtobufError) -> (UInt64, Inbox.Decision) {
        var (number, id, outcome, expires): (UInt64?, MessageID?, Receipt.Outcome?, UInt64) = (
            nil, nil, nil, 0
        )
        var cursor = ProtobufCursor(range: range)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1: number = try field.varint()
            case 2: id = try field.messageID(in: bytes)
            case 3: outcome = UInt8(exactly: try field.varint()).flatMap { Receipt.Outcome(rawValue: $0) }
            case 4: expires = try field.varint()
            default: break
            }
        }
        guard let number else { throw .missingField(fieldNumber: 1) }
        guard let id else { throw .missingField(fieldNumber: 2) }
        guard let outcome else { throw .invalidValue(fieldNumber: 3) }
        let end = WallTime(millisecondsSince1970: Int64(clamping: expires))
        return (number, Inbox.Decision(state: .owed, id: id, outcome: outcome, expires: end))
    }
}

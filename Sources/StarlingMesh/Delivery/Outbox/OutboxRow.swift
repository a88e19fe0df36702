package import StarlingCore

/// A row of ``DeliveryTables/outbox``: a message that is owed, or what became of it.
///
///     message Row { bytes envelope = 1; bytes key = 2; Ended ended = 3; string file = 4; }
///     message Ended { bytes id = 1; bytes to = 2; uint64 created_ms = 3; uint64 lifetime_ms = 4; uint32 priority = 5;
///                     uint32 privacy = 6; uint64 bytes = 7; uint32 outcome = 8; uint64 ended_ms = 9;
///                     uint64 attempts = 10; uint64 sent_ms = 11; repeated Copy copies = 12; Path path = 13; }
///     message Copy { bytes mailbox = 1; uint64 stored_ms = 2; }
///     message Path { repeated Hop hops = 1; }
///
/// A settled message keeps no body; `path` is there where the message asked for it. An outcome of 0 is one whose envelope or
/// file was damaged. `file` is a ``BlobID`` as text, without its key: who can read the row cannot read the file.
package enum OutboxRow: Equatable, Sendable {
    case live(envelope: [UInt8], key: [UInt8]?, file: BlobID? = nil)
    case ended(OutboxMessage, key: [UInt8]?)

    package var encoded: [UInt8] {
        var writer = ProtobufWriter()
        switch self {
        case .live(let envelope, let key, let file):
            writer.reserveCapacity(envelope.count + 176)
            writer.bytes(1, envelope)
            if let key { writer.bytes(2, key) }
            if let file { writer.string(4, "\(file)") }
        case .ended(let message, let key):
            if let key { writer.bytes(2, key) }
            if let file = message.file { writer.string(4, "\(file)") }
            writer.message(3) { inner in
                inner.reserveCapacity(112)
                inner.bytes(1, message.id.bytes)
                inner.name(2, message.to)
                inner.varint(3, UInt64(clamping: message.created.millisecondsSince1970))
                inner.varint(4, UInt64(clamping: message.lifetimeMilliseconds))
                inner.varint(5, UInt64(message.priority.rawValue))
                inner.varint(6, UInt64(message.privacy.rawValue))
                inner.varint(7, UInt64(message.byteCount))
                inner.varint(8, UInt64(Self.outcome(message.state)?.rawValue ?? 0))
                inner.varint(9, UInt64(clamping: message.ended?.millisecondsSince1970 ?? 0))
                inner.varint(10, UInt64(message.attempts))
                if let sent = message.sent {
                    inner.varint(11, UInt64(clamping: sent.millisecondsSince1970))
                }
                for copy in message.copies {
                    inner.message(12) {
                        $0.name(1, copy.mailbox)
                        $0.varint(2, UInt64(clamping: copy.stored.millisecondsSince1970))
                    }
                }
                if let path = message.path {
                    inner.message(13) { MessageHop.append(path, fieldNumber: 1, to: &$0) }
                }
            }
        }
        return writer.bytes
    }

    /// Reads a row; the position of an ended message is the row's own.
    package init(_ bytes: Span<UInt8>, position: UInt64 = 0) throws(ProtobufError) {
        var (envelope, key, ended): ([UInt8]?, [UInt8]?, OutboxMessage?) = (nil, nil, nil)
        var file: BlobID?
        var cursor = ProtobufCursor(bytes)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1: envelope = try field.bytes(in: bytes)
            case 2: key = try field.bytes(in: bytes)
            case 3: ended = try Self.ended(bytes, try field.range(), position: position)
            case 4:
                file = BlobID(try field.string(in: bytes))
                if file == nil { throw .invalidValue(fieldNumber: 4) }
            default: break
            }
        }
        if var ended {
            ended.file = file
            self = .ended(ended, key: key)
        } else if let envelope {
            self = .live(envelope: envelope, key: key, file: file)
        } else {
            throw .missingField(fieldNumber: 1)
        }
    }

    private static func ended(
        _ bytes: Span<UInt8>,
        _ range: Range<Int>,
        position: UInt64
    ) throws(ProtobufError) -> OutboxMessage {
        var (id, to): (MessageID?, PeerID?) = (nil, nil)
        var (copies, path): ([OutboxCopy], [MessageHop]?) = ([], nil)
        var numbers = [UInt64](repeating: 0, count: 12)
        var cursor = ProtobufCursor(range: range)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1: id = try field.messageID(in: bytes)
            case 2: to = try field.peerID(in: bytes)
            case 3...11: numbers[field.number] = try field.varint()
            case 12:
                guard copies.count < MailboxProtocol.copyCountMax else {
                    throw .tooManyEntries(fieldNumber: 12)
                }
                copies.append(try copy(bytes, try field.range()))
            case 13: path = try self.path(bytes, try field.range())
            default: break
            }
        }
        guard let id else { throw .missingField(fieldNumber: 1) }
        guard let to else { throw .missingField(fieldNumber: 2) }
        guard let priority = UInt8(exactly: numbers[5]).flatMap({ MessagePriority(rawValue: $0) }) else {
            throw .invalidValue(fieldNumber: 5)
        }
        guard let privacy = UInt8(exactly: numbers[6]).flatMap({ MessageHeader.Privacy(rawValue: $0) }) else {
            throw .invalidValue(fieldNumber: 6)
        }
        var state = OutboxMessage.State.damaged
        if numbers[8] > 0 {
            guard let outcome = UInt8(exactly: numbers[8]).flatMap({ Receipt.Outcome(rawValue: $0) }) else {
                throw .invalidValue(fieldNumber: 8)
            }
            state = .init(outcome)
        }
        return OutboxMessage(
            id: id,
            to: to,
            priority: priority,
            privacy: privacy,
            created: WallTime(millisecondsSince1970: Int64(clamping: numbers[3])),
            lifetimeMilliseconds: Int64(clamping: numbers[4]),
            byteCount: Int(clamping: numbers[7]),
            state: state,
            sent: numbers[11] > 0 ? WallTime(millisecondsSince1970: Int64(clamping: numbers[11])) : nil,
            ended: WallTime(millisecondsSince1970: Int64(clamping: numbers[9])),
            attempts: Int(clamping: numbers[10]),
            lastRefusal: nil,
            file: nil,
            position: position,
            copies: copies,
            path: path
        )
    }

    private static func path(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(ProtobufError) -> [MessageHop]
    {
        var path: [MessageHop] = []
        var cursor = ProtobufCursor(range: range)
        while let field = try cursor.next(in: bytes) {
            if field.number == 1 { try MessageHop.read(field, in: bytes, after: &path) }
        }
        return path
    }

    private static func copy(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(ProtobufError) -> OutboxCopy {
        var (mailbox, stored): (PeerID?, UInt64) = (nil, 0)
        var cursor = ProtobufCursor(range: range)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1: mailbox = try field.peerID(in: bytes)
            case 2: stored = try field.varint()
            default: break
            }
        }
        guard let mailbox else { throw .missingField(fieldNumber: 1) }
        return OutboxCopy(
            mailbox: mailbox,
            stored: WallTime(millisecondsSince1970: Int64(clamping: stored))
        )
    }

    private static func outcome(_ state: OutboxMessage.State) -> Receipt.Outcome? {
        switch state {
        case .delivered: .delivered
        case .expired: .expired
        case .refused(let outcome): outcome
        case .damaged, .storing, .queued, .sent, .fetching: nil
        }
    }
}

// Rows of ``DeliveryTables/lanes``: `message Lane { fixed64 series = 1; uint64 reserved = 2; }` under the recipient's
// multihash and the code of the lane's name.
extension OutboxRow {
    static func laneKey(_ peer: PeerID, _ name: LaneName) -> StoreKey {
        StoreKey(DeliveryTables.lanes, peer.multihash + [name.code])
    }

    static func lane(series: UInt64, reserved: UInt64) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.fixed64(1, series)
        writer.varint(2, reserved)
        return writer.bytes
    }

    struct Lane: Equatable {
        var peer: PeerID
        var name: LaneName
        var series: UInt64
        var reserved: UInt64
    }

    static func lane(_ key: [UInt8], _ bytes: Span<UInt8>) throws(DeliveryRowError) -> Lane {
        guard let last = key.last, let name = LaneName(code: last),
            let peer = try? PeerID(multihash: Array(key.dropLast()))
        else { throw .malformed(.invalidValue(fieldNumber: 0)) }
        var (series, reserved): (UInt64?, UInt64?) = (nil, nil)
        do throws(ProtobufError) {
            var cursor = ProtobufCursor(bytes)
            while let field = try cursor.next(in: bytes) {
                switch field.number {
                case 1: series = try field.fixed64()
                case 2: reserved = try field.varint()
                default: break
                }
            }
            guard let series else { throw .missingField(fieldNumber: 1) }
            guard let reserved, reserved <= MessageHeader.Place.numberMax / 2 else {
                throw .invalidValue(fieldNumber: 2)
            }
            return Lane(peer: peer, name: name, series: series, reserved: reserved)
        } catch {
            throw .malformed(error)
        }
    }
}

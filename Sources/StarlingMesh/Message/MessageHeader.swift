package import StarlingCore

/// What a message says in the clear, and nobody on the way may change.
///
/// It holds no more than a relay, a mailbox or the recipient's duplicate check needs; the rest is in the
/// ``MessageContent``, which the sender may seal.
///
/// Spec: docs/specs/message.md, "Header".
package struct MessageHeader: Equatable, Sendable {
    /// Who can read the body.
    package enum Privacy: UInt8, Sendable {
        /// Whoever carries it; each link is encrypted all the same.
        case standard = 0
        /// The recipient only.
        case `private` = 1
    }

    /// Where a message stands among those of its sender to its recipient.
    package struct Place: Equatable, Sendable {
        /// Which count the number belongs to: 64 random bits that the sender draws for each recipient and priority.
        package var series: UInt64
        /// Counts up from 1.
        package var number: UInt64
        /// The lowest number that was not settled when the message was made.
        package var floor: UInt64

        package init(series: UInt64, number: UInt64, floor: UInt64) {
            self.series = series
            self.number = number
            self.floor = floor
        }
    }

    /// The longest lifetime; duplicates are known for longer than that.
    package static let lifetimeMax: Duration = .seconds(30 * 86_400)
    /// The longest header that is read.
    package static let byteCountMax = 512

    package var id: MessageID
    package var from: PeerID
    /// The recipient, or `nil` for everybody.
    package var to: PeerID?
    package var created: WallTime
    package var priority = MessagePriority.normal
    /// How long after ``created`` it is of use, in milliseconds; 1 to 30 days.
    package var lifetimeMilliseconds: Int64
    /// How many links it may cross.
    package var hopLimit: UInt8 = 16
    package var privacy = Privacy.standard
    /// Which of the recipient's keys a private message is sealed to; 0 is the one converted from its identity.
    package var recipientKeyID: UInt32 = 0
    /// `nil` exactly when the message is to everybody.
    package var place: Place?
    /// Whether those who carry it are to note the way that it takes.
    package var recordsPath = false

    package init(
        id: MessageID,
        from: PeerID,
        to: PeerID?,
        created: WallTime,
        lifetimeMilliseconds: Int64,
        place: Place?
    ) {
        self.id = id
        self.from = from
        self.to = to
        self.created = created
        self.lifetimeMilliseconds = lifetimeMilliseconds
        self.place = place
    }

    /// When the message is of no more use, by its sender's clock.
    package var expires: WallTime {
        let (sum, overflow) = created.millisecondsSince1970.addingReportingOverflow(lifetimeMilliseconds)
        return WallTime(millisecondsSince1970: overflow ? .max : sum)
    }
}

extension MessageHeader {
    /// The header in its wire form, which is what is signed.
    ///
    ///     message Header { bytes id = 1; bytes from = 3; bytes to = 4; uint64 created_ms = 5; uint32 priority = 6;
    ///                      uint64 lifetime_ms = 7; uint32 hop_limit = 8; uint32 privacy = 9; uint32 recipient_key_id = 10;
    ///                      fixed64 series = 11; uint64 number = 12; uint64 floor = 13; uint32 record_path = 14; }
    package var encoded: [UInt8] {
        var writer = ProtobufWriter()
        writer.bytes(1, id.bytes)
        writer.name(3, from)
        if let to { writer.name(4, to) }
        writer.varint(5, UInt64(clamping: created.millisecondsSince1970))
        writer.varint(6, UInt64(priority.rawValue))
        writer.varint(7, UInt64(clamping: lifetimeMilliseconds))
        writer.varint(8, UInt64(hopLimit))
        writer.varint(9, UInt64(privacy.rawValue))
        if recipientKeyID > 0 { writer.varint(10, UInt64(recipientKeyID)) }
        if let place {
            writer.fixed64(11, place.series)
            writer.varint(12, place.number)
            writer.varint(13, place.floor)
        }
        if recordsPath { writer.varint(14, 1) }
        return writer.bytes
    }

    /// Reads a header, and checks each field's range.
    package init(_ bytes: Span<UInt8>) throws(ProtobufError) {
        var (id, from, to): (MessageID?, PeerID?, PeerID?) = (nil, nil, nil)
        var (created, lifetime, hopLimit): (UInt64?, UInt64?, UInt64?) = (nil, nil, nil)
        var (priority, privacy, keyID): (UInt64?, UInt64?, UInt64) = (nil, nil, 0)
        var (series, number, floor): (UInt64?, UInt64?, UInt64?) = (nil, nil, nil)
        var recordPath: UInt64 = 0
        var cursor = ProtobufCursor(bytes)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1: id = MessageID(bytes: bytes.extracting(try field.range()))
            case 3: from = try field.peerID(in: bytes)
            case 4: to = try field.peerID(in: bytes)
            case 5: created = try field.varint()
            case 6: priority = try field.varint()
            case 7: lifetime = try field.varint()
            case 8: hopLimit = try field.varint()
            case 9: privacy = try field.varint()
            case 10: keyID = try field.varint()
            case 11: series = try field.fixed64()
            case 12: number = try field.varint()
            case 13: floor = try field.varint()
            case 14: recordPath = try field.varint()
            default: break
            }
        }
        guard let id else { throw .missingField(fieldNumber: 1) }
        guard let from else { throw .missingField(fieldNumber: 3) }
        guard let created else { throw .missingField(fieldNumber: 5) }
        guard let lifetime else { throw .missingField(fieldNumber: 7) }
        let lifetimeMax = UInt64(Self.lifetimeMax.milliseconds)
        guard lifetime >= 1, lifetime <= lifetimeMax else { throw .invalidValue(fieldNumber: 7) }
        self.init(
            id: id,
            from: from,
            to: to,
            created: WallTime(millisecondsSince1970: Int64(clamping: created)),
            lifetimeMilliseconds: Int64(lifetime),
            place: try Self.place(hasRecipient: to != nil, series, number, floor)
        )
        self.priority = try Self.value(of: priority, fieldNumber: 6) { MessagePriority(rawValue: $0) }
        self.hopLimit = try Self.value(of: hopLimit, fieldNumber: 8) { $0 > 0 ? $0 : nil }
        self.privacy = try Self.value(of: privacy, fieldNumber: 9) { Privacy(rawValue: $0) }
        guard let keyID = UInt32(exactly: keyID) else { throw .invalidValue(fieldNumber: 10) }
        recipientKeyID = keyID
        guard recordPath <= 1 else { throw .invalidValue(fieldNumber: 14) }
        recordsPath = recordPath == 1
    }

    private static func value<Value>(
        of field: UInt64?,
        fieldNumber: Int,
        _ value: (UInt8) -> Value?
    ) throws(ProtobufError) -> Value {
        guard let field else { throw .missingField(fieldNumber: fieldNumber) }
        guard let byte = UInt8(exactly: field), let value = value(byte) else {
            throw .invalidValue(fieldNumber: fieldNumber)
        }
        return value
    }

    private static func place(
        hasRecipient: Bool,
        _ series: UInt64?,
        _ number: UInt64?,
        _ floor: UInt64?
    ) throws(ProtobufError) -> Place? {
        guard hasRecipient else {
            guard series == nil, number == nil, floor == nil else { throw .invalidValue(fieldNumber: 11) }
            return nil
        }
        guard let series else { throw .missingField(fieldNumber: 11) }
        guard let number else { throw .missingField(fieldNumber: 12) }
        guard let floor else { throw .missingField(fieldNumber: 13) }
        guard number >= 1, number <= Place.numberMax else { throw .invalidValue(fieldNumber: 12) }
        guard floor >= 1, floor <= number else { throw .invalidValue(fieldNumber: 13) }
        return Place(series: series, number: number, floor: floor)
    }
}

extension MessageHeader.Place {
    /// The last number of a series: far beyond what anyone counts to, and far from overflowing.
    package static let numberMax: UInt64 = 1 << 62
}

extension ProtobufField {
    /// A PeerID's multihash.
    func peerID(in message: Span<UInt8>) throws(ProtobufError) -> PeerID {
        let multihash = message.extracting(try range())
        do throws(PeerIDError) {
            return try PeerID(multihash: multihash)
        } catch {
            throw .invalidValue(fieldNumber: number)
        }
    }

    /// A message's id.
    func messageID(in message: Span<UInt8>) throws(ProtobufError) -> MessageID {
        guard let id = MessageID(bytes: message.extracting(try range())) else {
            throw .invalidValue(fieldNumber: number)
        }
        return id
    }

    /// The value of a `fixed64` field.
    func fixed64() throws(ProtobufError) -> UInt64 {
        guard case .fixed64(let value) = value else { throw .wrongWireType(fieldNumber: number) }
        return value
    }
}

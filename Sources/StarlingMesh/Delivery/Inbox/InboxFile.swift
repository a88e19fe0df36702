package import StarlingCore

/// The file of a message that has arrived, without its key.
package struct InboxFile: Equatable, Sendable {
    package let id: BlobID
    /// What the file was called: one name, without a path.
    package let name: String
    /// The size of the file.
    package let byteCount: UInt64

    init(_ attachment: BlobAttachment) {
        id = attachment.id
        name = attachment.name
        byteCount = attachment.contentByteCount
    }

    /// The file that content names; `nil` when it names none.
    init?(_ content: MessageContent) {
        guard !content.attachment.isEmpty,
            let attachment = try? BlobAttachment(parsing: content.attachment.span)
        else { return nil }
        self.init(attachment)
    }
}

/// A message that is on the disk and counts as not arrived: its file is not here yet.
package struct HeldMessage: Equatable, Sendable {
    /// Names it among the messages that are held.
    package let position: UInt64
    package let id: MessageID
    package let from: PeerID
    package let type: MessageType
    package let priority: MessagePriority
    package let privacy: MessageHeader.Privacy
    package let created: WallTime
    package let received: WallTime
    package let file: InboxFile
    /// What its sender is told of it: ``Receipt/Outcome/fetching`` or ``Receipt/Outcome/refusedNoSpace``.
    package var answer: Receipt.Outcome
}

/// A row of ``DeliveryTables/held``: a message whose file is not here yet.
///
///     message Row { bytes header = 1; bytes content = 2; uint64 received_ms = 3; }
package struct HeldRow: Equatable, Sendable {
    package let header: MessageHeader
    /// The encoded ``MessageContent``, as the sender wrote it.
    package let content: [UInt8]
    package let received: WallTime

    init(header: MessageHeader, content: [UInt8], received: WallTime) {
        self.header = header
        self.content = content
        self.received = received
    }

    var encoded: [UInt8] {
        var writer = ProtobufWriter()
        writer.reserveCapacity(content.count + MessageHeader.byteCountMax + 32)
        writer.bytes(1, header.encoded)
        writer.bytes(2, content)
        writer.varint(3, UInt64(clamping: received.millisecondsSince1970))
        return writer.bytes
    }

    package init(_ bytes: Span<UInt8>) throws(ProtobufError) {
        var (header, content, received): (MessageHeader?, [UInt8]?, UInt64?) = (nil, nil, nil)
        var cursor = ProtobufCursor(bytes)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1: header = try MessageHeader(bytes.extracting(try field.range()))
            case 2: content = try field.bytes(in: bytes)
            case 3: received = try field.varint()
            default: break
            }
        }
        guard let header else { throw .missingField(fieldNumber: 1) }
        guard let content else { throw .missingField(fieldNumber: 2) }
        guard let received else { throw .missingField(fieldNumber: 3) }
        let time = WallTime(millisecondsSince1970: Int64(clamping: received))
        self.init(header: header, content: content, received: time)
    }

    /// What the row's message says, and the file that it names.
    package func parse() throws(ProtobufError) -> (MessageContent, BlobAttachment) {
        let parsed: MessageContent
        // What was taken is kept, whatever the limits are by now.
        var limits = MessageContent.Limits()
        limits.payloadByteCountMax = .max
        do throws(ContentError) { parsed = try MessageContent(parsing: content.span, limits: limits) } catch {
            throw .invalidValue(fieldNumber: 2)
        }
        return (parsed, try BlobAttachment(parsing: parsed.attachment.span))
    }
}

package import StarlingCore

/// What a message says to its recipient, and to nobody else when it is sealed.
///
/// Spec: docs/specs/message.md, "Content".
package struct MessageContent: Equatable, Sendable {
    package struct Limits: Sendable {
        /// A larger payload, before compression, is refused.
        package var payloadByteCountMax = 1_048_576
        /// A longer content type is refused.
        package var contentTypeByteCountMax = 128
        /// A longer traceparent is refused; W3C's has 55.
        package var traceparentByteCountMax = 128
        /// A longer attachment is refused.
        package var attachmentByteCountMax = 512

        package init() {}

        /// The most bytes that everything but the payload takes.
        package var overheadByteCountMax: Int {
            MessageType.byteCountMax + contentTypeByteCountMax + traceparentByteCountMax
                + attachmentByteCountMax
                + 128
        }
    }

    /// What the message is to a conversation.
    package enum Kind: UInt8, Sendable {
        case message = 0
        /// Wants an answer with the same ``MessageContent/correlation``.
        case request = 1
        /// Answers a request.
        case response = 2
        /// Says why a request has no answer; the payload is a text.
        case failure = 3
    }

    /// How the payload is packed.
    package typealias Compression = CompressionMethod

    package var type: MessageType
    /// The payload's media type; empty when the type says it.
    package var contentType = ""
    /// As it travels: packed when ``compression`` says so.
    package var payload: [UInt8]
    package var compression = Compression.none
    /// The payload's size before it was packed.
    package var payloadByteCount: Int
    package var kind = Kind.message
    /// What requests and answers know each other by; there for every kind but ``Kind/message``, where it may be.
    package var correlation: MessageID?
    /// The trace that the message belongs to, as W3C Trace Context writes it; empty for none.
    package var traceparent = ""
    /// A message of its own form that names a blob; empty for none.
    package var attachment: [UInt8] = []

    /// Content whose payload is not packed.
    package init(type: MessageType, payload: [UInt8]) {
        self.type = type
        self.payload = payload
        payloadByteCount = payload.count
    }

    /// Checks what an application can get wrong.
    package func check(_ limits: Limits = Limits()) throws(ContentError) {
        guard payloadByteCount <= limits.payloadByteCountMax, payload.count <= limits.payloadByteCountMax
        else {
            throw .payloadTooLarge(byteCountMax: limits.payloadByteCountMax)
        }
        guard contentType.utf8.count <= limits.contentTypeByteCountMax else {
            throw .contentTypeTooLong(byteCountMax: limits.contentTypeByteCountMax)
        }
        guard traceparent.utf8.count <= limits.traceparentByteCountMax else {
            throw .traceparentTooLong(byteCountMax: limits.traceparentByteCountMax)
        }
        guard attachment.count <= limits.attachmentByteCountMax else {
            throw .attachmentTooLarge(byteCountMax: limits.attachmentByteCountMax)
        }
        guard kind == .message || correlation != nil else { throw .malformed(.missingField(fieldNumber: 6)) }
        guard compression == .none ? payloadByteCount == payload.count : payloadByteCount > payload.count
        else {
            // Packing never makes a payload grow.
            throw .malformed(.invalidValue(fieldNumber: 5))
        }
    }

    /// The content in its wire form.
    ///
    ///     message Content { string type = 1; string content_type = 2; bytes payload = 3; uint32 compression = 4;
    ///                       uint64 payload_bytes = 5; bytes correlation = 6; uint32 kind = 7; string traceparent = 8;
    ///                       bytes attachment = 9; }
    package var encoded: [UInt8] {
        var writer = ProtobufWriter()
        writer.reserveCapacity(payload.count + 64)
        writer.string(1, type.name)
        if !contentType.isEmpty { writer.string(2, contentType) }
        if !payload.isEmpty { writer.bytes(3, payload) }
        if compression != .none {
            writer.varint(4, UInt64(compression.rawValue))
            writer.varint(5, UInt64(payloadByteCount))
        }
        if let correlation { writer.bytes(6, correlation.bytes) }
        if kind != .message { writer.varint(7, UInt64(kind.rawValue)) }
        if !traceparent.isEmpty { writer.string(8, traceparent) }
        if !attachment.isEmpty { writer.bytes(9, attachment) }
        return writer.bytes
    }

    /// Reads content, and checks it against the limits.
    package init(parsing bytes: Span<UInt8>, limits: Limits = Limits()) throws(ContentError) {
        do throws(ProtobufError) {
            self = try Self.parse(bytes)
        } catch {
            throw .malformed(error)
        }
        try check(limits)
    }

    private static func parse(_ bytes: Span<UInt8>) throws(ProtobufError) -> MessageContent {
        var (type, payload): (MessageType?, [UInt8]) = (nil, [])
        var (contentType, traceparent, attachment): (String, String, [UInt8]) = ("", "", [])
        var (kind, compression, byteCount): (Kind?, Compression?, UInt64?) = (.message, Compression.none, nil)
        var correlation: MessageID?
        var cursor = ProtobufCursor(bytes)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1:
                type = MessageType(try field.string(in: bytes))
                if type == nil { throw .invalidValue(fieldNumber: 1) }
            case 2: contentType = try field.string(in: bytes)
            case 3: payload = try field.bytes(in: bytes)
            case 4: compression = UInt8(exactly: try field.varint()).flatMap { Compression(rawValue: $0) }
            case 5: byteCount = try field.varint()
            case 6: correlation = try field.messageID(in: bytes)
            case 7: kind = UInt8(exactly: try field.varint()).flatMap { Kind(rawValue: $0) }
            case 8: traceparent = try field.string(in: bytes)
            case 9: attachment = try field.bytes(in: bytes)
            default: break
            }
        }
        guard let type else { throw .missingField(fieldNumber: 1) }
        guard let compression else { throw .invalidValue(fieldNumber: 4) }
        guard let kind else { throw .invalidValue(fieldNumber: 7) }
        var content = MessageContent(type: type, payload: payload)
        if compression != .none || byteCount != nil {
            content.payloadByteCount = Int(clamping: byteCount ?? 0)
        }
        content.compression = compression
        content.contentType = contentType
        content.kind = kind
        content.correlation = correlation
        content.traceparent = traceparent
        content.attachment = attachment
        return content
    }
}

/// Why content cannot be sent, or is not taken.
package enum ContentError: Error, Equatable, Sendable {
    /// It is not a message of its form; the field is missing, or is something else.
    case malformed(ProtobufError)
    /// The payload is larger than one message holds: send it as a file.
    case payloadTooLarge(byteCountMax: Int)
    /// The media type is longer than anyone's.
    case contentTypeTooLong(byteCountMax: Int)
    /// The traceparent is longer than W3C's.
    case traceparentTooLong(byteCountMax: Int)
    /// What names the blob is too large.
    case attachmentTooLarge(byteCountMax: Int)
}

import StarlingCore
import StarlingMesh
import Testing

@Suite struct MessageContentTests {
    private static var full: MessageContent {
        var content = MessageContent(type: .agentTask, payload: [1, 2, 3])
        content.contentType = "application/json"
        content.compression = .zstd
        content.payloadByteCount = 4
        content.correlation = MessageKit.id
        content.kind = .request
        content.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        content.attachment = [9, 9]
        return content
    }

    private static func parse(_ bytes: [UInt8], _ limits: MessageContent.Limits = .init())
        throws(ContentError)
        -> MessageContent
    {
        try MessageContent(parsing: bytes.span, limits: limits)
    }

    @Test func comesBackAsItWasWritten() throws {
        #expect(try Self.parse(Self.full.encoded) == Self.full)
        #expect(try Self.parse(MessageKit.content.encoded) == MessageKit.content)
        let empty = MessageContent(type: .heartbeat, payload: [])
        #expect(try Self.parse(empty.encoded) == empty)
        #expect(empty.encoded == MessageKit.field(1, Array("HEARTBEAT".utf8)), "what is empty is left out")
    }

    @Test func fieldsOfLaterVersionsAreSkipped() throws {
        let later = Self.full.encoded + MessageKit.field(30, [1])
        #expect(try Self.parse(later) == Self.full)
    }

    @Test func eachFieldHasItsRange() {
        let type = MessageKit.field(1, Array("t".utf8))
        let wrong: [(Int, [UInt8])] = [
            (1, MessageKit.field(1, [])), (1, MessageKit.field(1, [UInt8](repeating: 0x74, count: 129))),
            (4, type + MessageKit.field(4, 3)), (7, type + MessageKit.field(7, 4)),
            (6, type + MessageKit.field(6, [1])), (5, type + MessageKit.field(5, 1)),
            // A packed payload is smaller than it was.
            (5, type + MessageKit.field(3, [1, 2]) + MessageKit.field(4, 1) + MessageKit.field(5, 2)),
        ]
        for (number, bytes) in wrong {
            #expect(throws: ContentError.malformed(.invalidValue(fieldNumber: number)), "\(bytes)") {
                try Self.parse(bytes)
            }
        }
        #expect(throws: ContentError.malformed(.missingField(fieldNumber: 1))) { try Self.parse([]) }
        #expect(throws: ContentError.malformed(.invalidUTF8(fieldNumber: 1))) {
            try Self.parse(MessageKit.field(1, [0xff]))
        }
        for kind in UInt64(1)...3 {
            #expect(
                throws: ContentError.malformed(.missingField(fieldNumber: 6)),
                "answers need a correlation"
            ) {
                try Self.parse(type + MessageKit.field(7, kind))
            }
        }
    }

    @Test func theLimitsHold() throws {
        var limits = MessageContent.Limits()
        limits.payloadByteCountMax = 4
        limits.contentTypeByteCountMax = 16
        limits.traceparentByteCountMax = 55
        limits.attachmentByteCountMax = 2
        #expect(try Self.parse(Self.full.encoded, limits) == Self.full, "each at its limit")
        var content = Self.full
        content.payloadByteCount = 5
        #expect(throws: ContentError.payloadTooLarge(byteCountMax: 4), "counted before it was packed") {
            try Self.parse(content.encoded, limits)
        }
        content = Self.full
        content.contentType += "5"
        #expect(throws: ContentError.contentTypeTooLong(byteCountMax: 16)) { try content.check(limits) }
        content = Self.full
        content.traceparent += "5"
        #expect(throws: ContentError.traceparentTooLong(byteCountMax: 55)) { try content.check(limits) }
        content = Self.full
        content.attachment.append(5)
        #expect(throws: ContentError.attachmentTooLarge(byteCountMax: 2)) { try content.check(limits) }
    }

    @Test func typesAreNames() {
        #expect(MessageType("") == nil)
        #expect(MessageType(String(repeating: "é", count: 64)) != nil, "128 bytes")
        #expect(MessageType(String(repeating: "é", count: 64) + "e") == nil)
        #expect(MessageType("AGENT_TASK") == .agentTask)
    }
}

import StarlingCore
import StarlingCrypto
import StarlingMesh
import Testing

@Suite struct EnvelopeTests {
    @Test func comesBackAsItWasSigned() throws {
        let envelope = try MessageKit.envelope()
        let read = try MessageKit.verify(envelope.encoded)
        #expect(read == envelope)
        #expect(read.header == MessageKit.header)
        #expect(try read.content() == MessageKit.content)
        #expect(envelope.encoded == MessageKit.signed(header: MessageKit.headerBytes))
    }

    @Test func everyValueOfTheHeaderComesBack() throws {
        var header = MessageKit.header
        header.hopLimit = 255
        header.recipientKeyID = .max
        header.lifetimeMilliseconds = 30 * 86_400_000
        header.place = .init(series: .max, number: MessageHeader.Place.numberMax, floor: 1)
        for priority in MessagePriority.allCases {
            header.priority = priority
            #expect(try MessageHeader(header.encoded.span) == header)
        }
        header.privacy = .private
        #expect(try MessageHeader(header.encoded.span) == header)
        #expect(header.encoded.count <= MessageHeader.byteCountMax)
        (header.to, header.place) = (nil, nil)
        #expect(try MessageHeader(header.encoded.span) == header, "to everybody")
    }

    @Test(arguments: [1, 3, 5, 6, 7, 8, 9, 11, 12, 13])
    func everyFieldOfTheHeaderIsNeeded(number: Int) throws {
        let fields = MessageKit.headerFields.filter { $0.number != number }
        #expect(throws: EnvelopeError.malformed(.missingField(fieldNumber: number))) {
            try MessageKit.verify(MessageKit.signed(header: fields.flatMap(\.bytes)))
        }
    }

    @Test func everyFieldHasItsRange() throws {
        typealias Kit = MessageKit
        let wrong: [(Int, [UInt8])] = [
            (3, Kit.field(3, [1, 2, 3])), (4, Kit.field(4, [])), (6, Kit.field(6, 4)), (6, Kit.field(6, 256)),
            (7, Kit.field(7, 0)), (7, Kit.field(7, 30 * 86_400_000 + 1)), (8, Kit.field(8, 0)),
            (8, Kit.field(8, 256)), (9, Kit.field(9, 2)), (12, Kit.field(12, 0)), (13, Kit.field(13, 0)),
            (12, Kit.field(12, MessageHeader.Place.numberMax + 1)), (13, Kit.field(13, 8)),
            // Without a recipient there is nobody to count for.
            (11, []),
        ]
        for (number, field) in wrong {
            let header =
                field.isEmpty
                ? Kit.headerFields.filter { $0.number != 4 }.flatMap(\.bytes) : Kit.headerBytes(number, field)
            #expect(throws: EnvelopeError.malformed(.invalidValue(fieldNumber: number)), "\(number) \(field)")
            {
                try Kit.verify(Kit.signed(header: header))
            }
        }
        for (number, value) in [(6, 3), (7, 1), (7, 30 * 86_400_000), (8, 1), (8, 255), (12, 5), (13, 7)] {
            let header = Kit.headerBytes(number, Kit.field(UInt64(number), UInt64(value)))
            #expect(throws: Never.self) { try Kit.verify(Kit.signed(header: header)) }
        }
        for count in [15, 17] {
            let header = Kit.headerBytes(1, Kit.field(1, [UInt8](repeating: 0, count: count)))
            #expect(throws: EnvelopeError.malformed(.missingField(fieldNumber: 1))) {
                try Kit.verify(Kit.signed(header: header))
            }
        }
    }

    @Test func headerAndSignatureAreNeeded() throws {
        #expect(throws: EnvelopeError.malformed(.missingField(fieldNumber: 1))) {
            try MessageKit.verify(MessageKit.field(3, [1]))
        }
        #expect(throws: EnvelopeError.malformed(.missingField(fieldNumber: 3))) {
            try MessageKit.verify(MessageKit.field(1, MessageKit.headerBytes))
        }
        #expect(throws: EnvelopeError.self) { try MessageKit.verify([]) }
    }

    @Test func noBitMayChange() throws {
        let good = try MessageKit.envelope().encoded
        for index in good.indices {
            for bit in [UInt8(1), 0x80] {
                var bytes = good
                bytes[index] ^= bit
                #expect(throws: EnvelopeError.self, "byte \(index), bit \(bit)") {
                    try MessageKit.verify(bytes)
                }
            }
        }
    }

    @Test func noPrefixIsAnEnvelope() throws {
        let good = try MessageKit.envelope().encoded
        for count in good.indices {
            #expect(throws: EnvelopeError.self) { try MessageKit.verify(Array(good[..<count])) }
        }
    }

    @Test func anotherBodyAndAnotherSignerAreRefused() throws {
        let header = MessageKit.headerBytes
        let good = try MessageKit.envelope()
        #expect(throws: EnvelopeError.wrongSignature) {
            let swapped =
                MessageKit.field(1, header) + MessageKit.field(2, [1]) + MessageKit.field(3, good.signature)
            _ = try MessageKit.verify(swapped)
        }
        #expect(throws: EnvelopeError.wrongSignature) {
            try MessageKit.verify(MessageKit.signed(header: header, by: MessageKit.bob))
        }
        // A signature over the same without its domain, or of another domain, is none.
        for domain in ["", "starling-receipt-1:"] {
            let signature = MessageKit.alice.sign(Array(domain.utf8) + header + SHA256.hash(good.body))
            let bytes = MessageKit.field(1, header) + MessageKit.field(2, good.body)
            #expect(throws: EnvelopeError.wrongSignature) {
                try MessageKit.verify(bytes + MessageKit.field(3, signature))
            }
        }
    }

    @Test func formAndSignatureAreCheckedApart() throws {
        var bytes = try MessageKit.envelope().encoded
        bytes[bytes.count - 1] ^= 1
        let read = try Envelope(parsing: bytes.span)
        #expect(read.header == MessageKit.header)
        #expect(throws: EnvelopeError.wrongSignature) { try read.verify() }
    }

    @Test func aSenderWhoseNameHoldsNoKeyIsNotSupported() throws {
        let header = MessageKit.headerBytes(
            3,
            MessageKit.field(3, [0x12, 32] + [UInt8](repeating: 5, count: 32))
        )
        #expect(throws: EnvelopeError.unsupportedSenderKey) {
            try MessageKit.verify(MessageKit.signed(header: header))
        }
    }

    @Test func unknownFieldsAreKeptUnderTheSignature() throws {
        let header = MessageKit.headerBytes + MessageKit.field(20, Array("later".utf8))
        let bytes = MessageKit.signed(header: header)
        let read = try MessageKit.verify(bytes + MessageKit.field(10, [1, 2]))
        #expect(read.headerBytes == header)
        #expect(read.encoded == bytes, "what relays may have added is not part of it")
    }

    @Test func whoeverCarriesItCountsTheHops() throws {
        var envelope = try MessageKit.envelope()
        #expect(envelope.hopCount == 0)
        envelope.hopCount = 3
        let read = try MessageKit.verify(envelope.encoded)
        #expect(read.hopCount == 3)
        let tooMany = try MessageKit.envelope().encoded + MessageKit.field(8, 1 << 32)
        #expect(throws: EnvelopeError.malformed(.invalidValue(fieldNumber: 8))) {
            try MessageKit.verify(tooMany)
        }
    }

    @Test func theLimitsHoldWhenSigningAndWhenReading() throws {
        var limits = Envelope.Limits()
        limits.bodyByteCountMax = 100
        for (count, isFine) in [(99, true), (100, true), (101, false)] {
            let body = [UInt8](repeating: 1, count: count)
            let bytes = try Envelope(MessageKit.header, body: body, from: MessageKit.alice).encoded
            if isFine {
                #expect(try MessageKit.verify(bytes, limits).body == body)
            } else {
                #expect(throws: EnvelopeError.bodyTooLarge(byteCountMax: 100)) {
                    try MessageKit.verify(bytes, limits)
                }
                #expect(throws: EnvelopeError.bodyTooLarge(byteCountMax: 100)) {
                    try Envelope(MessageKit.header, body: body, from: MessageKit.alice, limits: limits)
                }
            }
        }
        let room = MessageHeader.byteCountMax - MessageKit.headerBytes.count
        for (count, isFine) in [(room, true), (room + 1, false)] {
            let filler = MessageKit.field(20, [UInt8](repeating: 0, count: count - 4))
            let bytes = MessageKit.signed(header: MessageKit.headerBytes + filler)
            if isFine {
                #expect(try MessageKit.verify(bytes).headerBytes.count == MessageHeader.byteCountMax)
            } else {
                #expect(throws: EnvelopeError.malformed(.invalidValue(fieldNumber: 1))) {
                    try MessageKit.verify(bytes)
                }
            }
        }
    }

    @Test func theLargestEnvelopeFitsItsBound() throws {
        let contentLimits = MessageContent.Limits()
        var content = MessageContent(type: .data, payload: [])
        content = MessageContent(
            type: try #require(MessageType(String(repeating: "t", count: 128))),
            payload: [UInt8](repeating: 0, count: contentLimits.payloadByteCountMax)
        )
        content.contentType = String(repeating: "c", count: contentLimits.contentTypeByteCountMax)
        content.traceparent = String(repeating: "p", count: contentLimits.traceparentByteCountMax)
        content.attachment = [UInt8](repeating: 0, count: contentLimits.attachmentByteCountMax)
        content.correlation = MessageKit.id
        content.kind = .failure
        let envelope = try MessageKit.sealed(content, ChaChaPoly())
        #expect(envelope.encoded.count <= Envelope.Limits().envelopeByteCountMax)
        let frame = MessageFrame(.envelope, envelope.encoded).encoded
        #expect(frame.count - 3 <= MessageFrame.byteCountMax, "the frame without its length")
        #expect(try MessageKit.verify(envelope.encoded) == envelope)
    }
}

import StarlingCore
import StarlingCrypto
import StarlingMesh
import Testing

@Suite struct EnvelopeTests {
    @Test func comesBackAsItWasSigned() throws {
        let envelope = try MessageKit.envelope()
        let read = try MessageKit.verify(envelope.encoded)
        #expect(read == envelope)
        #expect(read.header.from == MessageKit.alice.peerID)
        #expect(read.header.to == MessageKit.bob.peerID)
        #expect(read.header.id == MessageKit.id)
        #expect(read.header.created == MessageKit.created)
        #expect(read.header.type == "text/plain")
        #expect(read.payload == Array("hello".utf8))
        #expect(envelope.encoded == MessageKit.signed(header: MessageKit.headerFields.flatMap(\.self)))
    }

    @Test func anEmptyPayloadIsLeftOutOfTheWire() throws {
        let envelope = try MessageKit.envelope(payload: [])
        #expect(try MessageKit.verify(envelope.encoded).payload == [])
    }

    @Test(arguments: 0..<6) func everyFieldOfTheHeaderIsNeeded(index: Int) throws {
        var fields = MessageKit.headerFields
        fields.remove(at: index)
        #expect(throws: EnvelopeError.malformed(.missingField(fieldNumber: index + 1))) {
            try MessageKit.verify(MessageKit.signed(header: fields.flatMap(\.self)))
        }
    }

    @Test func headerAndSignatureAreNeeded() throws {
        let header = MessageKit.headerFields.flatMap(\.self)
        #expect(throws: EnvelopeError.malformed(.missingField(fieldNumber: 1))) {
            try MessageKit.verify(MessageKit.field(3, [1]))
        }
        #expect(throws: EnvelopeError.malformed(.missingField(fieldNumber: 3))) {
            try MessageKit.verify(MessageKit.field(1, header))
        }
        #expect(throws: EnvelopeError.self) { try MessageKit.verify([]) }
    }

    @Test func fieldsOfTheWrongSizeCountAsMissing() throws {
        let wrong: [(Int, [UInt8])] = [
            (0, MessageKit.field(1, [UInt8](repeating: 0, count: 15))),
            (0, MessageKit.field(1, [UInt8](repeating: 0, count: 17))),
            (2, MessageKit.field(3, [1, 2, 3])), (3, MessageKit.field(4, [])),
            (5, MessageKit.field(6, [UInt8](repeating: 0, count: 31))),
        ]
        for (index, field) in wrong {
            var fields = MessageKit.headerFields
            fields[index] = field
            #expect(throws: EnvelopeError.malformed(.missingField(fieldNumber: index + 1))) {
                try MessageKit.verify(MessageKit.signed(header: fields.flatMap(\.self)))
            }
        }
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

    @Test func anotherPayloadAndAnotherSignerAreNamed() throws {
        let header = MessageKit.headerFields.flatMap(\.self)
        #expect(throws: EnvelopeError.payloadHashDiffers) {
            try MessageKit.verify(MessageKit.signed(header: header, payload: [1]))
        }
        #expect(throws: EnvelopeError.wrongSignature) {
            try MessageKit.verify(MessageKit.signed(header: header, by: MessageKit.bob))
        }
        // A signature over the header without its domain, or of another domain, is none.
        for domain in ["", "starling-receipt-1:"] {
            let signature = MessageKit.alice.sign(Array(domain.utf8) + header)
            let bytes = MessageKit.field(1, header) + MessageKit.field(2, Array("hello".utf8))
            #expect(throws: EnvelopeError.wrongSignature) {
                try MessageKit.verify(bytes + MessageKit.field(3, signature))
            }
        }
    }

    @Test func aSenderWhoseNameHoldsNoKeyIsNotSupported() throws {
        var fields = MessageKit.headerFields
        fields[2] = MessageKit.field(3, [0x12, 32] + [UInt8](repeating: 5, count: 32))
        #expect(throws: EnvelopeError.unsupportedSenderKey) {
            try MessageKit.verify(MessageKit.signed(header: fields.flatMap(\.self)))
        }
    }

    @Test func unknownFieldsAreKeptUnderTheSignature() throws {
        let header = MessageKit.headerFields.flatMap(\.self) + MessageKit.field(7, Array("later".utf8))
        let bytes = MessageKit.signed(header: header)
        let read = try MessageKit.verify(bytes + MessageKit.field(9, [1, 2]))
        #expect(read.headerBytes == header)
        #expect(read.encoded == bytes, "what relays may have added is not part of it")
    }

    @Test func theLimitsHoldWhenSigningAndWhenReading() throws {
        var limits = Envelope.Limits()
        limits.payloadByteCountMax = 100
        limits.typeByteCountMax = 10
        for (count, isFine) in [(99, true), (100, true), (101, false)] {
            let bytes = try MessageKit.envelope(type: "t", payload: [UInt8](repeating: 1, count: count))
                .encoded
            if isFine {
                #expect(try MessageKit.verify(bytes, limits).payload.count == count)
            } else {
                #expect(throws: EnvelopeError.payloadTooLarge(byteCountMax: 100)) {
                    try MessageKit.verify(bytes, limits)
                }
            }
        }
        let long = try MessageKit.envelope(type: "12345678901").encoded
        #expect(throws: EnvelopeError.typeTooLong) { try MessageKit.verify(long, limits) }
        let fits = try MessageKit.envelope(type: "1234567890").encoded
        #expect(try MessageKit.verify(fits, limits).header.type == "1234567890")
        #expect(throws: EnvelopeError.malformed(.invalidValue(fieldNumber: 2))) {
            try MessageKit.envelope(type: "")
        }
        #expect(throws: EnvelopeError.payloadTooLarge(byteCountMax: 1_048_576)) {
            try MessageKit.envelope(payload: [UInt8](repeating: 0, count: 1_048_577))
        }
    }

    @Test func theLargestEnvelopeFitsItsBound() throws {
        let limits = Envelope.Limits()
        let envelope = try MessageKit.envelope(
            type: String(repeating: "t", count: limits.typeByteCountMax),
            payload: [UInt8](repeating: 0, count: limits.payloadByteCountMax)
        )
        #expect(envelope.encoded.count <= limits.envelopeByteCountMax)
        let frame = MessageFrame.envelope(envelope.encoded).encoded
        #expect(frame.count - 3 <= MessageFrame.byteCountMax, "the frame without its length")
    }
}

import StarlingCore
import Testing

@testable import StarlingCrypto

@Suite struct PeerRecordTests {
    private let identity: IdentityKey

    init() throws {
        identity = try IdentityKey(seed: [UInt8](0..<32))
    }

    /// What py-libp2p 0.8.1 writes for the seed 00 01 … 1f.
    private static let foreign = """
        0a240801122003a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8120203011a550a260024\
        0801122003a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b81080e2cfaa061a0a0a0804c0\
        000201060fa11a190a172920010db800000000000000000000000191020fa1cd032a40a1298c8b021ea38698a0e6882e\
        12a32cf1f574d7fca2c62a62b1e274bdde49129717a2da6a0f6850b580f42886e6b2eadc344b789c73c421ec2a1a9d30\
        128c0d
        """

    private func record(_ sequenceNumber: UInt64 = 1_700_000_000) throws -> PeerRecord {
        PeerRecord(
            peerID: identity.peerID,
            sequenceNumber: sequenceNumber,
            addresses: [
                try Multiaddr("/ip4/192.0.2.1/tcp/4001"),
                try Multiaddr("/ip6/2001:db8::1/udp/4001/quic-v1"),
            ]
        )
    }

    @Test func readsAndWritesWhatAnotherImplementationWrites() throws {
        let bytes = try #require(Hex.decode(Self.foreign))
        #expect(try PeerRecord(parsing: bytes) == record())
        #expect(Hex.encode(try record().sealed(with: identity).encoded()) == Self.foreign)
    }

    @Test func comesBackAsItWentForAnySequenceNumber() throws {
        for number in [0, 1, 127, 128, UInt64.max] {
            let record = try record(number)
            #expect(try PeerRecord(parsing: record.sealed(with: identity).encoded()) == record)
        }
        let empty = PeerRecord(peerID: identity.peerID, sequenceNumber: 0, addresses: [])
        #expect(try PeerRecord(parsing: empty.sealed(with: identity).encoded()) == empty)
    }

    @Test func everyChangedByteAndEveryTruncationIsRefused() throws {
        let bytes = try record().sealed(with: identity).encoded()
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 1 << UInt8(index % 8)
            #expect(throws: PeerRecordError.self, "byte \(index)") { try PeerRecord(parsing: changed) }
            #expect(throws: PeerRecordError.self) { try PeerRecord(parsing: Array(bytes.prefix(index))) }
        }
    }

    @Test func aSignatureForAnotherPurposeIsWorthless() throws {
        let record = try record()
        let envelope = SignedEnvelope(
            signing: record.encoded(),
            type: PeerRecord.payloadType,
            domain: "libp2p-peer-recorD",
            with: identity
        )
        #expect(throws: PeerRecordError.invalidEnvelope(.invalidSignature)) {
            try PeerRecord(parsing: envelope.encoded())
        }
        #expect(try SignedEnvelope(parsing: envelope.encoded(), domain: "libp2p-peer-recorD") == envelope)
    }

    @Test func aRecordOfAnotherTypeOrAboutAnotherPeerIsRefused() throws {
        let typed = SignedEnvelope(
            signing: try record().encoded(),
            type: [0x03, 0x02],
            domain: PeerRecord.domain,
            with: identity
        )
        #expect(throws: PeerRecordError.wrongPayloadType) { try PeerRecord(envelope: typed) }
        let other = try IdentityKey(seed: [UInt8](repeating: 1, count: 32))
        let stolen = SignedEnvelope(
            signing: try record().encoded(),
            type: PeerRecord.payloadType,
            domain: PeerRecord.domain,
            with: other
        )
        #expect(throws: PeerRecordError.wrongSigner) { try PeerRecord(parsing: stolen.encoded()) }
    }

    private func seal(_ payload: [UInt8]) -> SignedEnvelope {
        SignedEnvelope(
            signing: payload,
            type: PeerRecord.payloadType,
            domain: PeerRecord.domain,
            with: identity
        )
    }

    @Test func addressesThatDoNotParseAreLeftOut() throws {
        var writer = ProtobufWriter()
        writer.bytes(1, identity.peerID.multihash)
        writer.message(3) { $0.bytes(1, [0xff]) }
        writer.message(3) { $0.bytes(1, [0x04, 192, 0, 2, 1]) }
        writer.message(3) { $0.varint(9, 1) }
        let record = try PeerRecord(envelope: seal(writer.bytes))
        #expect(record.addresses == [try Multiaddr("/ip4/192.0.2.1")])
        #expect(record.sequenceNumber == 0)
    }

    @Test func theNumberOfAddressesIsLimited() throws {
        func envelope(_ count: Int) -> SignedEnvelope {
            var writer = ProtobufWriter()
            writer.bytes(1, identity.peerID.multihash)
            for _ in 0..<count { writer.message(3) { $0.bytes(1, [0x04, 192, 0, 2, 1]) } }
            return seal(writer.bytes)
        }
        #expect(try PeerRecord(envelope: envelope(255)).addresses.count == 255)
        #expect(try PeerRecord(envelope: envelope(256)).addresses.count == 256)
        #expect(throws: PeerRecordError.malformedMessage(.tooManyEntries(fieldNumber: 3))) {
            try PeerRecord(envelope: envelope(257))
        }
    }

    @Test func refusesRecordsWithoutAName() throws {
        #expect(throws: PeerRecordError.malformedMessage(.missingField(fieldNumber: 1))) {
            try PeerRecord(envelope: seal([]))
        }
        #expect(throws: PeerRecordError.invalidPeerID(.wrongLength)) {
            try PeerRecord(envelope: seal([0x0a, 0x00]))
        }
    }
}

@Suite struct SignedEnvelopeTests {
    @Test(arguments: [16383, 16384, 16385])
    func theSizeIsLimited(byteCount: Int) throws {
        let identity = try IdentityKey(seed: [UInt8](repeating: 2, count: 32))
        let overhead =
            SignedEnvelope(
                signing: [UInt8](repeating: 0, count: 16000),
                type: [1],
                domain: "test",
                with: identity
            ).encoded().count - 16000
        let bytes = SignedEnvelope(
            signing: [UInt8](repeating: 0, count: byteCount - overhead),
            type: [1],
            domain: "test",
            with: identity
        ).encoded()
        #expect(bytes.count == byteCount)
        if byteCount <= SignedEnvelope.byteCountMax {
            #expect(try SignedEnvelope(parsing: bytes, domain: "test").signer == identity.peerID)
        } else {
            #expect(throws: SignedEnvelopeError.tooLarge) {
                try SignedEnvelope(parsing: bytes, domain: "test")
            }
        }
    }

    @Test func refusesWhatHasNoKeyOrNoSignature() throws {
        let identity = try IdentityKey(seed: [UInt8](repeating: 2, count: 32))
        #expect(throws: SignedEnvelopeError.malformedMessage(.missingField(fieldNumber: 1))) {
            try SignedEnvelope(parsing: [], domain: "test")
        }
        #expect(throws: SignedEnvelopeError.malformedMessage(.truncated)) {
            try SignedEnvelope(parsing: [0x0a], domain: "test")
        }
        #expect(throws: SignedEnvelopeError.invalidKey(.wrongLength)) {
            try SignedEnvelope(parsing: [0x0a, 0x04, 0x08, 0x01, 0x12, 0x00], domain: "test")
        }
        var writer = ProtobufWriter()
        writer.bytes(1, identity.publicKey.protobuf)
        let unsigned = writer.bytes
        #expect(throws: SignedEnvelopeError.invalidSignature) {
            try SignedEnvelope(parsing: unsigned, domain: "test")
        }
    }

    @Test func noByteMovesBetweenTheSignedParts() throws {
        let identity = try IdentityKey(seed: [UInt8](repeating: 2, count: 32))
        func signature(_ domain: String, _ type: [UInt8], _ payload: [UInt8]) -> [UInt8] {
            SignedEnvelope(signing: payload, type: type, domain: domain, with: identity).signature
        }
        let signatures: Set = [
            signature("ab", [0x63], [0x64]), signature("a", [0x62, 0x63], [0x64]),
            signature("ab", [], [0x63, 0x64]), signature("abc", [], [0x64]),
        ]
        #expect(signatures.count == 4)
    }
}

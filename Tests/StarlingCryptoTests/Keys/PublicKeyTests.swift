import StarlingCore
import Testing

@testable import StarlingCrypto

@Suite struct PublicKeyTests {
    private func key(_ vector: KeyVector) throws -> PublicKey {
        try PublicKey(protobuf: #require(Hex.decode(vector.protobuf)))
    }

    @Test(arguments: KeyVector.all)
    func parsesNamesAndReencodesTheKeysOfAllKinds(vector: KeyVector) throws {
        let key = try key(vector)
        #expect(key.kind == vector.kind)
        #expect(key.peerID.base58 == vector.peerID)
        #expect(Hex.encode(key.protobuf) == vector.protobuf)
        #expect(try PublicKey(kind: key.kind, data: key.data.span) == key)
        #expect(try PeerID(multihash: key.peerID.multihash) == key.peerID)
    }

    @Test(arguments: KeyVector.all)
    func acceptsTheSignaturesOfAnotherLibraryAndNoOthers(vector: KeyVector) throws {
        let key = try key(vector)
        let signature = try #require(Hex.decode(vector.signature))
        #expect(key.verify(signature, over: KeyVector.message))
        #expect(!key.verify(signature, over: KeyVector.message + [0]))
        #expect(!key.verify(signature, over: []))
        #expect(!key.verify([], over: KeyVector.message))
        #expect(!key.verify(signature + [0], over: KeyVector.message))
        #expect(!key.verify(Array(signature.dropLast()), over: KeyVector.message))
        for index in stride(from: 0, to: signature.count, by: max(1, signature.count / 32)) {
            var changed = signature
            changed[index] ^= 1
            #expect(!key.verify(changed, over: KeyVector.message), "byte \(index)")
        }
    }

    @Test(arguments: KeyVector.all)
    func aSignatureIsNotAnotherKeys(vector: KeyVector) throws {
        let key = try key(vector)
        for other in KeyVector.all where other.name != vector.name {
            #expect(!key.verify(try #require(Hex.decode(other.signature)), over: KeyVector.message))
        }
    }

    @Test(arguments: KeyVector.all)
    func shortKeysStandInTheirNameAndLongOnesDoNot(vector: KeyVector) throws {
        let key = try key(vector)
        let isShort = key.kind == .ed25519 || key.kind == .secp256k1
        #expect(PublicKey(peerID: key.peerID) == (isShort ? key : nil))
    }

    @Test(arguments: KeyVector.all)
    func everyTruncationIsRefused(vector: KeyVector) throws {
        let bytes = try #require(Hex.decode(vector.protobuf))
        for count in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 128)) {
            #expect(throws: KeyError.self) { try PublicKey(protobuf: Array(bytes.prefix(count))) }
        }
    }

    @Test(arguments: KeyVector.all)
    func aChangedByteGivesAnotherNameOrNoKey(vector: KeyVector) throws {
        let key = try key(vector)
        for index in key.protobuf.indices.filter({ $0 < 64 || $0 % 16 == 0 }) {
            var bytes = key.protobuf
            bytes[index] ^= 0x01
            let other = try? PublicKey(protobuf: bytes)
            #expect(other?.peerID != key.peerID)
            #expect(other == nil || other?.protobuf == bytes)
        }
    }

    @Test func onlyTheCanonicalEncodingNamesAKey() throws {
        let key: [UInt8] = try #require(Hex.decode(KeyVector.all[3].protobuf))
        let data = Array(key.dropFirst(4))
        let forms: [[UInt8]] = [
            [0x12, 0x20] + data + [0x08, 0x01],  // data first
            [0x08, 0x81, 0x00, 0x12, 0x20] + data,  // padded type
            [0x08, 0x01, 0x12, 0xa0, 0x00] + data,  // padded length
            key + [0x18, 0x00],  // an unknown field behind
            key + [0x08, 0x01],  // the type twice
        ]
        for form in forms {
            #expect(throws: KeyError.notCanonical) { try PublicKey(protobuf: form) }
        }
    }

    @Test func refusesTypesAndLengthsThatDoNotExist() {
        let zeros = [UInt8](repeating: 0, count: 32)
        #expect(throws: KeyError.unsupportedType(4)) {
            try PublicKey(protobuf: [0x08, 0x04, 0x12, 0x20] + zeros)
        }
        #expect(throws: KeyError.wrongLength) {
            try PublicKey(protobuf: [0x08, 0x01, 0x12, 0x1f] + zeros.dropLast())
        }
        #expect(throws: KeyError.wrongLength) {
            try PublicKey(protobuf: [0x08, 0x01, 0x12, 0x21] + zeros + [0])
        }
        #expect(throws: KeyError.malformedMessage(.missingField(fieldNumber: 1))) {
            try PublicKey(protobuf: [])
        }
        #expect(throws: KeyError.malformedMessage(.missingField(fieldNumber: 2))) {
            try PublicKey(protobuf: [0x08, 0x01])
        }
        #expect(throws: KeyError.malformedMessage(.lengthOutOfBounds)) {
            try PublicKey(protobuf: [0x08, 0x01, 0x12, 0x20])
        }
    }

    @Test func theLargestMessageIsTheLimit() {
        let atLimit = [UInt8](repeating: 0, count: PublicKey.protobufByteCountMax - 5)
        let header: [UInt8] = [0x08, 0x00, 0x12, 0xab, 0x09]
        #expect(throws: KeyError.malformedDER) { try PublicKey(protobuf: header + atLimit) }
        #expect(throws: KeyError.tooLarge) { try PublicKey(protobuf: header + atLimit + [0]) }
    }

    @Test func refusesAnRSAKeyThatIsTooSmall() throws {
        #expect(throws: KeyError.unsupportedParameters) {
            try PublicKey(protobuf: #require(Hex.decode(KeyVector.tooSmall)))
        }
    }

    @Test func refusesPointsThatAreOnNoCurve() throws {
        var ecdsa = try key(KeyVector.all[0]).data
        ecdsa[ecdsa.count - 1] ^= 1
        #expect(throws: KeyError.invalidPoint) { try PublicKey(kind: .ecdsa, data: ecdsa.span) }
        // x = 5 is on no point of secp256k1.
        let offCurve = [0x02] + [UInt8](repeating: 0, count: 31) + [5]
        #expect(throws: KeyError.invalidPoint) { try PublicKey(kind: .secp256k1, data: offCurve.span) }
        // x = 2^256 - 1 is not below the field's prime.
        let aboveField = [0x02] + [UInt8](repeating: 0xff, count: 32)
        #expect(throws: KeyError.invalidPoint) { try PublicKey(kind: .secp256k1, data: aboveField.span) }
        let wrongForm = [0x04] + [UInt8](repeating: 1, count: 32)
        #expect(throws: KeyError.invalidPoint) { try PublicKey(kind: .secp256k1, data: wrongForm.span) }
    }

    @Test func aSmallOrderEd25519KeySignsNothing() throws {
        // The neutral element, for which signatures of every message could be made.
        let neutral: [UInt8] = [1] + [UInt8](repeating: 0, count: 31)
        let key = try PublicKey(kind: .ed25519, data: neutral.span)
        #expect(!key.verify(neutral + [UInt8](repeating: 0, count: 32), over: KeyVector.message))
    }
}

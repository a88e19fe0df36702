import StarlingCore
import Testing

@testable import StarlingCrypto

@Suite struct IdentityKeyTests {
    private let message = Hex.decode(KeyVector.ed25519PrivateKey) ?? []

    @Test func readsAndWritesThePrivateKeyOfTheSpecification() throws {
        let identity = try IdentityKey(protobuf: message.span)
        let vector = try #require(KeyVector.all.first { $0.kind == .ed25519 })
        #expect(Hex.encode(identity.publicKey.protobuf) == vector.protobuf)
        #expect(identity.peerID.base58 == vector.peerID)
        #expect(identity.protobuf().withSpan { $0.array() } == message)
        #expect(Hex.encode(identity.sign(KeyVector.message)) == vector.signature)
    }

    @Test func readsTheOldFormThatRepeatsThePublicKey() throws {
        let data = Array(message.dropFirst(4))
        let old = [0x08, 0x01, 0x12, 96] + data + data.suffix(32)
        #expect(try IdentityKey(protobuf: old.span).protobuf().withSpan { $0.array() } == message)
        var differing = old
        differing[differing.count - 1] ^= 1
        #expect(throws: KeyError.halvesDiffer) { try IdentityKey(protobuf: differing.span) }
    }

    @Test func refusesHalvesThatDoNotBelongTogether() {
        for index in message.indices.dropFirst(4) {
            var changed = message
            changed[index] ^= 1
            #expect(throws: KeyError.halvesDiffer) { try IdentityKey(protobuf: changed.span) }
        }
    }

    @Test func refusesOtherKindsAndLengths() throws {
        let secp256k1 = try #require(Hex.decode(KeyVector.secp256k1PrivateKey))
        #expect(throws: KeyError.unsupportedType(2)) { try IdentityKey(protobuf: secp256k1.span) }
        let ecdsa = try #require(Hex.decode(KeyVector.ecdsaPrivateKey))
        #expect(throws: KeyError.unsupportedType(3)) { try IdentityKey(protobuf: ecdsa.span) }
        let short: [UInt8] = [0x08, 0x01, 0x12, 32] + message.suffix(32)
        #expect(throws: KeyError.wrongLength) { try IdentityKey(protobuf: short.span) }
        for count in 0..<message.count {
            let truncated = Array(message.prefix(count))
            #expect(throws: KeyError.self) { try IdentityKey(protobuf: truncated.span) }
        }
        #expect(throws: KeyError.wrongLength) { try IdentityKey(seed: [UInt8](repeating: 1, count: 31)) }
        #expect(throws: KeyError.wrongLength) { try IdentityKey(seed: [UInt8](repeating: 1, count: 33)) }
        #expect(throws: KeyError.wrongLength) { try IdentityKey(seed: []) }
    }

    @Test func theSameSeedGivesTheSameKeyAndIsWiped() throws {
        var seed = [UInt8](0..<32)
        let identity = try IdentityKey(wipingSeed: &seed)
        #expect(seed == [UInt8](repeating: 0, count: 32))
        #expect(try IdentityKey(seed: [UInt8](0..<32)).publicKey == identity.publicKey)
        #expect(identity.publicKey.verify(identity.sign([1, 2, 3]), over: [1, 2, 3]))
        #expect(identity.publicKey.verify(identity.sign([]), over: []))
    }

    @Test func neverPrintsThePrivateHalf() throws {
        let identity = try IdentityKey(seed: [UInt8](0..<32))
        var dumped = ""
        dump(identity, to: &dumped)
        #expect(dumped.contains(identity.peerID.base58))
        #expect(!dumped.contains("secret"))
        #expect("\(identity)" == "identity of \(identity.peerID)")
    }
}

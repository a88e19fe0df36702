import CSodium
import StarlingCore
import Testing

@testable import StarlingCrypto

/// Points that make every secret known: orders 1, 2, 4 and 8, on both forms of the curve.
enum SmallOrder {
    /// As X25519 takes them, with their other spellings below 2^255; libsodium and RFC 7748's reading know the same.
    static let onMontgomery = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ].compactMap(Hex.decode)

    /// As Ed25519 takes them.
    static let onEdwards = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    ].compactMap(Hex.decode)
}

@Suite struct SealingKeyTests {
    /// The values are those of libsodium's own test of the conversion.
    @Test func convertsAnIdentityAsOthersDo() throws {
        let seed = try #require(
            Hex.decode("421151a459faeade3d247115f94aedae42318124095afabe4d1451a559faedee")
        )
        let identity = try IdentityKey(seed: seed)
        let opening = OpeningKey(converting: identity)
        let expected = "f1814f0e8ff1043d8a44d25babff3cedcae6c22c3edaa48f857ae70de2baae50"
        #expect(Hex.encode(opening.sealingKey.publicBytes) == expected)
        let secret = identity.agreementSecret().withSpan { Hex.encode($0.array()) }
        #expect(secret == "8052030376d47112be7f73ed7a019293dd12ad910b654455798b4667d73de166")
    }

    @Test func bothHalvesOfAnIdentityConvertToOnePair() throws {
        for byte in UInt8(0)..<32 {
            let identity = try IdentityKey(seed: [UInt8](repeating: byte, count: 32))
            let sealing = try SealingKey(converting: identity.publicKey)
            #expect(sealing == OpeningKey(converting: identity).sealingKey)
            #expect(sealing.id == SealingKey.convertedID)
        }
    }

    @Test func bothSidesAgree() throws {
        let alice = OpeningKey(converting: try IdentityKey(seed: [UInt8](repeating: 1, count: 32)))
        let bob = OpeningKey(id: 7, seed: SecretBytes(copying: [UInt8](repeating: 2, count: 32).span))
        let atAlice = try StaticAgreement(alice, bob.sealingKey)
        let atBob = try StaticAgreement(bob, alice.sealingKey)
        let isEqual = atAlice.secret.isEqual(to: atBob.secret)
        #expect(isEqual)
        #expect(atAlice.peer.id == 7)
    }

    @Test func otherKindsOfIdentityAreNotConverted() throws {
        for vector in KeyVector.all where vector.kind != .ed25519 {
            let key = try PublicKey(protobuf: #require(Hex.decode(vector.protobuf)))
            #expect(throws: HPKEError.unsupportedIdentity(vector.kind)) { try SealingKey(converting: key) }
        }
    }

    @Test func pointsThatNobodyHasThePrivateHalfOfAreNotConverted() throws {
        var points = SmallOrder.onEdwards
        // Not on the curve: 2 is no y of a point.
        points.append([2] + [UInt8](repeating: 0, count: 31))
        // On the curve, with a part of small order.
        let honest = try IdentityKey(seed: [UInt8](repeating: 1, count: 32)).publicKey.data
        var mixed = [UInt8](repeating: 0, count: 32)
        #expect(crypto_core_ed25519_add(&mixed, honest, SmallOrder.onEdwards[3]) == 0)
        points.append(mixed)
        for point in points {
            let key = try PublicKey(kind: .ed25519, data: point.span)
            #expect(throws: HPKEError.invalidIdentity, "\(Hex.encode(point))") {
                try SealingKey(converting: key)
            }
        }
    }

    @Test func nothingPrintsThePrivateHalf() throws {
        let alice = OpeningKey(converting: try IdentityKey(seed: [UInt8](repeating: 1, count: 32)))
        let agreement = try StaticAgreement(alice, alice.sealingKey)
        var dumped = ""
        dump(alice, to: &dumped)
        dump(agreement, to: &dumped)
        #expect(dumped.contains("sealingKey"))
        #expect(!dumped.contains("secret"))
        #expect("\(alice), \(agreement)" == "opening key 0, agreement of key 0 with key 0")
    }
}

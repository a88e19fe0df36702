import StarlingCore
import Testing

@testable import StarlingCrypto

@Suite struct X25519Tests {
    private func key(_ hex: String) throws -> X25519Key {
        var seed = try #require(Hex.decode(hex))
        return X25519Key(seed: SecretBytes(wiping: &seed))
    }

    private func secret(_ key: borrowing X25519Key, _ other: [UInt8]) throws(X25519Error) -> [UInt8] {
        try key.sharedSecret(with: other.span).withSpan { $0.array() }
    }

    /// RFC 7748, section 6.1.
    @Test func agreesOnTheSecretOfTheRFC() throws {
        let alice = try key("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
        let bob = try key("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
        let alicePublic = alice.publicBytes
        let bobPublic = bob.publicBytes
        #expect(
            Hex.encode(alicePublic) == "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
        )
        #expect(
            Hex.encode(bobPublic) == "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
        )
        let atAlice = try secret(alice, bobPublic)
        let atBob = try secret(bob, alicePublic)
        #expect(Hex.encode(atAlice) == "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")
        #expect(atBob == atAlice)
    }

    @Test func refusesPointsOfSmallOrderAndOtherLengths() throws {
        let mine = try key(String(repeating: "42", count: 32))
        let zero = [UInt8](repeating: 0, count: 32)
        let one = [1] + [UInt8](repeating: 0, count: 31)
        for point in [zero, one] {
            var error: X25519Error?
            do { _ = try secret(mine, point) } catch let caught { error = caught }
            #expect(error == .smallOrderPoint)
        }
        for count in [0, 31, 33] {
            var error: X25519Error?
            do { _ = try secret(mine, [UInt8](repeating: 9, count: count)) } catch let caught {
                error = caught
            }
            #expect(error == .wrongLength)
        }
    }
}

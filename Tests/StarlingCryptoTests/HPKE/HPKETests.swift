import StarlingCore
import Testing

@testable import StarlingCrypto

@Suite struct HPKETests {
    private let cipher: ChaChaPoly
    private let alice: OpeningKey
    private let bob: OpeningKey
    private let info = Array("a test".utf8)
    private let header = Array("header".utf8)
    private let text = Array("for your eyes only".utf8)

    init() throws {
        cipher = try ChaChaPoly()
        alice = OpeningKey(converting: try IdentityKey(seed: [UInt8](repeating: 1, count: 32)))
        bob = OpeningKey(converting: try IdentityKey(seed: [UInt8](repeating: 2, count: 32)))
    }

    private func seed(_ byte: UInt8 = 9) -> SecretBytes {
        SecretBytes(copying: [UInt8](repeating: byte, count: 32).span)
    }

    private func toBob(_ plaintext: [UInt8], seed byte: UInt8 = 9) throws -> HPKE.Sealed {
        let agreement = try StaticAgreement(alice, bob.sealingKey)
        return try HPKE.seal(
            plaintext.span,
            agreement,
            info: info.span,
            authenticating: header.span,
            ephemeralSeed: seed(byte),
            cipher
        )
    }

    private func open(
        _ sealed: HPKE.Sealed,
        at recipient: OpeningKey,
        from sender: OpeningKey,
        info: [UInt8]? = nil,
        header: [UInt8]? = nil
    ) throws -> [UInt8] {
        let (info, header) = (info ?? self.info, header ?? self.header)
        return try HPKE.open(
            sealed,
            StaticAgreement(recipient, sender.sealingKey),
            info: info.span,
            authenticating: header.span,
            cipher
        )
    }

    @Test(arguments: [0, 1, 15, 16, 17, 1024, 65_537])
    func opensWhatWasSealed(byteCount: Int) throws {
        let plaintext = (0..<byteCount).map { UInt8(truncatingIfNeeded: $0) }
        let sealed = try toBob(plaintext)
        let sealedByteCount = sealed.encapsulatedKey.count + sealed.ciphertext.count
        #expect(sealedByteCount == byteCount + HPKE.overheadByteCount)
        #expect(try open(sealed, at: bob, from: alice) == plaintext)

        let unsigned = try HPKE.seal(
            plaintext.span,
            to: bob.sealingKey,
            info: info.span,
            authenticating: header.span,
            ephemeralSeed: seed(),
            cipher
        )
        let opened = try HPKE.open(
            unsigned,
            with: bob,
            info: info.span,
            authenticating: header.span,
            cipher
        )
        #expect(opened == plaintext)
    }

    @Test func anotherSeedGivesAnotherMessage() throws {
        let (first, second) = (try toBob(text, seed: 3), try toBob(text, seed: 4))
        #expect(first.encapsulatedKey != second.encapsulatedKey)
        #expect(first.ciphertext != second.ciphertext)
    }

    @Test func refusesAnotherSenderRecipientInfoHeaderOrMode() throws {
        let carol = OpeningKey(id: 1, seed: seed(5))
        let sealed = try toBob(text)
        #expect(throws: HPKEError.authenticationFailed) { try open(sealed, at: bob, from: carol) }
        #expect(throws: HPKEError.authenticationFailed) { try open(sealed, at: carol, from: alice) }
        #expect(throws: HPKEError.authenticationFailed) { try open(sealed, at: alice, from: bob) }
        #expect(throws: HPKEError.authenticationFailed) { try open(sealed, at: bob, from: alice, info: []) }
        #expect(throws: HPKEError.authenticationFailed) { try open(sealed, at: bob, from: alice, header: []) }
        #expect(throws: HPKEError.authenticationFailed) {
            try HPKE.open(sealed, with: bob, info: info.span, authenticating: header.span, cipher)
        }
    }

    @Test func refusesEveryChangedBitAndEveryCut() throws {
        let sealed = try toBob(text)
        for index in sealed.encapsulatedKey.indices {
            var key = sealed.encapsulatedKey
            key[index] ^= 1
            let changed = HPKE.Sealed(encapsulatedKey: key, ciphertext: sealed.ciphertext)
            #expect(throws: HPKEError.self) { try open(changed, at: bob, from: alice) }
        }
        for index in sealed.ciphertext.indices {
            var ciphertext = sealed.ciphertext
            ciphertext[index] ^= 0x80
            let changed = HPKE.Sealed(encapsulatedKey: sealed.encapsulatedKey, ciphertext: ciphertext)
            #expect(throws: HPKEError.authenticationFailed) { try open(changed, at: bob, from: alice) }
            let cut = HPKE.Sealed(
                encapsulatedKey: sealed.encapsulatedKey,
                ciphertext: Array(sealed.ciphertext[..<index])
            )
            #expect(throws: HPKEError.authenticationFailed) { try open(cut, at: bob, from: alice) }
        }
    }

    /// The highest bit of a point is no part of it, but both sides hash the bytes as they came.
    @Test func refusesAnEncapsulatedKeyInAnotherSpelling() throws {
        let sealed = try toBob(text)
        var key = sealed.encapsulatedKey
        key[31] ^= 0x80
        let changed = HPKE.Sealed(encapsulatedKey: key, ciphertext: sealed.ciphertext)
        #expect(throws: HPKEError.authenticationFailed) { try open(changed, at: bob, from: alice) }
    }

    @Test func refusesKeysOfSmallOrderAndOfOtherLengths() throws {
        for point in SmallOrder.onMontgomery {
            let key = try SealingKey(id: 1, publicBytes: point.span)
            #expect(throws: HPKEError.smallOrderPoint) { try StaticAgreement(alice, key) }
            #expect(throws: HPKEError.smallOrderPoint) {
                try HPKE.seal(
                    text.span,
                    to: key,
                    info: info.span,
                    authenticating: header.span,
                    ephemeralSeed: seed(),
                    cipher
                )
            }
            let sealed = HPKE.Sealed(encapsulatedKey: point, ciphertext: try toBob(text).ciphertext)
            #expect(throws: HPKEError.smallOrderPoint) { try open(sealed, at: bob, from: alice) }
            #expect(throws: HPKEError.smallOrderPoint) {
                try HPKE.open(sealed, with: bob, info: info.span, authenticating: header.span, cipher)
            }
        }
        for count in [0, 31, 33] {
            let bytes = [UInt8](repeating: 9, count: count)
            #expect(throws: HPKEError.wrongKeyLength) { try SealingKey(id: 1, publicBytes: bytes.span) }
            let sealed = HPKE.Sealed(encapsulatedKey: bytes, ciphertext: try toBob(text).ciphertext)
            #expect(throws: HPKEError.wrongKeyLength) { try open(sealed, at: bob, from: alice) }
        }
    }

    @Test func aMessageThatFailsLeavesTheNextOneWhereItWas() throws {
        let agreement = try StaticAgreement(alice, bob.sealingKey)
        var sender = try HPKESender(agreement, info: info.span, ephemeralSeed: seed())
        var recipient = try HPKERecipient(
            sender.encapsulatedKey.span,
            StaticAgreement(bob, alice.sealingKey),
            info: info.span
        )
        let first = try sender.seal(text.span, authenticating: header.span, cipher)
        let second = try sender.seal(text.span, authenticating: header.span, cipher)
        #expect(first != second)
        var error: HPKEError?
        do {
            _ = try recipient.open(second.span, authenticating: header.span, cipher)
        } catch let caught {
            error = caught
        }
        #expect(error == .authenticationFailed)
        for sealed in [first, second] {
            let opened = try recipient.open(sealed.span, authenticating: header.span, cipher)
            #expect(opened == text)
        }
    }

    @Test func theLastNonceIsNotPassed() throws {
        var sender = try HPKESender(to: bob.sealingKey, info: info.span, ephemeralSeed: seed())
        var recipient = try HPKERecipient(sender.encapsulatedKey.span, with: bob, info: info.span)
        sender.context.sequence = .max - 1
        recipient.context.sequence = .max - 1
        let sealed = try sender.seal(text.span, authenticating: header.span, cipher)
        let opened = try recipient.open(sealed.span, authenticating: header.span, cipher)
        #expect(opened == text)
        var errors: [HPKEError] = []
        do { _ = try sender.seal(text.span, authenticating: header.span, cipher) } catch {
            errors.append(error)
        }
        do { _ = try recipient.open(sealed.span, authenticating: header.span, cipher) } catch {
            errors.append(error)
        }
        #expect(errors == [.sequenceExhausted, .sequenceExhausted])
    }
}

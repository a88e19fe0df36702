import StarlingCore
import Testing

@testable import StarlingCrypto

@Suite struct HPKEVectorTests {
    /// Both ends of a vector's setup.
    private struct Ends {
        let vector: HPKEVector
        let recipient: OpeningKey
        let sender: OpeningKey?

        init(_ vector: HPKEVector) throws {
            self.vector = vector
            recipient = OpeningKey(id: 1, seed: try secret(vector.recipientSecret))
            sender = try vector.senderSecret.map { OpeningKey(id: 2, seed: try secret($0)) }
        }

        func setUpSender() throws -> HPKESender {
            let info = HPKEVector.info
            let seed = try secret(vector.ephemeralSeed)
            guard let sender else {
                return try HPKESender(to: recipient.sealingKey, info: info.span, ephemeralSeed: seed)
            }
            let agreement = try StaticAgreement(sender, recipient.sealingKey)
            return try HPKESender(agreement, info: info.span, ephemeralSeed: seed)
        }

        func setUpRecipient() throws -> HPKERecipient {
            let info = HPKEVector.info
            let encapsulatedKey = try #require(Hex.decode(vector.encapsulatedKey))
            guard let sender else {
                return try HPKERecipient(encapsulatedKey.span, with: recipient, info: info.span)
            }
            let agreement = try StaticAgreement(recipient, sender.sealingKey)
            return try HPKERecipient(encapsulatedKey.span, agreement, info: info.span)
        }
    }

    private static func secret(_ hex: String) throws -> SecretBytes {
        var bytes = try #require(Hex.decode(hex))
        return SecretBytes(wiping: &bytes)
    }

    private static func hex(_ secret: borrowing SecretBytes) -> String {
        secret.withSpan { Hex.encode($0.array()) }
    }

    private static func check(_ context: borrowing HPKEContext, _ vector: HPKEVector) {
        let (key, exporterSecret) = (hex(context.key), hex(context.exporterSecret))
        let nonce = context.firstNonce.withUnsafeBytes {
            Hex.encode(Array(UnsafeRawBufferPointer(start: $0, count: CipherNonce.byteCount)))
        }
        #expect(key == vector.key)
        #expect(nonce == vector.firstNonce)
        #expect(exporterSecret == vector.exporterSecret)
    }

    @Test(arguments: HPKEVector.all)
    func derivesTheKeyPairs(vector: HPKEVector) throws {
        let pairs = [
            (vector.ephemeralSeed, vector.ephemeralSecret, vector.encapsulatedKey),
            (vector.recipientSeed, vector.recipientSecret, vector.recipientPublic),
            (vector.senderSeed, vector.senderSecret, vector.senderPublic),
        ]
        for case (let seed?, let secret?, let publicHalf?) in pairs as [(String?, String?, String?)] {
            let derived = DHKEM.keyPair(from: try Self.secret(seed)).publicBytes
            #expect(Hex.encode(derived) == publicHalf)
            let own = X25519Key(seed: try Self.secret(secret)).publicBytes
            #expect(Hex.encode(own) == publicHalf)
        }
    }

    @Test(arguments: HPKEVector.all)
    func encapsulatesTheSharedSecret(vector: HPKEVector) throws {
        let ends = try Ends(vector)
        let encapsulatedKey = try #require(Hex.decode(vector.encapsulatedKey))
        let seed = try Self.secret(vector.ephemeralSeed)
        let (sent, received): (String, String)
        if let sender = ends.sender {
            let outward = try StaticAgreement(sender, ends.recipient.sealingKey)
            let inward = try StaticAgreement(ends.recipient, sender.sealingKey)
            sent = Self.hex(try DHKEM.encapsulate(outward, ephemeralSeed: seed).sharedSecret)
            received = Self.hex(try DHKEM.decapsulate(encapsulatedKey.span, inward))
        } else {
            let to = ends.recipient.sealingKey
            sent = Self.hex(try DHKEM.encapsulate(to: to, ephemeralSeed: seed).sharedSecret)
            received = Self.hex(try DHKEM.decapsulate(encapsulatedKey.span, with: ends.recipient))
        }
        #expect(sent == vector.sharedSecret)
        #expect(received == vector.sharedSecret)
    }

    @Test(arguments: HPKEVector.all)
    func schedulesTheKeysOfTheRFC(vector: HPKEVector) throws {
        let ends = try Ends(vector)
        let sender = try ends.setUpSender()
        let encapsulatedKey = sender.encapsulatedKey
        #expect(Hex.encode(encapsulatedKey) == vector.encapsulatedKey)
        Self.check(sender.context, vector)
        Self.check(try ends.setUpRecipient().context, vector)
    }

    @Test(arguments: HPKEVector.all)
    func sealsAndOpensTheMessagesOfTheRFC(vector: HPKEVector) throws {
        let cipher = try ChaChaPoly()
        let ends = try Ends(vector)
        var sender = try ends.setUpSender()
        var recipient = try ends.setUpRecipient()
        let plaintext = HPKEVector.plaintext
        for number in 0...(vector.messages.keys.max() ?? 0) {
            let data = Array("Count-\(number)".utf8)
            let sealed = try sender.seal(plaintext.span, authenticating: data.span, cipher)
            if let expected = vector.messages[number] { #expect(Hex.encode(sealed) == expected) }
            let opened = try recipient.open(sealed.span, authenticating: data.span, cipher)
            #expect(opened == plaintext)
        }
    }

    @Test(arguments: HPKEVector.all)
    func exportsTheSecretsOfTheRFC(vector: HPKEVector) throws {
        let ends = try Ends(vector)
        let sender = try ends.setUpSender()
        let recipient = try ends.setUpRecipient()
        for (purpose, expected) in vector.exports {
            let purpose = try #require(Hex.decode(purpose))
            let sent = Self.hex(sender.exportSecret(purpose.span, byteCount: 32))
            let received = Self.hex(recipient.exportSecret(purpose.span, byteCount: 32))
            #expect(sent == expected)
            #expect(received == expected)
        }
    }
}

import StarlingCore
import Testing

@testable import StarlingCrypto

@Suite struct NoiseXXTests {
    struct Vector: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var prologue = ""
        var initiatorStatic: String
        var initiatorEphemeral: String
        var responderStatic: String
        var responderEphemeral: String
        var handshakeHash: String?
        /// Payload and message of the handshake, then of each record.
        var messages: [(payload: String, message: String)]
        /// Who sends the first record after the handshake; both take turns then.
        var firstSender: NoiseRole
    }

    /// Noise_XX_25519_ChaChaPoly_SHA256 of the public collections.
    static let vectors = [
        Vector(
            testDescription: "cacophony",
            prologue: "4a6f686e2047616c74",
            initiatorStatic: "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1",
            initiatorEphemeral: "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
            responderStatic: "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893",
            responderEphemeral: "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
            handshakeHash: "c8e5f64e846193be2a834104c2a009868d6c9f3bd3c186299888b488b2f1f58e",
            messages: [
                (
                    "4c756477696720766f6e204d69736573",
                    """
                    ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79444c756477696720766f6e20\
                    4d69736573
                    """
                ),
                (
                    "4d757272617920526f746862617264",
                    """
                    95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f14480884381cbad1f276e038c48378f\
                    fce2b65285e08d6b68aaa3629a5a8639392490e5b9bd5269c2f1e4f488ed8831161f19b7815528f8982ffe\
                    09be9b5c412f8a0db50f8814c7194e83f23dbd8d162c9326ad
                    """
                ),
                (
                    "462e20412e20486179656b",
                    """
                    c7195ffacac1307ff99046f219750fc47693e23c3cb08b89c2af808b444850a80ae475b9df0f169ae80a89\
                    be0865b57f58c9fea0d4ec82a286427402f113e4b6ae769a1d95941d49b25030
                    """
                ),
                ("4361726c204d656e676572", "96763ed773f8e47bb3712f0e29b3060ffc956ffc146cee53d5e1df"),
                (
                    "4a65616e2d426170746973746520536179",
                    "3e40f15f6f3a46ae446b253bf8b1d9ffb6ed9b174d272328ff91a7e2e5c79c07f5"
                ),
                (
                    "457567656e2042f6686d20766f6e2042617765726b",
                    "eb3f3515110702e047a6c9da4478b6ead94873c11c0f2d710ddb3f09fce024b3a58502ae3f"
                ),
            ],
            firstSender: .responder
        ),
        Vector(
            testDescription: "flynn, empty prologue",
            initiatorStatic: "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
            initiatorEphemeral: "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f",
            responderStatic: "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20",
            responderEphemeral: "4142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f60",
            messages: [
                (
                    "746573745f6d73675f30",
                    "358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254746573745f6d73675f30"
                ),
                (
                    "746573745f6d73675f31",
                    """
                    64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d484663414af878d3e46a2f58911\
                    a816d6e8346d4ea17a6f2a0bb4ef4ed56c133cff4572e7a2ba5123ac30618b3d205f5c2d17f50cbca21648\
                    3ac56bcc78e33bf520303278db641e5e731b2e3a
                    """
                ),
                (
                    "746573745f6d73675f32",
                    """
                    87f864c11ba449f46a0a4f4e2eacbb7b0457784f4fca1937f572c93603e9c4d9f27e318e43ba630594c4d0\
                    8eeb3b36d97c7377a2f4f9144b2f0c8095ad92140505b2ab53eff244b14138
                    """
                ),
                (
                    "79656c6c6f777375626d6172696e65",
                    "a52ef02ba60e12696d1d6b9ef4245c88fca757b6134ad6e76b56e310a6adf6"
                ),
                (
                    "7375626d6172696e6579656c6c6f77",
                    "2445aa438ebd649281c636cc7269ca82f1d9023d72520943aeabf909cdf521"
                ),
            ],
            firstSender: .initiator
        ),
    ]

    private func key(_ hex: String) throws -> X25519Key {
        var seed = try #require(Hex.decode(hex))
        return X25519Key(seed: SecretBytes(wiping: &seed))
    }

    @Test(arguments: vectors)
    func speaksTheMessagesOfTheVectors(vector: Vector) throws {
        let prologue = try #require(Hex.decode(vector.prologue))
        let initiatorStatic = try key(vector.initiatorStatic)
        let responderStatic = try key(vector.responderStatic)
        var initiator = NoiseXX(
            isInitiator: true,
            ephemeral: try key(vector.initiatorEphemeral),
            prologue: prologue.span
        )
        var responder = NoiseXX(
            isInitiator: false,
            ephemeral: try key(vector.responderEphemeral),
            prologue: prologue.span
        )
        for index in 0..<3 {
            let payload = try #require(Hex.decode(vector.messages[index].payload))
            var message: [UInt8] = []
            var received: [UInt8] = []
            if index == 1 {
                message = try responder.write(payload.span, staticKey: responderStatic)
                received = try initiator.read(message.span)
            } else {
                message = try initiator.write(payload.span, staticKey: initiatorStatic)
                received = try responder.read(message.span)
            }
            #expect(Hex.encode(message) == vector.messages[index].message)
            #expect(received == payload)
        }
        let hashes = (initiator.transcriptHash, responder.transcriptHash)
        #expect(hashes.0 == hashes.1)
        if let handshakeHash = vector.handshakeHash { #expect(Hex.encode(hashes.0) == handshakeHash) }
        let remotes = (initiator.remoteStatic, responder.remoteStatic)
        let statics = (responderStatic.publicBytes, initiatorStatic.publicBytes)
        #expect(remotes == statics)

        let cipher = try ChaChaPoly()
        let keys = initiator.split()
        let initiatorKey = keys.initiator.withSpan { $0.array() }
        let responderKey = keys.responder.withSpan { $0.array() }
        var senders = [
            try NoiseSide(key: initiatorKey, peerKey: responderKey),
            try NoiseSide(key: responderKey, peerKey: initiatorKey),
        ]
        if vector.firstSender == .responder { senders.swapAt(0, 1) }
        for (index, example) in vector.messages.dropFirst(3).enumerated() {
            let content = try #require(Hex.decode(example.payload))
            let record = try senders[index % 2].seal(content, cipher)
            #expect(Hex.encode(Array(record.dropFirst(2))) == example.message)
            #expect(try senders[(index + 1) % 2].open(record, cipher) == content)
        }
    }

    @Test func refusesToSpeakOrListenOutOfTurn() throws {
        let nothing: [UInt8] = []
        let staticKey = try key(String(repeating: "11", count: 32))
        var initiator = NoiseXX(
            isInitiator: true,
            ephemeral: try key(String(repeating: "22", count: 32)),
            prologue: nothing.span
        )
        var errors: [NoiseError] = []
        do { _ = try initiator.read([UInt8](repeating: 1, count: 32).span) } catch { errors.append(error) }
        _ = try initiator.write(nothing.span, staticKey: staticKey)
        do { _ = try initiator.write(nothing.span, staticKey: staticKey) } catch { errors.append(error) }
        #expect(errors == [.outOfTurn, .outOfTurn])
    }
}

/// One end of a session, for arrays in place of blocks.
final class NoiseSide {
    private var session: NoiseSession

    init(key: [UInt8], peerKey: [UInt8], nonce: UInt64 = 0) throws {
        session = NoiseSession(
            remoteKey: try IdentityKey(seed: [UInt8](repeating: 1, count: 32)).publicKey,
            muxer: nil,
            keys: NoiseKeys(
                initiator: SecretBytes(copying: key.span),
                responder: SecretBytes(copying: peerKey.span)
            ),
            role: .initiator,
            nonce: nonce
        )
    }

    init(_ session: consuming NoiseSession) {
        self.session = session
    }

    var remotePeer: PeerID { session.remotePeer }
    var muxer: String? { session.muxer }

    func seal(_ content: [UInt8], _ cipher: ChaChaPoly) throws(NoiseError) -> [UInt8] {
        let block = Buffer(byteCount: content.count + 18)
        block.write(content.span, at: 2)
        let record = try session.seal(block, content: 2..<2 + content.count, with: cipher)
        return block.withSpan(record) { $0.array() }
    }

    func open(_ record: [UInt8], _ cipher: ChaChaPoly) throws(NoiseError) -> [UInt8] {
        let block = Buffer(byteCount: record.count + 1)
        block.write(record.span, at: 1)
        let content = try session.open(block, record: 1..<1 + record.count, with: cipher)
        return block.withSpan(content) { $0.array() }
    }
}

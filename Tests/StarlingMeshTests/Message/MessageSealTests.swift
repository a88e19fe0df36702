import StarlingCore
import StarlingCrypto
import StarlingMesh
import Testing

@Suite struct MessageSealTests {
    private let cipher: ChaChaPoly

    init() throws { cipher = try ChaChaPoly() }

    @Test func onlyTheRecipientReadsIt() throws {
        let secret = MessageContent(type: .data, payload: Array("nobody else may see this line".utf8))
        let envelope = try MessageKit.sealed(secret, cipher)
        let wire = envelope.encoded
        #expect(!Self.contains(wire, secret.payload), "no plaintext on the wire")
        let read = try MessageKit.verify(wire)
        #expect(throws: OpenError.sealed) { try read.content() }
        let forBob = try MessageKit.agreement(MessageKit.bob, MessageKit.alice)
        #expect(try read.content(openedWith: forBob, cipher) == secret)
        let forEve = try MessageKit.agreement(MessageKit.key(3), MessageKit.alice)
        #expect(throws: OpenError.unsealable(.authenticationFailed)) {
            try read.content(openedWith: forEve, cipher)
        }
        let fromEve = try MessageKit.agreement(MessageKit.bob, MessageKit.key(3))
        #expect(throws: OpenError.unsealable(.authenticationFailed), "sealed by the one who signed") {
            try read.content(openedWith: fromEve, cipher)
        }
    }

    @Test func theHeaderBelongsToTheSealedBody() throws {
        let envelope = try MessageKit.sealed(MessageKit.content, cipher)
        var header = envelope.header
        header.place?.number += 1
        // Signed by the same sender, who cannot be made to vouch for the content under another header.
        let moved = try Envelope(header, body: envelope.body, from: MessageKit.alice)
        let forBob = try MessageKit.agreement(MessageKit.bob, MessageKit.alice)
        #expect(throws: OpenError.unsealable(.authenticationFailed)) {
            try moved.content(openedWith: forBob, cipher)
        }
    }

    @Test func aKeyThatTheRecipientDoesNotHaveIsNamed() throws {
        let envelope = try MessageKit.sealed(MessageKit.content, cipher)
        var header = envelope.header
        header.recipientKeyID = 4
        let other = try Envelope(header, body: envelope.body, from: MessageKit.alice)
        let forBob = try MessageKit.agreement(MessageKit.bob, MessageKit.alice)
        #expect(throws: OpenError.unknownKey(id: 4)) { try other.content(openedWith: forBob, cipher) }
    }

    @Test(arguments: [0, 31, 47, 48]) func aBodyTooShortToBeSealedIsRefused(byteCount: Int) throws {
        var header = MessageKit.header
        header.privacy = .private
        let body = [UInt8](repeating: 1, count: byteCount)
        let envelope = try Envelope(header, body: body, from: MessageKit.alice)
        let forBob = try MessageKit.agreement(MessageKit.bob, MessageKit.alice)
        #expect(throws: OpenError.self) { try envelope.content(openedWith: forBob, cipher) }
    }

    @Test func anOpenMessageIsReadWithOrWithoutAKey() throws {
        let envelope = try MessageKit.envelope()
        let forBob = try MessageKit.agreement(MessageKit.bob, MessageKit.alice)
        #expect(try envelope.content(openedWith: forBob, cipher) == MessageKit.content)
    }

    @Test func theSenderIsToldWhatTheRecipientCannotDo() {
        #expect(OpenError.content(.payloadTooLarge(byteCountMax: 1)).outcome == .refusedTooLarge)
        for error in [
            OpenError.sealed, .unknownKey(id: 1), .unsealable(.authenticationFailed),
            .content(.malformed(.truncated)),
        ] {
            #expect(error.outcome == .unreadable)
        }
    }

    @Test func contentBeyondItsLimitsIsNotSealed() throws {
        let large = MessageContent(type: .data, payload: [UInt8](repeating: 0, count: 1_048_577))
        let expected = SealError.content(.payloadTooLarge(byteCountMax: 1_048_576))
        #expect(throws: expected) { try MessageKit.envelope(large) }
        #expect(throws: expected) { try MessageKit.sealed(large, cipher) }
    }

    private static func contains(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
        guard bytes.count >= part.count else { return false }
        return (0...bytes.count - part.count).contains { Array(bytes[$0..<$0 + part.count]) == part }
    }
}

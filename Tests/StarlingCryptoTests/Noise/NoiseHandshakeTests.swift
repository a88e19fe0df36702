import StarlingCore
import Testing

@testable import StarlingCrypto

/// Two handshakes that talk to each other, and what happens to their messages on the way.
final class NoisePair {
    static let yamux = "/yamux/1.0.0"
    static let mplex = "/mplex/6.7.0"

    let alice: IdentityKey
    let bob: IdentityKey
    var initiator: NoiseHandshake
    var responder: NoiseHandshake

    init(
        seed: UInt8 = 1,
        aliceMuxers: [String] = [],
        bobMuxers: [String] = [],
        aliceExpects: PeerID? = nil,
        bobExpects: PeerID? = nil,
        limits: NoiseHandshake.Limits = NoiseHandshake.Limits()
    ) throws {
        func bytes(_ index: UInt8) -> [UInt8] { (0..<32).map { $0 &* 7 &+ seed &* 16 &+ index } }
        alice = try IdentityKey(seed: bytes(0))
        bob = try IdentityKey(seed: bytes(1))
        initiator = NoiseHandshake(
            role: .initiator,
            identity: NoiseIdentity(alice, staticSeed: SecretBytes(copying: bytes(2).span)),
            ephemeralSeed: SecretBytes(copying: bytes(3).span),
            expectedPeer: aliceExpects,
            muxers: aliceMuxers,
            limits: limits
        )
        responder = NoiseHandshake(
            role: .responder,
            identity: NoiseIdentity(bob, staticSeed: SecretBytes(copying: bytes(4).span)),
            ephemeralSeed: SecretBytes(copying: bytes(5).span),
            expectedPeer: bobExpects,
            muxers: bobMuxers,
            limits: limits
        )
    }

    /// Carries all messages across, each through `change`.
    func run(_ change: (Int, [UInt8]) -> [UInt8] = { $1 }) throws(NoiseError) {
        for index in 0..<NoiseHandshake.messageCount {
            if index == 1 {
                guard let message = try responder.nextMessage() else { throw .outOfTurn }
                try initiator.receive(change(index, message).span)
            } else {
                guard let message = try initiator.nextMessage() else { throw .outOfTurn }
                try responder.receive(change(index, message).span)
            }
        }
    }
}

@Suite struct NoiseHandshakeTests {
    private func error(_ body: () throws -> Void) -> NoiseError? {
        do { try body() } catch { return error as? NoiseError }
        return nil
    }

    @Test func bothSidesLearnWhoTheOtherIs() throws {
        let pair = try NoisePair()
        let (alice, bob) = (pair.alice, pair.bob)
        try pair.run()
        let areFinished = pair.initiator.isFinished && pair.responder.isFinished
        #expect(areFinished)
        #expect(try pair.initiator.nextMessage() == nil)
        #expect(try pair.responder.nextMessage() == nil)
        let atAlice = NoiseSide(try pair.initiator.finish())
        #expect(atAlice.remotePeer == bob.peerID)
        #expect(atAlice.muxer == nil)
        let atBob = NoiseSide(try pair.responder.finish())
        #expect(atBob.remotePeer == alice.peerID)
        #expect(error { _ = try pair.initiator.finish() } == .outOfTurn)
        #expect(error { _ = try pair.initiator.nextMessage() } == .outOfTurn)
    }

    @Test func agreesOnTheInitiatorsFirstCommonMuxer() throws {
        let lists: [([String], [String], String?)] = [
            ([NoisePair.yamux, NoisePair.mplex], [NoisePair.mplex, NoisePair.yamux], NoisePair.yamux),
            ([NoisePair.mplex, NoisePair.yamux], [NoisePair.yamux], NoisePair.yamux),
            ([NoisePair.yamux], [NoisePair.yamux], NoisePair.yamux),
            ([NoisePair.yamux], [], nil),
            ([], [NoisePair.yamux], nil),
            ([], [], nil),
        ]
        for (ours, theirs, expected) in lists {
            let pair = try NoisePair(aliceMuxers: ours, bobMuxers: theirs)
            try pair.run()
            let atAlice = NoiseSide(try pair.initiator.finish())
            let atBob = NoiseSide(try pair.responder.finish())
            #expect(atAlice.muxer == expected)
            #expect(atBob.muxer == expected)
        }
    }

    @Test func noCommonMuxerEndsTheHandshakeAtTheInitiator() throws {
        let pair = try NoisePair(aliceMuxers: [NoisePair.yamux], bobMuxers: [NoisePair.mplex])
        #expect(error { try pair.run() } == .noCommonMuxer)
        #expect(error { _ = try pair.initiator.nextMessage() } == .outOfTurn)
    }

    @Test func reachingAnotherPeerThanExpectedIsSaidWithItsName() throws {
        let stranger = try IdentityKey(seed: [UInt8](repeating: 9, count: 32)).peerID
        let pair = try NoisePair(aliceExpects: stranger)
        let bob = pair.bob.peerID
        #expect(error { try pair.run() } == .unexpectedPeer(bob))
        let other = try NoisePair(bobExpects: stranger)
        let alice = other.alice.peerID
        #expect(error { try other.run() } == .unexpectedPeer(alice))
        let expected = try NoisePair(aliceExpects: bob, bobExpects: alice)
        try expected.run()
    }

    @Test func everyChangedByteOfEveryMessageEndsTheHandshake() throws {
        for index in 0..<NoiseHandshake.messageCount {
            var byteCount = 1
            var offset = 0
            while offset < byteCount {
                let pair = try NoisePair(aliceMuxers: [NoisePair.yamux], bobMuxers: [NoisePair.yamux])
                let found = error {
                    try pair.run { position, message in
                        guard position == index else { return message }
                        byteCount = message.count
                        var changed = message
                        changed[offset] ^= 1 << UInt8(offset % 8)
                        return changed
                    }
                }
                #expect(found != nil, "message \(index), byte \(offset)")
                let isFinished = pair.responder.isFinished
                #expect(!isFinished)
                offset += 1
            }
        }
    }

    @Test func everyTruncationAndExtensionEndsTheHandshake() throws {
        for index in 0..<NoiseHandshake.messageCount {
            for count in stride(from: 0, to: 200, by: 3) {
                let pair = try NoisePair()
                var wasCut = false
                let found = error {
                    try pair.run { position, message in
                        guard position == index, message.count > count else { return message }
                        wasCut = true
                        return Array(message.prefix(count))
                    }
                }
                #expect((found != nil) == wasCut, "message \(index), \(count) bytes")
            }
            let pair = try NoisePair()
            #expect(error { try pair.run { $0 == index ? $1 + [0] : $1 } } != nil)
        }
    }

    @Test func messagesOfAnotherHandshakeAreRefused() throws {
        var recorded: [[UInt8]] = []
        let first = try NoisePair(seed: 1)
        try first.run { _, message in
            recorded.append(message)
            return message
        }
        for index in 0..<NoiseHandshake.messageCount {
            let second = try NoisePair(seed: 2)
            #expect(error { try second.run { $0 == index ? recorded[index] : $1 } } != nil)
        }
    }

    @Test func aMessageAboveTheLimitIsRefusedUnread() throws {
        var limits = NoiseHandshake.Limits()
        limits.messageByteCountMax = 32
        let pair = try NoisePair(limits: limits)
        #expect(error { try pair.run() } == .messageTooLong)
        let message = [UInt8](repeating: 0, count: 33)
        let other = try NoisePair(limits: limits)
        #expect(error { try other.responder.receive(message.span) } == .messageTooLong)
    }

    @Test func listeningToASecondMessageBeforeOursWentOutIsRefused() throws {
        let pair = try NoisePair()
        let message = try #require(try pair.initiator.nextMessage())
        let none = try pair.initiator.nextMessage()
        #expect(none == nil)
        try pair.responder.receive(message.span)
        #expect(error { try pair.responder.receive(message.span) } == .outOfTurn)
        #expect(error { _ = try pair.responder.nextMessage() } == .outOfTurn)
        #expect(error { _ = try NoisePair().initiator.finish() } == .outOfTurn)
    }

    @Test func aDiffieHellmanKeyOfSmallOrderIsRefused() throws {
        let pair = try NoisePair()
        try pair.responder.receive([UInt8](repeating: 0, count: 32).span)
        #expect(error { _ = try pair.responder.nextMessage() } == .invalidDiffieHellmanKey)
    }

    /// Runs a handshake with a responder that sends `payload` in its message.
    private func dial(answering payload: (_ staticKey: [UInt8], IdentityKey) -> [UInt8]) throws -> NoiseError?
    {
        let pair = try NoisePair(aliceMuxers: [NoisePair.yamux])
        let nothing: [UInt8] = []
        let staticKey = X25519Key(seed: SecretBytes(copying: [UInt8](repeating: 3, count: 32).span))
        var responder = NoiseXX(
            isInitiator: false,
            ephemeral: X25519Key(seed: SecretBytes(copying: [UInt8](repeating: 4, count: 32).span)),
            prologue: nothing.span
        )
        let first = try #require(try pair.initiator.nextMessage())
        _ = try responder.read(first.span)
        let answer = try responder.write(payload(staticKey.publicBytes, pair.bob).span, staticKey: staticKey)
        return error { try pair.initiator.receive(answer.span) }
    }

    @Test func refusesEveryPayloadThatProvesNothing() throws {
        func payload(_ key: [UInt8], _ signature: [UInt8], _ muxers: [String] = []) -> [UInt8] {
            NoisePayload(identityKey: key, identitySignature: signature, muxers: muxers).encoded()
        }
        #expect(
            try dial { payload($1.publicKey.protobuf, $1.sign(NoisePayload.signed($0)), [NoisePair.yamux]) }
                == nil
        )
        #expect(try dial { payload($1.publicKey.protobuf, $1.sign($0)) } == .invalidSignature)
        #expect(
            try dial { payload($1.publicKey.protobuf, $1.sign(NoisePayload.signed($0.reversed()))) }
                == .invalidSignature
        )
        #expect(
            try dial { payload($1.publicKey.protobuf, [UInt8](repeating: 0, count: 64)) } == .invalidSignature
        )
        #expect(try dial { _, _ in [] } == .malformedPayload(.missingField(fieldNumber: 1)))
        #expect(
            try dial { payload($1.publicKey.protobuf, []) }
                == .malformedPayload(.missingField(fieldNumber: 2))
        )
        #expect(try dial { _, _ in [0x0a, 0x05] } == .malformedPayload(.lengthOutOfBounds))
        #expect(
            try dial { payload([0x08, 0x09, 0x12, 0x00], $1.sign($0)) }
                == .invalidIdentityKey(.unsupportedType(9))
        )
    }

    @Test func theNumberAndTheLengthOfMuxersAreLimited() throws {
        func answer(_ muxers: [String]) throws -> NoiseError? {
            try dial { staticKey, bob in
                NoisePayload(
                    identityKey: bob.publicKey.protobuf,
                    identitySignature: bob.sign(NoisePayload.signed(staticKey)),
                    muxers: muxers + [NoisePair.yamux]
                ).encoded()
            }
        }
        let name = String(repeating: "m", count: 128)
        #expect(try answer(Array(repeating: name, count: 31)) == nil)
        #expect(
            try answer(Array(repeating: name, count: 32))
                == .malformedPayload(.tooManyEntries(fieldNumber: 2))
        )
        #expect(try answer([name + "m"]) == .malformedPayload(.invalidValue(fieldNumber: 2)))
    }

    @Test func unknownFieldsInThePayloadAreSkipped() throws {
        let found = try dial { staticKey, bob in
            var writer = ProtobufWriter()
            writer.bytes(3, [1, 2, 3])
            writer.bytes(1, bob.publicKey.protobuf)
            writer.bytes(2, bob.sign(NoisePayload.signed(staticKey)))
            writer.message(4) { extensions in
                extensions.bytes(1, [0xde, 0xad])
                extensions.string(2, NoisePair.yamux)
                extensions.varint(7, 7)
            }
            return writer.bytes
        }
        #expect(found == nil)
    }

    @Test(arguments: KeyVector.all)
    func peersWithEveryKindOfKeyAreReadAndTheirSignaturesChecked(vector: KeyVector) throws {
        // Their signatures are over another message, so that this shows both: the key is read, the proof is not taken.
        let key = try #require(Hex.decode(vector.protobuf))
        let signature = try #require(Hex.decode(vector.signature))
        let found = try dial { _, _ in
            NoisePayload(identityKey: key, identitySignature: signature).encoded()
        }
        #expect(found == .invalidSignature)
    }
}

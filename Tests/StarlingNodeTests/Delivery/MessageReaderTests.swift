import StarlingCore
import StarlingCrypto
import StarlingMesh
import StarlingSimulator
import StarlingWorld
import Testing

@testable import StarlingNode

@Suite struct MessageReaderTests {
    private func key(_ byte: UInt8) throws -> IdentityKey {
        try IdentityKey(seed: [UInt8](repeating: byte, count: IdentityKey.seedByteCount))
    }

    /// A few hundred bytes that unpack to a MiB must not count as a few hundred: many of them are held at once.
    @Test func aPackedPayloadCountsAsWhatItUnpacksTo() throws {
        let loop = Simulation(seed: 1).host("bob").world.loops[0]
        let (alice, bob) = (try key(1), try key(2))
        var packer = MessagePacker()
        var content = MessageContent(type: .data, payload: [UInt8](repeating: 0, count: 1_000_000))
        content.contentType = "text/plain"
        var header = MessageHeader(
            id: MessageID(random: [UInt8](repeating: 3, count: MessageID.byteCount)),
            from: alice.peerID,
            to: bob.peerID,
            created: WallTime(millisecondsSince1970: 0),
            lifetimeMilliseconds: 1000,
            place: .init(series: 1, number: 1, floor: 1)
        )
        header.privacy = .standard
        let envelope = try Envelope(header, content: packer.pack(content), from: alice)
        #expect(envelope.body.count < 10_000)
        var frame: [UInt8] = []
        MessageFrame(.envelope, envelope.encoded).appendWithoutLength(to: &frame)
        var reader = MessageReader(
            own: bob.peerID,
            keys: try MessageKeys(identity: bob, loops: [loop]),
            on: loop,
            limits: Envelope.Limits()
        )
        let byteCount = try reader.read(frame, from: alice.peerID, wallNow: header.created)?.byteCount
        #expect(try #require(byteCount) >= content.payload.count)
    }

    /// Relays check no signatures: a frame that somebody else forged ends no stream of theirs.
    @Test func aForgedFrameIsItsAuthorsFaultAndNotTheRelays() throws {
        let loop = Simulation(seed: 1).host("bob").world.loops[0]
        let (alice, bob, relay) = (try key(1), try key(2), try key(3))
        let id = MessageID(random: [UInt8](repeating: 3, count: MessageID.byteCount))
        let entry = Receipt.Entry(id: id, outcome: .delivered)
        let created = WallTime(millisecondsSince1970: 0)
        var bytes = Receipt(for: [entry], to: bob.peerID, created: created, from: alice).encoded
        bytes[bytes.count - 1] ^= 1
        var frame: [UInt8] = []
        MessageFrame(.receipt, bytes).appendWithoutLength(to: &frame)
        var reader = MessageReader(
            own: bob.peerID,
            keys: try MessageKeys(identity: bob, loops: [loop]),
            on: loop,
            limits: Envelope.Limits()
        )
        #expect(try reader.read(frame, from: relay.peerID, wallNow: created) == nil)
        #expect(throws: EnvelopeError.self) {
            try reader.read(frame, from: alice.peerID, wallNow: created)
        }
    }
}

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
}

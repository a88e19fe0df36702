import StarlingCore
import StarlingCrypto
import StarlingMesh
import Testing

/// The vectors in docs/specs/message.md, computed again.
@Suite struct MessageSpecTests {
    /// The message in the clear as Bob has it, when it asked for its way and came over Carol.
    private static func recorded() throws -> Envelope {
        var header = MessageKit.header
        header.recordsPath = true
        var envelope = try Envelope(header, content: MessageKit.content, from: MessageKit.alice)
        envelope.hopCount = 1
        let times = [3, 8].map { MessageKit.created.millisecondsSince1970 + $0 }
        envelope.crossed(from: MessageKit.alice.peerID, at: WallTime(millisecondsSince1970: times[0]))
        envelope.crossed(from: MessageKit.key(3).peerID, at: WallTime(millisecondsSince1970: times[1]))
        return envelope
    }

    @Test func theVectorsOfTheSpecificationHold() throws {
        let envelope = try MessageKit.envelope()
        let sealed = try MessageKit.sealed(MessageKit.content, ChaChaPoly())
        let receipt = Receipt(
            for: [.init(id: MessageKit.id, outcome: .delivered)],
            to: MessageKit.alice.peerID,
            created: MessageKit.created,
            from: MessageKit.bob
        )
        let settlement = Settlement(
            of: [.init(series: MessageKit.series, floor: 8, ranges: [10...12])],
            to: MessageKit.bob.peerID,
            created: MessageKit.created,
            from: MessageKit.alice
        )
        let carried = try Self.recorded()
        let told = Receipt(
            for: [.init(id: MessageKit.id, outcome: .delivered, path: carried.path)],
            to: MessageKit.alice.peerID,
            created: MessageKit.created,
            from: MessageKit.bob
        )
        var fragmenter = try Fragmenter(linkByteCount: 128)
        let start = Instant(nanosecondsSinceOrigin: 0)
        try fragmenter.send(MessageFrame(.receipt, receipt.encoded), id: MessageKit.id, now: start)
        var pieces: [(name: String, value: String)] = []
        while let piece = fragmenter.next(now: start) {
            pieces.append(("fragment \(pieces.count)", Hex.encode(piece.bytes)))
        }
        let computed: [(name: String, value: String)] =
            pieces + [
                ("alice", MessageKit.alice.peerID.description), ("bob", MessageKit.bob.peerID.description),
                ("header", Hex.encode(envelope.headerBytes)), ("content", Hex.encode(envelope.body)),
                ("signature", Hex.encode(envelope.signature)),
                ("frame", Hex.encode(MessageFrame(.envelope, envelope.encoded).encoded)),
                ("private header", Hex.encode(sealed.headerBytes)), ("private body", Hex.encode(sealed.body)),
                ("private signature", Hex.encode(sealed.signature)),
                ("private frame", Hex.encode(MessageFrame(.envelope, sealed.encoded).encoded)),
                ("receipt body", Hex.encode(receipt.bodyBytes)),
                ("receipt signature", Hex.encode(receipt.signature)),
                ("receipt frame", Hex.encode(MessageFrame(.receipt, receipt.encoded).encoded)),
                ("settlement body", Hex.encode(settlement.bodyBytes)),
                ("settlement signature", Hex.encode(settlement.signature)),
                ("settlement frame", Hex.encode(MessageFrame(.settlement, settlement.encoded).encoded)),
                ("recorded header", Hex.encode(carried.headerBytes)),
                ("recorded frame", Hex.encode(MessageFrame(.envelope, carried.encoded).encoded)),
                ("recorded receipt frame", Hex.encode(MessageFrame(.receipt, told.encoded).encoded)),
            ]
        let vectors = try SpecVectors(of: "message")
        for (name, value) in computed { vectors.expect(name, value) }
    }
}

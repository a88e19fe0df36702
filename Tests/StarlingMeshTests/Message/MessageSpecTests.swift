import Foundation
import StarlingCore
import StarlingCrypto
import StarlingMesh
import Testing

/// The vectors in docs/specs/message.md, computed again.
@Suite struct MessageSpecTests {
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
            ]
        var root = URL(fileURLWithPath: #filePath)
        for _ in 0..<4 { root.deleteLastPathComponent() }
        let text = try String(
            contentsOf: root.appendingPathComponent("docs/specs/message.md"),
            encoding: .utf8
        )
        let lines = text.split(separator: "\n").map(String.init)
        for (name, value) in computed {
            #expect(lines.contains("\(name): \(value)"), "\(name): \(value)")
        }
    }
}

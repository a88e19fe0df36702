import Foundation
import StarlingCore
import StarlingCrypto
import StarlingMesh
import Testing

/// The vectors in docs/specs/message.md, computed again.
@Suite struct MessageSpecTests {
    @Test func theVectorsOfTheSpecificationHold() throws {
        let envelope = try MessageKit.envelope()
        let receipt = Receipt(
            for: [.init(id: MessageKit.id, outcome: .delivered)],
            to: MessageKit.alice.peerID,
            created: MessageKit.created,
            from: MessageKit.bob
        )
        let computed: [(name: String, value: String)] = [
            ("alice", MessageKit.alice.peerID.description), ("bob", MessageKit.bob.peerID.description),
            ("header", Hex.encode(envelope.headerBytes)),
            ("envelope signature", Hex.encode(envelope.signature)),
            ("envelope frame", Hex.encode(MessageFrame.envelope(envelope.encoded).encoded)),
            ("receipt body", Hex.encode(receipt.bodyBytes)),
            ("receipt signature", Hex.encode(receipt.signature)),
            ("receipt frame", Hex.encode(MessageFrame.receipt(receipt.encoded).encoded)),
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

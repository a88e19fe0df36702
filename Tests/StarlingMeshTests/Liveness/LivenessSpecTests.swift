import Foundation
import StarlingCore
import StarlingCrypto
import StarlingMesh
import Testing

/// The vectors in docs/specs/liveness.md, computed again.
@Suite struct LivenessSpecTests {
    static var frames: [(name: String, frame: LivenessFrame)] {
        let (alice, bob) = (MessageKit.alice.peerID, MessageKit.bob.peerID)
        var (probe, answer, claims, proven) = (
            LivenessFrame(), LivenessFrame(), LivenessFrame(), LivenessFrame()
        )
        probe.probe = 7
        answer.acks = [7, 300]
        answer.requests = [.init(8, bob)]
        answer.reports = [.init(9, .reached), .init(10, .silent)]
        answer.wantsTable = true
        var alive = LivenessClaim(alice, incarnation: 2)
        (alive.ageSeconds, alive.uptimeSeconds, alive.capacity) = (60, 3600, 12)
        var suspect = LivenessClaim(bob, .suspect, incarnation: 5)
        suspect.accusers = [alice]
        claims.claims = [alive, suspect]
        var high = LivenessClaim(bob, incarnation: 70_000)
        high.proof = LivenessClaim.proof(of: 70_000, by: MessageKit.bob)
        proven.claims = [high]
        return [("probe", probe), ("answer", answer), ("claims", claims), ("proven", proven)]
    }

    @Test func theVectorsOfTheSpecificationHold() throws {
        var root = URL(fileURLWithPath: #filePath)
        for _ in 0..<4 { root.deleteLastPathComponent() }
        let text = try String(
            contentsOf: root.appendingPathComponent("docs/specs/liveness.md"),
            encoding: .utf8
        )
        let lines = text.split(separator: "\n").map(String.init)
        for (name, frame) in Self.frames {
            let line = "\(name): \(Hex.encode(frame.encoded))"
            #expect(lines.contains(line), "\(line)")
            #expect(try LivenessFrame(parsing: frame.encoded.span) == frame)
        }
    }
}

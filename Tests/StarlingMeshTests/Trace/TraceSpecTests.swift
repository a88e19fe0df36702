import StarlingCore
import StarlingCrypto
import StarlingMesh
import StarlingProtocols
import Testing

/// The vectors in docs/specs/trace.md, computed again.
@Suite struct TraceSpecTests {
    private static let ask = TraceAsk(
        to: MessageKit.key(3).peerID,
        hopLimit: 9,
        path: [MessageKit.alice.peerID]
    )

    private static var hops: [(name: String, hop: TraceHop)] {
        let (bob, carol) = (MessageKit.bob.peerID, MessageKit.key(3).peerID)
        return [
            ("passed_on", TraceHop(peer: bob, standing: .passedOn(to: carol))),
            ("unanswered", TraceHop(peer: bob, standing: .unanswered(by: carol))),
            ("arrived", TraceHop(peer: carol, standing: .arrived)),
        ]
    }

    @Test func theVectorsOfTheSpecificationHold() throws {
        let vectors = try SpecVectors(of: "trace")
        let ask = Self.ask
        vectors.expect("ask", ask.encoded)
        let askBody = try body(of: ask.encoded)
        let readAsk = try TraceAsk(parsing: askBody.span)
        #expect(readAsk == ask)
        for (name, hop) in Self.hops {
            vectors.expect(name, hop.encoded)
            let hopBody = try body(of: hop.encoded)
            let readHop = try TraceHop(parsing: hopBody.span)
            #expect(readHop == hop)
        }
    }

    private func body(of frame: [UInt8]) throws -> [UInt8] {
        var reader = VarintFrameReader(messageByteCountMax: 1024)
        var offset = 0
        return try #require(try reader.next(frame.span, at: &offset))
    }
}

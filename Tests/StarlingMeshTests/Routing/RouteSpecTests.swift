import StarlingCore
import StarlingCrypto
import StarlingMesh
import Testing

/// The vectors in docs/specs/routing.md, computed again.
@Suite struct RouteSpecTests {
    @Test func theVectorsOfTheSpecificationHold() throws {
        let alice = MessageKit.alice.peerID
        let proof = RouteKit.proof
        var direct = RouteFrame()
        direct.updates = [RouteUpdate(.init(metric: .zero, hops: 0), proof: proof)]
        var update = RouteFrame()
        update.updates = [
            RouteUpdate(RouteKit.way(123_456, hops: 2), proof: proof),
            RouteUpdate(RouteKit.way(234_567, hops: 3), to: alice), RouteUpdate(withdrawing: alice),
        ]
        var digest = RouteDigest()
        for entry in update.updates { digest.add(entry) }
        update.digest = digest
        var requests = RouteFrame()
        requests.routeRequests = [
            RouteRequest(destination: MessageKit.bob.peerID, hopLimit: 5), RouteRequest(destination: nil),
        ]
        requests.numberRequests = [NumberRequest(destination: alice, number: 8, hopLimit: 10, proof: proof)]
        var liveness = RouteFrame()
        liveness.liveness = [1, 2]
        let computed: [(name: String, value: String)] = [
            ("alice", alice.description), ("bob", MessageKit.bob.peerID.description),
            ("signature", Hex.encode(proof.signature)),
            ("direct", Hex.encode(direct.encoded)), ("update", Hex.encode(update.encoded)),
            ("digest hash", "\(digest.hash)"), ("requests", Hex.encode(requests.encoded)),
            ("liveness", Hex.encode(liveness.encoded)),
            ("longest frame", "\(RouteFrame.byteCountMax)"),
        ]
        let vectors = try SpecVectors(of: "routing")
        for (name, value) in computed { vectors.expect(name, value) }
    }
}

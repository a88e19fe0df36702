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
        let vectors = try SpecVectors(of: "liveness")
        for (name, frame) in Self.frames {
            vectors.expect(name, frame.encoded)
            #expect(try LivenessFrame(parsing: frame.encoded.span) == frame)
        }
    }

    @Test func theVectorsOfAddressesHold() throws {
        let vectors = try SpecVectors(of: "liveness")
        let bob = MessageKit.bob
        let request = RecordRequest(bob.peerID, newerThan: 7, hopLimit: 10)
        let record = PeerRecord(
            peerID: bob.peerID,
            sequenceNumber: 8,
            addresses: [try Multiaddr("/ip4/192.0.2.7/tcp/4001")]
        )
        let answer = RecordAnswer(record: record.sealed(with: bob).encoded())
        for (name, wire) in [
            ("request", request.encoded), ("answer_record", answer.encoded),
            ("answer_none", RecordAnswer(record: []).encoded),
        ] { vectors.expect(name, wire) }
        // One byte of length stands before the request, two before the answer.
        #expect(try RecordRequest(parsing: Array(request.encoded.dropFirst()).span) == request)
        #expect(try RecordAnswer(parsing: Array(answer.encoded.dropFirst(2)).span) == answer)
        #expect(try PeerRecord(parsing: answer.record) == record)
    }
}

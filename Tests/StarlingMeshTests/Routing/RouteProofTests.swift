import StarlingCore
import StarlingCrypto
import StarlingMesh
import Synchronization
import Testing

@Suite struct RouteProofTests {
    typealias Kit = MessageKit

    private static let now = Instant(nanosecondsSinceOrigin: 5_000_000_000)

    /// What comes out when a proof with these parts is told.
    private static func told(
        _ destination: PeerID,
        number: UInt64 = 7,
        expires: UInt64 = UInt64(RouteKit.expires.millisecondsSince1970),
        signature: [UInt8] = RouteKit.proof.signature
    ) throws -> RouteProof {
        let proof = Kit.field(1, number) + Kit.field(2, expires) + Kit.field(3, signature)
        let update =
            Kit.field(1, destination.multihash) + Kit.field(2, proof) + Kit.field(3, 1) + Kit.field(4, 1)
        return try #require(try RouteKit.parse(Kit.field(1, update)).updates.first?.proof)
    }

    @Test func onlyTheDestinationCanMakeIt() throws {
        #expect(try Self.told(Kit.alice.peerID) == RouteKit.proof)
        try RouteKit.proof.verify()
        var signature = RouteKit.proof.signature
        signature[5] ^= 1
        for proof in [
            try Self.told(Kit.bob.peerID), try Self.told(Kit.alice.peerID, number: 8),
            try Self.told(Kit.alice.peerID, expires: 1),
            try Self.told(Kit.alice.peerID, signature: signature),
            try Self.told(Kit.alice.peerID, signature: []),
        ] {
            #expect(throws: RouteProofError.wrongSignature) { try proof.verify() }
        }
    }

    @Test func aSignatureOfAnotherKindIsNone() throws {
        var bytes = Kit.alice.peerID.multihash
        bytes += (0..<8).map { UInt8(truncatingIfNeeded: UInt64(7) >> UInt64(56 - 8 * $0)) }
        let expires = UInt64(RouteKit.expires.millisecondsSince1970)
        bytes += (0..<8).map { UInt8(truncatingIfNeeded: expires >> UInt64(56 - 8 * $0)) }
        let domain = Array("starling-route-1:".utf8)
        try Self.told(Kit.alice.peerID, signature: Kit.alice.sign(domain + bytes)).verify()
        for other in ["", "starling-receipt-1:", "starling-route-2:"] {
            let proof = try Self.told(Kit.alice.peerID, signature: Kit.alice.sign(Array(other.utf8) + bytes))
            #expect(throws: RouteProofError.wrongSignature) { try proof.verify() }
        }
    }

    @Test func aPeerIDWithoutItsKeyProvesNothing() throws {
        let hashed = try PeerID(multihash: [0x12, 32] + [UInt8](repeating: 1, count: 32))
        let proof = try Self.told(hashed)
        #expect(throws: RouteProofError.unsupportedKey) { try proof.verify() }
    }

    @Test func endsLaterByWhatClocksMayDifferAndNeverLastsLongerThanItsLifetime() {
        let last = RouteKit.expires.millisecondsSince1970
        let tolerance = RouteProof.clockTolerance.milliseconds
        func end(at wall: Int64) -> Instant? {
            RouteKit.proof.end(now: Self.now, wallNow: WallTime(millisecondsSince1970: wall))
        }
        #expect(end(at: last) == Self.now + RouteProof.clockTolerance)
        #expect(end(at: last + tolerance - 1) == Self.now + .milliseconds(1))
        #expect(end(at: last + tolerance) == nil)
        let longest = Self.now + RouteProof.lifetime + RouteProof.clockTolerance
        #expect(end(at: last - RouteProof.lifetime.milliseconds) == longest)
        #expect(end(at: 0) == longest)
        #expect(end(at: .min) == longest)
        #expect(end(at: .max) == nil)
    }

    @Test func eachSignatureIsCheckedOnce() throws {
        var cache = RouteProofCache(countMax: 2)
        for _ in 0..<3 { #expect(try cache.verified(RouteKit.proof) == RouteKit.proof) }
        #expect(cache.verificationCount == 1 && cache.contains(RouteKit.proof))
        let newer = RouteProof(number: 8, expires: RouteKit.expires, from: Kit.alice)
        _ = try cache.verified(newer)
        #expect(cache.newest(of: Kit.alice.peerID) == newer)
        // An older one is good, and does not take the place of a newer one.
        _ = try cache.verified(RouteKit.proof)
        #expect(cache.newest(of: Kit.alice.peerID) == newer)
        #expect(cache.verificationCount == 3)
    }

    @Test func whatFailsIsNotKept() throws {
        var cache = RouteProofCache(countMax: 2)
        let forged = try Self.told(Kit.alice.peerID, number: 9)
        for count in 1...2 {
            #expect(throws: RouteProofError.wrongSignature) { try cache.verified(forged) }
            #expect(cache.verificationCount == count && cache.count == 0)
        }
    }

    @Test func theOldestDestinationGivesWay() throws {
        var cache = RouteProofCache(countMax: 2)
        let keys = [Kit.alice, Kit.bob, Kit.key(3)]
        let proofs = keys.map { RouteProof(number: 1, expires: RouteKit.expires, from: $0) }
        for proof in proofs[..<2] { _ = try cache.verified(proof) }
        #expect(cache.count == 2 && cache.contains(proofs[0]))
        _ = try cache.verified(proofs[2])
        #expect(cache.count == 2 && !cache.contains(proofs[0]))
        #expect(cache.contains(proofs[1]) && cache.contains(proofs[2]))
        _ = try cache.verified(proofs[0])
        #expect(cache.verificationCount == 4 && cache.count == 2)
    }

    @Test func howSignaturesAreCheckedIsTheCallers() throws {
        let asked = Mutex<[UInt64]>([])
        var cache = RouteProofCache(countMax: 2) { proof throws(RouteProofError) in
            asked.withLock { $0.append(proof.number) }
            if proof.number == 8 { throw .wrongSignature }
            return proof
        }
        _ = try cache.verified(RouteKit.proof)
        let refused = RouteProof(number: 8, expires: RouteKit.expires, from: Kit.alice)
        #expect(throws: RouteProofError.wrongSignature) { try cache.verified(refused) }
        #expect(asked.withLock { $0 } == [7, 8])
    }
}

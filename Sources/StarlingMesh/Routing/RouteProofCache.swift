package import StarlingCore

/// The proofs that were verified, so that each signature is checked once, however many neighbours tell it.
///
/// It keeps the newest of each destination. What it gives out is what it keeps: the same proof from ten neighbours is
/// in memory once.
package struct RouteProofCache: Sendable {
    /// Checks one signature, and returns the proof to keep; the simulator shares what its nodes have checked.
    package typealias Verification = @Sendable (RouteProof) throws(RouteProofError) -> RouteProof

    private let countMax: Int
    private let verification: Verification
    private var proofs: [PeerID: RouteProof] = [:]
    /// Destinations in the order in which they came; the first one is forgotten when there are too many.
    private var order = RingQueue<PeerID>()

    /// How often a signature was checked, for the metrics.
    package private(set) var verificationCount = 0

    /// - Parameters:
    ///   - countMax: Destinations whose proofs are kept; beyond it the one that came first is forgotten, and is
    ///     verified again when it comes again.
    package init(
        countMax: Int,
        verification: @escaping Verification = { proof throws(RouteProofError) in
            try proof.verify()
            return proof
        }
    ) {
        self.countMax = countMax
        self.verification = verification
    }

    /// Destinations of which there is a proof.
    package var count: Int { proofs.count }

    /// The newest proof of a destination that was verified.
    package func newest(of destination: PeerID) -> RouteProof? { proofs[destination] }

    /// Whether a proof needs no check.
    package func contains(_ proof: RouteProof) -> Bool { proofs[proof.destination] == proof }

    /// Checks a proof, unless that was done before, and returns it.
    package mutating func verified(_ proof: RouteProof) throws(RouteProofError) -> RouteProof {
        let known = proofs[proof.destination]
        if let known, known == proof { return known }
        verificationCount += 1
        let proof = try verification(proof)
        guard let known else {
            if proofs.count >= countMax, let first = order.popFirst() { proofs[first] = nil }
            proofs[proof.destination] = proof
            order.append(proof.destination)
            return proof
        }
        if (proof.number, proof.expires) > (known.number, known.expires) { proofs[proof.destination] = proof }
        return proof
    }
}

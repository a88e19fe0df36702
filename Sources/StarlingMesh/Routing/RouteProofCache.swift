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
    /// One of each destination, in the order in which the destinations came, from ``oldest`` on.
    private var proofs: [RouteProof] = []
    /// The place of the one that is forgotten next, once there are as many as there may be.
    private var oldest = 0
    private var index = PlaceIndex<PeerID>()

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
    package func newest(of destination: PeerID) -> RouteProof? { place(of: destination).map { proofs[$0] } }

    /// Whether a proof needs no check.
    package func contains(_ proof: RouteProof) -> Bool { newest(of: proof.destination) == proof }

    /// Checks a proof, unless that was done before, and returns it.
    package mutating func verified(_ proof: RouteProof) throws(RouteProofError) -> RouteProof {
        let place = place(of: proof.destination)
        if let place, proofs[place] == proof { return proofs[place] }
        verificationCount += 1
        let proof = try verification(proof)
        guard let place else {
            add(proof)
            return proof
        }
        let known = proofs[place]
        if (proof.number, proof.expires) > (known.number, known.expires) { proofs[place] = proof }
        return proof
    }

    private func place(of destination: PeerID) -> Int? {
        index.place(of: destination) { proofs[$0].destination == destination }
    }

    private mutating func add(_ proof: RouteProof) {
        guard countMax > 0 else { return }
        let place: Int
        if proofs.count < countMax {
            place = proofs.count
            proofs.append(proof)
        } else {
            place = oldest
            oldest = (oldest + 1) % countMax
            index.remove(place, of: proofs[place].destination)
            proofs[place] = proof
        }
        index.insert(place, of: proof.destination)
    }
}

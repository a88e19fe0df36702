internal import StarlingMesh

/// The routes' proofs that some node of a fleet has checked: none is checked, and none is kept, a thousand times in one
/// process.
final class SharedProofs: @unchecked Sendable {  // tidy-ok: one thread
    /// With more, all are checked anew.
    private static let countMax = 1 << 17

    private var checked: Set<RouteProof> = []

    func verified(_ proof: RouteProof) throws(RouteProofError) -> RouteProof {
        if let place = checked.firstIndex(of: proof) { return checked[place] }
        try proof.verify()
        if checked.count >= Self.countMax { checked = [] }
        checked.insert(proof)
        return proof
    }
}

internal import StarlingMesh

/// The routes' signatures that some node of a fleet has checked: none is checked a thousand times in one process.
final class SharedProofs: @unchecked Sendable {  // tidy-ok: one thread
    /// With more, all are checked anew.
    private static let countMax = 1 << 17

    private var checked: Set<RouteProof> = []

    func verify(_ proof: RouteProof) throws(RouteProofError) {
        guard !checked.contains(proof) else { return }
        try proof.verify()
        if checked.count >= Self.countMax { checked = [] }
        checked.insert(proof)
    }
}

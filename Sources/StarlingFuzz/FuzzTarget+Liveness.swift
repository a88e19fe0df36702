internal import StarlingCore
internal import StarlingCrypto
internal import StarlingMesh

/// Who is alive: whatever neighbours say, the table keeps within its limits and its own answers can be read.
extension FuzzTarget {
    static func livenessFrame(_ input: [UInt8]) throws(BrokenPromise) {
        guard let frame = try? LivenessFrame(parsing: input.span) else { return }
        let again = try? LivenessFrame(parsing: frame.encoded.span)
        try promise(again == frame, "a liveness frame reads what it writes")
    }

    /// Frames that two neighbours send in turn, a quarter of a second apart, each behind a length of two bytes.
    static func liveness(_ input: [UInt8]) throws(BrokenPromise) {
        guard let keys = livenessKeys else { return }
        var limits = Liveness.Limits()
        limits.memberCountMax = 8
        limits.newsBurst = 64
        var now = Instant(nanosecondsSinceOrigin: 0)
        var machine = Liveness(key: keys[0], seed: 1, limits: limits, now: now)
        for key in keys.dropFirst() { machine.linkUp(key.peerID, now: now) }
        for (turn, packet) in input.packets.enumerated() {
            if let frame = try? LivenessFrame(parsing: packet.span) {
                machine.receive(frame, from: keys[1 + turn % 2].peerID, now: now)
            }
            now = now + .milliseconds(250)
            machine.advance(to: now)
            while let action = machine.nextAction() {
                guard case .send(let frame, _) = action else { continue }
                let read = try? LivenessFrame(parsing: frame.encoded.span)
                try promise(read == frame, "what a node says can be read")
            }
            try promise(machine.tableFills.allSatisfy { !$0.isOverfull }, "tables keep their limits")
            try promise(machine.member(keys[0].peerID)?.state == .alive, "nobody buries this node")
            try promise(machine.nextDeadline.map { $0 > now } ?? true, "what was due is done")
        }
    }

    /// This node and its two neighbours.
    private static var livenessKeys: [IdentityKey]? {
        try? (1...3).map { try IdentityKey(seed: [UInt8](repeating: $0, count: 32)) }
    }
}

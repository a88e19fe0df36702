internal import StarlingCore

/// What a dial has learnt so far.
///
/// Confined to the swarm; a class, because whoever stops waiting hears how far the dial has come.
final class DialProgress {
    let peer: PeerID?
    let isIgnoringBackoff: Bool
    /// What has come to nothing.
    var attempts: [DialError.Attempt] = []
    /// What is under way, in the order of the beginnings.
    private var pending: [(address: Multiaddr, since: Instant)] = []

    init(_ peer: PeerID?, ignoringBackoff: Bool) {
        self.peer = peer
        isIgnoringBackoff = ignoringBackoff
    }

    func begin(_ address: Multiaddr, at now: Instant) { pending.append((address, now)) }

    func end(_ address: Multiaddr, _ failure: DialError.Attempt.Failure, at now: Instant) {
        let since = pending.first { $0.address == address }?.since ?? now
        forget(address)
        attempts.append(.init(address: address, failure: failure, duration: since.duration(to: now)))
    }

    /// Its part is over, without a failure.
    func forget(_ address: Multiaddr) { pending.removeAll { $0.address == address } }

    /// What has failed, and what is still under way.
    func attempts(at now: Instant) -> [DialError.Attempt] {
        attempts
            + pending.map {
                .init(address: $0.address, failure: .outOfTime, duration: $0.since.duration(to: now))
            }
    }

    /// What the attempts come to, when none has succeeded.
    var cause: DialError.Cause {
        var remaining: Duration?
        for attempt in attempts {
            switch attempt.failure {
            case .connection, .resolver, .outOfTime, .notTried: return .allFailed
            case .backingOff(let wait): remaining = min(remaining ?? wait, wait)
            case .unsupported, .ownAddress: break
            }
        }
        return remaining.map { .backingOff(remaining: $0) } ?? .noUsableAddresses
    }
}

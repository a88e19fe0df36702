internal import StarlingCore
internal import StarlingMesh
internal import StarlingNode
internal import Synchronization

/// Who takes whom for dead, and whether that is so.
final class MemberWatch: Sendable {
    private struct State {
        /// By name, the index.
        var running: [PeerID: Int] = [:]
        var watching: Set<Int> = []
        /// When each node first came to know of a death.
        var times: [PeerID: [Int: Instant]] = [:]
        /// Running nodes that somebody takes for dead, each once for its incarnation.
        var falseDeaths: Set<FalseDeath> = []
        var events: [String] = []
        var hasEnded = false
    }

    private struct FalseDeath: Hashable {
        var peer: PeerID
        var incarnation: UInt64
    }

    private let state = Mutex(State())

    /// Events that are kept.
    private static let eventCountMax = 40

    func started(_ peer: PeerID, _ index: Int) {
        state.withLock { state in
            state.running[peer] = index
            state.watching.insert(index)
        }
    }

    func died(_ peer: PeerID, _ index: Int) {
        state.withLock { state in
            state.running[peer] = nil
            state.watching.remove(index)
        }
    }

    /// From here on nodes stop.
    ///
    /// - Returns: Who took running nodes for dead first.
    func end() -> [String] {
        state.withLock { state in
            state.hasEnded = true
            return state.events
        }
    }

    /// A node has heard something of a member.
    func take(_ event: MembershipEvent, of node: Int, at now: Instant) {
        guard case .changed(let member) = event, member.state == .suspect || member.state == .dead else {
            return
        }
        state.withLock { state in
            // What is left of a process that has crashed sees all others silent.
            guard !state.hasEnded, state.watching.contains(node) else { return }
            if let index = state.running[member.peer] {
                let fault = FalseDeath(peer: member.peer, incarnation: member.incarnation)
                if member.state == .suspect || state.falseDeaths.insert(fault).inserted,
                    state.events.count < Self.eventCountMax
                {
                    let seconds = Instant(nanosecondsSinceOrigin: 0).duration(to: now).inSeconds
                    state.events.append(
                        "\(seconds) s: node \(node) takes node \(index) for \(member.state)"
                            + (member.isNeighbour ? ", its neighbour" : "")
                    )
                }
            } else if member.state == .dead {
                // Who comes to know of it once more stands for nobody else.
                if state.times[member.peer]?[node] == nil {
                    state.times[member.peer, default: [:]][node] = now
                }
            }
        }
    }

    /// When nodes came to know of the death of one, each once, in order.
    func times(of peer: PeerID) -> [Instant] {
        state.withLock { ($0.times[peer] ?? [:]).values.sorted() }
    }

    /// Running nodes that may be taken for dead while some lack processor time: one for each hour that begins.
    static func falseDeathCountMax(starvedFor time: Duration) -> Int {
        Int((time / .seconds(3600)).rounded(.up))
    }

    /// How many running nodes were taken for dead since the last call.
    func takeFalseDeaths() -> Int {
        state.withLock { state in
            defer { state.falseDeaths = [] }
            return state.falseDeaths.count
        }
    }
}

import StarlingCore
import StarlingCrypto
import StarlingMesh

/// One node, and what it does.
final class LivenessRig {
    var machine: Liveness
    var now = LivenessFabric.start
    var states: [PeerID: LivenessClaim.State] = [:]
    var forgotten: [PeerID] = []
    var measured: [(peer: PeerID, roundTrip: Duration)] = []
    /// What was last said of neighbours' silence.
    var suspicions: [PeerID: NeighbourSuspicion] = [:]
    /// Frames since they were last asked for.
    var sent: [(frame: LivenessFrame, to: PeerID, at: Instant)] = []
    /// All probes so far.
    var probed: [(peer: PeerID, number: UInt32, at: Instant)] = []

    static let own = LivenessFabric.key(0)

    init(_ limits: Liveness.Limits = .init()) {
        machine = Liveness(key: Self.own, seed: 1, limits: limits, now: LivenessFabric.start)
    }

    static func peer(_ number: Int) -> PeerID { LivenessFabric.key(number).peerID }

    func pull() {
        for action in machine.actions() {
            switch action {
            case .send(let frame, let peer):
                sent.append((frame, peer, now))
                if let number = frame.probe { probed.append((peer, number, now)) }
            case .measured(let peer, let roundTrip): measured.append((peer, roundTrip))
            case .suspected(let peer, let suspicion): suspicions[peer] = suspicion
            case .changed(let member): states[member.peer] = member.state
            case .forgot(let peer):
                states[peer] = nil
                forgotten.append(peer)
            }
        }
    }

    /// Links to peers which have introduced themselves.
    func link(_ numbers: Int...) { link(numbers) }

    func link(_ numbers: some Sequence<Int>) {
        for number in numbers {
            machine.linkUp(Self.peer(number), now: now)
            say(number, LivenessClaim(Self.peer(number), incarnation: 1))
        }
    }

    func receive(_ frame: LivenessFrame, from number: Int) {
        machine.receive(frame, from: Self.peer(number), now: now)
        pull()
    }

    func say(_ number: Int, _ claims: LivenessClaim...) {
        var frame = LivenessFrame()
        frame.claims = claims
        receive(frame, from: number)
    }

    /// Lets time pass, timer by timer; peers in `answering` answer each probe at once.
    func pass(_ duration: Duration, answering: Set<Int> = []) {
        let end = now + duration
        let answering = Dictionary(uniqueKeysWithValues: answering.map { (Self.peer($0), $0) })
        while let next = machine.nextDeadline, next <= end {
            now = max(now, next)
            machine.advance(to: now)
            pull()
            var answered = 0
            while answered < sent.count {
                let (frame, peer, _) = sent[answered]
                answered += 1
                guard let probe = frame.probe, let number = answering[peer] else { continue }
                sent[answered - 1].frame.probe = nil
                var answer = LivenessFrame()
                answer.acks = [probe]
                receive(answer, from: number)
            }
        }
        now = end
    }

    func takeSent(to number: Int) -> [LivenessFrame] {
        let frames = sent.filter { $0.to == Self.peer(number) }.map(\.frame)
        sent.removeAll { $0.to == Self.peer(number) }
        return frames
    }

    /// The node's own.
    var incarnation: UInt64 { machine.member(Self.own.peerID)?.incarnation ?? 0 }

    func state(_ number: Int) -> LivenessClaim.State? { machine.member(Self.peer(number))?.state }

    /// Whether a neighbour was last said to be silent; `nil` where nothing was said.
    func suspicion(_ number: Int) -> NeighbourSuspicion? { suspicions[Self.peer(number)] }

    /// What was last said of a member to a neighbour.
    func told(_ about: Int, to number: Int) -> LivenessClaim? {
        sent.filter { $0.to == Self.peer(number) }.flatMap(\.frame.claims)
            .last { $0.peer == Self.peer(about) }
    }
}

internal import StarlingCore
internal import StarlingCrypto
internal import StarlingMesh
internal import StarlingNode
internal import StarlingTransports
internal import StarlingWorld

/// A node that tells its neighbours lies about routes: what the destinations have signed stands, and all the rest is its
/// own word.
///
/// It speaks the protocol itself; no route driver runs beside it.
final class HostileRouter: @unchecked Sendable {  // tidy-ok: one thread
    private let node: Node
    private let identity: IdentityKey
    private let hostility: FleetHostility
    private let tally: HostileTally
    /// What destinations have signed, as neighbours told it.
    private var proofs: [PeerID: RouteProof] = [:]
    private var told: Set<PeerID> = []

    private static let proofCountMax = 4096
    private static let streamCountMax = 4
    /// The best metric that there is.
    private static let best = RouteMetric(microseconds: 1) ?? .zero
    /// One that is far worse, and still a route.
    private static let worse = RouteMetric(microseconds: 2_000_000) ?? .max

    init(_ node: Node, _ identity: IdentityKey, _ hostility: FleetHostility, _ tally: HostileTally) {
        self.node = node
        self.identity = identity
        self.hostility = hostility
        self.tally = tally
        let lifetime = RouteProof.lifetime.milliseconds
        let now = node.world.wallClock.now.millisecondsSince1970
        let expires = WallTime(millisecondsSince1970: now + lifetime)
        proofs[identity.peerID] = RouteProof(number: 1, expires: expires, from: identity)
    }

    /// Listens to whoever speaks of routes, and lies to all neighbours until the task is cancelled.
    func run() async {
        node.swarm.protocols.set(RouteFrame.protocolID, streamCountMaxPerPeer: Self.streamCountMax) {
            stream in await self.listen(stream)
        }
        let loop = node.world.loops[0]
        while true {
            for peer in await node.swarm.connectedPeers where told.insert(peer).inserted {
                loop.startTask {
                    await self.lie(to: peer)
                    self.told.remove(peer)
                }
            }
            do throws(CancellationError) { try await loop.sleep(for: .seconds(1)) } catch { return }
        }
    }

    private func listen(_ stream: Stream) async {
        var frames = FrameStream(stream, frameByteCountMax: RouteFrame.byteCountMax)
        do {
            while let bytes = try await frames.next() {
                for update in try RouteFrame.parse(bytes.span).updates {
                    guard let proof = update.proof, proofs.count < Self.proofCountMax else { continue }
                    if proof.number > proofs[proof.destination]?.number ?? 0 {
                        proofs[proof.destination] = proof
                    }
                }
            }
        } catch {
            // Its neighbour is done with it.
        }
        await stream.reset()
    }

    private func lie(to peer: PeerID) async {
        let loop = node.world.loops[0]
        guard
            let stream = try? await node.swarm.openStream(to: peer, [RouteFrame.protocolID], priority: .high)
        else { return }
        let isFlood = hostility == .flood
        var metric = Self.best
        do {
            try await stream.write(RouteFrame().encoded)
            while true {
                for frame in frames(for: peer, metric) {
                    try await stream.write(frame.encoded)
                    // What it says of itself is so.
                    tally.toldCount += frame.updates.count { $0.proof?.destination != identity.peerID }
                }
                if isFlood { metric = metric == Self.best ? Self.worse : Self.best }
                try await loop.sleep(for: isFlood ? .milliseconds(100) : .seconds(5))
            }
        } catch {
            await stream.reset()
        }
    }

    private func frames(for peer: PeerID, _ metric: RouteMetric) -> [RouteFrame] {
        let updates = proofs.values.filter { $0.destination != peer }
            .sorted { $0.destination < $1.destination }
            .map { proof in
                let isOwn = proof.destination == identity.peerID
                return RouteUpdate(
                    RouteUpdate.Way(metric: isOwn ? .zero : metric, hops: isOwn ? 0 : 1),
                    proof: proof
                )
            }
        let most = RouteFrame.Limits().updateCountMax
        return stride(from: 0, to: updates.count, by: most).map { start in
            var frame = RouteFrame()
            frame.updates = Array(updates[start..<min(start + most, updates.count)])
            return frame
        }
    }
}

internal import StarlingCore
internal import StarlingTransports
internal import StarlingWorld

/// Keeps connections with the peers that the user named: dials them at start, and again when they are lost, unless the
/// topology sees to them.
actor PeerAttendance {
    /// How often lost peers are looked for; the swarm's back-off spaces the attempts.
    private static let interval: Duration = .seconds(5)

    private let swarm: Swarm
    private nonisolated let loop: any EventLoop
    private var task: Task<Void, Never>?

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    init(swarm: Swarm) {
        self.swarm = swarm
        loop = swarm.world.loops[0]
    }

    /// Begins to attend to the peers at these addresses, each with its `/p2p/` part.
    func start(_ addresses: [Multiaddr]) {
        guard task == nil, !addresses.isEmpty else { return }
        task = loop.startTask { await self.attend(addresses) }
    }

    func stop() async {
        task?.cancel()
        await task?.value
        task = nil
    }

    private func attend(_ addresses: [Multiaddr]) async {
        var peers: [PeerID] = []
        for address in addresses {
            guard let peer = address.peerID, peer != swarm.peerID else { continue }
            await swarm.attend(to: peer, at: address)
            if !peers.contains(peer) { peers.append(peer) }
        }
        while !Task.isCancelled {
            await withTaskGroup(of: Void.self) { group in
                for peer in await swarm.missing(of: peers) {
                    group.addTask { [swarm] in
                        do throws(DialError) { _ = try await swarm.connect(to: peer) } catch {
                            swarm.world.log(
                                .debug,
                                "bootstrap peer not reached",
                                ["peer": "\(peer)", "reason": "\(error.cause)"]
                            )
                        }
                    }
                }
            }
            do throws(CancellationError) { try await loop.sleep(for: Self.interval) } catch { return }
        }
    }
}

extension Swarm {
    /// Remembers a peer's address for good, and never closes its connections for lack of room.
    func attend(to peer: PeerID, at address: Multiaddr, as reason: String = "bootstrap") {
        peerBook.add([address], of: peer, source: .user, lifetime: .seconds(10 * 365 * 86_400), now: loop.now)
        pool.protect(peer, reason: reason)
    }
}

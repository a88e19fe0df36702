internal import StarlingCore
internal import StarlingWorld

/// A listening socket, and the upgrades that it has begun.
actor SocketListener: Listener {
    private let transport: SocketTransport
    private nonisolated let loop: any EventLoop
    private let owner: any ListenerOwner
    private nonisolated let requested: Multiaddr
    private nonisolated let boundAddress = OnceBox<Multiaddr>()
    private var socket: (any ListenerSocket)?
    /// Upgrades under way, awaited when the listener closes.
    private var upgrades: [UInt64: Task<Void, Never>] = [:]
    private var nextUpgrade: UInt64 = 0

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    init(transport: SocketTransport, loop: any EventLoop, owner: any ListenerOwner, requested: Multiaddr) {
        self.transport = transport
        self.loop = loop
        self.owner = owner
        self.requested = requested
    }

    nonisolated var address: Multiaddr { boundAddress.value ?? requested }

    func open(_ local: SocketAddress) throws(SocketError) {
        let socket = try loop.listen(on: local) { [weak self] accepted in
            self?.assumeIsolated { $0.accepted(accepted) }
        }
        self.socket = socket
        if let bound = try? Multiaddr(stream: socket.local) { boundAddress.set(bound) }
    }

    private func accepted(_ accepted: AcceptedSocket) {
        let connection = transport.makeConnection(.inbound)
        let upgrade = PendingUpgrade(remote: accepted.remote) { [weak connection] in
            guard let connection else { return }
            connection.loop.startTask { await connection.giveWay() }
        }
        guard let ticket = owner.mayAccept(upgrade) else {
            socket?.refuse(accepted)
            return
        }
        let local = try? Multiaddr(stream: accepted.local)
        let remote = try? Multiaddr(stream: accepted.remote)
        let number = nextUpgrade
        nextUpgrade += 1
        upgrades[number] = connection.loop.startTask { [owner] in
            let outcome: Result<any Connection, ConnectionError>
            do throws(ConnectionError) {
                try await connection.accept(accepted, local: local, remote: remote)
                outcome = .success(connection)
            } catch {
                outcome = .failure(error)
            }
            await owner.upgradeDidEnd(ticket, outcome)
            await self.upgradeEnded(number)
        }
    }

    private func upgradeEnded(_ number: UInt64) { upgrades[number] = nil }

    /// Stops listening; upgrades under way are cancelled and awaited.
    func close() async {
        socket?.close()
        socket = nil
        let running = upgrades.sorted { $0.key < $1.key }
        for (_, task) in running { task.cancel() }
        for (_, task) in running { await task.value }
    }
}

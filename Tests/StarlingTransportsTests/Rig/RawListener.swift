import StarlingCore
import StarlingTransports
import StarlingWorld

/// Bob's address for one connection, which a ``RawPeer`` takes.
actor RawListener {
    nonisolated let peer: RawPeer
    nonisolated let address: Multiaddr
    private let socket: any ListenerSocket
    private nonisolated let loop: any EventLoop

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    init(_ peer: RawPeer, on meeting: Meeting) async throws {
        guard case .ip(let ip, _, _) = try meeting.socketAddress else { throw SocketError.addressUnavailable }
        self.peer = peer
        loop = meeting.bob.loop
        let loop = loop
        socket = try await loop.startTask(returning: Opened.self) {
            Opened(
                try loop.listen(on: .ip(ip, port: 0)) { accepted in
                    peer.assumeIsolated { try? $0.adopt(accepted) }
                }
            )
        }.value.socket
        address = try Multiaddr(stream: socket.local)
    }

    func close() async {
        socket.close()
        await peer.close()
    }
}

/// A listener on its way to its loop's actor.
private struct Opened: @unchecked Sendable {
    let socket: any ListenerSocket

    init(_ socket: any ListenerSocket) { self.socket = socket }
}

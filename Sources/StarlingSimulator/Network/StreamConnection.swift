internal import StarlingCore
internal import StarlingWorld

/// Both ends of a stream and the two pipes between them.
final class StreamConnection {
    let id: Int
    let fabric: NetworkFabric
    let dialer: StreamEndpoint
    /// The other end, once the request reached a listener.
    private(set) var listener: StreamEndpoint?
    /// The way from the dialer, and the way back.
    let forth: StreamPipe
    let back: StreamPipe
    /// The position in the fabric's list.
    var index: Int?

    init(
        fabric: NetworkFabric,
        loop: SimulatedLoop,
        local: SocketAddress,
        remote: SocketAddress,
        remoteHost: SimulatedHost?,
        delegate: any StreamSocketDelegate
    ) {
        id = fabric.nextConnectionID()
        self.fabric = fabric
        forth = StreamPipe(fabric: fabric, senderHost: loop.host, receiverHost: remoteHost)
        back = StreamPipe(fabric: fabric, senderHost: remoteHost, receiverHost: loop.host)
        dialer = StreamEndpoint(
            host: loop.host,
            local: local,
            remote: remote,
            outgoing: forth,
            incoming: back
        )
        dialer.attach(loop: loop, delegate: delegate)
        forth.attach(self, sender: dialer, receiver: nil)
        back.attach(self, sender: nil, receiver: dialer)
        fabric.add(self)
    }

    /// The request arrived: looks for a listener and answers.
    func requestArrived(at host: SimulatedHost) {
        guard let socket = host.listener(for: dialer.remote), host.canTakeUnclaimed else {
            fabric.scheduler.trace.record(
                .refuse,
                at: fabric.scheduler.now,
                from: dialer.host.id,
                to: host.id,
                value: id
            )
            back.send(.refusal)
            return
        }
        let bound = host.acceptedAddress(for: dialer.remote)
        let isUnix = if case .unix = bound { true } else { false }
        let end = StreamEndpoint(
            host: host,
            local: bound,
            // A Unix peer has no name of its own; it gets the listener's.
            remote: isUnix ? bound : dialer.local,
            outgoing: back,
            incoming: forth
        )
        end.markEstablished()
        listener = end
        forth.attach(self, sender: dialer, receiver: end)
        back.attach(self, sender: end, receiver: dialer)
        back.send(.acceptance)
        host.keepUnclaimed(end, handle: id)
        let scheduler = fabric.scheduler
        scheduler.trace.record(.accept, at: scheduler.now, from: dialer.host.id, to: host.id, value: id)
        let accepted = AcceptedSocket(handle: id, local: end.local, remote: end.remote)
        scheduler.enter(socket.loop) { socket.onAccept?(accepted) }
    }

    /// Both ends read a reset, as far as they are there.
    func breakOff() {
        forth.breakNow()
        back.breakNow()
    }

    /// Leaves the fabric's list when neither end is open.
    func endpointDidClose() {
        if dialer.isClosed && listener?.isClosed ?? true { fabric.remove(self) }
    }

    /// The simulation ends: nobody hears anything more.
    func forget() {
        index = nil
        dialer.abandon()
        listener?.abandon()
        forth.forget()
        back.forget()
    }
}

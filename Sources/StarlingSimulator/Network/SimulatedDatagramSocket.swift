internal import StarlingCore
internal import StarlingWorld

/// A datagram socket of a simulated host.
///
/// It stays open, and keeps its delegate, until it is closed.
final class SimulatedDatagramSocket: DatagramSocket {
    let options: DatagramOptions
    let loop: SimulatedLoop
    private(set) var local: SocketAddress
    private var delegate: (any DatagramSocketDelegate)?
    /// Itself while open: whoever only listens may drop the socket.
    private var keeper: SimulatedDatagramSocket?

    init(loop: SimulatedLoop, options: DatagramOptions, delegate: any DatagramSocketDelegate) {
        self.loop = loop
        self.options = options
        self.delegate = delegate
        local = options.local
    }

    private var isOpen: Bool { keeper != nil }

    func didBind(to address: SocketAddress) {
        local = address
        keeper = self
    }

    func send(_ bytes: [UInt8], to remote: SocketAddress, interfaceIndex: UInt32) throws(SocketError) {
        loop.expectCurrent()
        guard isOpen else { throw .other("EBADF") }
        try loop.host.send(bytes, from: self, to: remote, interfaceIndex: interfaceIndex)
    }

    func close() {
        delegate = nil
        guard isOpen else { return }
        keeper = nil
        // A dead host has dropped its tables; another process may have the port by then.
        if !loop.isDead { loop.host.unbind(self) }
    }

    func didReceive(_ bytes: BufferSlice, from remote: SocketAddress, interfaceIndex: UInt32) {
        guard isOpen, !loop.isDead, let delegate else { return }
        loop.scheduler.enter(loop) {
            delegate.socketDidReceive(bytes, from: remote, interfaceIndex: interfaceIndex)
        }
    }
}

/// A datagram on its way to one host.
final class DatagramFlight: EventSource {
    private let fabric: NetworkFabric
    private let sender: SimulatedHost
    private let receiver: SimulatedHost
    private let bytes: [UInt8]
    private let source: SocketAddress
    private let destination: SocketAddress
    /// The receiver's interface for a multicast datagram; 0 for one to its address.
    private let interfaceIndex: UInt32

    init(
        fabric: NetworkFabric,
        from sender: SimulatedHost,
        to receiver: SimulatedHost,
        bytes: [UInt8],
        source: SocketAddress,
        destination: SocketAddress,
        interfaceIndex: UInt32
    ) {
        self.fabric = fabric
        self.sender = sender
        self.receiver = receiver
        self.bytes = bytes
        self.source = source
        self.destination = destination
        self.interfaceIndex = interfaceIndex
    }

    /// Lets it fly, as its link allows: it may be lost, doubled, or overtaken.
    func depart() {
        let timing = fabric.timing(sender, receiver)
        let (arrival, lossCount) = fabric.arrival(from: sender, byteCount: bytes.count + 28, timing: timing)
        if lossCount > 0 { return }
        var delay: Int64 = 0
        if fabric.random.chance(timing.profile.reorderRatio) {
            delay = Int64(fabric.random.number(below: timing.reorderDelay))
        }
        _ = fabric.scheduler.schedule(self, at: arrival + delay)
        if fabric.random.chance(timing.profile.duplicationRatio) {
            _ = fabric.scheduler.schedule(self, at: arrival + delay + timing.latency / 2)
        }
    }

    override var stalledUntil: Int64 { receiver.stalledUntil }

    override func fire(_ sequence: UInt64) {
        guard fabric.canPass(from: sender, to: receiver) else { return }
        fabric.scheduler.trace.record(
            .datagram,
            at: fabric.scheduler.now,
            from: sender.id,
            to: receiver.id,
            value: bytes.count
        )
        receiver.receive(bytes, from: source, at: destination, interfaceIndex: interfaceIndex)
    }
}

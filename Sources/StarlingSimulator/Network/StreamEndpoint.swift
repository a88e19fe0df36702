internal import StarlingCore
internal import StarlingWorld

/// One end of a simulated byte stream: the socket, and what the kernel knows about it.
///
/// Delegates are called from the pipes' events only, never from within a call of the socket.
final class StreamEndpoint: StreamSocket {
    private enum State {
        case connecting
        case established
        case closed
    }

    unowned let host: SimulatedHost
    let local: SocketAddress
    let remote: SocketAddress
    let outgoing: StreamPipe
    let incoming: StreamPipe
    private(set) var isReading = false

    /// Where the callbacks go; `nil` until a listener's connection is adopted.
    private var loop: SimulatedLoop?
    private var delegate: (any StreamSocketDelegate)?
    private var state = State.connecting

    init(
        host: SimulatedHost,
        local: SocketAddress,
        remote: SocketAddress,
        outgoing: StreamPipe,
        incoming: StreamPipe
    ) {
        self.host = host
        self.local = local
        self.remote = remote
        self.outgoing = outgoing
        self.incoming = incoming
    }

    var isClosed: Bool { state == .closed }
    var isEstablished: Bool { state == .established }

    func markEstablished() { state = .established }

    func attach(loop: SimulatedLoop, delegate: any StreamSocketDelegate) {
        self.loop = loop
        self.delegate = delegate
    }

    // MARK: StreamSocket

    func resumeReading() {
        loop?.expectCurrent()
        guard state != .closed, !isReading else { return }
        isReading = true
        incoming.readerIsReady()
    }

    func pauseReading() {
        loop?.expectCurrent()
        isReading = false
    }

    func write(_ slices: inout RingQueue<BufferSlice>) {
        loop?.expectCurrent()
        if state == .closed || incoming.isBroken {
            while slices.popFirst() != nil {}
            // Who writes to a stream that broke is told, even if it does not read.
            if state != .closed { incoming.tellOfBreakage() }
        } else {
            outgoing.write(&slices)
        }
    }

    var packetCounts: PacketCounts? {
        guard state == .established, case .ip = remote else { return nil }
        return PacketCounts(
            sentCount: outgoing.sentCount,
            repeatedCount: outgoing.repeatedCount,
            bytesPerSecond: outgoing.bytesPerSecond
        )
    }

    var queuedByteCount: Int { state == .closed ? 0 : outgoing.queuedByteCount }

    func closeWrite() {
        loop?.expectCurrent()
        if state != .closed { outgoing.end() }
    }

    func close() {
        loop?.expectCurrent()
        closeUnchecked()
    }

    /// Ends the stream, and tells the peer: an end when all that came was read, a reset otherwise.
    func closeUnchecked() {
        guard state != .closed else { return }
        if state == .connecting || incoming.hasUnreadBytes { outgoing.reset() } else { outgoing.endAtOnce() }
        leave()
    }

    // MARK: From the pipes

    func didConnect() {
        guard state == .connecting else { return }
        state = .established
        call { $0.socketDidConnect() }
    }

    func didRead(_ bytes: BufferSlice) { call { $0.socketDidRead(bytes) } }

    func didEnd() { call { $0.socketDidEnd() } }

    func didDrain() { call { $0.socketDidDrain() } }

    /// The stream broke: it is closed, and its owner told.
    func fail(_ error: SocketError) {
        guard state != .closed, let delegate else { return abandon() }
        abandon()
        if let loop { host.scheduler.enter(loop) { delegate.socketDidFail(error) } }
    }

    /// What is left of the owner's process hears that the stream broke, once the crash is over.
    func tellOfCrash() {
        guard state != .closed, let loop, let delegate else { return }
        let scheduler = host.scheduler
        let event = ScriptedEvent { scheduler.enter(loop) { delegate.socketDidFail(.reset) } }
        _ = scheduler.schedule(event, at: scheduler.now)
    }

    /// The process died: the kernel resets what it had open.
    func processDied() {
        guard state != .closed else { return }
        outgoing.reset()
        leave()
    }

    /// No more of it, and not a word to the peer.
    func abandon() {
        guard state != .closed else { return }
        outgoing.dropAll()
        leave()
    }

    private func call(_ body: (any StreamSocketDelegate) -> Void) {
        guard let loop, let delegate else { return }
        host.scheduler.enter(loop) { body(delegate) }
    }

    private func leave() {
        state = .closed
        isReading = false
        delegate = nil
        incoming.dropReceived()
        outgoing.connection?.endpointDidClose()
    }
}

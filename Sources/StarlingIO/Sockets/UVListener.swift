internal import CSys
internal import CUV
internal import StarlingCore
internal import StarlingWorld

/// A listening TCP or Unix socket.
///
/// It accepts by itself, because libuv could not hand what it accepted to another loop.
final class UVListener: ListenerSocket {
    /// Connections that the kernel keeps waiting for us.
    private static let backlog: Int32 = 4096
    /// Connections accepted before other sockets of the loop get their chance.
    private static let acceptCountPerTurnMax = 64
    /// How long to leave a listener alone that cannot accept.
    private static let pauseDuration = Duration.milliseconds(100)

    let local: SocketAddress
    private let loop: UVLoop
    private let watcher: PollWatcher
    /// Gone once it is closed.
    private var onAccept: (@Sendable (AcceptedSocket) -> Void)?
    /// Given up when descriptors run out, to accept and close the waiting connections: they would keep the
    /// listener readable, and the loop busy, for ever.
    private var spareDescriptor: Int32
    private var pauseTimer: (any LoopTimer)?

    init(
        on loop: UVLoop,
        local: SocketAddress,
        onAccept: @escaping @Sendable (AcceptedSocket) -> Void
    ) throws(SocketError) {
        var address = try local.systemForm()
        if case .unix = local { try Self.removeStaleFile(&address) }
        let descriptor = csys_listen(&address, Self.backlog, UVStreamSocket.unsentByteCountMax)
        try SocketError.check(descriptor)
        self.loop = loop
        self.onAccept = onAccept
        self.local =
            csys_local_address(descriptor, &address) == 0
            ? SocketAddress(systemForm: address) ?? local : local
        watcher = try PollWatcher(loop: loop, descriptor: descriptor)
        spareDescriptor = csys_spare_descriptor()
        // The watch keeps the listener until it is closed.
        watcher.start { self.accept() }
    }

    func refuse(_ accepted: AcceptedSocket) { csys_close(Int32(truncatingIfNeeded: accepted.handle)) }

    func close() {
        guard !watcher.isClosed else { return }
        pauseTimer = nil
        onAccept = nil
        watcher.close()
        if spareDescriptor >= 0 { csys_close(spareDescriptor) }
        if case .unix(let path) = local { csys_unlink(path) }
    }

    private func accept() {
        for _ in 0..<Self.acceptCountPerTurnMax {
            if watcher.isClosed { return }
            var address = csys_address()
            let descriptor = csys_accept(watcher.descriptor, &address)
            if descriptor >= 0 {
                hand(descriptor, from: address)
                continue
            }
            switch uv_errno_t(descriptor) {
            case UV_EAGAIN: return
            // The peer gave up while it waited, or a signal came: the next one may be fine.
            case UV_ECONNABORTED, UV_EINTR, UV_EPROTO: continue
            case UV_EMFILE, UV_ENFILE:
                loop.log(.warning, "a connection was refused because no descriptor is left")
                if !refuseOne() { return pause() }
            default:
                loop.log(.warning, "accepting failed", ["error": "\(systemErrorName(descriptor))"])
                return pause()
            }
        }
    }

    private func hand(_ descriptor: Int32, from address: csys_address) {
        var localForm = csys_address()
        guard csys_local_address(descriptor, &localForm) == 0 else { return csys_close(descriptor) }
        // A Unix peer has no name of its own; it gets the listener's.
        let remote =
            if case .unix = local { local } else { SocketAddress(systemForm: address) ?? local }
        let bound = SocketAddress(systemForm: localForm) ?? local
        onAccept?(AcceptedSocket(handle: Int(descriptor), local: bound, remote: remote))
    }

    private func refuseOne() -> Bool {
        guard spareDescriptor >= 0 else { return false }
        csys_close(spareDescriptor)
        var address = csys_address()
        let descriptor = csys_accept(watcher.descriptor, &address)
        if descriptor >= 0 { csys_close(descriptor) }
        spareDescriptor = csys_spare_descriptor()
        return descriptor >= 0
    }

    private func pause() {
        watcher.pause()
        nonisolated(unsafe) let watcher = watcher  // the timer fires on the listener's loop
        let timer = pauseTimer ?? loop.makeTimer { watcher.resume() }
        pauseTimer = timer
        if spareDescriptor < 0 { spareDescriptor = csys_spare_descriptor() }
        timer.arm(at: loop.now + Self.pauseDuration)
    }

    /// Removes the file of a listener that is gone.
    private static func removeStaleFile(_ address: inout csys_address) throws(SocketError) {
        switch csys_unix_is_served(&address) {
        case 0:
            let status = withUnsafeBytes(of: address.path) { path in
                csys_unlink(path.baseAddress?.assumingMemoryBound(to: CChar.self))
            }
            try SocketError.check(status)
        case 1: throw .addressInUse
        case UV_ENOENT.rawValue: return
        case let status: throw SocketError(code: status)
        }
    }
}

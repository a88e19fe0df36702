internal import StarlingCore
internal import StarlingWorld

/// A listening socket of a simulated host.
///
/// Dropping it closes it.
final class SimulatedListener: ListenerSocket {
    private(set) var local: SocketAddress
    let loop: SimulatedLoop
    /// Gone once it is closed.
    private(set) var onAccept: (@Sendable (AcceptedSocket) -> Void)?
    private var isOpen = false

    init(loop: SimulatedLoop, local: SocketAddress, onAccept: @escaping @Sendable (AcceptedSocket) -> Void) {
        self.loop = loop
        self.local = local
        self.onAccept = onAccept
    }

    deinit { close() }

    func didBind(to address: SocketAddress) {
        local = address
        isOpen = true
    }

    func refuse(_ accepted: AcceptedSocket) {
        loop.host.takeUnclaimed(accepted.handle)?.closeUnchecked()
    }

    func close() {
        guard isOpen else { return }
        isOpen = false
        onAccept = nil
        // A dead host has dropped its tables; another process may have the port by then.
        if !loop.isDead { loop.host.unbind(self) }
    }
}

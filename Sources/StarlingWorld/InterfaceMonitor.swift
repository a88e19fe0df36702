package import StarlingCore

/// One network interface that is up, with its addresses.
package struct NetworkInterface: Hashable, Sendable {
    package var index: UInt32
    package var name: String
    package var addresses: [IPAddress]
    package var isLoopback: Bool
    package var hasMulticast: Bool

    package init(index: UInt32, name: String, addresses: [IPAddress], isLoopback: Bool, hasMulticast: Bool) {
        self.index = index
        self.name = name
        self.addresses = addresses
        self.isLoopback = isLoopback
        self.hasMulticast = hasMulticast
    }
}

/// The machine's network interfaces.
package protocol InterfaceMonitor: Sendable {
    /// The interfaces that are up, ordered by index.
    func interfaces() -> [NetworkInterface]

    /// Calls `onChange` on `loop` after an interface or address came or went, until the observation is dropped.
    func observe(on loop: any EventLoop, onChange: @escaping @Sendable () -> Void) -> any InterfaceObservation
}

/// Keeps an observation going; dropping it ends it.
package protocol InterfaceObservation: AnyObject, Sendable {}

package import StarlingCore

/// How a datagram socket is bound.
package struct DatagramOptions: Sendable {
    package var local: SocketAddress
    /// Whether other sockets may share the address, as every mDNS responder of a machine does.
    package var isShared = false
    /// Groups to join, each on one interface.
    package var groups: [Group] = []
    /// How many routers a multicast datagram may pass; 255 for mDNS.
    package var multicastHopLimit: UInt8 = 255

    /// A multicast group on one interface.
    package struct Group: Hashable, Sendable {
        package var address: IPAddress
        package var interfaceIndex: UInt32

        package init(address: IPAddress, interfaceIndex: UInt32) {
            self.address = address
            self.interfaceIndex = interfaceIndex
        }
    }

    package init(local: SocketAddress) { self.local = local }
}

/// A datagram socket.
///
/// Loop-confined.
package protocol DatagramSocket: AnyObject {
    var local: SocketAddress { get }

    /// Sends one datagram, on one interface where the destination is a group.
    func send(_ bytes: [UInt8], to remote: SocketAddress, interfaceIndex: UInt32) throws(SocketError)

    func close()
}

/// Who hears from a ``DatagramSocket``.
///
/// Every call comes on the socket's loop.
package protocol DatagramSocketDelegate: AnyObject, Sendable {
    /// A datagram came in. `interfaceIndex` is 0 where the system does not say.
    func socketDidReceive(_ bytes: BufferSlice, from remote: SocketAddress, interfaceIndex: UInt32)
    /// The socket failed and is closed.
    func datagramSocketDidFail(_ error: SocketError)
}

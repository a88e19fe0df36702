/// Where a socket is bound, or where it connects to.
package enum SocketAddress: Hashable, Sendable {
    /// `zone` is the interface index that a link-local IPv6 address needs, 0 elsewhere.
    case ip(IPAddress, port: UInt16, zone: UInt32 = 0)
    /// A Unix domain socket's path.
    case unix(path: String)
}

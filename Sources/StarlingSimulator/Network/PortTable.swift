internal import StarlingCore
internal import StarlingWorld

/// Which socket of a host has which address and port.
struct PortTable<Socket: AnyObject> {
    private struct Key: Hashable {
        var isIPv4: Bool
        var port: UInt16
    }

    private struct Binding {
        weak var socket: Socket?
        var address: IPAddress
        var isShared: Bool
    }

    private var bindings: [Key: [Binding]] = [:]
    private var lastEphemeralPort: UInt16 = 49_151

    /// Binds a socket; port 0 asks for a free one.
    ///
    /// Returns the port.
    mutating func bind(_ socket: Socket, to address: IPAddress, port: UInt16, isShared: Bool)
        throws(SocketError) -> UInt16
    {
        if port != 0 {
            guard isFree(address, port, isShared: isShared) else { throw .addressInUse }
            add(socket, address, port, isShared)
            return port
        }
        for _ in 0..<16_384 {
            lastEphemeralPort = lastEphemeralPort == .max ? 49_152 : lastEphemeralPort + 1
            if isFree(address, lastEphemeralPort, isShared: false) {
                add(socket, address, lastEphemeralPort, isShared)
                return lastEphemeralPort
            }
        }
        throw .addressInUse
    }

    mutating func unbind(_ socket: Socket, from address: IPAddress, port: UInt16) {
        let key = Key(isIPv4: address.isIPv4, port: port)
        // During a socket's end its weak reference is gone already.
        bindings[key]?.removeAll { $0.socket == nil || $0.socket === socket }
        if bindings[key]?.isEmpty == true { bindings[key] = nil }
    }

    /// The socket that gets what comes for an address: the one bound to it, else to all; of several the last.
    func socket(at address: IPAddress, port: UInt16) -> Socket? {
        guard let candidates = bindings[Key(isIPv4: address.isIPv4, port: port)] else { return nil }
        return (candidates.last { $0.address == address } ?? candidates.last { $0.address.isUnspecified })?
            .socket
    }

    /// All sockets on a port of an address family, in the order of their binding.
    func sockets(isIPv4: Bool, port: UInt16) -> [Socket] {
        bindings[Key(isIPv4: isIPv4, port: port)]?.compactMap(\.socket) ?? []
    }

    /// Unbinds all sockets and returns them, in no order that may matter.
    mutating func removeAll() -> [Socket] {
        defer { bindings = [:] }
        return bindings.values.flatMap { $0.compactMap(\.socket) }
    }

    private mutating func add(_ socket: Socket, _ address: IPAddress, _ port: UInt16, _ isShared: Bool) {
        bindings[Key(isIPv4: address.isIPv4, port: port), default: []]
            .append(Binding(socket: socket, address: address, isShared: isShared))
    }

    private func isFree(_ address: IPAddress, _ port: UInt16, isShared: Bool) -> Bool {
        let others = bindings[Key(isIPv4: address.isIPv4, port: port)] ?? []
        return !others.contains { other in
            let overlaps =
                other.address == address || other.address.isUnspecified || address.isUnspecified
            return other.socket != nil && overlaps && !(isShared && other.isShared)
        }
    }
}

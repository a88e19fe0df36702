internal import StarlingCore
internal import StarlingWorld

extension SimulatedHost {
    func openDatagram(
        _ options: DatagramOptions,
        loop: SimulatedLoop,
        delegate: any DatagramSocketDelegate
    ) throws(SocketError) -> any DatagramSocket {
        guard !loop.isDead, case .ip(let ip, let port, let zone) = options.local else {
            throw .addressUnavailable
        }
        guard ip.isUnspecified || ip.isMulticast || owns(ip) else { throw .addressUnavailable }
        for group in options.groups {
            guard interfaces.contains(where: { $0.index == group.interfaceIndex }) else {
                throw .addressUnavailable
            }
        }
        let socket = SimulatedDatagramSocket(loop: loop, options: options, delegate: delegate)
        let bound = try datagramSockets.bind(socket, to: ip, port: port, isShared: options.isShared)
        socket.didBind(to: .ip(ip, port: bound, zone: zone))
        return socket
    }

    func unbind(_ socket: SimulatedDatagramSocket) {
        guard case .ip(let ip, let port, _) = socket.local else { return }
        datagramSockets.unbind(socket, from: ip, port: port)
    }

    func send(
        _ bytes: [UInt8],
        from socket: SimulatedDatagramSocket,
        to remote: SocketAddress,
        interfaceIndex: UInt32
    ) throws(SocketError) {
        guard case .ip(let ip, _, let zone) = remote, case .ip(let bound, let port, _) = socket.local,
            ip.isIPv4 == bound.isIPv4
        else { throw .addressUnavailable }
        guard bytes.count <= network.limits.datagramByteCountMax else { throw .messageTooLarge }
        if ip.isMulticast {
            let index = interfaceIndex != 0 ? interfaceIndex : zone
            return try sendToGroup(bytes, from: bound, port: port, to: remote, interfaceIndex: index)
        }
        guard let source = bound.isUnspecified ? sourceAddress(for: ip) : bound else { throw .unreachable }
        guard let receiver = network.host(at: remote, from: self) else { return }
        DatagramFlight(
            fabric: network,
            from: self,
            to: receiver,
            bytes: bytes,
            source: .ip(source, port: port),
            destination: remote,
            interfaceIndex: receiver.interfaces.first { $0.addresses.contains(ip) }?.index ?? 1
        ).depart()
    }

    private func sendToGroup(
        _ bytes: [UInt8],
        from bound: IPAddress,
        port: UInt16,
        to group: SocketAddress,
        interfaceIndex: UInt32
    ) throws(SocketError) {
        guard case .ip(let groupAddress, let groupPort, _) = group else { throw .addressUnavailable }
        let interface = interfaces.first {
            $0.hasMulticast && (interfaceIndex == 0 || $0.index == interfaceIndex)
        }
        guard let interface else { throw .unreachable }
        let own = interface.addresses.first { $0.isIPv4 == groupAddress.isIPv4 }
        guard let source = bound.isUnspecified || bound.isMulticast ? own : bound else { throw .unreachable }
        for receiver in network.members(of: interface.segment)
        where receiver.hasSocket(isIPv4: groupAddress.isIPv4, port: groupPort) {
            guard let theirs = receiver.interfaces.first(where: { $0.segment == interface.segment }) else {
                continue
            }
            DatagramFlight(
                fabric: network,
                from: self,
                to: receiver,
                bytes: bytes,
                source: .ip(source, port: port, zone: source.isLinkLocal ? theirs.index : 0),
                destination: group,
                interfaceIndex: theirs.index
            ).depart()
        }
    }

    private func hasSocket(isIPv4: Bool, port: UInt16) -> Bool {
        !datagramSockets.sockets(isIPv4: isIPv4, port: port).isEmpty
    }

    /// A datagram arrived: hands each socket that wants it a copy of its own.
    func receive(
        _ bytes: [UInt8],
        from source: SocketAddress,
        at destination: SocketAddress,
        interfaceIndex: UInt32
    ) {
        guard case .ip(let ip, let port, _) = destination else { return }
        if ip.isMulticast {
            let group = DatagramOptions.Group(address: ip, interfaceIndex: interfaceIndex)
            for socket in datagramSockets.sockets(isIPv4: ip.isIPv4, port: port)
            where socket.options.groups.contains(group) {
                socket.didReceive(copy(bytes), from: source, interfaceIndex: interfaceIndex)
            }
        } else {
            let own = ip.isUnspecified ? sourceAddress(for: ip) ?? ip : ip
            datagramSockets.socket(at: own, port: port)?
                .didReceive(copy(bytes), from: source, interfaceIndex: interfaceIndex)
        }
    }

    private func copy(_ bytes: [UInt8]) -> BufferSlice {
        guard !bytes.isEmpty else { return BufferSlice(copying: bytes.span) }
        let slice = scheduler.arena.take(byteCount: bytes.count)
        slice.buffer.write(bytes.span, at: slice.range.lowerBound)
        return slice
    }
}

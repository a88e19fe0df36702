package import StarlingCore
package import StarlingWorld

extension UVLoop {
    package func connect(
        to remote: SocketAddress,
        delegate: any StreamSocketDelegate
    ) throws(SocketError) -> any StreamSocket {
        try checkUse()
        return try UVStreamSocket.connect(on: self, to: remote, delegate: delegate)
    }

    package func adopt(
        _ accepted: AcceptedSocket,
        delegate: any StreamSocketDelegate
    ) throws(SocketError) -> any StreamSocket {
        try checkUse()
        return try UVStreamSocket.adopt(on: self, accepted, delegate: delegate)
    }

    package func listen(
        on local: SocketAddress,
        onAccept: @escaping @Sendable (AcceptedSocket) -> Void
    ) throws(SocketError) -> any ListenerSocket {
        try checkUse()
        return try UVListener(on: self, local: local, onAccept: onAccept)
    }

    package func openDatagram(
        _ options: DatagramOptions,
        delegate: any DatagramSocketDelegate
    ) throws(SocketError) -> any DatagramSocket {
        try checkUse()
        return try UVDatagramSocket(on: self, options, delegate: delegate)
    }

    /// - Precondition: the caller runs on this loop.
    private func checkUse() throws(SocketError) {
        precondition(isCurrent)
        if isEnding { throw .other("ECANCELED") }
    }
}

package import StarlingCore

/// A connected byte stream of the operating system (TCP or Unix), or of the simulator.
///
/// Loop-confined.
package protocol StreamSocket: AnyObject {
    var local: SocketAddress { get }
    var remote: SocketAddress { get }

    /// Begins to read, or goes on. A fresh socket does not read.
    func resumeReading()

    /// Stops reading: the peer's bytes pile up in the kernel until its window is full.
    func pauseReading()

    /// Writes the slices in order.
    ///
    /// What the operating system does not take at once is queued; ``StreamSocketDelegate/socketDidDrain()``
    /// follows once when the queue has emptied. The caller checks ``queuedByteCount`` before it writes more.
    func write(_ slices: inout RingQueue<BufferSlice>)

    /// Bytes that the operating system has not taken yet.
    var queuedByteCount: Int { get }

    /// What was counted of the packets that we sent; `nil` where nobody counts, as between processes of one machine over a
    /// Unix socket, or once the socket is closed.
    var packetCounts: PacketCounts? { get }

    /// Ends our direction once the queue has been written. The peer reads an end.
    func closeWrite()

    /// Closes at once and drops the queue; the delegate hears nothing more.
    func close()
}

/// What was counted of the packets that one end of a stream sent.
package struct PacketCounts: Equatable, Sendable {
    /// Those with content, repetitions included.
    package var sentCount: UInt64
    /// Those of them that took the place of one that was taken for lost.
    package var repeatedCount: UInt64
    /// What arrived in a second when that was last limited by the way, and not by who sent; `nil` while it was not.
    package var bytesPerSecond: Int64?

    package init(sentCount: UInt64, repeatedCount: UInt64, bytesPerSecond: Int64? = nil) {
        self.sentCount = sentCount
        self.repeatedCount = repeatedCount
        self.bytesPerSecond = bytesPerSecond
    }
}

/// Who hears from a ``StreamSocket``.
///
/// Every call comes on the socket's loop.
package protocol StreamSocketDelegate: AnyObject, Sendable {
    /// An outgoing connection stands.
    func socketDidConnect()
    /// Bytes came. Nobody else writes to the slice, so that a record may be decrypted in place.
    func socketDidRead(_ bytes: BufferSlice)
    /// The peer ended its direction.
    func socketDidEnd()
    /// The write queue has emptied after a ``StreamSocket/write(_:)`` that could not finish.
    func socketDidDrain()
    /// The socket failed and is closed.
    func socketDidFail(_ error: SocketError)
}

/// A connection that a listener accepted and no loop has taken yet.
package struct AcceptedSocket: Sendable {
    /// Who knows how to turn the handle into a socket: a descriptor, or the simulator's number.
    package let handle: Int
    package let local: SocketAddress
    package let remote: SocketAddress

    package init(handle: Int, local: SocketAddress, remote: SocketAddress) {
        self.handle = handle
        self.local = local
        self.remote = remote
    }
}

/// A bound socket that accepts connections.
///
/// Loop-confined.
package protocol ListenerSocket: AnyObject {
    /// The address, with the port that was chosen where 0 was asked for.
    var local: SocketAddress { get }
    /// Closes an accepted connection that nobody wants, unread.
    func refuse(_ accepted: AcceptedSocket)
    func close()
}

/// Why a socket could not be opened, or failed.
package enum SocketError: Error, Equatable, Sendable {
    /// Nobody listens there.
    case refused
    /// The peer, or something on the way, broke the connection off.
    case reset
    /// The other end answered nothing in time.
    case timedOut
    /// No route to that network or host.
    case unreachable
    /// The address is in use by another socket.
    case addressInUse
    /// The address does not belong to this machine, or is of a kind that it does not have.
    case addressUnavailable
    /// The operating system does not allow it.
    case notPermitted
    /// The process, or the system, has no descriptor left.
    case tooManyOpenFiles
    /// The system has no memory or buffer left for it.
    case outOfMemory
    /// The datagram is larger than the link takes.
    case messageTooLarge
    /// Anything else, by the system's own name for it, such as `EPROTO`.
    case other(String)
}

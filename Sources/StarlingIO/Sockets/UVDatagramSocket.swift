internal import CSys
internal import CUV
internal import StarlingCore
internal import StarlingWorld

/// A UDP socket on a ``UVLoop``.
///
/// An open socket keeps its delegate; closing and failing let go of it.
final class UVDatagramSocket: DatagramSocket {
    /// Datagrams received before other sockets of the loop get their chance.
    private static let receiveCountPerTurnMax = 64

    let local: SocketAddress
    private let loop: UVLoop
    private let watcher: PollWatcher
    private var delegate: (any DatagramSocketDelegate)?

    init(
        on loop: UVLoop,
        _ options: DatagramOptions,
        delegate: any DatagramSocketDelegate
    ) throws(SocketError) {
        var address = try options.local.systemForm()
        let descriptor = csys_datagram_open(
            &address,
            options.isShared ? 1 : 0,
            Int32(options.multicastHopLimit)
        )
        try SocketError.check(descriptor)
        self.loop = loop
        self.delegate = delegate
        local =
            csys_local_address(descriptor, &address) == 0
            ? SocketAddress(systemForm: address) ?? options.local : options.local
        watcher = try PollWatcher(loop: loop, descriptor: descriptor)
        do throws(SocketError) {
            try Self.join(options.groups, watcher.descriptor, loop.log)
        } catch {
            watcher.close()
            throw error
        }
        // The watch keeps the socket, as libuv's handles do with stream sockets.
        watcher.start { self.receive() }
    }

    /// Joins the groups; fails where none can be joined.
    ///
    /// An interface may have gone a moment ago, and systems limit the memberships of one socket: Linux to 20.
    private static func join(
        _ groups: [DatagramOptions.Group],
        _ descriptor: Int32,
        _ log: Log
    ) throws(SocketError) {
        var failure: SocketError?
        var joinedCount = 0
        for group in groups {
            var form = try SocketAddress.ip(group.address, port: 0).systemForm()
            let status = csys_datagram_join(descriptor, &form, group.interfaceIndex)
            if status >= 0 {
                joinedCount += 1
                continue
            }
            let error = SocketError(code: status)
            failure = failure ?? error
            log(
                .debug,
                "a multicast group was not joined",
                ["interface": .number(Int64(group.interfaceIndex)), "reason": "\(error)"]
            )
        }
        if joinedCount == 0, let failure { throw failure }
    }

    func send(_ bytes: [UInt8], to remote: SocketAddress, interfaceIndex: UInt32) throws(SocketError) {
        guard !watcher.isClosed else { throw .other("EBADF") }
        var address = try remote.systemForm()
        let sent = csys_datagram_send(watcher.descriptor, bytes, bytes.count, &address, interfaceIndex)
        if sent >= 0 { return }
        // A full send buffer loses datagrams as a full link would.
        if sent == Int64(UV_EAGAIN.rawValue) { throw .outOfMemory }
        throw SocketError(code: Int32(truncatingIfNeeded: sent))
    }

    func close() {
        delegate = nil
        watcher.close()
    }

    private func receive() {
        for _ in 0..<Self.receiveCountPerTurnMax {
            if watcher.isClosed { return }
            let room = loop.readArea.room()
            var address = csys_address()
            var interfaceIndex: UInt32 = 0
            let count = csys_datagram_receive(
                watcher.descriptor,
                room.baseAddress,
                room.count,
                &address,
                &interfaceIndex
            )
            if count >= 0 {
                loop.trimLater()
                guard let remote = SocketAddress(systemForm: address),
                    let slice = loop.readArea.take(Int(count))
                else { continue }
                delegate?.socketDidReceive(slice, from: remote, interfaceIndex: interfaceIndex)
                continue
            }
            switch uv_errno_t(Int32(truncatingIfNeeded: count)) {
            case UV_EAGAIN: return
            // An answer of the network to a datagram that we sent says nothing about this socket.
            case UV_ECONNREFUSED, UV_EHOSTUNREACH, UV_ENETUNREACH, UV_EMSGSIZE, UV_EINTR: continue
            default:
                let delegate = delegate
                close()
                delegate?.datagramSocketDidFail(SocketError(code: Int32(truncatingIfNeeded: count)))
            }
        }
    }
}

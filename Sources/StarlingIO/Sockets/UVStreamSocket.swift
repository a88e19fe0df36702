internal import CSys
internal import CUV
internal import StarlingCore
internal import StarlingWorld

/// A TCP or Unix stream socket on a ``UVLoop``.
///
/// An open socket keeps its delegate; closing and failing let go of it. An idle socket holds no buffer.
///
/// Writes go to the system at once and as many slices per call as it takes; what it refuses waits here, and
/// libuv is asked to write only the first few of those, so that a blocked write allocates nothing either.
final class UVStreamSocket: StreamSocket {
    /// Slices per system call.
    private static let vectorCountMax = 64
    /// Slices that libuv gets when the system refuses more: as many as it takes without an allocation.
    private static let requestSliceCountMax = 4
    /// Bytes that may wait in the kernel unsent: enough to keep the link busy, little enough that a change of
    /// priority takes effect soon.
    static let unsentByteCountMax: Int32 = 65_536

    private enum State {
        case connecting
        case open
        case closed
    }

    private(set) var local: SocketAddress
    let remote: SocketAddress
    private let loop: UVLoop
    private let stream: UnsafeMutablePointer<uv_stream_t>
    private var delegate: (any StreamSocketDelegate)?
    private var state: State
    private var isReading = false
    private var hasEnded = false
    private var shallEndWriting = false
    /// A write failed while the peer's last words may still be unread: the read side reports the end.
    private var breakage: SocketError?

    private var queue = RingQueue<BufferSlice>()
    private var queueByteCount = 0
    /// How many slices at the head of the queue libuv is writing, and their bytes.
    private var requestSliceCount = 0
    private var requestByteCount = 0

    /// A handle of libuv's for that kind of address, without a descriptor yet.
    private init(
        loop: UVLoop,
        local: SocketAddress,
        remote: SocketAddress,
        state: State,
        delegate: any StreamSocketDelegate
    ) throws(SocketError) {
        self.loop = loop
        self.local = local
        self.remote = remote
        self.state = state
        self.delegate = delegate
        let isUnix = if case .unix = remote { true } else if case .unix = local { true } else { false }
        let kind = isUnix ? UV_NAMED_PIPE : UV_TCP
        let memory = UnsafeMutableRawPointer.allocate(byteCount: uv_handle_size(kind), alignment: 16)
        stream = memory.bindMemory(to: uv_stream_t.self, capacity: 1)
        let status =
            isUnix
            ? uv_pipe_init(loop.uv, memory.assumingMemoryBound(to: uv_pipe_t.self), 0)
            : uv_tcp_init(loop.uv, memory.assumingMemoryBound(to: uv_tcp_t.self))
        guard status == 0 else {
            memory.deallocate()
            throw SocketError(code: status)
        }
        stream.pointee.data = Unmanaged.passRetained(self).toOpaque()
    }

    /// Begins to connect.
    static func connect(
        on loop: UVLoop,
        to remote: SocketAddress,
        delegate: any StreamSocketDelegate
    ) throws(SocketError) -> UVStreamSocket {
        let address = try remote.systemForm()
        let socket = try UVStreamSocket(
            loop: loop,
            local: remote.unspecified,
            remote: remote,
            state: .connecting,
            delegate: delegate
        )
        do {
            try socket.startConnecting(address)
        } catch {
            socket.close()
            throw error
        }
        return socket
    }

    /// Takes over a descriptor that a listener accepted.
    static func adopt(
        on loop: UVLoop,
        _ accepted: AcceptedSocket,
        delegate: any StreamSocketDelegate
    ) throws(SocketError) -> UVStreamSocket {
        let descriptor = Int32(truncatingIfNeeded: accepted.handle)
        let socket: UVStreamSocket
        do {
            socket = try UVStreamSocket(
                loop: loop,
                local: accepted.local,
                remote: accepted.remote,
                state: .open,
                delegate: delegate
            )
        } catch {
            csys_close(descriptor)
            throw error
        }
        let memory = UnsafeMutableRawPointer(socket.stream)
        let status =
            if case .unix = accepted.local {
                uv_pipe_open(memory.assumingMemoryBound(to: uv_pipe_t.self), descriptor)
            } else {
                uv_tcp_open(memory.assumingMemoryBound(to: uv_tcp_t.self), descriptor)
            }
        guard status == 0 else {
            socket.close()
            csys_close(descriptor)
            throw SocketError(code: status)
        }
        #if !os(Linux)
            // Elsewhere the listener's settings are not inherited.
            csys_tune_stream(descriptor, unsentByteCountMax)
        #endif
        return socket
    }

    // MARK: Reading

    func resumeReading() {
        guard state != .closed, !isReading, !hasEnded else { return }
        isReading = true
        if state == .open { startReading() }
    }

    func pauseReading() {
        guard isReading else { return }
        isReading = false
        if state == .open { uv_read_stop(stream) }
        // Nobody would hear of the breakage from a paused reader.
        if let breakage { failSoon(breakage) }
    }

    private func startReading() {
        let status = uv_read_start(
            stream,
            { handle, _, buffer in
                let room = UVStreamSocket.of(handle?.pointee.data).loop.readArea.room()
                buffer?.pointee.base = room.baseAddress?.assumingMemoryBound(to: CChar.self)
                buffer?.pointee.len = room.count
            },
            { handle, count, _ in
                guard count != 0 else { return }
                let socket = UVStreamSocket.of(handle?.pointee.data)
                socket.didRead(count)
                socket.loop.finishTurn()
            }
        )
        if status != 0 { failSoon(SocketError(code: status)) }
    }

    private func didRead(_ count: Int) {
        if count > 0 {
            loop.trimLater()
            if let slice = loop.readArea.take(count) { delegate?.socketDidRead(slice) }
        } else if count == Int(UV_EOF.rawValue) {
            isReading = false
            hasEnded = true
            if let breakage { fail(breakage) } else { delegate?.socketDidEnd() }
        } else {
            fail(SocketError(code: Int32(truncatingIfNeeded: count)))
        }
    }

    // MARK: Writing

    var queuedByteCount: Int {
        guard requestByteCount > 0, state == .open else { return queueByteCount }
        return queueByteCount - requestByteCount + uv_stream_get_write_queue_size(stream)
    }

    func write(_ slices: inout RingQueue<BufferSlice>) {
        guard state != .closed, breakage == nil, !shallEndWriting else {
            while slices.popFirst() != nil {}
            return
        }
        if state == .open && queue.isEmpty {
            let status = writeAtOnce(&slices)
            if status < 0 && status != UV_EAGAIN.rawValue {
                while slices.popFirst() != nil {}
                breakOff(SocketError(code: status))
                return
            }
        }
        while let slice = slices.popFirst() {
            queueByteCount += slice.count
            queue.append(slice)
        }
        if !queue.isEmpty { requestWrite() }
    }

    func closeWrite() {
        guard state != .closed, !shallEndWriting else { return }
        shallEndWriting = true
        endWritingIfDrained()
    }

    private func endWritingIfDrained() {
        guard shallEndWriting, state == .open, queue.isEmpty, breakage == nil else { return }
        // A connection that is gone already says so to the reader.
        _ = csys_shutdown_write(descriptor)
    }

    /// Writes until all is gone or the system takes no more.
    ///
    /// Returns 0, `UV_EAGAIN`, or the error.
    private func writeAtOnce(_ slices: inout RingQueue<BufferSlice>) -> Int32 {
        while !slices.isEmpty {
            let vectorCount = min(slices.count, Self.vectorCountMax)
            var byteCount = 0
            let written = withUnsafeTemporaryAllocation(of: uv_buf_t.self, capacity: vectorCount) { vectors in
                byteCount = Self.fill(vectors, vectorCount, from: slices)
                return uv_try_write(stream, vectors.baseAddress, UInt32(vectorCount))
            }
            if written < 0 { return written }
            Self.removePrefix(Int(written), of: &slices)
            if written < byteCount { return UV_EAGAIN.rawValue }
        }
        return 0
    }

    private static func fill(
        _ vectors: UnsafeMutableBufferPointer<uv_buf_t>,
        _ count: Int,
        from slices: RingQueue<BufferSlice>
    ) -> Int {
        var byteCount = 0
        for position in 0..<count {
            let slice = slices[position]
            let memory = slice.buffer.memory(slice.range)
            vectors.initializeElement(
                at: position,
                to: uv_buf_t(base: memory.baseAddress?.assumingMemoryBound(to: CChar.self), len: memory.count)
            )
            byteCount += memory.count
        }
        return byteCount
    }

    private static func removePrefix(_ byteCount: Int, of slices: inout RingQueue<BufferSlice>) {
        var left = byteCount
        while let first = slices.first {
            if first.count > left {
                if left > 0 {
                    var rest = first
                    _ = rest.removePrefix(left)
                    slices[0] = rest
                }
                return
            }
            left -= first.count
            _ = slices.popFirst()
        }
    }

    /// Has libuv write the head of the queue when the system takes more.
    private func requestWrite() {
        guard requestSliceCount == 0, state == .open else { return }
        let request = loop.writeRequests.popLast() ?? .allocate(capacity: 1)
        request.initialize(to: uv_write_t())
        requestSliceCount = min(queue.count, Self.requestSliceCountMax)
        let status = withUnsafeTemporaryAllocation(of: uv_buf_t.self, capacity: requestSliceCount) {
            vectors in
            requestByteCount = Self.fill(vectors, requestSliceCount, from: queue)
            return uv_write(request, stream, vectors.baseAddress, UInt32(requestSliceCount)) {
                request,
                status in
                guard let request, let handle = request.pointee.handle else { return }
                let socket = UVStreamSocket.of(handle.pointee.data)
                socket.loop.writeRequests.append(request)
                socket.didWriteRequest(status)
                socket.loop.finishTurn()
            }
        }
        guard status != 0 else { return }
        loop.writeRequests.append(request)
        breakOff(SocketError(code: status))
    }

    private func didWriteRequest(_ status: Int32) {
        guard state == .open, breakage == nil else { return }
        guard status == 0 else { return breakOff(SocketError(code: status)) }
        for _ in 0..<requestSliceCount { _ = queue.popFirst() }
        queueByteCount -= requestByteCount
        requestSliceCount = 0
        requestByteCount = 0
        let result = writeAtOnce(&queue)
        if result == 0 {
            queueByteCount = 0
            endWritingIfDrained()
            delegate?.socketDidDrain()
        } else if result == UV_EAGAIN.rawValue {
            queueByteCount = (0..<queue.count).reduce(0) { $0 + queue[$1].count }
            requestWrite()
        } else {
            breakOff(SocketError(code: result))
        }
    }

    // MARK: Counting

    var packetCounts: PacketCounts? {
        guard case .open = state, case .ip = remote else { return nil }
        var counts = csys_packet_counts()
        guard csys_packet_counts(descriptor, &counts) == 0 else { return nil }
        return PacketCounts(
            sentCount: counts.sent,
            repeatedCount: min(counts.repeated, counts.sent),
            bytesPerSecond: counts.bytes_per_second > 0 ? counts.bytes_per_second : nil
        )
    }

    // MARK: Connecting

    private var descriptor: Int32 {
        var descriptor: Int32 = -1
        _ = stream.withMemoryRebound(to: uv_handle_t.self, capacity: 1) { uv_fileno($0, &descriptor) }
        return descriptor
    }

    private func startConnecting(_ address: csys_address) throws(SocketError) {
        var address = address
        let request = UnsafeMutablePointer<uv_connect_t>.allocate(capacity: 1)
        request.initialize(to: uv_connect_t())
        let completion: uv_connect_cb = { request, status in
            guard let request, let handle = request.pointee.handle else { return }
            let socket = UVStreamSocket.of(handle.pointee.data)
            request.deallocate()
            socket.didConnect(status)
            socket.loop.finishTurn()
        }
        let memory = UnsafeMutableRawPointer(stream)
        if case .unix(let path) = remote {
            uv_pipe_connect(request, memory.assumingMemoryBound(to: uv_pipe_t.self), path, completion)
            return
        }
        var storage = sockaddr_storage()
        csys_sockaddr(&address, &storage)
        let status = withUnsafePointer(to: &storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                uv_tcp_connect(request, memory.assumingMemoryBound(to: uv_tcp_t.self), address, completion)
            }
        }
        guard status != 0 else { return }
        request.deallocate()
        throw SocketError(code: status)
    }

    private func didConnect(_ status: Int32) {
        guard state == .connecting else { return }
        guard status == 0 else { return fail(SocketError(code: status)) }
        state = .open
        let descriptor = descriptor
        if case .ip = remote { csys_tune_stream(descriptor, Self.unsentByteCountMax) }
        var address = csys_address()
        if csys_local_address(descriptor, &address) == 0, let bound = SocketAddress(systemForm: address) {
            local = bound
        }
        if isReading { startReading() }
        delegate?.socketDidConnect()
        if !queue.isEmpty { requestWrite() } else { endWritingIfDrained() }
    }

    // MARK: The end

    func close() {
        guard state != .closed else { return }
        state = .closed
        isReading = false
        delegate = nil
        stream.withMemoryRebound(to: uv_handle_t.self, capacity: 1) { handle in
            uv_close(handle) { handle in
                guard let handle, let data = handle.pointee.data else { return }
                Unmanaged<UVStreamSocket>.fromOpaque(data).release()
                UnsafeMutableRawPointer(handle).deallocate()
            }
        }
        // libuv has closed the descriptor: it reads the queued memory no more.
        queue.removeAll()
        queueByteCount = 0
        requestByteCount = 0
    }

    private func fail(_ error: SocketError) {
        guard state != .closed else { return }
        let delegate = delegate
        close()
        delegate?.socketDidFail(error)
    }

    /// Gives the peer's last words to the delegate before the failure, where it reads.
    private func breakOff(_ error: SocketError) {
        guard breakage == nil, state == .open else { return }
        breakage = error
        queueByteCount = 0
        requestByteCount = 0
        queue.removeAll()
        if !isReading { failSoon(error) }
    }

    /// Fails after the current callback or job, because a delegate is not called from within its own call.
    private func failSoon(_ error: SocketError) {
        nonisolated(unsafe) let socket = self  // the task runs on the socket's loop
        loop.startTask { socket.fail(error) }
    }

    static func of(_ data: UnsafeMutableRawPointer?) -> UVStreamSocket {
        guard let data else { preconditionFailure("a handle without its socket") }
        return Unmanaged<UVStreamSocket>.fromOpaque(data).takeUnretainedValue()
    }
}

extension SocketAddress {
    /// The address of this kind that names nothing, until the real one is known.
    fileprivate var unspecified: SocketAddress {
        switch self {
        case .ip(.v4, _, _): .ip(.v4(0), port: 0)
        case .ip(.v6, _, _): .ip(.v6(high: 0, low: 0), port: 0)
        case .unix: .unix(path: "")
        }
    }
}

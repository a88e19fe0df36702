internal import CSys
internal import CUV
internal import StarlingWorld

/// Watches a descriptor that libuv has no stream for, and owns it.
///
/// It lives until it is closed; its callback is dropped then.
final class PollWatcher {
    let descriptor: Int32
    private unowned let loop: UVLoop
    private let handle: UnsafeMutablePointer<uv_poll_t>
    private var onReadable: (() -> Void)?
    private(set) var isClosed = false

    /// Takes the descriptor over, also when this throws.
    init(loop: UVLoop, descriptor: Int32) throws(SocketError) {
        self.loop = loop
        self.descriptor = descriptor
        handle = .allocate(capacity: 1)
        handle.initialize(to: uv_poll_t())
        let status = uv_poll_init(loop.uv, handle, descriptor)
        guard status == 0 else {
            handle.deallocate()
            csys_close(descriptor)
            isClosed = true
            throw SocketError(code: status)
        }
        handle.pointee.data = Unmanaged.passRetained(self).toOpaque()
    }

    /// Calls `onReadable` whenever there is something to read, until ``pause()`` or ``close()``.
    func start(_ onReadable: @escaping () -> Void) {
        self.onReadable = onReadable
        resume()
    }

    func resume() {
        if isClosed { return }
        uv_poll_start(handle, Int32(UV_READABLE.rawValue)) { handle, _, _ in
            let watcher = PollWatcher.of(handle?.pointee.data)
            let loop = watcher.loop
            watcher.onReadable?()
            loop.finishTurn()
        }
    }

    func pause() {
        if !isClosed { uv_poll_stop(handle) }
    }

    func close() {
        if isClosed { return }
        isClosed = true
        onReadable = nil
        // libuv wants the watch gone before the descriptor is.
        uv_poll_stop(handle)
        csys_close(descriptor)
        handle.withMemoryRebound(to: uv_handle_t.self, capacity: 1) { handle in
            uv_close(handle) { handle in
                guard let handle, let data = handle.pointee.data else { return }
                Unmanaged<PollWatcher>.fromOpaque(data).release()
                UnsafeMutableRawPointer(handle).deallocate()
            }
        }
    }

    static func of(_ data: UnsafeMutableRawPointer?) -> PollWatcher {
        guard let data else { preconditionFailure("a handle without its owner") }
        return Unmanaged<PollWatcher>.fromOpaque(data).takeUnretainedValue()
    }
}

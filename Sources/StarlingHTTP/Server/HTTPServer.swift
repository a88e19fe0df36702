internal import CMicrohttpd
package import StarlingAPI
internal import StarlingCore
package import StarlingWorld

/// Serves the node's API over HTTP/1.1 on a Unix socket that only its owner may connect to.
///
/// libmicrohttpd reads and writes on one thread of its own; the work on a request is a task on the node's loop,
/// and its connection is suspended meanwhile, so that a request that waits holds no thread.
package actor HTTPServer {
    private let desk: HTTPRequestDesk
    private let loop: any EventLoop
    private let listener: UnixListener
    private let daemon: OpaquePointer
    private var isStopped = false

    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// Binds `socketPath`, with mode 0600, and begins to serve.
    ///
    /// A socket file that nobody serves is replaced.
    package init(
        socketPath: String,
        responder: any APIResponder,
        loop: any EventLoop,
        limits: HTTPServerLimits = HTTPServerLimits()
    ) throws(HTTPServerError) {
        let desk = HTTPRequestDesk(responder: responder, loop: loop, limits: limits)
        let listener = try UnixListener(path: socketPath)
        guard let daemon = HTTPCallbacks.startDaemon(listening: listener.descriptor, desk: desk) else {
            listener.remove()
            throw .microhttpdFailed
        }
        self.desk = desk
        self.loop = loop
        self.listener = listener
        self.daemon = daemon
    }

    /// Stops listening, cancels what the node is still working on, lets answers be written for at most
    /// ``HTTPServerLimits/drainTimeMax``, and closes every connection.
    ///
    /// A second call returns at once. Cancelling the caller cuts short only the time for answers.
    package func stop() async {
        if isStopped { return }
        isStopped = true
        _ = MHD_quiesce_daemon(daemon)
        listener.remove()
        // The library aborts the process if it is stopped while a connection is suspended.
        await desk.stop()
        let deadline = loop.now + desk.limits.drainTimeMax
        while desk.exchangeCount > 0, loop.now < deadline {
            do { try await loop.sleep(for: .milliseconds(5)) } catch { break }
        }
        MHD_stop_daemon(daemon)
    }
}

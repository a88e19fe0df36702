internal import StarlingCore
internal import StarlingTransports
internal import StarlingWorld

/// What one stream brought, between the task that reads and proves it and the one that sees to its being durable.
///
/// So signatures are checked while the disk is busy, and what was checked meanwhile becomes one batch. It lives on the
/// loop of the stream's connection, as both tasks do.
actor ArrivalQueue {
    private nonisolated let loop: any EventLoop
    private let byteCountMax: Int
    private let mayHold: @Sendable (Int) -> Bool
    private var arrivals: [MessageArrival] = []
    /// Bytes of their frames, or of what was unpacked from them where that is more.
    private var byteCount = 0
    /// Those of what was taken last, until its taker has dealt with them.
    private var takenByteCount = 0
    private var isClosed = false
    private var reader: Waiter<Void>?
    private var taker: Waiter<Void>?

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    /// - Parameters:
    ///   - byteCountMax: With as many bytes waiting, whoever reads waits too.
    ///   - mayHold: Told how many bytes wait or are being dealt with whenever that changes; `false` ends the reading.
    init(
        on loop: any EventLoop,
        byteCountMax: Int,
        mayHold: @escaping @Sendable (Int) -> Bool = { _ in true }
    ) {
        self.loop = loop
        self.byteCountMax = byteCountMax
        self.mayHold = mayHold
    }

    /// Appends arrivals, and suspends while there are too many.
    ///
    /// Cancellation changes nothing: whoever takes them ends the wait, also by ``close()``.
    ///
    /// - Throws: ``StreamError/unreadLimit`` when they may not be held; then they are not.
    func put(_ more: [MessageArrival], byteCount: Int) async throws(StreamError) {
        guard mayHold(self.byteCount + byteCount + takenByteCount) else { throw .unreadLimit }
        arrivals += more
        self.byteCount += byteCount
        taker.take()?.resume()
        while self.byteCount >= byteCountMax, !isClosed {
            await Waiter.suspend { waiter in
                if self.byteCount < byteCountMax || isClosed { waiter.resume() } else { reader = waiter }
            }
        }
    }

    /// All arrivals that wait, at least one; suspends until there is one, and returns `nil` once the queue is closed
    /// and empty.
    ///
    /// Cancellation changes nothing: whoever reads ends the wait, at the latest by ``close()``.
    func next() async -> [MessageArrival]? {
        release()
        while arrivals.isEmpty {
            if isClosed { return nil }
            await Waiter.suspend { waiter in
                if arrivals.isEmpty && !isClosed { taker = waiter } else { waiter.resume() }
            }
        }
        defer {
            takenByteCount = byteCount
            (arrivals, byteCount) = ([], 0)
            reader.take()?.resume()
        }
        return arrivals
    }

    /// What was taken last has been dealt with, and is held no longer.
    func release() {
        guard takenByteCount > 0 else { return }
        takenByteCount = 0
        _ = mayHold(byteCount)
    }

    /// Nothing more comes, or nobody takes more.
    func close() {
        isClosed = true
        taker.take()?.resume()
        reader.take()?.resume()
    }
}

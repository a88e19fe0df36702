internal import StarlingCore
internal import StarlingTransports
internal import StarlingWorld

/// What one stream brought, between the task that reads and proves it and the one that sees to its being durable.
///
/// So signatures are checked while the disk is busy, and what was checked meanwhile becomes one batch. It lives on the
/// loop of the stream's connection, as both tasks do.
actor ArrivalQueue {
    struct Limits: Sendable {
        /// With as many bytes waiting, whoever reads waits too.
        var byteCountMax: Int
        /// How soon it is tried again where other streams of the peer hold what this one may not: they tell nobody here.
        var holdInterval: Duration = .milliseconds(50)
    }

    private nonisolated let loop: any EventLoop
    private let limits: Limits
    private let hold: @Sendable (Int) -> HoldVerdict
    private var arrivals: [MessageArrival] = []
    /// Bytes of their frames, or of what was unpacked from them where that is more.
    private var byteCount = 0
    /// Those of what was taken last, until its taker has dealt with them.
    private var takenByteCount = 0
    private var isClosed = false
    private var reader: Waiter<Void>?
    private var taker: Waiter<Void>?

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    /// - Parameter hold: Told how many bytes wait or are being dealt with whenever that changes.
    init(
        on loop: any EventLoop,
        _ limits: Limits,
        hold: @escaping @Sendable (Int) -> HoldVerdict = { _ in .held }
    ) {
        self.loop = loop
        self.limits = limits
        self.hold = hold
    }

    /// Appends arrivals; suspends until they may be held, and then while there are too many.
    ///
    /// What the peer has held here goes once it is durable. So nothing more of the peer is read while it has too much, and
    /// what was read waits with whoever has read it. Cancellation: whoever takes them ends the wait, also by ``close()``; where other
    /// streams hold too much it throws ``StreamError/cancelled``.
    ///
    /// - Throws: ``StreamError/unreadLimit`` when they may not be held and nothing goes that they could wait for.
    func put(_ more: [MessageArrival], byteCount: Int) async throws(StreamError) {
        try await makeRoom(byteCount)
        guard !isClosed else { return }
        arrivals += more
        self.byteCount += byteCount
        taker.take()?.resume()
        while self.byteCount >= limits.byteCountMax, !isClosed {
            await Waiter.suspend { waiter in
                if self.byteCount < limits.byteCountMax || isClosed {
                    waiter.resume()
                } else {
                    reader = waiter
                }
            }
        }
    }

    private func makeRoom(_ byteCount: Int) async throws(StreamError) {
        while !isClosed {
            switch hold(self.byteCount + byteCount + takenByteCount) {
            case .held: return
            case .never: throw .unreadLimit
            case .later: break
            }
            guard self.byteCount + takenByteCount == 0 else {
                await Waiter.suspend { waiter in
                    if self.byteCount + takenByteCount == 0 || isClosed {
                        waiter.resume()
                    } else {
                        reader = waiter
                    }
                }
                continue
            }
            do throws(CancellationError) { try await loop.sleep(for: limits.holdInterval) } catch {
                throw .cancelled
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
        // Less is never refused.
        _ = hold(byteCount)
        reader.take()?.resume()
    }

    /// Nothing more comes, or nobody takes more.
    func close() {
        isClosed = true
        taker.take()?.resume()
        reader.take()?.resume()
    }
}

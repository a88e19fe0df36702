package import StarlingCore
package import StarlingWorld

/// Drives one stream socket from a test, and remembers what it heard.
///
/// Lives on the socket's loop.
package actor SocketProbe {
    /// What a delegate hears, bytes apart.
    package enum Event: Equatable, Sendable {
        case connected
        case read
        case ended
        case drained
        case failed(SocketError)
    }

    /// The bridge from the loop's callbacks; calls the probe without a hop.
    private final class Delegate: StreamSocketDelegate {
        private let probe: SocketProbe

        init(probe: SocketProbe) { self.probe = probe }

        func socketDidConnect() { probe.assumeIsolated { $0.hear(.connected) } }
        func socketDidRead(_ bytes: BufferSlice) { probe.assumeIsolated { $0.hear(bytes) } }
        func socketDidEnd() { probe.assumeIsolated { $0.hear(.ended) } }
        func socketDidDrain() { probe.assumeIsolated { $0.hear(.drained) } }
        func socketDidFail(_ error: SocketError) { probe.assumeIsolated { $0.hear(.failed(error)) } }
    }

    package nonisolated let loop: any EventLoop
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// Everything heard, in order; reads once each.
    package private(set) var events: [Event] = []
    /// The bytes read, while they are kept.
    package private(set) var bytes: [UInt8] = []
    /// Bytes read, kept or not.
    package private(set) var byteCount = 0
    /// A sum over the bytes read in order, for transfers that are too large to keep.
    package private(set) var digest = ByteDigest()
    /// The largest number of bytes that a write has left waiting.
    package private(set) var queuedByteCountMax = 0
    /// Calls of the delegate while a call of the socket was running, which must not be.
    package private(set) var reentrantCallCount = 0
    /// Calls of the delegate off its loop, which must not be.
    package private(set) var strayCallCount = 0

    private var socket: (any StreamSocket)?
    private var keepsBytes = true
    private var echoes = false
    private var atNextRead: ((any StreamSocket) -> Void)?
    private var isCalling = false
    private var outgoing = RingQueue<BufferSlice>()
    private var waiters: [Waiter] = []

    private struct Waiter {
        var condition: (isolated SocketProbe) -> Bool
        var continuation: UnsafeContinuation<Bool, Never>
        var timer: any LoopTimer
        var id: Int
    }

    private var lastWaiterID = 0

    package init(loop: any EventLoop) { self.loop = loop }

    // MARK: The socket

    package func connect(to remote: SocketAddress) throws {
        isCalling = true
        defer { isCalling = false }
        socket = try loop.connect(to: remote, delegate: Delegate(probe: self))
    }

    package func adopt(_ accepted: AcceptedSocket) throws {
        isCalling = true
        defer { isCalling = false }
        socket = try loop.adopt(accepted, delegate: Delegate(probe: self))
    }

    package var local: SocketAddress? { socket?.local }
    package var remote: SocketAddress? { socket?.remote }
    package var queuedByteCount: Int { socket?.queuedByteCount ?? 0 }
    package var packetCounts: PacketCounts? { socket?.packetCounts }

    package func resumeReading() { call { $0.resumeReading() } }
    package func pauseReading() { call { $0.pauseReading() } }
    package func closeWrite() { call { $0.closeWrite() } }
    package func close() { call { $0.close() } }

    /// Pauses reading within the next read's callback.
    package func pauseAtNextRead() { atNextRead = { $0.pauseReading() } }

    /// Closes the socket within the next read's callback.
    package func closeAtNextRead() { atNextRead = { $0.close() } }

    /// Counts what is read and keeps only the count and the digest.
    package func dropBytes() { keepsBytes = false }

    /// Writes back whatever is read, until the peer ends, and ends then.
    package func echo() {
        echoes = true
        resumeReading()
    }

    package func write(_ bytes: [UInt8]) { write([bytes]) }

    package func write(_ pieces: [[UInt8]]) {
        for piece in pieces { outgoing.append(BufferSlice(copying: piece.span)) }
        flush()
    }

    /// Writes `byteCount` bytes of a pattern, as fast as the socket drains.
    ///
    /// Returns their digest.
    package func writePattern(byteCount: Int, seed: UInt64) async -> ByteDigest {
        var random = SplitMix64(seed: seed)
        var sum = ByteDigest()
        var written = 0
        while written < byteCount {
            let count = min(byteCount - written, 65_536)
            let block = loop.takeRecordBuffer()
            for offset in stride(from: 0, to: count, by: 8) {
                let word = random.next()
                for index in offset..<min(offset + 8, count) {
                    block[index] = UInt8(truncatingIfNeeded: word >> UInt64(8 * (index - offset)))
                }
            }
            let slice = BufferSlice(block, 0..<count)
            sum.add(slice)
            outgoing.append(slice)
            written += count
            flush()
            if queuedByteCount > 0 {
                let heard = self.count(of: .drained)
                guard await wait(until: { $0.count(of: .drained) > heard || $0.hasFailed }), !hasFailed else {
                    return sum
                }
            }
        }
        return sum
    }

    private func flush() {
        call { $0.write(&outgoing) }
        queuedByteCountMax = max(queuedByteCountMax, queuedByteCount)
    }

    private func call(_ body: (any StreamSocket) -> Void) {
        guard let socket else { return }
        let wasCalling = isCalling
        isCalling = true
        body(socket)
        isCalling = wasCalling
    }

    // MARK: What it heard

    package func count(of event: Event) -> Int { events.count { $0 == event } }

    package var hasEnded: Bool { events.contains(.ended) }

    /// Why the socket failed, if it did.
    package var failure: SocketError? {
        for case .failed(let error) in events { return error }
        return nil
    }

    package var hasFailed: Bool { failure != nil }

    /// Waits until a condition holds.
    ///
    /// Returns false when it does not within `limit`.
    @discardableResult
    package func wait(
        within limit: Duration = .seconds(300),
        until condition: @escaping @Sendable (isolated SocketProbe) -> Bool
    ) async -> Bool {
        if condition(self) { return true }
        lastWaiterID += 1
        let id = lastWaiterID
        let timer = loop.makeTimer { [weak self] in self?.assumeIsolated { $0.giveUp(id) } }
        timer.arm(at: loop.now + limit)
        return await withUnsafeContinuation { continuation in
            waiters.append(Waiter(condition: condition, continuation: continuation, timer: timer, id: id))
        }
    }

    private func giveUp(_ id: Int) {
        guard let index = waiters.firstIndex(where: { $0.id == id }) else { return }
        waiters.remove(at: index).continuation.resume(returning: false)
    }

    private func hear(_ slice: BufferSlice) {
        byteCount += slice.count
        digest.add(slice)
        if keepsBytes { slice.withSpan { bytes += $0.array() } }
        hear(.read)
        if let action = atNextRead.take() { call(action) }
        if echoes {
            outgoing.append(slice)
            flush()
        }
    }

    private func hear(_ event: Event) {
        if isCalling { reentrantCallCount += 1 }
        if !loop.isCurrent { strayCallCount += 1 }
        events.append(event)
        if event == .ended, echoes { closeWrite() }
        var woken: [Waiter] = []
        var index = 0
        while index < waiters.count {
            if waiters[index].condition(self) {
                woken.append(waiters.remove(at: index))
            } else {
                index += 1
            }
        }
        for waiter in woken { waiter.continuation.resume(returning: true) }
    }
}

/// A sum over bytes in order, equal however they are cut.
package struct ByteDigest: Equatable, Sendable {
    private var state: UInt64 = 0xcbf2_9ce4_8422_2325

    package init() {}

    package mutating func add(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { add($0) }
    }

    package mutating func add(_ slice: BufferSlice) {
        add(UnsafeRawBufferPointer(slice.buffer.memory(slice.range)))
    }

    private mutating func add(_ bytes: UnsafeRawBufferPointer) {
        var state = state
        for byte in bytes { state = (state ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        self.state = state
    }
}

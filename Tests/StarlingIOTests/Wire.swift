import StarlingCore
import StarlingIO
import StarlingWorld

/// Runs `body` as a root task on a loop of its own and stops the loop afterwards.
@discardableResult
func withLoop<Value: Sendable>(
    _ body: @escaping @Sendable (UVLoop) async throws -> Value
) async throws -> Value {
    let loop = try UVLoop(name: "test", log: Log(sink: SilentLog()))
    let task = loop.startTask(returning: Value.self) { try await body(loop) }
    let result = await task.result
    loop.stop()
    return try result.get()
}

struct SilentLog: LogSink {
    func write(_ level: LogLevel, _ message: String, _ values: [(key: String, value: LogValue)]) {}
}

/// A condition that tasks of one loop wait for; whoever changes what it says calls ``check()``.
final class Gate: @unchecked Sendable {
    private var waiters: [(condition: () -> Bool, continuation: CheckedContinuation<Void, Never>)] = []

    func until(_ condition: @escaping @Sendable () -> Bool) async {
        // Looked at where it is waited for: a call that suspends may come here a turn later.
        await withCheckedContinuation { continuation in
            if condition() { continuation.resume() } else { waiters.append((condition, continuation)) }
        }
    }

    func check() {
        let ready = waiters.filter { $0.condition() }
        waiters.removeAll { $0.condition() }
        for waiter in ready { waiter.continuation.resume() }
    }
}

/// One end of a stream that records what it hears.
///
/// Touched on its loop only.
final class Wire: StreamSocketDelegate, @unchecked Sendable {
    let loop: UVLoop
    let gate = Gate()
    var socket: (any StreamSocket)?
    var received: [UInt8] = []
    var receivedByteCount = 0
    var keepsBytes = true
    var isConnected = false
    var endCount = 0
    var drainCount = 0
    var failures: [SocketError] = []
    var echoes = false

    init(loop: UVLoop) { self.loop = loop }

    static func connected(on loop: UVLoop, to address: SocketAddress) async throws -> Wire {
        let wire = Wire(loop: loop)
        wire.socket = try loop.connect(to: address, delegate: wire)
        wire.socket?.resumeReading()
        await wire.gate.until { wire.isConnected || !wire.failures.isEmpty }
        if let failure = wire.failures.first { throw failure }
        return wire
    }

    func write(_ bytes: [UInt8]) {
        var slices = RingQueue<BufferSlice>()
        slices.append(BufferSlice(copying: bytes.span))
        socket?.write(&slices)
        precondition(slices.isEmpty)
    }

    func socketDidConnect() {
        precondition(loop.isCurrent)
        isConnected = true
        gate.check()
    }
    func socketDidRead(_ bytes: BufferSlice) {
        precondition(loop.isCurrent)
        receivedByteCount += bytes.count
        if keepsBytes { received += bytes.array() }
        if echoes {
            var slices = RingQueue<BufferSlice>()
            slices.append(bytes)
            socket?.write(&slices)
        }
        gate.check()
    }
    func socketDidEnd() {
        endCount += 1
        gate.check()
    }
    func socketDidDrain() {
        drainCount += 1
        gate.check()
    }
    func socketDidFail(_ error: SocketError) {
        failures.append(error)
        gate.check()
    }
}

/// A listener whose accepted ends are wires on one loop.
final class Harbour: @unchecked Sendable {
    let loop: UVLoop
    let gate = Gate()
    var listener: (any ListenerSocket)?
    var wires: [Wire] = []
    var remotes: [SocketAddress] = []

    init(on loop: UVLoop, _ local: SocketAddress, prepare: @escaping @Sendable (Wire) -> Void = { _ in })
        throws
    {
        self.loop = loop
        listener = try loop.listen(on: local) { [unowned self] accepted in
            let wire = Wire(loop: loop)
            do { wire.socket = try loop.adopt(accepted, delegate: wire) } catch { return }
            wire.isConnected = true
            prepare(wire)
            wire.socket?.resumeReading()
            wires.append(wire)
            remotes.append(accepted.remote)
            gate.check()
        }
    }

    var address: SocketAddress { listener?.local ?? .unix(path: "") }

    /// The end that was accepted as the number `index`.
    func wire(_ index: Int) async -> Wire {
        await gate.until { self.wires.count > index }
        return wires[index]
    }

    func close() {
        listener?.close()
        for wire in wires { wire.socket?.close() }
    }
}

let loopback4 = SocketAddress.ip(.v4(0x7f00_0001), port: 0)
let loopback6 = SocketAddress.ip(.v6(high: 0, low: 1), port: 0)

/// Whether this machine has IPv6 on its loopback interface.
var hasIPv6: Bool {
    get async {
        (try? await withLoop { loop in try loop.listen(on: loopback6) { _ in }.close() }) != nil
    }
}

/// Bytes that differ at every offset that a mistake could swap.
func pattern(_ count: Int, seed: UInt8 = 0) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 ^ ($0 >> 8) &* 31 ^ ($0 >> 16) &* 17) &+ seed }
}

/// A path for a test's own file in the temporary folder.
func temporaryPath(_ name: String) -> String {
    let suffix = SystemRandom().bytes(count: 6).map { String($0) }.joined(separator: "-")
    return "/tmp/starling-\(name)-\(suffix)"
}

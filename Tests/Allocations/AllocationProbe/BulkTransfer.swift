import CAllocationCount
import StarlingCore
import StarlingCrypto
import StarlingIO
import StarlingTransports
import StarlingWorld
import Synchronization

/// Calls of malloc and its like while so many records went from one connection to the other.
struct AllocationCount: CustomStringConvertible {
    let recordCount: Int
    /// On the sending connection's loop.
    let sending: Int
    /// On the receiving connection's loop.
    let receiving: Int
    /// On every other thread.
    let elsewhere: Int

    var description: String {
        """
        \(sending) allocations sending, \(receiving) receiving, \(elsewhere) elsewhere, \
        for \(recordCount) records of 64 KiB
        """
    }
}

/// One stream over loopback between two connections on loops of their own, first until windows have grown and pools
/// have filled, then counted.
struct BulkTransfer {
    /// What the receiving application does with what it read.
    enum Reader: Sendable {
        case drop, copy
    }

    private static let warmUpRecordCount = 4000
    private static let recordCount = 10_000
    private static let recordByteCount = 65_536
    private static let protocolID = "/probe"

    let security: SecurityProtocol
    let reader: Reader

    /// Transfers, and counts.
    func count() async throws -> AllocationCount {
        let real = try RealWorld.make(loopCount: 2, log: Log(sink: Silence()))
        defer { real.stop() }
        let loops = real.world.loops
        await loops[0].startTask { allocations_count_as(Int32(ALLOCATIONS_SENDING)) }.value
        await loops[1].startTask { allocations_count_as(Int32(ALLOCATIONS_RECEIVING)) }.value
        let sender = try end(real.world, loops[0])
        let receiver = try end(real.world, loops[1])
        let task = loops[0].startTask(returning: AllocationCount.self) {
            let listener = try await receiver.transport.listen(
                on: try Multiaddr("/ip4/127.0.0.1/tcp/0"),
                receiver.owner
            )
            let connection = try await sender.transport.dial(listener.address, expecting: nil)
            let count = try await send(connection, receiver.owner)
            await connection.close(.closedLocally)
            await listener.close()
            return count
        }
        return try await task.value
    }

    private func end(
        _ world: World,
        _ loop: any EventLoop
    ) throws -> (transport: SocketTransport, owner: Receiver) {
        var world = world
        world.loops = [loop]
        let owner = Receiver(reader, after: Self.warmUpRecordCount * Self.recordByteCount)
        let setup = try ConnectionSetup(
            identity: try IdentityKey(seed: world.random.bytes(count: IdentityKey.seedByteCount)),
            securities: [security],
            limits: ConnectionLimits(),
            world: world,
            owner: owner
        )
        return (try SocketTransport(world: world, setup: setup), owner)
    }

    private func send(_ connection: any Connection, _ receiver: Receiver) async throws -> AllocationCount {
        let stream = try await connection.openStream([Self.protocolID])
        let block = Buffer(byteCount: Self.recordByteCount)
        block.fillWithZeros()
        let record = BufferSlice(block, 0..<block.byteCount)
        for _ in 0..<Self.warmUpRecordCount { try await stream.write(record) }
        let elsewhere = allocations_counted(Int32(ALLOCATIONS_ELSEWHERE))
        let sending = allocations_counted(Int32(ALLOCATIONS_SENDING))
        for _ in 0..<Self.recordCount { try await stream.write(record) }
        let sent = allocations_counted(Int32(ALLOCATIONS_SENDING))
        try await stream.closeWrite()
        // The receiver ends its direction when it has counted.
        while try await stream.read() != nil {}
        return AllocationCount(
            recordCount: Self.recordCount,
            sending: sent - sending,
            receiving: receiver.allocationCount,
            elsewhere: allocations_counted(Int32(ALLOCATIONS_ELSEWHERE)) - elsewhere
        )
    }
}

/// Reads each stream to its end, and counts what that allocates after the first bytes.
private final class Receiver: ConnectionOwner, ListenerOwner {
    private let reader: BulkTransfer.Reader
    private let warmUpByteCount: Int
    private let count = Mutex(0)

    init(_ reader: BulkTransfer.Reader, after warmUpByteCount: Int) {
        self.reader = reader
        self.warmUpByteCount = warmUpByteCount
    }

    var allocationCount: Int { count.withLock { $0 } }

    private func receive(_ stream: Stream) async throws {
        var rest = warmUpByteCount
        while rest > 0, let bytes = try await stream.read() { rest -= use(bytes) }
        let before = allocations_counted(Int32(ALLOCATIONS_RECEIVING))
        while let bytes = try await stream.read() { _ = use(bytes) }
        let after = allocations_counted(Int32(ALLOCATIONS_RECEIVING))
        count.withLock { $0 = after - before }
        try await stream.closeWrite()
    }

    private func use(_ bytes: BufferSlice) -> Int {
        switch reader {
        case .drop: bytes.count
        case .copy: bytes.array().count
        }
    }

    func speaks(_ protocolID: String) -> Bool { true }
    var protocolIDs: [String] { [] }

    func take(_ stream: Stream) -> Bool {
        stream.connection.loop.startTask {
            do { try await self.receive(stream) } catch { await stream.reset() }
        }
        return true
    }

    func admit(_ protocolID: String, to peer: PeerID) throws(StreamError) -> (any StreamSlot)? { nil }

    func memoryHold(for peer: PeerID) -> (any MemoryHold)? { Hold() }

    func connectionDidClose(_ connection: any Connection, _ reason: ConnectionError) {}

    func mayAccept(_ upgrade: PendingUpgrade) -> UInt64? { 0 }

    func upgradeDidEnd(_ ticket: UInt64, _ outcome: Result<any Connection, ConnectionError>) async {}
}

/// Lets a connection hold as much as it likes, and has it ask.
private final class Hold: MemoryHold {
    private let held = Mutex(0)

    func set(_ byteCount: Int) -> Bool {
        held.withLock { $0 = byteCount }
        return true
    }
}

private struct Silence: LogSink {
    func write(_ level: LogLevel, _ message: String, _ values: [(key: String, value: LogValue)]) {}
}

package import StarlingCore

/// What carries the bytes of streams: a connection's multiplexer, or a transport that has streams itself.
package protocol StreamBackend: AnyObject, Sendable {
    func read(_ id: UInt64, byteCountMax: Int) async throws(StreamError) -> BufferSlice?
    func write(_ id: UInt64, _ bytes: StreamBytes) async throws(StreamError)
    func closeWrite(_ id: UInt64) async throws(StreamError)
    func reset(_ id: UInt64) async
    func setPriority(_ id: UInt64, _ priority: StreamPriority) async
    /// The last reference to the stream is gone.
    nonisolated func abandon(_ id: UInt64)
}

/// Bytes to write: an application's array, or a slice that is passed on without a copy.
package enum StreamBytes: Sendable {
    case array([UInt8])
    case slice(BufferSlice)

    var count: Int {
        switch self {
        case .array(let bytes): bytes.count
        case .slice(let bytes): bytes.count
        }
    }
}

/// The place of one stream among those that its node lets be open.
///
/// It is free again when nobody refers to it any more.
package protocol StreamSlot: AnyObject, Sendable {}

/// One bidirectional byte stream in a connection, bound to one protocol.
///
/// One task may read while another writes. A stream that nobody refers to any more is reset, so that the
/// peer learns of it.
package final class Stream: Sendable {
    /// Unique within its connection.
    package let id: UInt64
    package let direction: Direction
    /// The protocol that was agreed, or proposed where the answer has not come yet.
    package let protocolID: String
    package let connection: any Connection
    private let backend: any StreamBackend
    private let slot: (any StreamSlot)?

    package init(
        id: UInt64,
        direction: Direction,
        protocolID: String,
        connection: any Connection,
        backend: any StreamBackend,
        slot: (any StreamSlot)? = nil
    ) {
        self.id = id
        self.direction = direction
        self.protocolID = protocolID
        self.connection = connection
        self.backend = backend
        self.slot = slot
    }

    deinit { backend.abandon(id) }

    /// The peer at the other end.
    package var peer: PeerID { connection.info.peer }

    /// The next bytes, at most `byteCountMax`, or `nil` once the peer has ended its direction.
    ///
    /// Suspends until there are some. Cancellation: throws ``StreamError/cancelled``; no byte is lost.
    package nonisolated(nonsending) func read(
        byteCountMax: Int = .max
    ) async throws(StreamError) -> BufferSlice? {
        try await backend.read(id, byteCountMax: byteCountMax)
    }

    /// Writes all bytes, or throws.
    ///
    /// Returns when they are in the connection's send queue, which is bounded: a slow peer suspends the caller.
    /// Cancellation: throws ``StreamError/cancelled``; a part may have been sent.
    package nonisolated(nonsending) func write(_ bytes: [UInt8]) async throws(StreamError) {
        try await backend.write(id, .array(bytes))
    }

    /// Writes all bytes of a slice, or throws.
    ///
    /// See ``write(_:)-([UInt8])``.
    package nonisolated(nonsending) func write(_ bytes: BufferSlice) async throws(StreamError) {
        try await backend.write(id, .slice(bytes))
    }

    /// Says when this stream writes among the others of its connection, also for a write that waits already.
    ///
    /// It holds for this side's writes; a stream is of normal priority until told otherwise.
    package nonisolated(nonsending) func setPriority(_ priority: StreamPriority) async {
        await backend.setPriority(id, priority)
    }

    /// Ends this direction: the peer reads an end after the bytes written so far.
    package nonisolated(nonsending) func closeWrite() async throws(StreamError) {
        try await backend.closeWrite(id)
    }

    /// Ends both directions at once; the peer's reads and writes fail.
    package nonisolated(nonsending) func reset() async {
        await backend.reset(id)
    }

    /// Exactly `byteCount` bytes.
    ///
    /// - Throws: ``StreamError/ended`` when the stream ends before.
    package nonisolated(nonsending) func read(exactly byteCount: Int) async throws(StreamError) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(byteCount)
        while bytes.count < byteCount {
            guard let slice = try await read(byteCountMax: byteCount - bytes.count) else { throw .ended }
            slice.withSpan { $0.append(to: &bytes) }
        }
        return bytes
    }
}

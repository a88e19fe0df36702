internal import StarlingCore
internal import StarlingTransports

/// What a dialer does to an echo stream of the other side, to see how it behaves.
enum StreamTrial {
    private static let chunkByteCount = 65_536

    /// Sends while it reads everything back; then closes for writing, and waits for the stream's end.
    ///
    /// A reset is such an end too: go-libp2p's daemon ends both directions as soon as one ends.
    @concurrent
    static func echo(_ stream: Stream, byteCount: Int) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await send(byteCount, on: stream) }
            var pattern = BytePattern()
            try await receive(byteCount, &pattern, from: stream)
            try await group.waitForAll()
        }
        try await stream.closeWrite()
        do { try await expectEnd(of: stream) } catch StreamError.reset {
            // Everything had come back.
        }
    }

    /// Sends everything, closes for writing, and only then reads everything back.
    ///
    /// `byteCount` is less than a window: the far side could not send more before it is read.
    @concurrent
    static func halfClose(_ stream: Stream, byteCount: Int) async throws {
        try await send(byteCount, on: stream)
        try await stream.closeWrite()
        var pattern = BytePattern()
        try await receive(byteCount, &pattern, from: stream)
        try await expectEnd(of: stream)
    }

    /// Sends everything, reads it back, and resets the stream.
    @concurrent
    static func reset(_ stream: Stream, byteCount: Int) async throws {
        try await send(byteCount, on: stream)
        var pattern = BytePattern()
        try await receive(byteCount, &pattern, from: stream)
        await stream.reset()
    }

    /// Sends one byte, and waits until the far side resets the stream.
    @concurrent
    static func expectReset(_ stream: Stream) async throws {
        try await stream.write([0x78])
        let end: String
        do throws(StreamError) {
            let bytes = try await stream.read()
            end = bytes.map { "\($0.count) bytes" } ?? "an orderly end"
        } catch {
            if error == .reset { return }
            end = "\(error)"
        }
        throw PeerFailure("\(end) instead of a reset")
    }

    private static func send(_ byteCount: Int, on stream: Stream) async throws {
        var pattern = BytePattern()
        while pattern.position < byteCount {
            try await stream.write(pattern.next(min(chunkByteCount, byteCount - pattern.position)))
        }
    }

    private static func receive(
        _ byteCount: Int,
        _ pattern: inout BytePattern,
        from stream: Stream
    ) async throws {
        while pattern.position < byteCount {
            guard let bytes = try await stream.read(byteCountMax: byteCount - pattern.position) else {
                throw PeerFailure("the stream ended after \(pattern.position) of \(byteCount) bytes")
            }
            try bytes.withSpan { span throws(PeerFailure) in try pattern.check(span) }
        }
    }

    private static func expectEnd(of stream: Stream) async throws {
        if let more = try await stream.read() { throw PeerFailure("\(more.count) bytes too many came back") }
    }
}

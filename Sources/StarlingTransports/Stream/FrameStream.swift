package import StarlingCore
package import StarlingProtocols

/// Reads messages that stand behind their length as a varint, from one stream.
///
/// Spec: libp2p protocols that carry protobuf delimit it so; multiformats/unsigned-varint for the length.
package struct FrameStream {
    private let stream: Stream
    private var reader: VarintFrameReader
    /// What was read and not yet used up.
    private var unread: BufferSlice?
    private let mayHold: @Sendable (Int) -> Bool
    private var heldByteCount = 0
    /// Bytes of the last batch, which is in somebody's hands until the next one is asked for.
    private var batchByteCount = 0

    /// - Parameter mayHold: Told how many bytes of an unfinished message and of the last batch are held whenever that
    ///   changes; `false` ends the reading with ``StreamError/unreadLimit``.
    package init(
        _ stream: Stream,
        frameByteCountMax: Int,
        mayHold: @escaping @Sendable (Int) -> Bool = { _ in true }
    ) {
        self.stream = stream
        self.mayHold = mayHold
        reader = VarintFrameReader(messageByteCountMax: frameByteCountMax)
    }

    /// The next message without its length, or `nil` when the stream ended between two messages.
    ///
    /// - Throws: ``FrameError`` when the stream fails or ends inside a message, or a length is out of bounds.
    package mutating func next() async throws(FrameError) -> [UInt8]? {
        while true {
            let message = try takeMessage()
            try hold()
            if let message { return message }
            do throws(StreamError) { unread = try await stream.read() } catch { throw .stream(error) }
            if unread == nil {
                if reader.isInsideMessage { throw .stream(.ended) }
                return nil
            }
        }
    }

    /// The messages that are there, at least one, in their order; `nil` when the stream ended between two messages.
    ///
    /// It reads on until `byteCount` bytes of them are there or what has arrived is used up: a peer that sends much at
    /// once is served in batches, one that sends little is not kept waiting. A batch counts as held until the next one is
    /// asked for.
    ///
    /// - Throws: ``FrameError``, as ``next()`` does; messages before the error are lost with the stream.
    package mutating func nextBatch(byteCount: Int) async throws(FrameError) -> [[UInt8]]? {
        batchByteCount = 0
        // What is there is held at once with what comes behind it.
        var message = try takeMessage()
        if message == nil { message = try await next() }
        guard let first = message else { return nil }
        var batch = [first]
        var taken = first.count
        while taken < byteCount, let message = try takeMessage() {
            taken += message.count
            batch.append(message)
        }
        batchByteCount = taken
        try hold()
        return batch
    }

    /// Tells how much is held now, where that is not what was told last.
    private mutating func hold() throws(FrameError) {
        let byteCount = reader.heldByteCount + batchByteCount
        guard byteCount != heldByteCount else { return }
        heldByteCount = byteCount
        if !mayHold(byteCount) { throw .stream(.unreadLimit) }
    }

    /// What has come behind the last message; whoever takes it reads the stream from here on.
    ///
    /// - Precondition: no message has begun that is not complete.
    package mutating func takeUnread() -> BufferSlice? { unread.take() }

    private mutating func takeMessage() throws(FrameError) -> [UInt8]? {
        guard var bytes = unread else { return nil }
        var offset = 0
        let message: [UInt8]?
        do throws(VarintFrameError) {
            message = try bytes.withSpan { span throws(VarintFrameError) in try reader.next(span, at: &offset)
            }
        } catch {
            throw .invalid(error)
        }
        _ = bytes.removePrefix(offset)
        unread = bytes.isEmpty ? nil : bytes
        return message
    }
}

/// Why no further message can be read from a stream.
package enum FrameError: Error, Equatable, Sendable {
    case stream(StreamError)
    /// A length is malformed, or more than the protocol allows.
    case invalid(VarintFrameError)
}

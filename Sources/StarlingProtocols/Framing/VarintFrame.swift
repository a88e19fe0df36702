internal import StarlingCore

/// Why a stream does not hold a sequence of length-delimited messages.
package enum VarintFrameError: Error, Equatable, Sendable {
    /// A message is longer than the limit, or its length is not a varint.
    case tooLong
    /// The stream ended inside a message.
    case truncated
}

/// Messages with a varint length in front, as most libp2p protocols send them.
package enum VarintFrame {
    /// Appends one message with its length.
    package static func append(_ message: [UInt8], to bytes: inout [UInt8]) {
        Varint.append(UInt64(message.count), to: &bytes)
        bytes += message
    }

    /// One message with its length.
    package static func encode(_ message: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(message.count + Varint.byteCountMax)
        append(message, to: &bytes)
        return bytes
    }
}

/// Puts length-delimited messages together from bytes that are split at any boundary.
///
///     var offset = 0
///     while let message = try reader.next(bytes, at: &offset) { … }
///
/// What a peer makes it hold is bounded by `messageByteCountMax`, and grows only as bytes arrive: an announced
/// length reserves nothing.
package struct VarintFrameReader: Sendable {
    /// The longest message in bytes; a longer one is an error.
    package let messageByteCountMax: Int

    /// Bytes of the length while it is not complete.
    private var lengthBytes: [UInt8] = []
    /// The length of the message under way, `nil` between messages.
    private var messageByteCount: Int?
    private var partial: [UInt8] = []

    /// Bytes held of a message that is not complete.
    package var heldByteCount: Int { partial.count }

    package init(messageByteCountMax: Int) {
        precondition(messageByteCountMax >= 0)
        self.messageByteCountMax = messageByteCountMax
    }

    /// Whether a message has begun that is not complete.
    package var isInsideMessage: Bool { messageByteCount != nil || !lengthBytes.isEmpty }

    /// The next message, or `nil` when all bytes from `offset` on are taken and more are needed.
    ///
    /// - Throws: ``VarintFrameError/tooLong``; the stream is of no use then, and `offset` does not move.
    package mutating func next(
        _ bytes: Span<UInt8>,
        at offset: inout Int
    ) throws(VarintFrameError) -> [UInt8]? {
        var position = offset
        guard let byteCount = try length(bytes, at: &position) else {
            offset = position
            return nil
        }
        let taken = min(byteCount - partial.count, bytes.count - position)
        offset = position + taken
        guard partial.count + taken == byteCount else {
            messageByteCount = byteCount
            append(bytes.extracting(position..<offset))
            return nil
        }
        messageByteCount = nil
        if partial.isEmpty { return bytes.array(position..<offset) }
        append(bytes.extracting(position..<offset))
        defer { partial = [] }
        return partial
    }

    /// The peer ended the stream.
    ///
    /// - Throws: ``VarintFrameError/truncated`` inside a message.
    package func receiveEnd() throws(VarintFrameError) {
        if isInsideMessage { throw .truncated }
    }

    private mutating func length(
        _ bytes: Span<UInt8>,
        at offset: inout Int
    ) throws(VarintFrameError) -> Int? {
        if let messageByteCount { return messageByteCount }
        var taken = lengthBytes
        var position = offset
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            taken.append(byte)
            guard byte & 0x80 == 0 || taken.count >= Varint.byteCountMax else { continue }
            var start = 0
            guard let value = try? Varint.read(taken.span, at: &start),
                value <= UInt64(messageByteCountMax)
            else { throw .tooLong }
            lengthBytes = []
            offset = position
            return Int(value)
        }
        lengthBytes = taken
        offset = position
        return nil
    }

    private mutating func append(_ bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { unsafe partial.append(contentsOf: $0) }
    }
}

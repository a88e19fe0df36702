internal import StarlingMesh

/// Compresses the payloads of messages, and unpacks those that arrive.
struct MessagePacker: ~Copyable {
    private var codec = PayloadCodec()

    /// Gives back the memory that packing takes, until something is packed again.
    mutating func rest() { codec.rest() }

    /// The content with its payload packed, where that makes it smaller.
    mutating func pack(_ content: MessageContent) -> MessageContent {
        guard content.compression == .none else { return content }
        let packed = codec.compress(content.payload, contentType: content.contentType)
        guard let compression = MessageContent.Compression(rawValue: packed.method.rawValue),
            compression != .none
        else { return content }
        var content = content
        content.payload = packed.bytes
        content.payloadByteCount = packed.byteCount
        content.compression = compression
        return content
    }
}

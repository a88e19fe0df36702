internal import StarlingCore
internal import StarlingMesh

extension FuzzTarget {
    static func messageFrame(_ input: [UInt8]) throws(BrokenPromise) {
        guard let frame = try? MessageFrame.parse(input.span) else { return }
        var offset = 0
        let wire = frame.encoded
        let byteCount = try? Varint.read(wire.span, at: &offset)
        try promise(byteCount == UInt64(wire.count - offset), "a frame has its length before it")
        let again = try? MessageFrame.parse(Array(wire[offset...]).span)
        try promise(again == frame, "a frame reads what it writes")
    }

    static func envelope(_ input: [UInt8]) throws(BrokenPromise) {
        // Signatures keep a fuzzer out: the form is tried without them too.
        if let envelope = try? Envelope(parsing: input.span) {
            let again = try? Envelope(parsing: envelope.encoded.span)
            try promise(again == envelope, "an envelope reads what it writes")
        }
        guard let envelope = try? Envelope(verifying: input.span) else { return }
        let again = try? Envelope(verifying: envelope.encoded.span)
        try promise(again == envelope, "a signed envelope reads what it writes")
    }

    /// A method, a size as varint, and what a peer sent as compressed payload; then the rest as a payload of our own.
    static func compressedPayload(_ input: [UInt8]) throws(BrokenPromise) {
        var limits = PayloadCodec.Limits()
        limits.payloadByteCountMax = 65_536
        // Most inputs are small: they are compressed all the same.
        limits.compressedFromByteCount = 32
        var codec = PayloadCodec(limits: limits)
        var offset = 1
        guard let method = input.first, let byteCount = try? Varint.read(input.span, at: &offset) else {
            return
        }
        let rest = Array(input[offset...])
        if let received = try? CompressedPayload(method: UInt64(method), byteCount: byteCount, bytes: rest),
            let payload = try? codec.decompress(received)
        {
            try promise(payload.count == received.byteCount, "a payload has the size that was declared")
            try promise(payload.count <= limits.payloadByteCountMax, "a payload is within the limit")
        }
        for contentType in ["text/plain", "application/octet-stream"] {
            let compressed = codec.compress(rest, contentType: contentType)
            try promise(compressed.bytes.count <= rest.count, "compression never grows a payload")
            let again = try? codec.decompress(compressed)
            try promise(again == rest, "what was compressed comes back")
        }
    }

    static func receipt(_ input: [UInt8]) throws(BrokenPromise) {
        guard let receipt = try? Receipt(verifying: input.span) else { return }
        let again = try? Receipt(verifying: receipt.encoded.span)
        try promise(again == receipt, "a receipt reads what it writes")
    }

    static func settlement(_ input: [UInt8]) throws(BrokenPromise) {
        guard let settlement = try? Settlement(verifying: input.span) else { return }
        let again = try? Settlement(verifying: settlement.encoded.span)
        try promise(again == settlement, "a settlement reads what it writes")
    }

    static func messageHeader(_ input: [UInt8]) throws(BrokenPromise) {
        guard let header = try? MessageHeader(input.span) else { return }
        let again = try? MessageHeader(header.encoded.span)
        try promise(again == header, "a header reads what it writes")
        try promise(header.encoded.count <= MessageHeader.byteCountMax, "a header without more is short")
    }

    static func messageContent(_ input: [UInt8]) throws(BrokenPromise) {
        guard let content = try? MessageContent(parsing: input.span) else { return }
        let again = try? MessageContent(parsing: content.encoded.span)
        try promise(again == content, "content reads what it writes")
    }
}

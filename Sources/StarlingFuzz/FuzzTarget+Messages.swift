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
        guard let envelope = try? Envelope(verifying: input.span) else { return }
        let again = try? Envelope(verifying: envelope.encoded.span)
        try promise(again == envelope, "an envelope reads what it writes")
    }

    static func receipt(_ input: [UInt8]) throws(BrokenPromise) {
        guard let receipt = try? Receipt(verifying: input.span) else { return }
        let again = try? Receipt(verifying: receipt.encoded.span)
        try promise(again == receipt, "a receipt reads what it writes")
    }
}

internal import StarlingCore
internal import StarlingMesh

extension FuzzTarget {
    static func routeFrame(_ input: [UInt8]) throws(BrokenPromise) {
        guard let frame = try? RouteFrame.parse(input.span) else { return }
        var offset = 0
        let wire = frame.encoded
        let byteCount = try? Varint.read(wire.span, at: &offset)
        try promise(byteCount == UInt64(wire.count - offset), "a frame has its length before it")
        let again = try? RouteFrame.parse(Array(wire[offset...]).span)
        try promise(again == frame, "a frame reads what it writes")
        for update in frame.updates {
            guard let proof = update.proof else { continue }
            try promise(proof.destination == update.destination, "a proof is its destination's")
            // Signatures keep a fuzzer out; that one is checked must be possible all the same.
            try? proof.verify()
        }
    }
}

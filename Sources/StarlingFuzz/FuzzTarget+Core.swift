internal import StarlingCore

extension FuzzTarget {
    static func varint(_ input: [UInt8]) throws(BrokenPromise) {
        var offset = 0
        do {
            let value = try Varint.read(input.span, at: &offset)
            var again: [UInt8] = []
            Varint.append(value, to: &again)
            try promise(
                again == Array(input[..<offset]),
                "a varint encodes to the bytes that it was read from"
            )
            try promise(Varint.byteCount(of: value) == offset, "a varint knows its size")
        } catch let error as BrokenPromise {
            throw error
        } catch {
            try promise(offset == 0, "a varint that is refused leaves the offset alone")
        }
    }

    static func protobuf(_ input: [UInt8]) throws(BrokenPromise) {
        try walk(input.span, 0..<input.count, depth: 0)
    }

    /// Walks a message, and each field that could be one inside it.
    private static func walk(
        _ bytes: Span<UInt8>,
        _ range: Range<Int>,
        depth: Int
    ) throws(BrokenPromise) {
        var cursor = ProtobufCursor(range: range)
        while true {
            let field: ProtobufField?
            do throws(ProtobufError) {
                field = try cursor.next(in: bytes)
            } catch {
                var second: ProtobufError?
                do throws(ProtobufError) { _ = try cursor.next(in: bytes) } catch { second = error }
                try promise(second == error, "a cursor stays where it failed")
                return
            }
            guard let field else { return }
            try promise((1..<1 << 29).contains(field.number), "a field has a valid number")
            guard case .bytes(let inner) = field.value else { continue }
            try promise(
                inner.lowerBound >= range.lowerBound && inner.upperBound <= range.upperBound,
                "a field lies inside its message"
            )
            _ = try? field.string(in: bytes)
            if depth < 4 { try walk(bytes, inner, depth: depth + 1) }
        }
    }

    static func json(_ input: [UInt8]) throws(BrokenPromise) {
        guard let value = try? JSON(parsing: input.span) else { return }
        try promise((try? JSON(parsing: value.bytes.span)) == value, "JSON reads what it writes")
        try promise(
            (try? JSON(parsing: value.prettyText)) == value,
            "JSON reads what it writes over many lines"
        )
    }

    static func peerID(_ input: [UInt8]) throws(BrokenPromise) {
        if let id = try? PeerID(multihash: input) {
            try promise(id.multihash == input, "a peer ID keeps its bytes")
            try promise(PeerID(id.description) == id, "a peer ID reads its own text")
        }
        if let id = try? PeerID(text: String(decoding: input, as: UTF8.self)) {
            try promise((try? PeerID(multihash: id.multihash)) == id, "a peer ID from text has valid bytes")
        }
    }

    static func multiaddrBytes(_ input: [UInt8]) throws(BrokenPromise) {
        guard let address = try? Multiaddr(bytes: input.span) else { return }
        try promise(address.bytes == input, "an address keeps its bytes")
        try promise(
            (try? Multiaddr(components: address.components)) == address,
            "an address is its components"
        )
        try promise((try? Multiaddr(address.description)) == address, "an address reads its own text")
    }

    static func multiaddrText(_ input: [UInt8]) throws(BrokenPromise) {
        guard let text = String(validating: input, as: UTF8.self), let address = try? Multiaddr(text) else {
            return
        }
        try promise((try? Multiaddr(bytes: address.bytes)) == address, "an address from text has valid bytes")
        try promise((try? Multiaddr(address.description)) == address, "an address reads its own text")
    }
}

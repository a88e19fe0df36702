extension Multiaddr: CustomStringConvertible {
    /// Parses a text such as `/ip4/192.0.2.1/tcp/4001`.
    ///
    /// Takes every spelling of a value (upper-case IPv6, a peer ID as CID, `/ipfs/` for `/p2p/`) and one slash
    /// at the end; ``description`` has one spelling for each address.
    public init(_ text: some StringProtocol) throws(MultiaddrError) {
        guard text.utf8.count <= Self.textByteCountMax else { throw .tooLong }
        guard !text.isEmpty else { throw .empty }
        guard text.utf8.first == UInt8(ascii: "/") else { throw .missingSlash }
        var rest = String(text)[...]
        _ = Self.cut(&rest)
        var components: [Component] = []
        while !rest.isEmpty {
            guard components.count < Self.componentCountMax else { throw .tooManyComponents }
            let name = Self.cut(&rest)
            if name == Self.unknownName {
                components.append(try Self.unknownRest(&rest, index: components.count))
            } else {
                try Self.parse(name, &rest, into: &components)
            }
        }
        try self.init(components: components)
    }

    /// The text, which parses back to the same address.
    public var description: String {
        var text = ""
        for component in components {
            guard let kind = component.kind else {
                text += "/\(Self.unknownName)/\(Multibase.base64url.encode(component.value))"
                continue
            }
            text += "/" + kind.name
            switch kind {
            case .unix: text += kind.text(value: component.value)
            case _ where kind.valueSize == .fixed(0): break
            case _: text += "/" + kind.text(value: component.value)
            }
        }
        return text
    }

    /// Takes the text up to the next slash, and the slash.
    ///
    /// By bytes: a slash with a combining mark behind it is another `Character`, and still a slash.
    private static func cut(_ rest: inout Substring) -> Substring {
        let bytes = rest.utf8
        guard let slash = bytes.firstIndex(of: UInt8(ascii: "/")) else {
            defer { rest = rest[rest.endIndex...] }
            return rest
        }
        defer { rest = rest[bytes.index(after: slash)...] }
        return rest[..<slash]
    }

    private static func parse(
        _ name: Substring,
        _ rest: inout Substring,
        into components: inout [Component]
    ) throws(MultiaddrError) {
        let index = components.count
        guard let kind = MultiaddrProtocol(name: name) else {
            throw .unknownProtocol(index: index, name: String(name))
        }
        if kind.valueSize == .fixed(0) {
            components.append(Component(kind))
            return
        }
        guard !rest.isEmpty else { throw .missingValue(index: index, protocolName: kind.name) }
        var peerID: PeerID?
        let text: String
        if kind == .unix {
            // A path is the rest of the text, but for a peer ID at its end.
            var path = "/" + rest
            if let (end, id) = peerIDSuffix(ofPath: path[...]) {
                path = String(path[..<end])
                peerID = id
            }
            text = path
            rest = rest[rest.endIndex...]
        } else {
            text = String(cut(&rest))
        }
        guard let value = kind.value(text: text) else {
            throw .invalidValue(index: index, protocolName: kind.name, value: text)
        }
        components.append(Component(kind, value))
        if let peerID { components.append(Component(.p2p, peerID.multihash)) }
    }

    /// The peer ID that a path ends in, as in `/run/node.sock/p2p/12D3KooW…`, and where the path ends before it.
    static func peerIDSuffix(ofPath path: Substring) -> (end: Substring.Index, id: PeerID)? {
        let bytes = path.utf8
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")),
            let id = try? PeerID(text: path[bytes.index(after: slash)...])
        else { return nil }
        let before = bytes[..<slash]
        for name in ["/p2p", "/ipfs"] where before.suffix(name.utf8.count).elementsEqual(name.utf8) {
            return (bytes.index(slash, offsetBy: -name.utf8.count), id)
        }
        return nil
    }

    /// The rest of an address as it is printed from an unknown code on.
    private static func unknownRest(_ rest: inout Substring, index: Int) throws(MultiaddrError) -> Component {
        guard !rest.isEmpty else { throw .missingValue(index: index, protocolName: unknownName) }
        let text = cut(&rest)
        guard rest.isEmpty else { throw .notLast(index: index + 1, protocolName: unknownName) }
        guard let bytes = try? Multibase.decode(text) else {
            throw .invalidValue(index: index, protocolName: unknownName, value: String(text))
        }
        // A known code here would make a second spelling of an address.
        var offset = 0
        guard let code = try? Varint.read(bytes.span, at: &offset), MultiaddrProtocol(rawValue: code) == nil
        else { throw .invalidValue(index: index, protocolName: unknownName, value: String(text)) }
        return Component(nil, bytes)
    }
}

extension MultiaddrProtocol {
    /// The longest domain name in its text form.
    private static let domainNameByteCountMax = 253

    /// The value's bytes for a text, or `nil` when it is not a value of this protocol.
    ///
    /// A Unix path arrives with its leading slash.
    func value(text: some StringProtocol) -> [UInt8]? {
        switch self {
        case .ip4, .ip6:
            guard let address = IPAddress(String(text)), address.isIPv4 == (self == .ip4) else { return nil }
            return address.octets
        case .tcp, .udp, .dccp, .sctp: return Self.decimal(text, UInt16.self)
        case .ipcidr: return Self.decimal(text, UInt8.self)
        case .memory: return Self.decimal(text, UInt64.self)
        case .ip6zone, .dns, .dns4, .dns6, .dnsaddr, .sni, .unix:
            let bytes = Array(text.utf8)
            return accepts(bytes.span) ? bytes : nil
        case .httpPath: return Self.percentDecoded(text)
        case .p2p: return (try? PeerID(text: text))?.multihash
        case .onion, .onion3: return onion(text: text)
        case .certhash:
            guard let bytes = try? Multibase.decode(text), accepts(bytes.span) else { return nil }
            return bytes
        case .webrtcDirect, .webrtc, .p2pCircuit, .udt, .utp, .https, .tls, .noise, .quic, .quicV1,
            .webtransport, .ws, .wss, .http, .plaintextV2:
            return text.isEmpty ? [] : nil
        }
    }

    /// The text of a value that this protocol accepts.
    func text(value: [UInt8]) -> String {
        switch self {
        case .ip4, .ip6: IPAddress(octets: value)?.description ?? ""
        case .tcp, .udp, .dccp, .sctp, .ipcidr, .memory: String(Self.number(value))
        case .ip6zone, .dns, .dns4, .dns6, .dnsaddr, .sni, .unix: String(decoding: value, as: UTF8.self)
        case .httpPath: Self.percentEncoded(value)
        case .p2p: Base58.encode(value)
        case .onion, .onion3:
            Multibase.base32.encodeBare(value.dropLast(2)) + ":\(Self.number(value.suffix(2)))"
        case .certhash: Multibase.base64url.encode(value)
        case .webrtcDirect, .webrtc, .p2pCircuit, .udt, .utp, .https, .tls, .noise, .quic, .quicV1,
            .webtransport, .ws, .wss, .http, .plaintextV2:
            ""
        }
    }

    /// Whether the bytes are a value of this protocol.
    ///
    /// Every accepted value has a text that parses back to it.
    func accepts(_ value: Span<UInt8>) -> Bool {
        if case .fixed(let count) = valueSize, value.count != count { return false }
        switch self {
        case .ip4, .ip6, .tcp, .udp, .dccp, .sctp, .ipcidr, .memory: return true
        case .ip6zone, .dns, .dns4, .dns6, .dnsaddr, .sni:
            return value.count <= Self.domainNameByteCountMax && Self.isPlainText(value, slashes: false)
        case .unix:
            guard value.count >= 2, value[0] == UInt8(ascii: "/") else { return false }
            return Self.isPlainText(value, slashes: true) && !Self.endsInPeerID(value)
        case .httpPath: return !value.isEmpty
        case .p2p: return (try? PeerID(multihash: value.array())) != nil
        case .onion, .onion3: return value[value.count - 1] != 0 || value[value.count - 2] != 0
        case .certhash: return Self.isMultihash(value)
        case .webrtcDirect, .webrtc, .p2pCircuit, .udt, .utp, .https, .tls, .noise, .quic, .quicV1,
            .webtransport, .ws, .wss, .http, .plaintextV2:
            return true
        }
    }

    // MARK: Numbers

    /// A decimal number without sign or leading zeros, in network byte order.
    private static func decimal<Number: FixedWidthInteger & UnsignedInteger>(
        _ text: some StringProtocol,
        _ type: Number.Type
    ) -> [UInt8]? {
        guard let first = text.utf8.first, first != UInt8(ascii: "+") else { return nil }
        guard first != UInt8(ascii: "0") || text.utf8.count == 1 else { return nil }
        guard let number = Number(text, radix: 10) else { return nil }
        let byteCount = Number.bitWidth / 8
        return (0..<byteCount).map { index in
            UInt8(truncatingIfNeeded: UInt64(number) >> UInt64(8 * (byteCount - 1 - index)))
        }
    }

    private static func number(_ bytes: some Sequence<UInt8>) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }

    // MARK: Texts

    /// UTF-8 without spaces and control characters, and not empty.
    private static func isPlainText(_ value: Span<UInt8>, slashes: Bool) -> Bool {
        guard !value.isEmpty else { return false }
        for index in value.indices {
            let byte = value[index]
            if byte < 0x20 || byte == 0x7f { return false }
            // A path may hold a space, a name may not.
            if !slashes, byte == UInt8(ascii: "/") || byte == UInt8(ascii: " ") { return false }
        }
        return String(validating: value.array(), as: UTF8.self) != nil
    }

    /// Whether a path ends like `/p2p/12D3KooW…`, which as text is a component of its own.
    private static func endsInPeerID(_ path: Span<UInt8>) -> Bool {
        let text = String(decoding: path.array(), as: UTF8.self)
        return Multiaddr.peerIDSuffix(ofPath: text[...]) != nil
    }

    private static func percentDecoded(_ text: some StringProtocol) -> [UInt8]? {
        let characters = Array(text.utf8)
        var bytes: [UInt8] = []
        var index = 0
        while index < characters.count {
            guard characters[index] == UInt8(ascii: "%") else {
                bytes.append(characters[index])
                index += 1
                continue
            }
            guard index + 2 < characters.count,
                let byte = Hex.decode(String(decoding: characters[index + 1...index + 2], as: UTF8.self))
            else { return nil }
            bytes += byte
            index += 3
        }
        return bytes.isEmpty ? nil : bytes
    }

    /// Everything but RFC 3986's unreserved characters is escaped.
    private static func percentEncoded(_ bytes: [UInt8]) -> String {
        bytes.map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: "~"):
                String(UnicodeScalar(byte))
            default: "%" + Hex.encode([byte]).uppercased()
            }
        }.joined()
    }

    // MARK: Hashes and keys

    /// An onion service's name and port, `name:port` with a port above 0.
    private func onion(text: some StringProtocol) -> [UInt8]? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let port = Self.decimal(parts[1], UInt16.self),
            let name = try? Multibase.base32.decodeBare(parts[0])
        else { return nil }
        let value = name + port
        return accepts(value.span) ? value : nil
    }

    /// A code, a length, and exactly that many bytes of digest.
    private static func isMultihash(_ value: Span<UInt8>) -> Bool {
        var offset = 0
        guard (try? Varint.read(value, at: &offset)) != nil,
            let length = try? Varint.read(value, at: &offset)
        else { return false }
        return length > 0 && length == UInt64(value.count - offset)
    }
}

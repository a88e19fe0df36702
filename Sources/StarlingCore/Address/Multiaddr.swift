/// Where and how a peer is reached: `/ip4/192.0.2.1/tcp/4001/p2p/12D3KooW…`.
///
/// Never empty and always valid: a value exists only if each component has a value that its protocol allows.
/// The bytes are canonical, so equal addresses have equal bytes. An address that came as bytes may name a
/// protocol that is not known here; from there on it is kept as it came, and printed as
/// `/unknown/u…` (multibase), which parses back.
///
///     let address = try Multiaddr("/ip4/192.0.2.1/tcp/4001")
///     address.with(peerID: id).description
///
/// Spec: multiformats/multiaddr, "Specification". Deviation: a peer ID at the end of a Unix socket's path is a
/// component of its own, since a listener on a Unix socket has an identity too.
public struct Multiaddr: Hashable, Sendable {
    /// One step of an address.
    package struct Component: Hashable, Sendable {
        /// The protocol, or `nil` for the rest of an address from an unknown code on.
        package var kind: MultiaddrProtocol?
        /// The protocol's value as bytes; for an unknown rest, all of it with its code.
        package var value: [UInt8]

        package init(_ kind: MultiaddrProtocol?, _ value: [UInt8] = []) {
            self.kind = kind
            self.value = value
        }
    }

    /// The longest address in bytes; longer ones are refused.
    ///
    /// Real ones with a relay and two certificate hashes come near 300.
    public static let byteCountMax = 1024
    /// The longest text that is parsed, in UTF-8.
    public static let textByteCountMax = 4096
    /// The most components; an address with more is refused.
    public static let componentCountMax = 32
    /// The name under which the rest of an address after an unknown code is printed.
    static let unknownName = "unknown"

    /// The address in binary form.
    public let bytes: [UInt8]

    /// Parses an address that fills `bytes`.
    public init(bytes: Span<UInt8>) throws(MultiaddrError) {
        guard !bytes.isEmpty else { throw .empty }
        guard bytes.count <= Self.byteCountMax else { throw .tooLong }
        var offset = 0
        var index = 0
        var isAfterPath = false
        while offset < bytes.count {
            guard index < Self.componentCountMax else { throw .tooManyComponents }
            let (kind, value) = try Self.readComponent(bytes, at: &offset, index: index)
            if isAfterPath {
                // As text only a peer ID can be told from the path before it.
                guard kind == .p2p, offset == bytes.count else {
                    throw .notLast(index: index, protocolName: MultiaddrProtocol.unix.name)
                }
            }
            isAfterPath = kind == .unix
            if let kind, !kind.accepts(bytes.extracting(value)) {
                let text = Hex.encode(bytes.array(value))
                throw .invalidValue(index: index, protocolName: kind.name, value: text)
            }
            index += 1
        }
        self.bytes = bytes.array()
    }

    /// Parses an address that fills `bytes`.
    public init(bytes: [UInt8]) throws(MultiaddrError) {
        try self.init(bytes: bytes.span)
    }

    /// Joins components.
    package init(components: [Component]) throws(MultiaddrError) {
        for (index, component) in components.enumerated() {
            guard let kind = component.kind, case .fixed(let count) = kind.valueSize,
                component.value.count != count
            else { continue }
            let text = Hex.encode(component.value)
            throw .invalidValue(index: index, protocolName: kind.name, value: text)
        }
        try self.init(bytes: Self.encode(components).span)
    }

    static func encode(_ components: [Component]) -> [UInt8] {
        var bytes: [UInt8] = []
        for component in components {
            guard let kind = component.kind else {
                bytes += component.value
                continue
            }
            Varint.append(kind.rawValue, to: &bytes)
            if kind.valueSize == .prefixed { Varint.append(UInt64(component.value.count), to: &bytes) }
            bytes += component.value
        }
        return bytes
    }

    /// - Precondition: the bytes are an address.
    init(valid bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// The steps, outermost first.
    package var components: [Component] {
        var components: [Component] = []
        var offset = 0
        let bytes = bytes.span
        while offset < bytes.count,
            let (kind, value) = try? Self.readComponent(bytes, at: &offset, index: components.count)
        {
            components.append(Component(kind, bytes.array(value)))
        }
        return components
    }

    /// The first value of a protocol.
    package func value(of kind: MultiaddrProtocol) -> [UInt8]? {
        components.first { $0.kind == kind }?.value
    }

    /// Reads a component's frame; whether its protocol accepts the value is not looked at.
    private static func readComponent(
        _ bytes: Span<UInt8>,
        at offset: inout Int,
        index: Int
    ) throws(MultiaddrError) -> (MultiaddrProtocol?, Range<Int>) {
        var position = offset
        let code = try readVarint(bytes, at: &position, index: index)
        guard let kind = MultiaddrProtocol(rawValue: code) else {
            // How long the value is cannot be known, so neither can what follows.
            defer { offset = bytes.count }
            return (nil, offset..<bytes.count)
        }
        let byteCount: UInt64
        switch kind.valueSize {
        case .fixed(let count): byteCount = UInt64(count)
        case .prefixed: byteCount = try readVarint(bytes, at: &position, index: index)
        }
        guard byteCount <= UInt64(bytes.count - position) else { throw .truncated(index: index) }
        let value = position..<position + Int(byteCount)
        offset = value.upperBound
        return (kind, value)
    }

    private static func readVarint(
        _ bytes: Span<UInt8>,
        at offset: inout Int,
        index: Int
    ) throws(MultiaddrError) -> UInt64 {
        do throws(VarintError) {
            return try Varint.read(bytes, at: &offset)
        } catch {
            throw error == .truncated ? .truncated(index: index) : .invalidVarint(index: index)
        }
    }
}

extension Multiaddr: Comparable {
    /// The order of the bytes: for lists that must not depend on hashes.
    public static func < (lhs: Multiaddr, rhs: Multiaddr) -> Bool {
        lhs.bytes.lexicographicallyPrecedes(rhs.bytes)
    }
}

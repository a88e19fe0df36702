internal import CSys
internal import StarlingCore
internal import StarlingWorld

extension SocketAddress {
    /// The address as CSys takes it.
    ///
    /// - Throws: ``SocketError/other(_:)`` with `ENAMETOOLONG` for a Unix path that the system cannot hold.
    func systemForm() throws(SocketError) -> csys_address {
        var form = csys_address()
        switch self {
        case .ip(.v4(let bits), let port, _):
            form.kind = UInt8(CSYS_IPV4)
            form.low = UInt64(bits)
            form.port = port
        case .ip(.v6(let high, let low), let port, let zone):
            form.kind = UInt8(CSYS_IPV6)
            form.high = high
            form.low = low
            form.port = port
            form.zone = zone
        case .unix(let path):
            form.kind = UInt8(CSYS_UNIX)
            let bytes = Array(path.utf8)
            guard bytes.count < Int(CSYS_PATH_SIZE) else { throw .other("ENAMETOOLONG") }
            guard !bytes.isEmpty, !bytes.contains(0) else { throw .addressUnavailable }
            withUnsafeMutableBytes(of: &form.path) { $0.copyBytes(from: bytes) }
        }
        return form
    }

    /// `nil` for an address of another kind, as a connected pair of sockets has.
    init?(systemForm form: csys_address) {
        switch Int(form.kind) {
        case CSYS_UNIX:
            self = .unix(path: text(form.path))
        default:
            guard let address = IPAddress(systemForm: form) else { return nil }
            self = .ip(address, port: form.port, zone: form.zone)
        }
    }
}

extension IPAddress {
    init?(systemForm form: csys_address) {
        switch Int(form.kind) {
        case CSYS_IPV4: self = .v4(UInt32(truncatingIfNeeded: form.low))
        case CSYS_IPV6: self = .v6(high: form.high, low: form.low)
        default: return nil
        }
    }
}

/// The text in a C array of characters, which Swift sees as a tuple.
func text<Characters>(_ characters: Characters) -> String {
    withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
}

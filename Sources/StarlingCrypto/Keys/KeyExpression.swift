internal import CGcrypt
internal import StarlingCore

/// A libgcrypt S-expression: how that library takes keys, data and signatures.
///
/// Built from its canonical form, where each token carries its length, so that no byte of a key or a signature
/// can end its token.
@safe struct KeyExpression: ~Copyable {
    /// The library's handle.
    let handle: gcry_sexp_t

    /// `nil` when memory ran out.
    init?(_ canonical: [UInt8]) {
        guard CryptoLibrary.isStarted else { return nil }
        var handle: gcry_sexp_t?
        let code = unsafe canonical.withUnsafeBytes { bytes in
            unsafe gcry_sexp_new(&handle, bytes.baseAddress, bytes.count, 0)
        }
        guard code == 0, let handle = unsafe handle else { return nil }
        unsafe self.handle = handle
    }

    deinit { unsafe gcry_sexp_release(handle) }

    /// The canonical form of a list.
    static func list(_ name: StaticString, _ parts: [UInt8]...) -> [UInt8] {
        var bytes: [UInt8] = [UInt8(ascii: "(")]
        bytes += token(name)
        for part in parts { bytes += part }
        bytes.append(UInt8(ascii: ")"))
        return bytes
    }

    /// The canonical form of a name.
    static func token(_ name: StaticString) -> [UInt8] {
        token(unsafe Array(UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)))
    }

    /// The canonical form of a value.
    static func token(_ value: [UInt8]) -> [UInt8] {
        Array(String(value.count).utf8) + [UInt8(ascii: ":")] + value
    }

    /// The canonical form of a number that is never negative: a magnitude with a high first bit gets a zero.
    static func number(_ name: StaticString, _ magnitude: [UInt8]) -> [UInt8] {
        let isHigh = (magnitude.first ?? 0) >= 0x80
        return list(name, token(isHigh ? [0] + magnitude : magnitude))
    }
}

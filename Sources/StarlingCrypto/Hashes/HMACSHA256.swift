internal import CSodium
internal import StarlingCore

/// HMAC with SHA2-256.
///
/// Spec: RFC 2104.
package enum HMACSHA256 {
    /// The size of an authentication code.
    package static let byteCount = SHA256.byteCount

    /// The code of `message` under `key`, which may have any length.
    package static func code(key: Span<UInt8>, message: Span<UInt8>) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { code, count in
            unsafe key.withUnsafeBytes { key in
                unsafe message.withUnsafeBytes { message in
                    if let base = code.baseAddress { unsafe write(to: base, key: key, message) }
                }
            }
            count = byteCount
        }
    }

    /// Whether `code` is the one of `message` under `key`; the time it takes does not tell how far they agree.
    package static func isValid(_ code: Span<UInt8>, key: Span<UInt8>, message: Span<UInt8>) -> Bool {
        SecretBytes.isEqual(code, self.code(key: key, message: message).span)
    }

    /// Writes the code of up to three parts, one behind the other, without allocating.
    ///
    /// The code may replace a part.
    static func write(
        to code: UnsafeMutablePointer<UInt8>,
        key: UnsafeRawBufferPointer,
        _ first: UnsafeRawBufferPointer,
        _ second: UnsafeRawBufferPointer = unsafe UnsafeRawBufferPointer(start: nil, count: 0),
        _ third: UnsafeRawBufferPointer = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    ) {
        let blockByteCount = SHA256.blockByteCount
        unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: blockByteCount + byteCount) {
            scratch in
            guard let block = scratch.baseAddress else { return }
            let inner = unsafe block + blockByteCount
            unsafe scratch.initialize(repeating: 0)
            if key.count > blockByteCount {
                unsafe SHA256.hash(into: block, key)
            } else {
                unsafe UnsafeMutableRawBufferPointer(scratch).copyMemory(from: key)
            }
            let padded = unsafe UnsafeRawBufferPointer(start: block, count: blockByteCount)
            for index in 0..<blockByteCount { unsafe block[index] ^= 0x36 }
            unsafe SHA256.hash(into: inner, padded, first, second, third)
            for index in 0..<blockByteCount { unsafe block[index] ^= 0x36 ^ 0x5c }
            unsafe SHA256.hash(into: code, padded, UnsafeRawBufferPointer(start: inner, count: byteCount))
            unsafe sodium_memzero(block, blockByteCount + byteCount)
        }
    }
}

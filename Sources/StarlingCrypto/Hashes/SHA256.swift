internal import CGcrypt

/// SHA2-256, in one call or piece by piece.
///
///     let digest = SHA256.hash(bytes.span)
///
/// Spec: FIPS 180-4.
@safe package struct SHA256: ~Copyable {
    /// The size of a digest.
    package static let byteCount = 32
    /// The size of the blocks that the function works on, which HMAC needs.
    package static let blockByteCount = 64

    private let handle: gcry_md_hd_t

    /// Begins a digest of pieces.
    package init() throws(CryptoError) {
        try CryptoLibrary.start()
        var handle: gcry_md_hd_t?
        let code = unsafe gcry_md_open(&handle, Int32(GCRY_MD_SHA256.rawValue), 0)
        guard code == 0, let handle = unsafe handle else { throw .gcryptFailure(code: code) }
        unsafe self.handle = handle
    }

    deinit { unsafe gcry_md_close(handle) }

    /// Adds a piece.
    package mutating func update(_ bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBytes { memory in
            guard let base = memory.baseAddress else { return }
            unsafe gcry_md_write(handle, base, memory.count)
        }
    }

    /// The digest of all pieces.
    package consuming func finish() -> [UInt8] {
        guard let digest = unsafe gcry_md_read(handle, Int32(GCRY_MD_SHA256.rawValue)) else { return [] }
        return unsafe Array(UnsafeBufferPointer(start: digest, count: Self.byteCount))
    }

    /// The digest of `bytes`.
    package static func hash(_ bytes: Span<UInt8>) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { digest, count in
            unsafe bytes.withUnsafeBytes { memory in
                if let base = digest.baseAddress { unsafe hash(into: base, memory) }
            }
            count = byteCount
        }
    }

    /// The digest of `bytes`.
    package static func hash(_ bytes: [UInt8]) -> [UInt8] { hash(bytes.span) }

    /// The digest of one byte that says what is hashed, and of up to two parts behind it.
    package static func hash(
        domain: UInt8,
        _ first: Span<UInt8>,
        _ second: Span<UInt8> = Span()
    ) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { digest, count in
            var domain = domain
            unsafe withUnsafeBytes(of: &domain) { domain in
                unsafe first.withUnsafeBytes { first in
                    unsafe second.withUnsafeBytes { second in
                        if let base = digest.baseAddress { unsafe hash(into: base, domain, first, second) }
                    }
                }
            }
            count = byteCount
        }
    }

    /// Writes the digest of up to four parts, one behind the other, without allocating.
    static func hash(
        into digest: UnsafeMutablePointer<UInt8>,
        _ first: UnsafeRawBufferPointer,
        _ second: UnsafeRawBufferPointer = unsafe UnsafeRawBufferPointer(start: nil, count: 0),
        _ third: UnsafeRawBufferPointer = unsafe UnsafeRawBufferPointer(start: nil, count: 0),
        _ fourth: UnsafeRawBufferPointer = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    ) {
        precondition(CryptoLibrary.isStarted)
        let parts: InlineArray<4, gcry_buffer_t> = unsafe [
            part(first), part(second), part(third), part(fourth),
        ]
        unsafe parts.span.withUnsafeBufferPointer { parts in
            // The algorithm is always there, so this cannot fail.
            _ = unsafe gcry_md_hash_buffers(Int32(GCRY_MD_SHA256.rawValue), 0, digest, parts.baseAddress, 4)
        }
    }

    private static func part(_ bytes: UnsafeRawBufferPointer) -> gcry_buffer_t {
        unsafe gcry_buffer_t(
            size: bytes.count,
            off: 0,
            len: bytes.count,
            data: UnsafeMutableRawPointer(mutating: bytes.baseAddress)
        )
    }
}

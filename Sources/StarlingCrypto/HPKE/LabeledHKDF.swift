internal import StarlingCore

/// HKDF-SHA256 with HPKE's labels, which keep each derivation apart from every other.
///
/// Spec: RFC 9180, section 4, "LabeledExtract" and "LabeledExpand".
struct LabeledHKDF: Sendable {
    /// Inside DHKEM(X25519, HKDF-SHA256), number 0x0020.
    static let kem = LabeledHKDF(suite: Array("KEM".utf8) + [0x00, 0x20])
    /// In the rest of HPKE: that KEM, HKDF-SHA256 (0x0001), ChaCha20-Poly1305 (0x0003).
    static let hpke = LabeledHKDF(suite: Array("HPKE".utf8) + [0x00, 0x20, 0x00, 0x01, 0x00, 0x03])

    /// The version and the suite, which stand before every label.
    private let prefix: [UInt8]

    private init(suite: [UInt8]) {
        prefix = Array("HPKE-v1".utf8) + suite
    }

    /// A key of uniform bytes from `input`.
    func extract(salt: Span<UInt8>, _ label: String, from input: Span<UInt8>) -> SecretBytes {
        let start = prefix + label.utf8
        // The input is secret at times, so the labeled copy of it is too.
        let labeled = unsafe SecretBytes(byteCount: start.count + input.count) { memory in
            unsafe memory.copyBytes(from: start)
            unsafe input.withUnsafeBytes { input in
                unsafe UnsafeMutableRawBufferPointer(rebasing: memory[start.count...]).copyMemory(from: input)
            }
        }
        return labeled.withSpan { HKDF.extract(salt: salt, from: $0) }
    }

    /// `byteCount` bytes for the purpose that label and info name.
    func expand(
        _ key: borrowing SecretBytes,
        _ label: String,
        info: Span<UInt8>,
        byteCount: Int
    ) -> SecretBytes {
        var labeled = [UInt8(truncatingIfNeeded: byteCount >> 8), UInt8(truncatingIfNeeded: byteCount)]
        labeled += prefix
        labeled += label.utf8
        info.append(to: &labeled)
        return HKDF.expand(key, info: labeled.span, byteCount: byteCount)
    }
}

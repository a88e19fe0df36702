internal import StarlingCore

/// Key derivation with HMAC-SHA2-256.
///
/// Spec: RFC 5869.
package enum HKDF {
    /// The most bytes that one derivation gives.
    package static let byteCountMax = 255 * HMACSHA256.byteCount

    /// A key of uniform bytes from input that is secret but not uniform.
    package static func extract(salt: Span<UInt8>, from input: Span<UInt8>) -> SecretBytes {
        unsafe SecretBytes(byteCount: HMACSHA256.byteCount) { key in
            unsafe salt.withUnsafeBytes { salt in
                unsafe input.withUnsafeBytes { input in
                    guard let base = unsafe key.bindMemory(to: UInt8.self).baseAddress else { return }
                    unsafe HMACSHA256.write(to: base, key: salt, input)
                }
            }
        }
    }

    /// `byteCount` bytes for the purpose that `info` names.
    ///
    /// - Precondition: `byteCount` is between 1 and ``byteCountMax``.
    package static func expand(
        _ key: borrowing SecretBytes,
        info: Span<UInt8>,
        byteCount: Int
    ) -> SecretBytes {
        precondition(byteCount > 0 && byteCount <= byteCountMax)
        let step = HMACSHA256.byteCount
        let stepCount = (byteCount + step - 1) / step
        let whole = unsafe SecretBytes(byteCount: stepCount * step) { output in
            key.withSpan { key in
                unsafe key.withUnsafeBytes { key in
                    unsafe info.withUnsafeBytes { info in
                        unsafe expand(key, info, stepCount, into: output)
                    }
                }
            }
        }
        guard whole.count > byteCount else { return whole }
        return whole.withSpan { SecretBytes(copying: $0.extracting(0..<byteCount)) }
    }

    /// `byteCount` bytes from input that is secret but not uniform, for the purpose that `info` names.
    ///
    /// - Precondition: `byteCount` is between 1 and ``byteCountMax``.
    package static func derive(
        from input: Span<UInt8>,
        salt: Span<UInt8>,
        info: Span<UInt8>,
        byteCount: Int
    ) -> SecretBytes {
        expand(extract(salt: salt, from: input), info: info, byteCount: byteCount)
    }

    private static func expand(
        _ key: UnsafeRawBufferPointer,
        _ info: UnsafeRawBufferPointer,
        _ stepCount: Int,
        into output: UnsafeMutableRawBufferPointer
    ) {
        guard let base = unsafe output.bindMemory(to: UInt8.self).baseAddress else { return }
        let step = HMACSHA256.byteCount
        for index in 0..<stepCount {
            let previous = unsafe UnsafeRawBufferPointer(
                start: index == 0 ? nil : base + (index - 1) * step,
                count: index == 0 ? 0 : step
            )
            var number = UInt8(index + 1)
            unsafe withUnsafeBytes(of: &number) { number in
                unsafe HMACSHA256.write(to: base + index * step, key: key, previous, info, number)
            }
        }
    }
}

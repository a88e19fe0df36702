/// A nonce of 12 bytes: four bytes, then a counter of eight, both with the low byte first.
///
/// A nonce must never be used twice with the same key. Noise counts with the first four bytes zero.
package struct CipherNonce: Equatable, Sendable {
    /// The size of a nonce.
    package static let byteCount = 12

    /// The first four bytes.
    package var prefix: UInt32
    /// The last eight bytes.
    package var counter: UInt64

    package init(prefix: UInt32 = 0, counter: UInt64) {
        self.prefix = prefix
        self.counter = counter
    }

    /// Lends the twelve bytes to a C call.
    @inline(__always) func withUnsafeBytes<Result>(_ body: (UnsafeRawPointer) -> Result) -> Result {
        // Three words, so that there is no padding between them.
        var words = (
            prefix.littleEndian,
            UInt32(truncatingIfNeeded: counter).littleEndian,
            UInt32(truncatingIfNeeded: counter >> 32).littleEndian
        )
        return unsafe Swift.withUnsafeBytes(of: &words) { bytes in
            // Three words always have an address.
            guard let base = bytes.baseAddress else { preconditionFailure() }
            return unsafe body(base)
        }
    }
}

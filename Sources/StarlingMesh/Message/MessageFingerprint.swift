internal import StarlingCore

/// Half of a SHA-256 over all of an envelope that carriers do not change.
///
/// An id is what its sender says it is, so anybody may take that of another's message; nobody can take a fingerprint without
/// carrying the very same message.
package struct MessageFingerprint: Hashable, Sendable {
    // Two words, so that a table of thousands allocates nothing for each.
    private let high: UInt64
    private let low: UInt64

    /// - Precondition: there are 16 bytes or more.
    init(_ hash: [UInt8]) {
        precondition(hash.count >= 16)
        high = hash[..<8].reduce(0) { $0 << 8 | UInt64($1) }
        low = hash[8..<16].reduce(0) { $0 << 8 | UInt64($1) }
    }
}

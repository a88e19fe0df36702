internal import CSodium
internal import StarlingCore

/// Secret memory: it has one owner, never moves, is never printed, and is zeroed when the owner is gone.
@safe package struct SecretBytes: ~Copyable, @unchecked Sendable {  // tidy-ok: one owner reads and writes
    /// The number of bytes.
    package let count: Int

    private let base: UnsafeMutableRawPointer

    /// Takes `byteCount` bytes of memory and lets `body` fill them, all of them.
    ///
    /// - Precondition: `byteCount` is positive.
    package init<Failure: Error>(
        byteCount: Int,
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        precondition(byteCount > 0)
        count = byteCount
        unsafe base = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 16)
        unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
        // When this throws, the deinitializer wipes and frees: all properties are set.
        try unsafe body(UnsafeMutableRawBufferPointer(start: base, count: byteCount))
    }

    /// A copy of `bytes`, which stays where it is: wiping it is the caller's business.
    ///
    /// - Precondition: there is at least one byte.
    package init(copying bytes: Span<UInt8>) {
        unsafe self.init(byteCount: bytes.count) { memory in
            unsafe bytes.withUnsafeBytes { unsafe memory.copyMemory(from: $0) }
        }
    }

    /// Takes the bytes over and zeroes the array, for secrets that arrive as an array, such as random seeds.
    ///
    /// - Precondition: there is at least one byte.
    package init(wiping bytes: inout [UInt8]) {
        self.init(copying: bytes.span)
        SecretBytes.wipe(&bytes)
    }

    deinit {
        unsafe sodium_memzero(base, count)
        unsafe base.deallocate()
    }

    /// Lends the bytes.
    package borrowing func withSpan<Result: ~Copyable, Failure: Error>(
        _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let bytes = unsafe UnsafeRawBufferPointer(start: base, count: count).bindMemory(to: UInt8.self)
        return try unsafe body(bytes.span)
    }

    /// Lends the bytes to a C call.
    borrowing func withUnsafeBytes<Result: ~Copyable, Failure: Error>(
        _ body: (UnsafePointer<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe body(UnsafePointer(base.assumingMemoryBound(to: UInt8.self)))
    }

    /// Lends the bytes to a C call that replaces them.
    mutating func withUnsafeMutableBytes<Result: ~Copyable, Failure: Error>(
        _ body: (UnsafeMutablePointer<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe body(base.assumingMemoryBound(to: UInt8.self))
    }

    /// Whether both hold the same bytes; the time it takes depends on their number only.
    package borrowing func isEqual(to other: borrowing SecretBytes) -> Bool {
        withSpan { mine in other.withSpan { SecretBytes.isEqual(mine, $0) } }
    }

    /// Whether both spans hold the same bytes; the time it takes depends on their number only.
    package static func isEqual(_ lhs: Span<UInt8>, _ rhs: Span<UInt8>) -> Bool {
        guard lhs.count == rhs.count else { return false }
        return unsafe lhs.withUnsafeBytes { left in
            unsafe rhs.withUnsafeBytes { right in
                guard let left = left.baseAddress, let right = right.baseAddress else { return true }
                return unsafe sodium_memcmp(left, right, lhs.count) == 0
            }
        }
    }

    /// Zeroes an array in a way that the compiler does not leave out.
    package static func wipe(_ bytes: inout [UInt8]) {
        unsafe bytes.withUnsafeMutableBytes { memory in
            guard let base = memory.baseAddress else { return }
            unsafe sodium_memzero(base, memory.count)
        }
    }
}

/// What one call of a cipher works on: pointers that live until it returns, and that nobody else writes through.
@unsafe struct CipherCall: @unchecked Sendable {  // tidy-ok: the closure of a lock takes it
    /// The content and its tag.
    var memory: UnsafeMutableRawBufferPointer
    var key: UnsafePointer<UInt8>
    var nonce: CipherNonce
    /// What is authenticated but not encrypted.
    var data: UnsafeRawBufferPointer

    /// The size of the content: the memory without the tag.
    var contentByteCount: Int { unsafe memory.count - ChaChaPoly.tagByteCount }
}

internal import CGcrypt
internal import CSodium
package import StarlingCore
internal import Synchronization

/// ChaCha20-Poly1305 in place over pooled blocks, with one pair of contexts for everything on a loop.
///
/// A context costs more than a kilobyte, so connections do not own one: they hand in their key with each
/// message. The key is set again only when it differs from the last one, and sealing and opening
/// have a context each, so that one busy connection sets its keys once. Nothing is allocated per message.
///
/// Every loop has its own; the lock inside is free then, and makes sharing safe rather than fast.
/// Long messages go to ``WideChaChaPoly`` where the processor has what it needs.
///
/// Spec: RFC 8439, section 2.8.
package final class ChaChaPoly: Sendable {
    /// The size of a key.
    package static let keyByteCount = 32
    /// The size of the tag behind a message.
    package static let tagByteCount = 16

    private let sealing: Mutex<CipherContext>
    private let opening: Mutex<CipherContext>
    private let hasWide: Bool

    /// Takes the contexts.
    package convenience init() throws(CryptoError) { try self.init(hasWide: true) }

    /// - Parameter hasWide: whether long messages go to the wide implementation, where there is one.
    init(hasWide: Bool) throws(CryptoError) {
        self.hasWide = hasWide
        sealing = Mutex(try CipherContext())
        opening = Mutex(try CipherContext())
    }

    /// Encrypts `content` where it stands and writes the tag right behind it.
    ///
    /// - Precondition: the key has 32 bytes, and the block has 16 bytes left behind `content`.
    package func seal(
        _ block: Buffer,
        _ content: Range<Int>,
        key: borrowing SecretBytes,
        nonce: CipherNonce,
        authenticating data: Span<UInt8>
    ) throws(CipherError) {
        let memory = unsafe block.memory(content.lowerBound..<content.upperBound + Self.tagByteCount)
        let code = unsafe seal(memory, key: key, nonce: nonce, authenticating: data)
        guard code == 0 else { throw .gcryptFailure(code: code) }
    }

    /// Encrypts `content` where it stands, with no other data authenticated.
    ///
    /// - Precondition: the key has 32 bytes, and the block has 16 bytes left behind `content`.
    package func seal(
        _ block: Buffer,
        _ content: Range<Int>,
        key: borrowing SecretBytes,
        nonce: CipherNonce
    ) throws(CipherError) {
        let nothing: [UInt8] = []
        try seal(block, content, key: key, nonce: nonce, authenticating: nothing.span)
    }

    /// Decrypts `sealed`, a message with its tag behind it, where it stands, and says where the content is.
    ///
    /// On error the whole range holds zeros: the library decrypts before it checks the tag.
    ///
    /// - Precondition: the key has 32 bytes, and the range lies in the block.
    package func open(
        _ block: Buffer,
        _ sealed: Range<Int>,
        key: borrowing SecretBytes,
        nonce: CipherNonce,
        authenticating data: Span<UInt8>
    ) throws(CipherError) -> Range<Int> {
        guard sealed.count >= Self.tagByteCount else { throw .authenticationFailed }
        let memory = unsafe block.memory(sealed)
        let code = unsafe open(memory, key: key, nonce: nonce, authenticating: data)
        guard code == 0 else { throw Self.openingError(code) }
        return sealed.lowerBound..<sealed.upperBound - Self.tagByteCount
    }

    /// Decrypts `sealed` where it stands, with no other data authenticated.
    ///
    /// - Precondition: the key has 32 bytes, and the range lies in the block.
    package func open(
        _ block: Buffer,
        _ sealed: Range<Int>,
        key: borrowing SecretBytes,
        nonce: CipherNonce
    ) throws(CipherError) -> Range<Int> {
        let nothing: [UInt8] = []
        return try open(block, sealed, key: key, nonce: nonce, authenticating: nothing.span)
    }

    /// The ciphertext of `content`, with its tag behind it.
    ///
    /// - Precondition: the key has 32 bytes.
    package func seal(
        _ content: Span<UInt8>,
        key: borrowing SecretBytes,
        nonce: CipherNonce,
        authenticating data: Span<UInt8>
    ) throws(CipherError) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(content.count + Self.tagByteCount)
        content.append(to: &bytes)
        bytes.append(contentsOf: repeatElement(0, count: Self.tagByteCount))
        let code = unsafe bytes.withUnsafeMutableBytes { memory in
            unsafe seal(memory, key: key, nonce: nonce, authenticating: data)
        }
        guard code == 0 else { throw .gcryptFailure(code: code) }
        return bytes
    }

    /// The content of `sealed`, a ciphertext with its tag behind it.
    ///
    /// - Precondition: the key has 32 bytes.
    package func open(
        _ sealed: Span<UInt8>,
        key: borrowing SecretBytes,
        nonce: CipherNonce,
        authenticating data: Span<UInt8>
    ) throws(CipherError) -> [UInt8] {
        guard sealed.count >= Self.tagByteCount else { throw .authenticationFailed }
        var bytes = sealed.array()
        let code = unsafe bytes.withUnsafeMutableBytes { memory in
            unsafe open(memory, key: key, nonce: nonce, authenticating: data)
        }
        guard code == 0 else { throw Self.openingError(code) }
        bytes.removeLast(Self.tagByteCount)
        return bytes
    }

    private func seal(
        _ memory: UnsafeMutableRawBufferPointer,
        key: borrowing SecretBytes,
        nonce: CipherNonce,
        authenticating data: Span<UInt8>
    ) -> gcry_error_t {
        precondition(key.count == Self.keyByteCount)
        return unsafe data.withUnsafeBytes { data in
            unsafe key.withUnsafeBytes { key in
                let call = unsafe CipherCall(memory: memory, key: key, nonce: nonce, data: data)
                if unsafe hasWide && WideChaChaPoly.isWorthIt(call) {
                    unsafe WideChaChaPoly.seal(call)
                    return 0
                }
                return sealing.withLock { context in unsafe context.seal(call) }
            }
        }
    }

    /// Decrypts in place, and leaves zeros when it fails: the library decrypts before it checks the tag.
    private func open(
        _ memory: UnsafeMutableRawBufferPointer,
        key: borrowing SecretBytes,
        nonce: CipherNonce,
        authenticating data: Span<UInt8>
    ) -> gcry_error_t {
        precondition(key.count == Self.keyByteCount)
        let code = unsafe data.withUnsafeBytes { data in
            unsafe key.withUnsafeBytes { key in
                let call = unsafe CipherCall(memory: memory, key: key, nonce: nonce, data: data)
                if unsafe hasWide && WideChaChaPoly.isWorthIt(call) {
                    return unsafe WideChaChaPoly.open(call) ? 0 : Self.wrongTag
                }
                return opening.withLock { context in unsafe context.open(call) }
            }
        }
        if code != 0 { unsafe memory.initializeMemory(as: UInt8.self, repeating: 0) }
        return code
    }

    /// What libgcrypt answers to a tag that does not belong to the message.
    private static let wrongTag = gcry_error(GPG_ERR_CHECKSUM)

    private static func openingError(_ code: gcry_error_t) -> CipherError {
        gcry_err_code(code) == GPG_ERR_CHECKSUM ? .authenticationFailed : .gcryptFailure(code: code)
    }
}

/// One libgcrypt context, and the key that is set in it.
@safe private struct CipherContext: ~Copyable {
    private typealias Words = (UInt64, UInt64, UInt64, UInt64)

    private let handle: gcry_cipher_hd_t
    /// A copy of the key, compared in constant time; the context holds the same secret anyway.
    private var current: Words = (0, 0, 0, 0)
    private var isKeyed = false

    init() throws(CryptoError) {
        try CryptoLibrary.start()
        var handle: gcry_cipher_hd_t?
        let code = unsafe gcry_cipher_open(
            &handle,
            Int32(GCRY_CIPHER_CHACHA20.rawValue),
            Int32(GCRY_CIPHER_MODE_POLY1305.rawValue),
            0
        )
        guard code == 0, let handle = unsafe handle else { throw .gcryptFailure(code: code) }
        unsafe self.handle = handle
    }

    deinit {
        // Closing a context wipes it.
        unsafe gcry_cipher_close(handle)
        var words = current
        unsafe withUnsafeMutableBytes(of: &words) { unsafe sodium_memzero($0.baseAddress, $0.count) }
    }

    mutating func seal(_ call: CipherCall) -> gcry_error_t {
        let code = unsafe begin(call)
        let memory = unsafe call.memory
        guard code == 0 else { return code }
        let count = memory.count - ChaChaPoly.tagByteCount
        let encrypted = unsafe gcry_cipher_encrypt(handle, memory.baseAddress, count, nil, 0)
        guard encrypted == 0 else { return encrypted }
        guard let base = memory.baseAddress else { return 0 }
        return unsafe gcry_cipher_gettag(handle, base + count, ChaChaPoly.tagByteCount)
    }

    mutating func open(_ call: CipherCall) -> gcry_error_t {
        let code = unsafe begin(call)
        let memory = unsafe call.memory
        guard code == 0 else { return code }
        let count = memory.count - ChaChaPoly.tagByteCount
        let decrypted = unsafe gcry_cipher_decrypt(handle, memory.baseAddress, count, nil, 0)
        guard decrypted == 0 else { return decrypted }
        guard let base = memory.baseAddress else { return 0 }
        return unsafe gcry_cipher_checktag(handle, base + count, ChaChaPoly.tagByteCount)
    }

    private mutating func begin(_ call: CipherCall) -> gcry_error_t {
        let (key, data) = unsafe (call.key, call.data)
        let words = unsafe UnsafeRawPointer(key).loadUnaligned(as: Words.self)
        let difference =
            (words.0 ^ current.0) | (words.1 ^ current.1)
            | (words.2 ^ current.2) | (words.3 ^ current.3)
        if !isKeyed || difference != 0 {
            isKeyed = false
            let code = unsafe gcry_cipher_setkey(handle, key, ChaChaPoly.keyByteCount)
            guard code == 0 else { return code }
            current = words
            isKeyed = true
        }
        let code = unsafe call.nonce.withUnsafeBytes {
            unsafe gcry_cipher_setiv(handle, $0, CipherNonce.byteCount)
        }
        guard code == 0 else { return code }
        if data.count > 0 {
            let code = unsafe gcry_cipher_authenticate(handle, data.baseAddress, data.count)
            guard code == 0 else { return code }
        }
        return unsafe cgcrypt_cipher_final(handle)
    }
}

#if os(Linux) && arch(x86_64)
    internal import CIPSecMB
    internal import CSodium

    /// ChaCha20-Poly1305 by libipsec-mb, which takes six tenths of libgcrypt's time on processors with AVX-512 IFMA.
    ///
    /// The library is loaded for the first message that is long enough: that takes 2 ms and 4 MB of memory, which a node
    /// that only keeps its connections does without.
    ///
    /// Spec: RFC 8439, section 2.8.
    enum WideChaChaPoly {
        /// Shorter messages are not worth setting the library up for.
        static let contentByteCountMin = 4096

        // The functions only read the manager, so any number of threads may use it at once.
        nonisolated(unsafe) private static let manager = unsafe cipsecmb_start()

        /// Whether the library is installed, the processor has what it needs, and it has passed its test of itself.
        static var isAvailable: Bool { unsafe manager != nil }

        static func isWorthIt(_ call: CipherCall) -> Bool {
            unsafe call.contentByteCount >= contentByteCountMin && isAvailable
        }

        /// Encrypts the content where it stands, and writes the tag behind it.
        ///
        /// - Precondition: ``isAvailable``, and there is content.
        static func seal(_ call: CipherCall) {
            guard let content = unsafe call.memory.baseAddress else {
                preconditionFailure("nothing to encrypt")
            }
            let count = unsafe call.contentByteCount
            unsafe withContext(of: call) { context, key in
                unsafe cipsecmb_encrypt(manager, context, key, content, count)
                unsafe cipsecmb_finish(manager, context, content + count)
            }
        }

        /// Decrypts the content where it stands, and says whether the tag belongs to it.
        ///
        /// - Precondition: ``isAvailable``, and there is content.
        static func open(_ call: CipherCall) -> Bool {
            guard let content = unsafe call.memory.baseAddress else {
                preconditionFailure("nothing to decrypt")
            }
            let count = unsafe call.contentByteCount
            return unsafe withContext(of: call) { context, key in
                var tag: (UInt64, UInt64) = (0, 0)
                unsafe cipsecmb_decrypt(manager, context, key, content, count)
                unsafe cipsecmb_finish(manager, context, &tag)
                return unsafe withUnsafeMutableBytes(of: &tag) { tag in
                    // The right tag of a message that somebody else made up is a secret.
                    defer { unsafe sodium_memzero(tag.baseAddress, tag.count) }
                    return unsafe sodium_memcmp(tag.baseAddress, content + count, tag.count) == 0
                }
            }
        }

        /// Hands out a context that knows nonce and data, and wipes it: it holds a key for the tag and key stream.
        private static func withContext<Result>(
            of call: CipherCall,
            _ body: (UnsafeMutablePointer<cipsecmb_context>, UnsafePointer<UInt8>) -> Result
        ) -> Result {
            var context = cipsecmb_context()
            return unsafe withUnsafeMutablePointer(to: &context) { context in
                defer { unsafe sodium_memzero(context, MemoryLayout<cipsecmb_context>.size) }
                let (key, data) = unsafe (call.key, call.data)
                unsafe call.nonce.withUnsafeBytes { nonce in
                    unsafe cipsecmb_begin(manager, context, key, nonce, data.baseAddress, data.count)
                }
                return unsafe body(context, key)
            }
        }
    }
#else
    /// ChaCha20-Poly1305 by libipsec-mb, which is not to be had for this processor or system.
    enum WideChaChaPoly {
        static var isAvailable: Bool { false }
        static func isWorthIt(_ call: CipherCall) -> Bool { false }
        static func seal(_ call: CipherCall) { preconditionFailure("not available") }
        static func open(_ call: CipherCall) -> Bool { preconditionFailure("not available") }
    }
#endif

internal import CGnuTLS
package import StarlingCore
package import StarlingCrypto

/// What a node shows to its TLS peers: a certificate that its identity vouches for, and the certificate's key.
///
/// Made once per process and shared by all sessions. The certificate's key is fresh P-256 from GnuTLS's own
/// entropy, never stored and unrelated to the identity.
///
/// Spec: libp2p/specs `tls/tls.md`, "Peer Authentication".
@safe package final class TLSCredentials: @unchecked Sendable {  // tidy-ok: GnuTLS only reads them
    /// How long before it was made the certificate is valid, for peers whose clock is slow.
    package static let validityBefore = Duration.seconds(3600)
    /// How long after it was made the certificate is valid: a process never outlives it.
    package static let validityAfter = Duration.seconds(100 * 365 * 86_400)
    /// The most random bytes that a serial number may have.
    package static let serialByteCountMax = 19

    /// Our own certificate in DER.
    package let certificate: [UInt8]

    let handle: gnutls_certificate_credentials_t
    let priorities: gnutls_priority_t

    /// Cipher suites, groups and signatures, best first.
    ///
    /// AES comes first because GnuTLS's ChaCha20 is slow: 0.3 GB/s where AES-128-GCM makes 5. Signatures by
    /// RSA are left out, see ``TLSCertificate``.
    private static let priorityText = [
        "NONE", "+VERS-TLS1.3", "+AES-128-GCM", "+CHACHA20-POLY1305", "+AES-256-GCM", "+AEAD", "+ECDHE-ECDSA",
        "+GROUP-X25519", "+GROUP-SECP256R1", "+SIGN-ECDSA-SECP256R1-SHA256", "+SIGN-EDDSA-ED25519",
        "+SIGN-ECDSA-SECP384R1-SHA384", "+CTYPE-X509", "+COMP-NULL", "%SERVER_PRECEDENCE",
    ].joined(separator: ":")

    /// Makes a key and a certificate around `now`, which `identity` vouches for.
    ///
    /// `serial` is 1 to 19 random bytes; two bits of it are set so that the number is positive and keeps its
    /// length. Throws when GnuTLS has no memory or no entropy.
    package init(identity: IdentityKey, now: WallTime, serial: [UInt8]) throws(TLSError) {
        precondition((1...Self.serialByteCountMax).contains(serial.count))
        let key = try CertificateKey.generate()
        let certificate = try SignedCertificate.make(
            key: key,
            identity: identity,
            validity: (now.seconds(Self.validityBefore * -1), now.seconds(Self.validityAfter)),
            serial: serial
        )
        self.certificate = certificate.bytes
        unsafe handle = try Self.makeHandle(certificate, key)
        do throws(TLSError) {
            unsafe priorities = try Self.makePriorities()
        } catch {
            unsafe gnutls_certificate_free_credentials(handle)
            throw error
        }
    }

    deinit {
        unsafe gnutls_certificate_free_credentials(handle)
        unsafe gnutls_priority_deinit(priorities)
    }

    private static func makeHandle(
        _ certificate: borrowing SignedCertificate,
        _ key: borrowing CertificateKey
    ) throws(TLSError) -> gnutls_certificate_credentials_t {
        var handle: gnutls_certificate_credentials_t?
        try check(unsafe gnutls_certificate_allocate_credentials(&handle))
        guard let made = unsafe handle else { throw .gnutlsFailure(code: GNUTLS_E_MEMORY_ERROR) }
        var list: gnutls_x509_crt_t? = unsafe certificate.handle
        do throws(TLSError) {
            try check(unsafe gnutls_certificate_set_x509_key(made, &list, 1, key.handle))
        } catch {
            unsafe gnutls_certificate_free_credentials(made)
            throw error
        }
        return unsafe made
    }

    private static func makePriorities() throws(TLSError) -> gnutls_priority_t {
        var priorities: gnutls_priority_t?
        try check(unsafe gnutls_priority_init(&priorities, priorityText, nil))
        guard let made = unsafe priorities else { throw .gnutlsFailure(code: GNUTLS_E_MEMORY_ERROR) }
        return unsafe made
    }
}

extension WallTime {
    /// The time `offset` from this one, in whole seconds as C has it.
    fileprivate func seconds(_ offset: Duration) -> Int {
        Int(millisecondsSince1970 / 1000 + offset.components.seconds)
    }
}

/// Turns a code of GnuTLS into an error.
func check(_ code: Int32) throws(TLSError) {
    guard code >= 0 else { throw .gnutlsFailure(code: code) }
}

/// A fresh private key on P-256.
@safe private struct CertificateKey: ~Copyable {
    let handle: gnutls_x509_privkey_t

    private init(owning handle: gnutls_x509_privkey_t) { unsafe self.handle = handle }

    deinit { unsafe gnutls_x509_privkey_deinit(handle) }

    static func generate() throws(TLSError) -> CertificateKey {
        var handle: gnutls_x509_privkey_t?
        try check(unsafe gnutls_x509_privkey_init(&handle))
        guard let made = unsafe handle else { throw .gnutlsFailure(code: GNUTLS_E_MEMORY_ERROR) }
        let key = unsafe CertificateKey(owning: made)
        try check(
            unsafe gnutls_x509_privkey_generate(made, GNUTLS_PK_ECDSA, UInt32(CGNUTLS_P256.rawValue), 0)
        )
        return key
    }
}

/// A certificate that its own key signed, with the libp2p extension.
@safe private struct SignedCertificate: ~Copyable {
    let handle: gnutls_x509_crt_t
    /// The certificate in DER.
    private(set) var bytes: [UInt8] = []

    private init(owning handle: gnutls_x509_crt_t) { unsafe self.handle = handle }

    deinit { unsafe gnutls_x509_crt_deinit(handle) }

    static func make(
        key: borrowing CertificateKey,
        identity: IdentityKey,
        validity: (from: Int, to: Int),
        serial: [UInt8]
    ) throws(TLSError) -> SignedCertificate {
        var handle: gnutls_x509_crt_t?
        try check(unsafe gnutls_x509_crt_init(&handle))
        guard let made = unsafe handle else { throw .gnutlsFailure(code: GNUTLS_E_MEMORY_ERROR) }
        var certificate = unsafe SignedCertificate(owning: made)
        var serial = serial
        serial[0] = serial[0] & 0x7f | 0x40
        try check(unsafe gnutls_x509_crt_set_version(made, 3))
        try check(unsafe gnutls_x509_crt_set_serial(made, serial, serial.count))
        try check(unsafe gnutls_x509_crt_set_activation_time(made, validity.from))
        try check(unsafe gnutls_x509_crt_set_expiration_time(made, validity.to))
        try check(unsafe gnutls_x509_crt_set_dn(made, "O=libp2p.io", nil))
        try check(unsafe gnutls_x509_crt_set_key(made, key.handle))
        let content = signedKey(identity, keyInfo: try unsafe keyInfo(made))
        // Not critical: a peer that does not know the extension fails by its absence of meaning, not by X.509.
        try check(
            unsafe gnutls_x509_crt_set_extension_by_oid(
                made,
                "1.3.6.1.4.1.53594.1.1",
                content,
                content.count,
                0
            )
        )
        try check(unsafe gnutls_x509_crt_sign2(made, made, key.handle, GNUTLS_DIG_SHA256, 0))
        var datum = unsafe gnutls_datum_t()
        try check(unsafe gnutls_x509_crt_export2(made, GNUTLS_X509_FMT_DER, &datum))
        certificate.bytes = unsafe take(&datum)
        return certificate
    }

    /// The structure `SignedKey` in DER.
    private static func signedKey(_ identity: IdentityKey, keyInfo: [UInt8]) -> [UInt8] {
        let key = octetString(identity.publicKey.protobuf)
        let signature = octetString(identity.sign(TLSCertificate.signaturePrefix + keyInfo))
        return element(DERReader.sequence, key + signature)
    }

    private static func octetString(_ content: [UInt8]) -> [UInt8] {
        element(DERReader.octetString, content)
    }

    /// One element of at most 65,535 bytes.
    private static func element(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
        let count = content.count
        if count < 0x80 { return [tag, UInt8(count)] + content }
        if count < 0x100 { return [tag, 0x81, UInt8(count)] + content }
        return [tag, 0x82, UInt8(count >> 8), UInt8(count & 0xff)] + content
    }

    /// The certificate's SubjectPublicKeyInfo in DER.
    private static func keyInfo(_ certificate: gnutls_x509_crt_t) throws(TLSError) -> [UInt8] {
        var key: gnutls_pubkey_t?
        try check(unsafe gnutls_pubkey_init(&key))
        defer { unsafe gnutls_pubkey_deinit(key) }
        try check(unsafe gnutls_pubkey_import_x509(key, certificate, 0))
        var datum = unsafe gnutls_datum_t()
        try check(unsafe gnutls_pubkey_export2(key, GNUTLS_X509_FMT_DER, &datum))
        return unsafe take(&datum)
    }

    /// Copies bytes that GnuTLS allocated, and frees them.
    private static func take(_ datum: inout gnutls_datum_t) -> [UInt8] {
        let bytes = unsafe Array(UnsafeBufferPointer(start: datum.data, count: Int(datum.size)))
        unsafe cgnutls_free(datum.data)
        unsafe datum = gnutls_datum_t()
        return bytes
    }
}

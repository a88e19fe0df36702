internal import CGnuTLS
package import StarlingCore
package import StarlingCrypto

/// A peer's certificate after all checks: what remains of it is the host key that it proves.
///
/// The certificate is self-signed by a key that is made for TLS alone; an extension carries the host key and
/// the host key's signature over the certificate's key. Chains, names and authorities mean nothing here.
///
/// Spec: libp2p/specs `tls/tls.md`, "Peer Authentication". Deviation: certificates with RSA keys are refused;
/// no implementation makes them by itself, and checking one costs time that grows with what the peer sends.
package struct TLSCertificate: Equatable, Sendable {
    /// The largest certificate in bytes: with an RSA host key of 8192 bits one needs about 2600.
    package static let byteCountMax = 6144

    /// What the host key signs is this text and the certificate's SubjectPublicKeyInfo.
    static let signaturePrefix = Array("libp2p-tls-handshake:".utf8)

    /// The peer's host key.
    package let hostKey: PublicKey

    /// Checks a chain as TLS delivered it: certificates in DER, of which there must be exactly one.
    ///
    /// Its validity must include `now`.
    package static func verify(
        chain: [[UInt8]],
        now: WallTime
    ) throws(TLSCertificateError) -> TLSCertificate {
        guard chain.count == 1 else { throw .notOneCertificate(count: chain.count) }
        let certificate = chain[0]
        return try verify(certificate.span, now: now)
    }

    /// Checks one certificate in DER.
    package static func verify(
        _ bytes: Span<UInt8>,
        now: WallTime
    ) throws(TLSCertificateError) -> TLSCertificate {
        guard bytes.count <= byteCountMax else { throw .tooLarge(byteCount: bytes.count) }
        let fields = try CertificateFields(bytes)
        guard now >= fields.notBefore else { throw .notYetValid }
        // The last moment is named to the second and belongs to the validity.
        guard now.millisecondsSince1970 < fields.notAfter.millisecondsSince1970 + 1000 else {
            throw .expired
        }
        guard let content = fields.libp2pExtension else { throw .missingExtension }
        let (key, signature) = try signedKey(content, in: bytes)
        let hostKey: PublicKey
        do {
            hostKey = try PublicKey(protobuf: bytes.extracting(key))
        } catch {
            throw .invalidHostKey(error)
        }
        try checkSelfSignature(fields, in: bytes)
        let message = signaturePrefix + bytes.array(fields.keyInfo)
        guard hostKey.verify(bytes.extracting(signature), over: message.span) else {
            throw .hostSignatureInvalid
        }
        return TLSCertificate(hostKey: hostKey)
    }

    /// Reads `SignedKey ::= SEQUENCE { publicKey OCTET STRING, signature OCTET STRING }`.
    private static func signedKey(
        _ range: Range<Int>,
        in bytes: Span<UInt8>
    ) throws(TLSCertificateError) -> (key: Range<Int>, signature: Range<Int>) {
        do {
            var outer = DERReader(range)
            var pair = try outer.nested(DERReader.sequence, in: bytes)
            let key = try pair.element(DERReader.octetString, in: bytes)
            let signature = try pair.element(DERReader.octetString, in: bytes)
            try pair.finish()
            try outer.finish()
            return (key, signature)
        } catch {
            throw .malformedExtension
        }
    }

    /// The content of a signature's AlgorithmIdentifier, and what GnuTLS calls it.
    private static func algorithm(_ content: Span<UInt8>) -> gnutls_sign_algorithm_t? {
        switch content.array() {
        case [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]: GNUTLS_SIGN_ECDSA_SHA256
        case [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03]: GNUTLS_SIGN_ECDSA_SHA384
        case [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04]: GNUTLS_SIGN_ECDSA_SHA512
        case [0x06, 0x03, 0x2b, 0x65, 0x70]: GNUTLS_SIGN_EDDSA_ED25519
        default: nil
        }
    }

    private static func checkSelfSignature(
        _ fields: CertificateFields,
        in bytes: Span<UInt8>
    ) throws(TLSCertificateError) {
        guard let algorithm = algorithm(bytes.extracting(fields.algorithm)) else {
            throw .unsupportedAlgorithm
        }
        var key: gnutls_pubkey_t?
        guard unsafe gnutls_pubkey_init(&key) == GNUTLS_E_SUCCESS else { throw .unsupportedAlgorithm }
        defer { unsafe gnutls_pubkey_deinit(key) }
        let isKnownKey = unsafe bytes.extracting(fields.keyInfo).withDatum { datum in
            unsafe gnutls_pubkey_import(key, &datum, GNUTLS_X509_FMT_DER) == GNUTLS_E_SUCCESS
        }
        let kind = unsafe gnutls_pubkey_get_pk_algorithm(key, nil)
        let isEllipticKey =
            kind == Int32(GNUTLS_PK_ECDSA.rawValue) || kind == Int32(GNUTLS_PK_EDDSA_ED25519.rawValue)
        guard isKnownKey, isEllipticKey else { throw .unsupportedAlgorithm }
        let isSigned = unsafe bytes.extracting(fields.signed).withDatum { signed in
            unsafe bytes.extracting(fields.signature).withDatum { signature in
                unsafe gnutls_pubkey_verify_data2(key, algorithm, 0, &signed, &signature) >= 0
            }
        }
        guard isSigned else { throw .selfSignatureInvalid }
    }
}

extension Span where Element == UInt8 {
    /// Lends the bytes to a call of GnuTLS that only reads them.
    func withDatum<Result>(_ body: (inout gnutls_datum_t) -> Result) -> Result {
        unsafe withUnsafeBufferPointer { bytes in
            var datum = unsafe gnutls_datum_t(
                data: UnsafeMutablePointer(mutating: bytes.baseAddress),
                size: UInt32(bytes.count)
            )
            return unsafe body(&datum)
        }
    }
}

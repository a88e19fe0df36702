package import StarlingCrypto

/// Why a peer's certificate is not accepted.
package enum TLSCertificateError: Error, Equatable, Sendable {
    /// The chain does not consist of exactly one certificate.
    case notOneCertificate(count: Int)
    /// The certificate is larger than ``TLSCertificate/byteCountMax``.
    case tooLarge(byteCount: Int)
    /// The bytes are not an X.509 certificate in DER.
    case malformed
    /// Not version 3, the only one that has extensions.
    case unsupportedVersion
    /// It has the unique identifiers that the specification forbids.
    case hasUniqueIdentifiers
    /// It is signed by something else than ECDSA with SHA-2 or Ed25519, or its key is of another kind.
    case unsupportedAlgorithm
    /// The certificate's own key did not sign it.
    case selfSignatureInvalid
    /// Its validity begins later: one of the two clocks is wrong.
    case notYetValid
    /// Its validity is over, or one of the two clocks is wrong.
    case expired
    /// A critical extension that this implementation does not know.
    case unknownCriticalExtension
    /// It does not have the libp2p extension: the peer speaks TLS, but not libp2p.
    case missingExtension
    /// An extension stands there twice.
    case duplicateExtension
    /// The libp2p extension is not the structure `SignedKey`.
    case malformedExtension
    /// The host key in the extension is not a key that is accepted.
    case invalidHostKey(KeyError)
    /// The host key did not sign the certificate's key.
    case hostSignatureInvalid
}

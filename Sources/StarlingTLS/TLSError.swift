package import StarlingCore

/// Why a TLS session cannot begin or go on.
package enum TLSError: Error, Equatable, Sendable {
    /// The peer's certificate was refused.
    case certificate(TLSCertificateError)
    /// The peer is somebody else than the one that was dialled.
    case wrongPeer(expected: PeerID, actual: PeerID)
    /// The peer did not show a certificate.
    case noCertificate
    /// The peer speaks another protocol than libp2p over TLS.
    case noCommonProtocol
    /// What came is not TLS, or an older version than 1.3.
    case notTLS13
    /// The peer has none of our ciphers, groups or signatures, or only older versions of TLS.
    case noCommonAlgorithm
    /// The peer refused us, for the reason it gave.
    case refused(TLSAlert)
    /// The byte stream ended without a farewell: the end of what came may be missing.
    case truncated
    /// Bytes were changed on the way, or the peer's proof of its key is false.
    case tampered
    /// The peer broke the rules of TLS; the code is GnuTLS's.
    case malformed(code: Int32)
    /// A record or a message is larger than TLS or our limits allow.
    case tooLarge
    /// The peer sent more before the end of the handshake than ``TLSSession/Limits/handshakeByteCountMax``.
    case handshakeTooLarge
    /// The peer sent messages without content, or changed keys, too often.
    case tooManyMessages
    /// Content was to be sent or read before the end of the handshake.
    case handshakeIncomplete
    /// Content was to be sent after ``TLSSession/close()``.
    case closed
    /// GnuTLS failed for a reason that no peer causes, such as a lack of memory; the code is its own.
    case gnutlsFailure(code: Int32)

    /// What to do about it, for people.
    package var nextStep: String {
        switch self {
        case .certificate(.notYetValid), .certificate(.expired):
            "compare the clocks of both machines"
        case .certificate(.missingExtension), .noCertificate, .noCommonProtocol:
            "check that a libp2p node listens at this address"
        case .certificate:
            "the peer's TLS certificate breaks libp2p's rules: update the peer, or use noise"
        case .wrongPeer:
            "the address belongs to another peer: look its addresses up again"
        case .notTLS13:
            "check that the port speaks libp2p, and that the peer supports TLS 1.3"
        case .noCommonAlgorithm:
            "use noise with this peer"
        case .refused(let alert):
            alert.nextStep
        case .truncated:
            "dial again: the connection broke"
        case .tampered, .malformed, .tooLarge, .handshakeTooLarge, .tooManyMessages:
            "distrust this peer or the network path to it; use noise if it happens again"
        case .handshakeIncomplete, .closed:
            "open a new connection"
        case .gnutlsFailure:
            "check memory, and the installed GnuTLS (3.7 or newer)"
        }
    }
}

/// The reason that a TLS peer gives when it breaks off.
///
/// Spec: RFC 8446, section 6; RFC 7301 for `no_application_protocol`.
package struct TLSAlert: RawRepresentable, Hashable, Sendable {
    /// The number on the wire.
    package var rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let closeNotify = TLSAlert(rawValue: 0)
    package static let unexpectedMessage = TLSAlert(rawValue: 10)
    package static let badRecordMAC = TLSAlert(rawValue: 20)
    package static let recordOverflow = TLSAlert(rawValue: 22)
    package static let handshakeFailure = TLSAlert(rawValue: 40)
    package static let badCertificate = TLSAlert(rawValue: 42)
    package static let certificateExpired = TLSAlert(rawValue: 45)
    package static let certificateUnknown = TLSAlert(rawValue: 46)
    package static let protocolVersion = TLSAlert(rawValue: 70)
    package static let userCanceled = TLSAlert(rawValue: 90)
    package static let certificateRequired = TLSAlert(rawValue: 116)
    package static let noApplicationProtocol = TLSAlert(rawValue: 120)

    /// The name in the specification, or the number.
    package var name: String {
        switch rawValue {
        case 0: "close_notify"
        case 10: "unexpected_message"
        case 20: "bad_record_mac"
        case 22: "record_overflow"
        case 40: "handshake_failure"
        case 42: "bad_certificate"
        case 43: "unsupported_certificate"
        case 44: "certificate_revoked"
        case 45: "certificate_expired"
        case 46: "certificate_unknown"
        case 47: "illegal_parameter"
        case 48: "unknown_ca"
        case 49: "access_denied"
        case 50: "decode_error"
        case 51: "decrypt_error"
        case 70: "protocol_version"
        case 71: "insufficient_security"
        case 80: "internal_error"
        case 86: "inappropriate_fallback"
        case 90: "user_canceled"
        case 109: "missing_extension"
        case 110: "unsupported_extension"
        case 112: "unrecognized_name"
        case 113: "bad_certificate_status_response"
        case 115: "unknown_psk_identity"
        case 116: "certificate_required"
        case 120: "no_application_protocol"
        default: "alert \(rawValue)"
        }
    }

    /// What to do about it, for people.
    var nextStep: String {
        switch self {
        case .certificateExpired: "compare the clocks of both machines"
        case .badCertificate, .certificateUnknown, .certificateRequired:
            "the peer refused our certificate: check that it expects this node, and compare the clocks"
        case .handshakeFailure, .protocolVersion: "use noise with this peer"
        case .noApplicationProtocol: "check that a libp2p node listens at this address"
        default: "see the peer's log: it broke off with \(name)"
        }
    }
}

extension TLSAlert: CustomStringConvertible {
    package var description: String { name }
}

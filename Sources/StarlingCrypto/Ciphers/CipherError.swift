/// Why a message was not encrypted or decrypted.
package enum CipherError: Error, Equatable, Sendable {
    /// The tag does not belong to the message: it was changed, cut, or made with another key, nonce or data.
    case authenticationFailed
    /// The library refused a call with this code, which means that memory ran out.
    case gcryptFailure(code: UInt32)
}

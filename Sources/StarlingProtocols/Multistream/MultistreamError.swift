/// Why a negotiation failed.
package enum MultistreamError: Error, Equatable, Sendable {
    /// The listener refused every proposed protocol.
    case notSupported
    /// A message is longer than ``Multistream/messageByteCountMax``, or its length is not a varint.
    case messageTooLong
    /// A message is empty, has no newline at its end, or is not UTF-8.
    case malformedMessage
    /// The first message is not the multistream header: the peer speaks something else.
    case wrongHeader
    /// The answer is neither the proposed protocol nor `na`.
    case unexpectedAnswer
    /// The dialer made more requests than ``MultistreamListener/Limits/requestCountMax``.
    case tooManyRequests
    /// The stream ended before a protocol was agreed.
    case endedEarly
}

public import StarlingCore
internal import StarlingNode

/// A message that has arrived.
///
/// Its sender is proved by a signature.
public struct Message: Sendable {
    /// The sender's name for it: 32 hexadecimal digits.
    public let id: String
    /// Who signed it.
    public let from: PeerID
    /// What the payload is, by the name that the sender gave.
    public let type: String
    /// What the sender sent, at most 1 MiB.
    public let payload: [UInt8]

    /// Its place in the inbox.
    let number: UInt64

    init(_ entry: InboxEntry) {
        id = "\(entry.id)"
        from = entry.from
        type = entry.type
        payload = entry.payload
        number = entry.number
    }

    /// The payload as text; `nil` when it is not UTF-8.
    public var text: String? { String(validating: payload, as: UTF8.self) }
}

/// The recipient's signed word that a message is in its inbox.
///
/// The signature has been checked.
public struct Receipt: Sendable {
    /// The message's ``Message/id``.
    public let messageID: String
    /// Who signed the receipt.
    public let recipient: PeerID
    /// From the sent message to the receipt.
    public let roundTrip: Duration
}

internal import StarlingCore
public import StarlingMesh
internal import StarlingNode

/// How a message is sent.
public struct SendOptions: Sendable {
    /// Who can read it.
    public enum Privacy: Sendable {
        /// The recipient only: the content is sealed to it.
        case `private`
        /// Whoever carries it; it is signed, and each link is encrypted.
        case standard
    }

    /// How urgent it is.
    public var priority: MessagePriority
    /// Who can read it.
    public var privacy: Privacy
    /// How long it is tried, a millisecond to 30 days.
    public var lifetime: Duration
    /// Links that it may cross, 1 to 10; `nil` for 10.
    ///
    /// A message that may cross fewer than the shortest known way to its recipient has waits for a shorter one.
    public var hopLimit: Int?
    /// Whether those who carry it note the way that it takes, for ``MessageRecord/path``.
    public var recordsPath: Bool
    /// The payload's media type, by which it is compressed too.
    public var contentType: String
    /// The application's own name for the message, 1 to 64 bytes: sending with the same key again sends nothing, and
    /// answers with the first message, whatever has become of it and whatever else is said of it.
    ///
    /// The same key to another peer is refused. A key is known for as long as its message is, after a restart too: until 7
    /// days or 10,000 other messages after its end.
    public var idempotencyKey: String?

    /// Options; what is left out has the value that fits most messages.
    public init(
        priority: MessagePriority = .normal,
        privacy: Privacy = .private,
        lifetime: Duration = .seconds(86_400),
        hopLimit: Int? = nil,
        recordsPath: Bool = false,
        contentType: String = "",
        idempotencyKey: String? = nil
    ) {
        self.priority = priority
        self.privacy = privacy
        self.lifetime = lifetime
        self.hopLimit = hopLimit
        self.recordsPath = recordsPath
        self.contentType = contentType
        self.idempotencyKey = idempotencyKey
    }

    func draft(to peer: PeerID, _ content: MessageContent) -> MessageDraft {
        var draft = MessageDraft(to: peer, content: content)
        draft.priority = priority
        draft.privacy = privacy == .private ? .private : .standard
        draft.lifetime = lifetime
        // What no message may have is refused with the others that are out of their ranges.
        if let hopLimit { draft.hopLimit = UInt8(clamping: hopLimit) }
        draft.recordsPath = recordsPath
        draft.key = idempotencyKey.map { Array($0.utf8) }
        return draft
    }
}

public import StarlingCore
public import StarlingMesh
internal import StarlingNode
internal import StarlingWorld

/// A message that has arrived.
///
/// Its sender is proved by a signature.
public struct Message: Sendable {
    /// What a message is for.
    public enum Kind: Sendable, CaseIterable {
        /// It stands by itself.
        case message
        /// Its sender waits for an answer: ``Message/reply(_:)-([UInt8])``.
        case request
        /// It answers a request.
        case answer
        /// It says why a request has no answer.
        case failure
    }

    /// The sender's name for it: 32 hexadecimal digits.
    public let id: String
    /// What it is for.
    public let kind: Kind
    /// Who signed it.
    public let from: PeerID
    /// Whether it is to everybody, and not to this node alone.
    public let isBroadcast: Bool
    /// What the message is.
    public let type: MessageType
    /// The payload's media type, such as `text/plain`; empty when the sender gave none.
    public let contentType: String
    /// What the sender sent, at most 1 MiB.
    public let payload: [UInt8]
    /// How urgent the sender called it.
    public let priority: MessagePriority
    /// Who could read it on its way.
    public let privacy: SendOptions.Privacy
    /// When it was made, by the sender's clock.
    public let created: WallTime
    /// When it arrived, by this node's clock.
    public let received: WallTime
    /// How often it was handed out, this time included: above 1 when an earlier reader did not acknowledge it.
    public let attempt: Int

    /// The file that came with it, which is here as a whole; `nil` when it has none.
    ///
    /// It is erased when the message is acknowledged: save it before.
    public let file: MessageFile?

    private let delivery: InboxDelivery
    private let node: Node

    init(_ delivery: InboxDelivery, node: Node) {
        let entry = delivery.entry
        file = MessageFile(entry, node: node)
        id = "\(entry.id)"
        kind = Kind(delivery.content.kind)
        from = entry.from
        isBroadcast = entry.isBroadcast
        type = delivery.content.type
        contentType = delivery.content.contentType
        payload = delivery.content.payload
        priority = entry.priority
        privacy = entry.privacy == .private ? .private : .standard
        created = entry.created
        received = entry.received
        attempt = entry.attempt
        self.delivery = delivery
        self.node = node
    }

    /// The payload as text; `nil` when it is not UTF-8.
    public var text: String? { String(validating: payload, as: UTF8.self) }

    /// Says that the message was dealt with: it is gone from the inbox, on the disk too, when this returns.
    ///
    /// Acknowledged twice, the second time changes nothing. Cancellation changes nothing either: the message is
    /// acknowledged all the same.
    ///
    /// - Throws: ``NodeError/Code/storeFailed``; the message may come again then.
    public func acknowledge() async throws(NodeError) {
        do throws(StoreError) { try await node.node.delivery.acknowledge(delivery.entry.position) } catch {
            throw NodeError(error)
        }
    }

    /// Gives back a message that was taken from ``Node/messages``, and is not to be acknowledged: it is for the next reader,
    /// or for a handler of its type, with a higher ``attempt``.
    ///
    /// Readers that have passed it, this one among them, are handed it again when they have come to the end of what waits, a second
    /// after the last time that they began from the start at the earliest.
    ///
    /// - Throws: ``NodeError/Code/invalidRequest`` when no reader has it: a handler has it, or it was acknowledged or released
    ///   before.
    public func release() async throws(NodeError) {
        guard await node.node.delivery.giveBack(delivery) else {
            if await node.node.delivery.isStopped { throw NodeError(DeliveryError.stopped, peer: from) }
            throw NodeError(
                .invalidRequest,
                "No reader has message \(id): a handler has it, or it was acknowledged or released before.",
                nextStep: "A handler gives its message back by throwing an error."
            )
        }
    }

    /// Answers a request that was taken from ``Node/messages``, and acknowledges it.
    ///
    /// The answer is on the disk when this returns, and is tried for a day. It is as urgent and as private as the request,
    /// and goes out once however often the same request is answered. Cancellation changes nothing.
    ///
    /// - Parameter payload: at most 1 MiB.
    /// - Throws: ``NodeError/Code/invalidRequest`` when nobody waits for an answer: the message is no request; otherwise as
    ///   for ``Node/send(_:type:to:options:)-([UInt8],_,_,_)``, and the request is not acknowledged then.
    public func reply(_ payload: [UInt8]) async throws(NodeError) {
        try await reply(MessageContent(type: type, payload: payload))
    }

    /// Answers a request with a text.
    ///
    /// See ``reply(_:)-([UInt8])``.
    public func reply(_ text: String) async throws(NodeError) {
        var content = MessageContent(type: type, payload: Array(text.utf8))
        content.contentType = "text/plain"
        try await reply(content)
    }

    private func reply(_ content: MessageContent) async throws(NodeError) {
        guard kind == .request else {
            throw NodeError(
                .invalidRequest,
                "Message \(id) is no request: nobody waits for an answer to it.",
                nextStep: "Send its sender a message."
            )
        }
        do throws(DeliveryError) { try await node.node.delivery.respond(to: delivery, content) } catch {
            throw NodeError(error, peer: from)
        }
        try await acknowledge()
    }
}

extension Message.Kind {
    init(_ kind: MessageContent.Kind) {
        self =
            switch kind {
            case .message: .message
            case .request: .request
            case .response: .answer
            case .failure: .failure
            }
    }
}

/// A message that has arrived, and that the node's disk does not give back.
///
/// Who needs it asks its sender for it again.
public struct DamagedMessage: Sendable {
    /// The sender's name for it: 32 hexadecimal digits.
    public let id: String
    /// Who signed it.
    public let from: PeerID
    /// What it was.
    public let type: MessageType

    private let position: UInt64
    private let node: Node

    init(_ entry: InboxEntry, node: Node) {
        id = "\(entry.id)"
        from = entry.from
        type = entry.type
        position = entry.position
        self.node = node
    }

    /// Has the node forget it.
    ///
    /// - Throws: ``NodeError/Code/storeFailed``; it may be there again after a restart then.
    public func acknowledge() async throws(NodeError) {
        do throws(StoreError) { try await node.node.delivery.acknowledge(position) } catch {
            throw NodeError(error)
        }
    }
}

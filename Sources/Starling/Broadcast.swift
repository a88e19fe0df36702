internal import StarlingCore
public import StarlingMesh
internal import StarlingNode

/// A message to everybody that is on its way.
public struct Broadcast: Hashable, Sendable {
    /// The message's ``Message/id``: 32 hexadecimal digits.
    public let id: String
    /// How many neighbours it goes to at once, which carry it on; with 0 it waits for the first that comes.
    public let neighbourCount: Int
}

extension Node {
    /// Sends a message to every node that can be reached now or within its lifetime: neighbours carry it on, and each node
    /// takes it into its inbox once.
    ///
    /// Nobody gives a receipt for it, it is sealed to nobody, and this node forgets it when it stops. Cancellation changes
    /// nothing.
    ///
    /// - Parameters:
    ///   - payload: with its envelope and after compression at most 73,728 bytes; the envelope takes some 200, and the texts of
    ///     type and content type.
    ///   - type: what the message is.
    ///   - priority: how urgent it is.
    ///   - lifetime: a millisecond to an hour.
    ///   - contentType: the payload's media type.
    /// - Throws: ``NodeError/Code/tooLarge`` when it is larger, ``NodeError/Code/invalidRequest`` when its lifetime is longer or
    ///   a text too long, ``NodeError/Code/stopped`` when the node is stopping.
    @discardableResult
    public func broadcast(
        _ payload: [UInt8],
        type: MessageType = .data,
        priority: MessagePriority = .normal,
        lifetime: Duration = .seconds(300),
        contentType: String = ""
    ) async throws(NodeError) -> Broadcast {
        var content = MessageContent(type: type, payload: payload)
        content.contentType = contentType
        var draft = BroadcastDraft(content: content)
        draft.priority = priority
        draft.lifetime = lifetime
        do throws(DeliveryError) {
            let (id, neighbourCount) = try await node.delivery.broadcast(draft)
            return Broadcast(id: "\(id)", neighbourCount: neighbourCount)
        } catch {
            throw NodeError(error, peer: self.id)
        }
    }

    /// Sends a text to everybody.
    ///
    /// See ``broadcast(_:type:priority:lifetime:contentType:)-([UInt8],_,_,_,_)``.
    @discardableResult
    public func broadcast(
        _ text: String,
        type: MessageType = .data,
        priority: MessagePriority = .normal,
        lifetime: Duration = .seconds(300),
        contentType: String = "text/plain"
    ) async throws(NodeError) -> Broadcast {
        try await broadcast(
            Array(text.utf8),
            type: type,
            priority: priority,
            lifetime: lifetime,
            contentType: contentType
        )
    }
}

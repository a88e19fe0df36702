/// What a message is, by name.
///
/// The names below are everybody's; an application may use any other for its own, of 1 to 128 bytes.
public struct MessageType: Hashable, Sendable {
    /// A longer name is refused.
    package static let byteCountMax = 128

    /// The name.
    public let name: String

    /// The type of this name, or `nil` when it has no byte or more than 128.
    public init?(_ name: String) {
        guard !name.isEmpty, name.utf8.count <= Self.byteCountMax else { return nil }
        self.name = name
    }

    private init(known name: String) { self.name = name }

    /// Data of an application that says itself what it is.
    public static let data = MessageType(known: "DATA_MESSAGE")
    /// A task for an agent, or its answer.
    public static let agentTask = MessageType(known: "AGENT_TASK")
    /// Parameters of a model.
    public static let parameterUpdate = MessageType(known: "PARAMETER_UPDATE")
    /// Gradients of a training round.
    public static let gradientSharing = MessageType(known: "GRADIENT_SHARING")
    /// A sign of life.
    public static let heartbeat = MessageType(known: "HEARTBEAT")
    /// What a node says of itself and its neighbours.
    public static let discovery = MessageType(known: "DISCOVERY")
    /// What a node says of its routes.
    public static let routingUpdate = MessageType(known: "ROUTING_UPDATE")
    /// A warning that somebody should see.
    public static let alert = MessageType(known: "ALERT")
    /// A question to a registry.
    public static let search = MessageType(known: "SEARCH")
    /// An application's own word that it has dealt with a message; receipts need none.
    public static let ack = MessageType(known: "ACK")
}

extension MessageType: CustomStringConvertible {
    /// The name.
    public var description: String { name }
}

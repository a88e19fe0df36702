/// How urgent a message is.
public enum MessagePriority: UInt8, CaseIterable, Comparable, Sendable {
    /// Before everything else, always.
    case emergency = 0
    /// Four bytes for each two of normal messages.
    case high = 1
    /// What messages have that say nothing else.
    case normal = 2
    /// One byte for each two of normal messages: what can wait.
    case low = 3

    /// The more urgent one is the lesser.
    public static func < (left: MessagePriority, right: MessagePriority) -> Bool {
        left.rawValue < right.rawValue
    }

    /// The position in a table of one entry for each priority.
    var index: Int { Int(rawValue) }
}

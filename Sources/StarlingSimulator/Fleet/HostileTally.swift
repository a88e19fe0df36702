/// What the hostile nodes have done that a host has run one after the other.
final class HostileTally: @unchecked Sendable {  // tidy-ok: one thread
    /// Frames of others that it should have carried on, and dropped.
    var droppedCount = 0
    /// Frames that it handed on to a neighbour, each twice.
    var replayedCount = 0
    /// Routes that it told a neighbour, and does not have as it says.
    var toldCount = 0
    /// Offers to its mailbox that were answered as if all of it were kept; one message may be offered twice.
    var takenCount = 0
    /// Times that an honest node's way to another one came to lead over it.
    var wayCount = 0
}

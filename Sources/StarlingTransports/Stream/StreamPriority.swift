/// Which stream of a connection writes first, when several have something to write.
///
/// `urgent` goes before all others. Those share what is left, a class at a time in proportion to its
/// ``weight``, and the streams of one class in turn. The peer hears nothing of it.
package enum StreamPriority: UInt8, Comparable, Sendable, CaseIterable {
    /// Before everything else; for few bytes.
    case urgent = 0
    case high = 1
    /// Where nothing else is asked for.
    case normal = 2
    case low = 3

    package static func < (lhs: StreamPriority, rhs: StreamPriority) -> Bool { lhs.rawValue < rhs.rawValue }

    /// The share of the class among those that have something to write; the urgent one has no need of any.
    var weight: Int {
        switch self {
        case .urgent, .high: 4
        case .normal: 2
        case .low: 1
        }
    }
}

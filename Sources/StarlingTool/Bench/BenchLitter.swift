internal import Synchronization

/// What a bench would leave behind where it ends in its midst: folders, and processes that work in them.
final class BenchLitter: Sendable {
    /// How each piece is cleaned up, in the order of their making.
    private let pieces = Mutex<[@Sendable () -> Void]>([])

    /// Does `work`, and `clean` after it or, where ``clear(_:)`` ends the process before, in its midst.
    ///
    /// For one thread, which may do it again within `work`.
    func during<Value>(_ clean: @escaping @Sendable () -> Void, _ work: () throws -> Value) rethrows -> Value
    {
        pieces.withLock { $0.append(clean) }
        defer { pieces.withLock { $0.popLast()?() } }
        return try work()
    }

    /// Cleans everything up, what was made last first, and ends the process with `end`.
    ///
    /// For any thread. The one that works may find its files gone, and gets no further than the end of its work.
    func clear(_ end: () -> Never) -> Never {
        pieces.withLock { pieces in
            for clean in pieces.reversed() { clean() }
            end()
        }
    }
}

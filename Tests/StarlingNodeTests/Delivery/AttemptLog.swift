import Synchronization

/// The attempts that a handler saw.
final class AttemptLog: Sendable {
    private let seen = Mutex<[Int]>([])

    var values: [Int] { seen.withLock { $0 } }

    func append(_ attempt: Int) { seen.withLock { $0.append(attempt) } }
}

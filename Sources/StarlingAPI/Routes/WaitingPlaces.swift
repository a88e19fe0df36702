internal import Synchronization

/// How many requests wait for something to happen, of as many as may.
final class WaitingPlaces: Sendable {
    private let countMax: Int
    private let taken = Mutex(0)

    init(countMax: Int) { self.countMax = countMax }

    /// Takes a place; false where none is free.
    func take() -> Bool {
        taken.withLock { count in
            guard count < countMax else { return false }
            count += 1
            return true
        }
    }

    func giveBack() { taken.withLock { $0 -= 1 } }
}

internal import Synchronization

/// A value that is set once and read by many.
final class OnceBox<Value: Sendable>: Sendable {
    private let box = Mutex<Value?>(nil)

    var value: Value? { box.withLock { $0 } }

    /// Sets the value; a second call is ignored.
    func set(_ value: Value) {
        box.withLock { if $0 == nil { $0 = value } }
    }
}

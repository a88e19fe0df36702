internal import StarlingNode
internal import Synchronization

/// The messages that arrive at a node, in order.
///
/// They stay in the inbox until ``Node/acknowledge(_:)``; one that was acknowledged before a reader came to it is not seen
/// by that reader.
public struct Messages: AsyncSequence, Sendable {
    /// A message that has arrived.
    public typealias Element = Message
    /// The sequence ends; it does not fail.
    public typealias Failure = Never

    let node: Node

    /// A reader that begins with the oldest message in the inbox.
    public func makeAsyncIterator() -> Iterator { Iterator(node: node) }

    /// One reader's place in the inbox.
    public struct Iterator: AsyncIteratorProtocol {
        let node: Node
        private var lastNumber: UInt64 = 0

        init(node: Node) { self.node = node }

        /// The next message; `nil` when the node has stopped or the task was cancelled.
        public mutating func next() async -> Message? {
            while !Task.isCancelled {
                // Before the look into the inbox: what has arrived by then and is not there was acknowledged.
                let arrivedNumber = node.arrivals.lastNumber
                if let entry = await node.node.messages.entries(after: lastNumber, countMax: 1).first {
                    lastNumber = entry.number
                    return Message(entry)
                }
                lastNumber = Swift.max(lastNumber, arrivedNumber)
                guard await node.arrivals.wait(after: lastNumber) else { return nil }
            }
            return nil
        }
    }
}

/// Tells readers of an inbox that there is something new.
final class Arrivals: Sendable {
    private struct State {
        var lastNumber: UInt64 = 0
        var hasEnded = false
        var nextWaiter = 0
        var waiters: [Int: CheckedContinuation<Bool, Never>] = [:]
        var cancelled: Set<Int> = []
    }

    private let state = Mutex(State())

    /// The number of the newest message that arrived.
    var lastNumber: UInt64 { state.withLock { $0.lastNumber } }

    func noteArrival(number: UInt64) {
        let waiters = state.withLock { state in
            state.lastNumber = number
            defer { state.waiters = [:] }
            return state.waiters
        }
        for waiter in waiters.values { waiter.resume(returning: true) }
    }

    func end() {
        let waiters = state.withLock { state in
            state.hasEnded = true
            defer { state.waiters = [:] }
            return state.waiters
        }
        for waiter in waiters.values { waiter.resume(returning: false) }
    }

    /// Suspends until a message with a higher number is there; `false` when none will come or the task was cancelled.
    func wait(after number: UInt64) async -> Bool {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Bool? = state.withLock { state in
                    if state.cancelled.remove(id) != nil || state.hasEnded { return false }
                    if state.lastNumber > number { return true }
                    state.waiters[id] = continuation
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                let waiter = state.waiters.removeValue(forKey: id)
                if waiter == nil { state.cancelled.insert(id) }
                return waiter
            }
            waiter?.resume(returning: false)
        }
    }
}

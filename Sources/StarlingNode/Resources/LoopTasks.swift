internal import StarlingWorld
internal import Synchronization

/// The tasks of an actor on its loop: it starts them, and its end awaits them.
///
/// Tasks end on whatever loop they ran on last, so the table of them is leaf data behind a lock.
final class LoopTasks: Sendable {
    private struct State {
        var tasks: [UInt64: Task<Void, Never>] = [:]
        var lastNumber: UInt64 = 0
        var isOver = false
    }

    private let loop: any EventLoop
    private let state = Mutex(State())

    init(on loop: any EventLoop) { self.loop = loop }

    /// Starts a task on the loop; `nil` once they have been told to end.
    @discardableResult
    func start(_ body: @escaping @Sendable () async -> Void) -> Task<Void, Never>? {
        state.withLock { state in
            guard !state.isOver else { return nil }
            state.lastNumber += 1
            let number = state.lastNumber
            let task = loop.startTask {
                await body()
                self.ended(number)
            }
            state.tasks[number] = task
            return task
        }
    }

    private func ended(_ number: UInt64) { state.withLock { $0.tasks[number] = nil } }

    /// Cancels all, in the order of their beginning; none begins from here on.
    ///
    /// - Returns: Those to wait for.
    func cancel() -> [Task<Void, Never>] {
        let running = state.withLock { state in
            state.isOver = true
            return state.tasks.sorted { $0.key < $1.key }.map(\.value)
        }
        for task in running { task.cancel() }
        return running
    }
}

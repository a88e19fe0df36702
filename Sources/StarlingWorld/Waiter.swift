/// One suspended task, to be resumed exactly once.
///
/// The unchecked continuation under it allocates nothing. Whoever holds a waiter takes it out of its place before
/// resuming it, so that nobody resumes it twice.
@safe @usableFromInline package struct Waiter<Value: Sendable>: Sendable {
    @usableFromInline let continuation: UnsafeContinuation<Value, Never>

    @inlinable init(_ continuation: UnsafeContinuation<Value, Never>) {
        unsafe self.continuation = continuation
    }

    /// Resumes the task with a value.
    @inlinable package func resume(returning value: sending Value) {
        unsafe continuation.resume(returning: value)
    }

    /// Suspends the caller until the waiter that `body` puts away is resumed.
    ///
    /// `body` runs on the caller's actor, which is not optional for a reason: a closure around the call that does
    /// not mention `self` is isolated to no actor, and would put the waiter away on whatever thread it runs.
    ///
    /// A task that prefers another loop than the actor's comes to `body` only after the jobs that were queued there
    /// meanwhile: `body` looks again whether there is still something to wait for.
    @inlinable package static func suspend(
        isolation: isolated any Actor = #isolation,
        _ body: (Waiter<Value>) -> Void
    ) async -> Value {
        unsafe await withUnsafeContinuation(isolation: isolation) { unsafe body(Waiter($0)) }
    }
}

extension Waiter where Value == Void {
    /// Resumes the task.
    @inlinable package func resume() { resume(returning: ()) }
}

package import StarlingCore

extension EventLoop {
    /// Runs `body`, but no longer than until `deadline`: then it is cancelled, awaited, and `nil` returned.
    ///
    /// Cancellation of the caller cancels `body`, whose result or error is passed on.
    package func withDeadline<Value: Sendable, Failure: Error>(
        _ deadline: Instant,
        _ body: @escaping @Sendable () async throws(Failure) -> Value
    ) async throws(Failure) -> Value? {
        let outcome = await withTaskGroup(of: DeadlineOutcome<Value, Failure>.self) {
            group -> DeadlineOutcome<Value, Failure> in
            group.addTask {
                do throws(Failure) { return .ended(.success(try await body())) } catch {
                    return .ended(.failure(error))
                }
            }
            group.addTask {
                do throws(CancellationError) { try await self.sleep(until: deadline) } catch {
                    // The group was cancelled: the other child ends too, and its result counts.
                }
                return .expired
            }
            var isExpired = false
            while let outcome = await group.next() {
                switch outcome {
                case .ended(let result):
                    group.cancelAll()
                    if case .failure = result, isExpired { return .expired }
                    return .ended(result)
                case .expired:
                    isExpired = !Task.isCancelled
                    group.cancelAll()
                }
            }
            return .expired
        }
        switch outcome {
        case .ended(let result): return try result.get()
        case .expired: return nil
        }
    }
}

/// How one of the two children of ``EventLoop/withDeadline(_:_:)`` ended.
private enum DeadlineOutcome<Value: Sendable, Failure: Error>: Sendable {
    case ended(Result<Value, Failure>)
    case expired
}

/// Large payloads on the disk, chunk by chunk.
///
/// It supplies the folder and a place where its blocking operations run, never a loop. Completions come on the store's
/// loop. Operations on one blob may run at the same time; a sync covers the writes that had completed when it began.
package protocol BlobStore: Sendable {
    /// Whose operations run.
    var folder: BlobFolder { get }

    /// Runs blocking work off the loops, and calls `completion` on the store's loop; with `nil` when the store has ended.
    func run<Value: Sendable>(
        _ work: @escaping @Sendable () -> Value,
        _ completion: @escaping @Sendable (Value?) -> Void
    )
}

extension BlobStore {
    /// Runs an operation of the folder.
    package func perform<Value: Sendable>(
        _ work: @escaping @Sendable (BlobFolder) throws(BlobError) -> Value,
        _ completion: @escaping @Sendable (Result<Value, BlobError>) -> Void
    ) {
        let folder = folder
        run(
            { () -> Result<Value, BlobError> in
                do throws(BlobError) { return .success(try work(folder)) } catch { return .failure(error) }
            },
            { completion($0 ?? .failure(.closed)) }
        )
    }

    /// Runs an operation of the folder, and waits for it.
    ///
    /// Cancellation changes nothing: the operation runs to its end.
    package func perform<Value: Sendable>(
        isolation: isolated any Actor = #isolation,
        _ work: @escaping @Sendable (BlobFolder) throws(BlobError) -> Value
    ) async throws(BlobError) -> Value {
        try await Waiter.suspend(isolation: isolation) { waiter in
            perform(work) { waiter.resume(returning: $0) }
        }.get()
    }

    /// Takes a passage to its end, and tells after each step how far it is.
    ///
    /// Cancellation: the passage is abandoned after the step under way, and ``BlobError/closed`` thrown.
    package func pass<Passage: BlobPassage>(
        isolation: isolated any Actor = #isolation,
        _ begin: @escaping @Sendable (BlobFolder) throws(BlobError) -> Passage,
        progress: (_ byteCount: UInt64, _ totalByteCount: UInt64) -> Void = { _, _ in }
    ) async throws(BlobError) -> Passage.Outcome {
        let passage = try await perform(isolation: isolation, begin)
        while true {
            if Task.isCancelled {
                _ = try await perform(isolation: isolation) { _ in passage.abandon() }
                throw .closed
            }
            let outcome = try await perform(isolation: isolation) { _ throws(BlobError) in
                try passage.step()
            }
            progress(passage.byteCount, passage.totalByteCount)
            if let outcome { return outcome }
        }
    }
}

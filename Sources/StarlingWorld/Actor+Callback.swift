extension Actor {
    /// Enters the actor from a callback of its loop, as `assumeIsolated` does, without allocating.
    ///
    /// `assumeIsolated` allocates twice for each call, because its closure may capture; this one's must not, and gets
    /// what it needs as `argument`. That makes half the cost of a call, on the path that every read takes.
    ///
    /// - Precondition: the caller runs on the actor's executor.
    @inlinable package nonisolated func enter<Argument>(
        _ argument: Argument,
        _ operation: @escaping (isolated Self, Argument) -> Void
    ) {
        preconditionIsolated()
        // The two types differ only in what the compiler lets their callers do; assumeIsolated converts the same way.
        let entry = unsafe unsafeBitCast(operation, to: ((Self, Argument) -> Void).self)
        entry(self, argument)
    }

    /// Enters the actor from a callback of its loop that brings nothing.
    ///
    /// - Precondition: the caller runs on the actor's executor.
    @inlinable package nonisolated func enter(_ operation: @escaping (isolated Self) -> Void) {
        preconditionIsolated()
        let entry = unsafe unsafeBitCast(operation, to: ((Self) -> Void).self)
        entry(self)
    }
}

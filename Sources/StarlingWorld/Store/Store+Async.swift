package import StarlingCore

extension Store {
    /// Makes a batch durable.
    ///
    /// Cancellation changes nothing: the batch is written.
    package func commit(
        _ batch: StoreBatch,
        isolation: isolated any Actor = #isolation
    ) async throws(StoreError) {
        let failure = await Waiter.suspend(isolation: isolation) { waiter in
            commit(batch) { waiter.resume(returning: $0) }
        }
        if let failure { throw failure }
    }

    /// The value of one row; `nil` when there is none.
    package func read(
        _ key: StoreKey,
        isolation: isolated any Actor = #isolation
    ) async throws(StoreError) -> [UInt8]? {
        try await Waiter.suspend(isolation: isolation) { waiter in
            read(key) { waiter.resume(returning: $0) }
        }.get()
    }

    /// Rows of a table in the order of their keys.
    package func scan(
        _ scan: StoreScan,
        isolation: isolated any Actor = #isolation
    ) async throws(StoreError) -> [StoreRow] {
        try await Waiter.suspend(isolation: isolation) { waiter in
            self.scan(scan) { waiter.resume(returning: $0) }
        }.get()
    }

    /// All rows of a table, read in pieces.
    package func forEach(
        in table: StoreTable,
        isolation: isolated any Actor = #isolation,
        _ body: (StoreRow) -> Void
    ) async throws(StoreError) {
        var next = StoreScan(table)
        while true {
            let rows = try await scan(next, isolation: isolation)
            for row in rows { body(row) }
            guard let last = rows.last else { return }
            next.after = last.key
        }
    }

    /// Finishes what was asked for, and closes.
    package func close(isolation: isolated (any Actor)? = #isolation) async {
        unsafe await withUnsafeContinuation(isolation: isolation) {
            (waiting: UnsafeContinuation<Void, Never>) in
            close { unsafe waiting.resume() }
        }
    }
}

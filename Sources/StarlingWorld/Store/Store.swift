package import StarlingCore

/// A device's durable memory: tables of rows, changed in batches that are whole or absent after any crash.
///
/// Completions are called on the loop that the store was opened for, in the order of the calls. A read sees every
/// commit that was called before it. Each row carries a checksum: a row that fails it is never returned, it is
/// quarantined and told in ``StoreReport``.
///
/// Any thread may call. Calls that wait have no limit of their own: what a caller keeps in flight is bounded by its
/// own tables.
package protocol Store: Sendable {
    /// What opening found, and what was found damaged since.
    var report: StoreReport { get }

    /// Makes a batch durable: when `completion` hears of success, the changes survive a crash and a power cut.
    ///
    /// Batches of callers at the same time share one sync of the disk. After a failure nothing of the batch is there;
    /// if the process ends before the disk took the store's word for that, the batch may be there, whole.
    func commit(_ batch: StoreBatch, _ completion: @escaping @Sendable (StoreError?) -> Void)

    /// The value of one row; `nil` when there is none.
    func read(_ key: StoreKey, _ completion: @escaping @Sendable (Result<[UInt8]?, StoreError>) -> Void)

    /// Rows of a table in the order of their keys.
    func scan(_ scan: StoreScan, _ completion: @escaping @Sendable (Result<[StoreRow], StoreError>) -> Void)

    /// Finishes what was asked for, and closes; every later call fails with ``StoreError/closed``.
    func close(_ completion: @escaping @Sendable () -> Void)
}

/// What a store takes at most.
package enum StoreLimits {
    /// The longest value of a row; a batch with a longer one fails with ``StoreError/tooLarge``.
    package static let valueByteCountMax = 67_108_864
}

/// Which rows of a table are wanted.
package struct StoreScan: Sendable {
    package var table: StoreTable
    /// Only rows past this one; `nil` for the first.
    package var after: StoreKey?
    /// Rows at most.
    package var rowCountMax: Int
    /// Bytes of values at most; the first row counts as within.
    package var byteCountMax: Int

    package init(
        _ table: StoreTable,
        after: StoreKey? = nil,
        rowCountMax: Int = 1024,
        byteCountMax: Int = 4_194_304
    ) {
        self.table = table
        self.after = after
        self.rowCountMax = rowCountMax
        self.byteCountMax = byteCountMax
    }
}

internal import StarlingCore
internal import StarlingStore
internal import StarlingWorld

extension FuzzTarget {
    /// A database's file behind its length in three bytes, and its write-ahead log.
    static func storeFiles(_ input: [UInt8]) throws(BrokenPromise) {
        guard input.count >= 3 else { return }
        let byteCount = input[..<3].reduce(0) { $0 << 8 | Int($1) }
        let (database, log) = (Array(input[3...].prefix(byteCount)), Array(input[3...].dropFirst(byteCount)))
        let trial: SalvageTrial
        do throws(StoreError) { trial = try SalvageTrial(database: database, log: log) } catch {
            throw BrokenPromise(text: "whatever stands in the files, they are salvaged: \(error)")
        }
        try promise(trial.rows.count + trial.lostCount <= input.count, "a record takes a byte at least")
        let keys = Set(trial.rows.map(\.key))
        try promise(keys.count == trial.rows.count, "a row is salvaged once")
    }
}

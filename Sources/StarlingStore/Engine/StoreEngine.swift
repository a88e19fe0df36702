internal import StarlingCore
package import StarlingWorld

/// A store without a thread: opens its files, runs calls in groups, and recovers from what a disk does.
///
/// Whoever owns it calls from one thread at a time: ``SQLiteStore`` from one of its own, the simulator from the
/// host's loop.
package final class StoreEngine {
    /// What bounds a group of calls and the write-ahead log.
    package struct Limits: Sendable {
        /// Calls that share one transaction; those after them wait for the next.
        package var groupCallCountMax = 4096
        /// Bytes of values in one transaction, which stand in memory until it is committed; the first batch counts as
        /// within.
        package var groupByteCountMax = 8_388_608
        /// Frames of the log beyond which it is moved into the database after a commit: 16 MiB.
        ///
        /// The commit that comes next waits for that; a message costs a handful of frames, so one in a thousand does.
        package var checkpointFrameCount = 4000
        /// Frames of the log beyond which commits fail as long as it cannot be moved: 256 MiB.
        package var logFrameCountMax = 65_536
        /// Bytes that the log's file has at least once there was a commit, which spares commits the time in which a file
        /// grows: 1 MiB; 0 lets it grow with each commit.
        package var logByteCountMin = 1_048_576

        package init() {}
    }

    /// Where the files are; `nil` for a store in memory.
    package struct Place: Sendable {
        package var disk: any StoreDisk
        package var path: String

        package init(disk: any StoreDisk, path: String) {
            self.disk = disk
            self.path = path
        }

        var logPath: String { path + "-wal" }
        var lockPath: String { path + "-lock" }
    }

    let place: Place?
    let limits: Limits
    let wallClock: any WallClock
    let board: ReportBoard
    private var lock: (any StoreFileLock)?
    var database: StoreDatabase?
    /// Whether something failed after which the disk's state has to be put right before anything is written.
    var isUnwell = false
    var logReserve: LogReserve
    /// Whether SQLite met damage since the file was opened: all of it is checked before it is used again.
    var isDamaged = false
    /// Rows that failed their checksum and still stand in their tables.
    var damagedKeys: [StoreKey] = []
    private var isClosed = false

    /// Opens the store, or creates it.
    package init(
        place: Place?,
        wallClock: any WallClock,
        board: ReportBoard,
        limits: Limits = Limits()
    ) throws(StoreError) {
        self.place = place
        self.limits = limits
        self.wallClock = wallClock
        self.board = board
        logReserve = Self.logReserve(limits)
        lock = try place.map { place throws(StoreError) in try place.disk.lock(place.lockPath) }
        database = try openChecked()
    }

    // The files close before the disk that they are on may go.
    deinit { database = nil }

    // MARK: Calls

    /// How many calls from the front of the queue make one group.
    package func groupCount(in calls: ArraySlice<StoreCall>) -> Int {
        var (count, byteCount) = (0, 0)
        for call in calls {
            switch call {
            case .commit(let batch, _):
                byteCount += batch.byteCount
                if byteCount > limits.groupByteCountMax, count > 0 { return count }
            case .close:
                // What was asked for before is finished first.
                return max(count, 1)
            case .read, .scan: break
            }
            count += 1
            if count == limits.groupCallCountMax { return count }
        }
        return count
    }

    /// Runs a group of calls, its commits as one transaction, and returns the completions in their order.
    ///
    /// ``mend()`` follows when they have been handed out.
    package func run(_ calls: ArraySlice<StoreCall>) -> [@Sendable () -> Void] {
        if isClosed { return calls.map { $0.fail(.closed) } }
        var completions: [@Sendable () -> Void] = []
        completions.reserveCapacity(calls.count)
        guard let failure = commitAll(in: calls, &completions) else { return completions }
        // Nothing of the group is there; what was read in it may not be there either, and is read again.
        completions.removeAll(keepingCapacity: true)
        for call in calls {
            if case .commit(let batch, _) = call {
                completions.append(call.fail(batch.isTooLarge ? .tooLarge : failure))
            } else {
                completions.append(answer(call))
            }
        }
        return completions
    }

    /// Runs the group as one transaction; gives the error that undid it.
    private func commitAll(
        in calls: ArraySlice<StoreCall>,
        _ completions: inout [@Sendable () -> Void]
    ) -> StoreError? {
        let hasCommits = calls.contains { if case .commit = $0 { true } else { false } }
        do throws(StoreError) {
            if hasCommits {
                let database = try wellDatabase()
                do throws(StoreError) {
                    try database.connection.execute("BEGIN IMMEDIATE")
                    for call in calls {
                        if case .commit(let batch, let completion) = call, !batch.isTooLarge {
                            for change in batch.changes { try database.apply(change) }
                            completions.append { completion(nil) }
                        } else {
                            completions.append(answer(call))
                        }
                    }
                    try database.connection.execute("COMMIT")
                } catch {
                    database.rollBack()
                    isUnwell = true
                    noteFailure(error)
                    throw error
                }
            } else {
                for call in calls { completions.append(answer(call)) }
            }
            return nil
        } catch {
            return error
        }
    }

    /// Runs a call that changes nothing.
    private func answer(_ call: StoreCall) -> @Sendable () -> Void {
        switch call {
        case .commit:
            return call.fail(.tooLarge)
        case .read(let key, let completion):
            let result = read(key)
            return { completion(result) }
        case .scan(let scan, let completion):
            let result = rows(scan)
            return { completion(result) }
        case .close(let completion):
            close()
            return completion
        }
    }

    /// Gives back what SQLite keeps in memory; it reads it again when it needs it.
    package func releaseMemory() { database?.connection.releaseMemory() }

    /// Moves what is committed into the database's own file, and closes that.
    package func close() {
        isClosed = true
        // What cannot be moved stays in the log, where the next start finds it.
        if !isUnwell, place != nil { try? database?.connection.checkpoint(truncates: true) }
        database = nil
        lock = nil
    }
}

// MARK: Reading

extension StoreEngine {
    private func read(_ key: StoreKey) -> Result<[UInt8]?, StoreError> {
        do throws(StoreError) {
            let database = try openDatabase()
            guard database.has(key.table) else { return .success(nil) }
            switch try database.statements(of: key.table).read(key.place) {
            case nil: return .success(nil)
            case .sound(let row): return .success(row.value)
            case .damaged(let place):
                noteDamage(key.table, place)
                return .success(nil)
            }
        } catch {
            noteFailure(error)
            return .failure(error)
        }
    }

    private func rows(_ scan: StoreScan) -> Result<[StoreRow], StoreError> {
        do throws(StoreError) {
            let database = try openDatabase()
            guard database.has(scan.table) else { return .success([]) }
            var rows: [StoreRow] = []
            var byteCount = 0
            try database.statements(of: scan.table).walk(after: scan.after?.place) { found in
                switch found {
                case .damaged(let place): noteDamage(scan.table, place)
                case .sound(let row):
                    byteCount += row.value.count
                    if byteCount > scan.byteCountMax, !rows.isEmpty { return false }
                    rows.append(row)
                }
                return rows.count < scan.rowCountMax
            }
            return .success(rows)
        } catch {
            noteFailure(error)
            return .failure(error)
        }
    }
}

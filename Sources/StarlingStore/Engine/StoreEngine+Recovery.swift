internal import StarlingCore
internal import StarlingWorld

extension StoreEngine {
    /// Damaged rows that are remembered until they are put away.
    private static let damagedKeyCountMax = 1000

    /// Damaged rows that are kept for who wants to look; beyond them the oldest are dropped.
    private static let quarantinedRowCountMax = 1000

    // MARK: Opening

    /// Opens the files or creates them, checks all they hold, and salvages it where something is wrong.
    func openChecked() throws(StoreError) -> StoreDatabase {
        isDamaged = false
        if let place {
            if let path = try SalvagedFiles(place).resume(at: wallClock.now) { board.noteAside(path) }
            let scan = try LogScan(ofLogAt: place.logPath, on: place.disk)
            if let damage = scan.damage {
                try salvage(damage, place)
            } else if try isEmpty(place), try scan.committedFrameCount > 0 ? true : hasMark(place) {
                // SQLite would take it for a new database, and remove the log.
                try salvage("the database's file is empty", place)
            }
        }
        do throws(StoreError) {
            return try openAndCheck()
        } catch .damaged(let reason) {
            guard let place else { throw .damaged(reason: reason) }
            try salvage(reason, place)
            return try openAndCheck()
        }
    }

    private func isEmpty(_ place: Place) throws(StoreError) -> Bool {
        guard place.disk.has(place.path) else { return true }
        return try place.disk.open(place.path, creates: false).byteCount() == 0
    }

    /// Whether there was a database here before: the file that is locked says so, once there is one.
    private func hasMark(_ place: Place) throws(StoreError) -> Bool {
        guard place.disk.has(place.lockPath) else { return false }
        return try place.disk.open(place.lockPath, creates: false).byteCount() > 0
    }

    private func mark(_ place: Place) throws(StoreError) {
        if try hasMark(place) { return }
        let file = try place.disk.open(place.lockPath, creates: true)
        let text = Array("Locked by the node that uses the store beside it.\n".utf8)
        try file.write(text, at: 0)
        try file.sync()
    }

    private func openAndCheck() throws(StoreError) -> StoreDatabase {
        let database: StoreDatabase
        do throws(StoreError) {
            database = try open()
        } catch .other(name: "SQLITE_ERROR") {
            // Some numbers in the header that SQLite does not know are no damage to it.
            throw .damaged(reason: "the header has changed")
        }
        guard let place else { return database }
        if database.connection.isReadOnly { throw .damaged(reason: "the header has changed") }
        try database.check { noteDamage($0.table, $0.place) }
        do throws(StoreError) {
            if !damagedKeys.isEmpty { try quarantine(in: database) }
            try mark(place)
        } catch .noSpace {
            // Damaged rows stay where they are, and are not read.
        }
        return database
    }

    /// Opens the files or creates them, without a look at more of them than SQLite takes.
    private func open() throws(StoreError) -> StoreDatabase {
        guard let place else {
            let database = try StoreDatabase(path: nil, vfsName: nil)
            try StoreSchema.prepare(database)
            return database
        }
        _ = try place.disk.open(place.path, creates: true)
        // What a cut-off commit left behind the last good one would look like damage once commits follow it.
        let frameCount = try LogScan(ofLogAt: place.logPath, on: place.disk).committedFrameCount
        try cutLog(place, frameCount: frameCount)
        let database = try StoreDatabase(path: place.path, vfsName: place.disk.vfsName)
        logReserve = Self.logReserve(limits)
        try StoreSchema.prepare(database)
        try place.disk.syncFolder(of: place.path)
        if database.connection.committedFrameCount == 0 {
            database.connection.assumeCommittedFrameCount(frameCount)
        }
        do throws(StoreError) {
            try database.connection.checkpoint(truncates: true)
        } catch .noSpace {
            // The log keeps what it has until there is room.
        }
        return database
    }

    private func salvage(_ reason: String, _ place: Place) throws(StoreError) {
        let (path, lost) = try SalvagedFiles(place).make(at: wallClock.now)
        board.note(.init(table: nil, rowCount: nil, reason: reason))
        for (table, rowCount) in lost {
            board.note(.init(table: table, rowCount: rowCount, reason: "not salvaged from the damaged file"))
        }
        board.noteAside(path)
        damagedKeys = []
    }

    /// Remembers an error that calls for a look at the whole file.
    func noteFailure(_ error: StoreError) {
        if case .damaged = error { isDamaged = true }
    }

    // MARK: Writing

    /// The database as far as it can be read.
    func openDatabase() throws(StoreError) -> StoreDatabase {
        if let database { return database }
        return try wellDatabase()
    }

    /// The database, fit to be written.
    ///
    /// After a failure the log may hold a transaction that its callers were told has failed, and the system may have
    /// forgotten pages whose sync failed. So the log is cut behind the last good commit and synced, and the file is
    /// opened anew; before that nothing is written.
    func wellDatabase() throws(StoreError) -> StoreDatabase {
        if let database, !isUnwell, !isDamaged {
            if database.connection.committedFrameCount >= limits.logFrameCountMax {
                try database.connection.checkpoint()
            }
            return database
        }
        if let place, let frameCount = database?.connection.committedFrameCount {
            try cutLog(place, frameCount: frameCount)
            database = nil
        }
        if place == nil, let database {
            isUnwell = false
            return database
        }
        let opened = try isDamaged ? openChecked() : open()
        database = opened
        isUnwell = false
        return opened
    }

    /// Cuts off what stands in the log behind its last committed frame.
    private func cutLog(_ place: Place, frameCount: Int) throws(StoreError) {
        guard place.disk.has(place.logPath) else { return }
        let file = try place.disk.open(place.logPath, creates: false)
        let byteCount = frameCount == 0 ? 0 : LogFormat.byteCount(ofFrames: frameCount)
        if try file.byteCount() > byteCount { try file.truncate(to: byteCount) }
        try file.sync()
    }

    static func logReserve(_ limits: Limits) -> LogReserve {
        LogReserve(
            byteCountMin: limits.logByteCountMin,
            byteCountMax: StoreDatabase.Limits.restartedLogByteCount
        )
    }

    /// What is done after a group, when its callers know already what became of it.
    package func mend() {
        // Where that fails, the next call tries it again, and tells its caller why it cannot be done.
        if isDamaged { _ = try? wellDatabase() }
        guard let database, !isUnwell, !isDamaged else { return }
        do throws(StoreError) {
            if !damagedKeys.isEmpty { try quarantine(in: database) }
            guard let place else { return }
            if database.connection.committedFrameCount >= limits.checkpointFrameCount {
                try database.connection.checkpoint()
            }
            logReserve.keep(behind: database.connection.committedFrameCount, of: place)
        } catch {
            isUnwell = true
        }
    }

    // MARK: Damaged rows

    /// Remembers a row that failed its checksum.
    func noteDamage(_ table: StoreTable, _ place: StoreKey.Place?) {
        let key = place.map { StoreKey(table, $0) }
        if key == nil { isDamaged = true }
        if let key, damagedKeys.contains(key) || damagedKeys.count == Self.damagedKeyCountMax { return }
        board.note(.init(table: table.name, rowCount: 1, reason: "the checksum is wrong"))
        if let key { damagedKeys.append(key) }
    }

    /// Moves damaged rows out of their tables, so that they are kept for who wants to look and are in nobody's way.
    private func quarantine(in database: StoreDatabase) throws(StoreError) {
        let (keys, time) = (damagedKeys, wallClock.now.millisecondsSince1970)
        try database.transaction { () throws(StoreError) in
            for key in keys {
                let statements = database.statements(of: key.table)
                // It may have been replaced or removed meanwhile.
                guard case .damaged = try statements.read(key.place) else { continue }
                // A row that cannot be reached by its key stands at a wrong place.
                if try !statements.quarantine(key.place, at: time) { isDamaged = true }
            }
            try database.connection.execute(
                """
                DELETE FROM _quarantine
                WHERE id <= (SELECT max(id) FROM _quarantine) - \(Self.quarantinedRowCountMax)
                """
            )
        }
        damagedKeys = []
    }
}

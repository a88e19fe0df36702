internal import StarlingCore
internal import StarlingWorld

extension StoreEngine {
    /// Damaged rows that are remembered until they are put away.
    private static let damagedKeyCountMax = 1000

    /// Opens the files, or creates them.
    func open() throws(StoreError) -> StoreDatabase {
        if let place {
            let file = try place.disk.open(place.path, creates: true)
            if try file.byteCount() == 0 { try place.disk.syncFolder(of: place.path) }
        }
        let database = try StoreDatabase(path: place?.path, vfsName: place?.disk.vfsName)
        try StoreSchema.prepare(database)
        return database
    }

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
        if let database, !isUnwell {
            if database.connection.committedFrameCount >= limits.logFrameCountMax {
                try database.connection.checkpoint()
            }
            return database
        }
        if let place, let database {
            try cutLog(place, frameCount: database.connection.committedFrameCount)
            self.database = nil
        }
        if let database {
            isUnwell = false
            return database
        }
        let opened = try open()
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

    /// What is done after a group, when its callers know already what became of it.
    package func mend() {
        guard let database, !isUnwell else { return }
        do throws(StoreError) {
            if !damagedKeys.isEmpty { try quarantine(in: database) }
            if place != nil, database.connection.committedFrameCount >= limits.checkpointFrameCount {
                try database.connection.checkpoint()
            }
        } catch {
            isUnwell = true
        }
    }

    // MARK: Damaged rows

    /// Remembers a row that failed its checksum.
    func noteDamage(_ table: StoreTable, _ place: StoreKey.Place?) {
        let key = place.map { StoreKey(table, $0) }
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
                _ = try statements.quarantine(key.place, at: time)
            }
        }
        damagedKeys = []
    }
}

internal import StarlingCore
internal import StarlingWorld

/// The files around a salvage, and the order in which they change their names, so that a crash at any moment leaves
/// either the damaged files or the fresh one, and the next start goes on from there.
///
/// 1. The fresh database is written as `…-salvage-part`, and synced.
/// 2. It becomes `…-salvage`: from here on it is complete.
/// 3. The damaged log, then the damaged database, go aside.
/// 4. The fresh database takes its place.
struct SalvagedFiles {
    private let place: StoreEngine.Place

    init(_ place: StoreEngine.Place) { self.place = place }

    private var partPath: String { place.path + "-salvage-part" }
    private var freshPath: String { place.path + "-salvage" }

    /// Goes on with a salvage that a crash interrupted; gives where the damaged database went, if it does only now.
    func resume(at time: WallTime) throws(StoreError) -> String? {
        for path in [partPath, partPath + "-wal", partPath + "-lock"] { try place.disk.remove(path) }
        return place.disk.has(freshPath) ? try exchange(at: time) : nil
    }

    /// Writes the rows of the damaged files to a fresh database and puts that in their place.
    ///
    /// - Returns: Where the damaged database went, and how many records were no sound rows.
    func make(
        at time: WallTime
    ) throws(StoreError) -> (asidePath: String, lost: [(table: String?, rowCount: Int)]) {
        _ = try resume(at: time)
        let disk = place.disk
        let log = disk.has(place.logPath) ? try disk.open(place.logPath, creates: false) : nil
        let scan = try log.map { log throws(StoreError) in try LogScan(log) } ?? LogScan()
        let images = try PageImages(try disk.open(place.path, creates: true), log: log, scan)
        _ = try disk.open(partPath, creates: true)
        let lost: [(table: String?, rowCount: Int)]
        do {
            let fresh = try StoreDatabase(path: partPath, vfsName: disk.vfsName)
            try StoreSchema.prepare(fresh)
            lost = try Salvage.run(images, into: fresh)
            try fresh.connection.checkpoint(truncates: true)
        }
        try disk.remove(partPath + "-wal")
        try disk.open(partPath, creates: false).sync()
        try disk.rename(partPath, to: freshPath)
        try disk.syncFolder(of: place.path)
        return (try exchange(at: time) ?? place.path, lost)
    }

    private func exchange(at time: WallTime) throws(StoreError) -> String? {
        let asidePath = freeAsidePath(time)
        // A log without its database is nothing, and beside the fresh one it would do harm.
        if place.disk.has(place.logPath) { try place.disk.rename(place.logPath, to: asidePath + "-wal") }
        try place.disk.syncFolder(of: place.path)
        let isDamagedThere = place.disk.has(place.path)
        if isDamagedThere { try place.disk.rename(place.path, to: asidePath) }
        try place.disk.rename(freshPath, to: place.path)
        try place.disk.syncFolder(of: place.path)
        return isDamagedThere ? asidePath : nil
    }

    /// A name that tells when, such as `starling.db.damaged-20260501T120000Z`.
    private func freeAsidePath(_ time: WallTime) -> String {
        let stamp = time.rfc3339.prefix(19).filter { $0 != "-" && $0 != ":" }
        let path = "\(place.path).damaged-\(stamp)Z"
        if !place.disk.has(path), !place.disk.has(path + "-wal") { return path }
        var number = 2
        while place.disk.has("\(path)-\(number)") || place.disk.has("\(path)-\(number)-wal") { number += 1 }
        return "\(path)-\(number)"
    }
}

package import StarlingCore
package import StarlingWorld

/// A salvage out of files that are bytes in memory, for whoever tries the readers of damaged files on anything at all.
package struct SalvageTrial {
    /// The rows that proved themselves, by their tables.
    package private(set) var rows: [StoreRow] = []
    /// Records that were no sound rows.
    package let lostCount: Int

    /// Salvages what stands in a database's file and in its write-ahead log; either may be empty.
    package init(database: [UInt8], log: [UInt8]) throws(StoreError) {
        let log = ByteFile(log)
        let images = try PageImages(ByteFile(database), log: log, try LogScan(log))
        let fresh = try StoreDatabase(path: nil, vfsName: nil)
        try StoreSchema.prepare(fresh)
        lostCount = try Salvage.run(images, into: fresh).reduce(0) { $0 + $1.rowCount }
        for table in try fresh.callersTables {
            var found: [StoreRow] = []
            try fresh.statements(of: table).walk(after: nil) { row in
                if case .sound(let row) = row { found.append(row) }
                return true
            }
            rows += found
        }
    }
}

/// A file that is read only, and only bytes.
private final class ByteFile: StoreFile {
    private let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func byteCount() -> Int { bytes.count }

    func read(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
        let count = max(0, min(buffer.count, bytes.count - offset))
        if count > 0 { buffer.copyBytes(from: bytes[offset..<offset + count]) }
        return count
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(StoreError) { throw .readOnly }

    func truncate(to byteCount: Int) throws(StoreError) { throw .readOnly }

    func sync() {}
}

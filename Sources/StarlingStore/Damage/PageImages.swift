internal import StarlingWorld

/// The pages of a database as its file and its log have them, read without SQLite.
///
/// Of a page that stands in the log several times, the last one up to the last commit counts.
final class PageImages {
    private let file: any StoreFile
    private let log: (any StoreFile)?
    private var frameByPage: [Int: Int] = [:]
    private(set) var pageCount: Int

    init(_ file: any StoreFile, log: (any StoreFile)?, _ scan: LogScan) throws(StoreError) {
        self.file = file
        self.log = log
        pageCount = (try file.byteCount() + StoreDatabase.pageByteCount - 1) / StoreDatabase.pageByteCount
        guard log != nil else { return }
        // A flipped bit may claim a page that cannot be: each frame adds one page at most.
        let pageCountMax = pageCount + scan.frames.count
        for frame in scan.frames where frame.pageNumber <= pageCountMax {
            frameByPage[frame.pageNumber] = frame.index
        }
        // Only pages that stand somewhere: what lies between is missing.
        pageCount = max(pageCount, frameByPage.keys.max() ?? 0)
    }

    /// A page, counted from 1; `nil` where there is none, not even in part.
    func page(_ number: Int) throws(StoreError) -> [UInt8]? {
        guard number >= 1, number <= pageCount else { return nil }
        var bytes = [UInt8](repeating: 0, count: StoreDatabase.pageByteCount)
        let count: Int
        if let log, let frame = frameByPage[number] {
            count = try log.read(
                &bytes,
                at: LogFormat.offset(ofFrame: frame) + LogFormat.frameHeaderByteCount
            )
        } else {
            count = try file.read(&bytes, at: (number - 1) * StoreDatabase.pageByteCount)
        }
        return count > 0 ? bytes : nil
    }
}

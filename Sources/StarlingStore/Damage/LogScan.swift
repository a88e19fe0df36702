internal import StarlingCore
internal import StarlingWorld

/// What stands in a write-ahead log, read without SQLite.
///
/// When SQLite opens a log, it takes frames up to the first that is not right and says nothing about the rest. That
/// is what a power cut in the middle of a commit asks for, whose frames nobody was promised. But the store syncs every
/// commit before the next one writes: a wrong frame that has a later transaction behind it was on the disk, and has
/// changed since. This scan tells the two apart.
///
/// It relies on the log being empty, or cut behind its last commit, whenever a store begins to write: then all frames
/// with the log's salts behind the last good commit are of one transaction, unless something broke.
struct LogScan {
    /// One frame that carries the log's salts.
    struct Frame {
        /// Counted from 1.
        var index: Int
        var pageNumber: Int
        /// Pages of the database after the transaction that this frame ends; 0 for the other frames.
        var pageCountAfter: Int
    }

    /// Frames that SQLite will take.
    private(set) var committedFrameCount = 0
    /// The frames that count: those that SQLite will take, or in a damaged log all up to its last commit, sound or not.
    private(set) var frames: [Frame] = []
    /// What is wrong, where that is more than a commit that was cut off.
    private(set) var damage: String?

    init() {}

    /// Reads the log at a path; an empty one where there is none.
    init(ofLogAt path: String, on disk: any StoreDisk) throws(StoreError) {
        if disk.has(path) { try self.init(try disk.open(path, creates: false)) } else { self.init() }
    }

    init(_ file: any StoreFile) throws(StoreError) {
        var header = [UInt8](repeating: 0, count: LogFormat.headerByteCount)
        guard try file.read(&header, at: 0) == header.count else { return }
        let end = try file.byteCount()
        let frameCount = (end - LogFormat.headerByteCount) / LogFormat.frameByteCount
        guard frameCount > 0 else { return }

        let isBigEndian = LogFormat.word(header, 0) & 1 == 1
        let headerSum = LogFormat.checksum(header[..<24], isBigEndian: isBigEndian)
        let isHeaderSound =
            LogFormat.word(header, 0) & ~1 == LogFormat.magic && LogFormat.pair(header, 24) == headerSum
            && LogFormat.word(header, 8) == UInt32(StoreDatabase.pageByteCount)
        var bytes = [UInt8](repeating: 0, count: LogFormat.frameByteCount)
        guard try file.read(&bytes, at: LogFormat.headerByteCount) == bytes.count else { return }
        var salts = LogFormat.pair(header, 16)
        if !isHeaderSound {
            // The header is synced before its first frame: that one still knows the salts.
            salts = LogFormat.pair(bytes, 8)
        }

        func walk(isBigEndian: Bool) throws(StoreError) -> Progress {
            var walk = Progress(
                salts: salts,
                sum: isHeaderSound ? headerSum : nil,
                isBigEndian: isBigEndian
            )
            for index in 1...frameCount {
                let count = try file.read(&bytes, at: LogFormat.offset(ofFrame: index))
                guard count == bytes.count, walk.take(bytes, index) else { break }
            }
            return walk
        }
        var scan = try walk(isBigEndian: isBigEndian)
        // The bit that changed may be the one that says in which order the bytes are.
        if !isHeaderSound, scan.soundPairCount == 0 { scan = try walk(isBigEndian: !isBigEndian) }
        committedFrameCount = isHeaderSound ? scan.committedFrameCount : 0
        if let first = scan.firstWrong, scan.commitCountFromFirstWrong > 1 {
            damage = "frame \(first) of the write-ahead log has changed, and commits follow it"
        } else if !isHeaderSound, scan.soundPairCount > 0 {
            damage = "the header of the write-ahead log has changed"
        }
        let last = scan.frames.lastIndex { $0.pageCountAfter > 0 }
        frames = Array(scan.frames.prefix(damage == nil ? committedFrameCount : (last ?? -1) + 1))
    }

    /// The walk from frame to frame.
    private struct Progress {
        let salts: UInt64
        /// The checksum that the next frame goes on from; `nil` when it cannot be told.
        var sum: UInt64?
        let isBigEndian: Bool
        var frames: [Frame] = []
        var committedFrameCount = 0
        var firstWrong: Int?
        /// Transactions that end at the first wrong frame or after it.
        var commitCountFromFirstWrong = 0
        /// Frames that follow from the one before them, by whatever sum that one has.
        var soundPairCount = 0

        /// Looks at the next frame; `false` when it is of an older log.
        mutating func take(_ bytes: [UInt8], _ index: Int) -> Bool {
            // A flipped bit or a few in the salts still say which log the frame is of.
            let difference = (LogFormat.pair(bytes, 8) ^ salts).nonzeroBitCount
            guard difference <= 4 else { return false }
            let frame = Frame(
                index: index,
                pageNumber: Int(LogFormat.word(bytes, 0)),
                pageCountAfter: Int(LogFormat.word(bytes, 4))
            )
            let stored = LogFormat.pair(bytes, 16)
            let isSound =
                difference == 0 && frame.pageNumber > 0
                && sum.map { LogFormat.checksum(bytes, from: $0, isBigEndian: isBigEndian) == stored } == true
            if isSound { soundPairCount += 1 }
            if !isSound, firstWrong == nil, sum != nil { firstWrong = index }
            if frame.pageCountAfter > 0 {
                if firstWrong == nil {
                    committedFrameCount = index
                } else if isSound || index == firstWrong {
                    commitCountFromFirstWrong += 1
                }
            }
            frames.append(frame)
            sum = stored
            return true
        }
    }
}

internal import StarlingWorld

/// Bytes of the write-ahead log's file that stand on the disk before a commit writes there.
///
/// A sync of a file that has grown writes the file system's own log as well; one that filled bytes that were there does
/// not, and takes two thirds of the time. A log that began anew fills what it was before. A young one has nothing to
/// fill: it gets zeros, which are no frames, as often as its end comes near, and each time as many as it has bytes.
struct LogReserve {
    /// Bytes behind the last commit below which the file is made longer: what the largest of usual groups takes.
    private static let spareByteCountMin = 262_144
    private static let blockByteCount = 262_144

    private let byteCountMin: Int
    private let byteCountMax: Int
    private var file: (any StoreFile)?
    /// How long the file is known to be.
    private var byteCount = 0
    /// Frames at which it could not be made longer: commits do without, until the log has begun anew.
    private var givenUpAt: Int?

    /// - Parameters:
    ///   - byteCountMin: the shortest that a log is, once there was a commit; 0 leaves its length to SQLite.
    ///   - byteCountMax: the longest that it is made; SQLite may make it longer.
    init(byteCountMin: Int, byteCountMax: Int) {
        (self.byteCountMin, self.byteCountMax) = (byteCountMin, byteCountMax)
    }

    /// Makes the log of a place longer, where its end is near.
    ///
    /// - Parameter frameCount: frames up to the last commit.
    mutating func keep(behind frameCount: Int, of place: StoreEngine.Place) {
        let end = LogFormat.byteCount(ofFrames: frameCount)
        if let count = givenUpAt, frameCount < count { givenUpAt = nil }
        guard byteCountMin > 0, frameCount > 0, givenUpAt == nil, end + Self.spareByteCountMin > byteCount
        else {
            return
        }
        do throws(StoreError) {
            let file = try opened(place)
            byteCount = try file.byteCount()
            let goal = min(max(byteCountMin, 2 * end), byteCountMax)
            guard end + Self.spareByteCountMin > byteCount, byteCount < goal else { return }
            let zeros = [UInt8](repeating: 0, count: Self.blockByteCount)
            while byteCount < goal {
                let count = min(zeros.count, goal - byteCount)
                try file.write(count == zeros.count ? zeros : Array(zeros[..<count]), at: byteCount)
                byteCount += count
            }
            try file.sync()
        } catch {
            // Nothing is lost with it. A disk that fails says so to the next commit, which is told to its caller.
            givenUpAt = frameCount
        }
    }

    private mutating func opened(_ place: StoreEngine.Place) throws(StoreError) -> any StoreFile {
        if let file { return file }
        let opened = try place.disk.open(place.logPath, creates: false)
        file = opened
        return opened
    }
}

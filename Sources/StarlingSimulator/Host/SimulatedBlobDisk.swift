package import StarlingCore
package import StarlingWorld
internal import Synchronization

/// A disk in memory that knows what has been synced, and forgets the rest when the power fails.
///
/// A file's writes since its last sync are kept apart, and so are the parts of one write: after a power cut each of them is
/// there, or is not, or is there in some of its pages, as the seed says. Names are the folder's content: those made since its
/// last sync may be gone.
package final class SimulatedBlobDisk: BlobDisk {
    private struct Pending: Sendable {
        var offset: Int
        var bytes: [UInt8]
    }

    private final class File: @unchecked Sendable {  // tidy-ok: only touched under the disk's lock
        /// What is read.
        var content: [UInt8] = []
        /// What is on the platter.
        var synced: [UInt8] = []
        var pending: [Pending] = []

        /// Bytes of this process that the file takes; without pending writes, what is read and what is synced are one.
        var heldByteCount: Int {
            pending.reduce(content.capacity + (pending.isEmpty ? 0 : synced.capacity)) {
                $0 + $1.bytes.capacity
            }
        }

        func write(_ bytes: [UInt8], at offset: Int) {
            Self.put(bytes, at: offset, in: &content)
            pending.append(Pending(offset: offset, bytes: bytes))
        }

        func sync() {
            synced = content
            pending = []
        }

        func losePower(_ random: inout SplitMix64) {
            for write in pending {
                switch random.number(below: 4) {
                case 0: continue
                case 1: keepPages(of: write, &random)
                default: Self.put(write.bytes, at: write.offset, in: &synced)
                }
            }
            content = synced
            pending = []
        }

        /// A disk takes the pages of a write in any order, and may stop within one.
        private func keepPages(of write: Pending, _ random: inout SplitMix64) {
            var start = 0
            while start < write.bytes.count {
                let left = Self.pageByteCount - (write.offset + start) % Self.pageByteCount
                let end = min(start + left, write.bytes.count)
                let kept = random.number(below: 4)
                if kept > 0 {
                    let count = kept == 1 ? random.number(below: end - start + 1) : end - start
                    Self.put(Array(write.bytes[start..<start + count]), at: write.offset + start, in: &synced)
                }
                start = end
            }
        }

        private static func put(_ bytes: [UInt8], at offset: Int, in content: inout [UInt8]) {
            if bytes.isEmpty { return }
            while content.count < offset { content += zeros.prefix(offset - content.count) }
            let overlap = min(content.count - offset, bytes.count)
            content.withUnsafeMutableBytes { content in
                bytes.withUnsafeBytes { bytes in
                    UnsafeMutableRawBufferPointer(rebasing: content[offset..<offset + overlap])
                        .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<overlap]))
                }
            }
            content += bytes[overlap...]
        }

        private static let pageByteCount = 4096
        private static let zeros = [UInt8](repeating: 0, count: 65_536)
    }

    private struct State {
        var files: [String: File] = [:]
        /// The names that survive a power cut.
        var synced: [String: File] = [:]
        var byteCountMax = 1 << 40
        var failure: FileError?
        var canClone = true
        var growthBeforeClone = 0
        var syncCount = 0
        var writtenByteCount = 0

        var byteCount: Int { files.values.reduce(0) { $0 + $1.content.count } }
    }

    private let state = Mutex(State())

    package init() {}

    // MARK: For tests

    /// How much fits; what exceeds it fails with ``FileError/noSpace(path:)``.
    package var byteCountMax: Int {
        get { state.withLock { $0.byteCountMax } }
        set { state.withLock { $0.byteCountMax = newValue } }
    }

    /// What every write, sync and new name fails with; `nil` when the disk is well.
    package var failure: FileError? {
        get { state.withLock { $0.failure } }
        set { state.withLock { $0.failure = newValue } }
    }

    /// Whether files can share blocks.
    package var canClone: Bool {
        get { state.withLock { $0.canClone } }
        set { state.withLock { $0.canClone = newValue } }
    }

    /// By how much a file grows right before it is cloned, as one that somebody writes to.
    package var growthBeforeClone: Int {
        get { state.withLock { $0.growthBeforeClone } }
        set { state.withLock { $0.growthBeforeClone = newValue } }
    }

    /// Files that were synced, and bytes that were written, since the beginning.
    package var counts: (syncs: Int, writtenBytes: Int) {
        state.withLock { ($0.syncCount, $0.writtenByteCount) }
    }

    /// Bytes of this process that all files take, with what has not been synced.
    package var heldByteCount: Int { state.withLock { $0.files.values.reduce(0) { $0 + $1.heldByteCount } } }

    /// The paths of all files, sorted.
    package var paths: [String] { state.withLock { $0.files.keys.sorted() } }

    /// Puts a file there as somebody else may have done, on the platter.
    package func place(_ path: String, _ content: [UInt8]) {
        state.withLock { state in
            let file = File()
            file.content = content
            file.sync()
            state.files[path] = file
            state.synced[path] = file
        }
    }

    /// What a file holds; `nil` where there is none.
    package func content(of path: String) -> [UInt8]? { state.withLock { $0.files[path]?.content } }

    /// Takes away what was not synced, as a power cut does.
    package func losePower(_ random: inout SplitMix64) {
        random = state.withLock { [random] state in
            var random = random
            // A new name that was not synced may have made it all the same.
            for (path, file) in state.files.sorted(by: { $0.key < $1.key })
            where state.synced[path] !== file && random.chance(0.5) {
                // With a rename the old name went too.
                for (old, other) in state.synced.sorted(by: { $0.key < $1.key }) where other === file {
                    state.synced[old] = nil
                }
                state.synced[path] = file
            }
            for (_, file) in state.synced.sorted(by: { $0.key < $1.key }) { file.losePower(&random) }
            state.files = state.synced
            return random
        }
    }

    // MARK: BlobDisk

    package func files(in folder: String) throws(FileError) -> [String: UInt64] {
        state.withLock { state in
            var found: [String: UInt64] = [:]
            for (path, file) in state.files where path.hasPrefix(folder + "/") {
                let name = path.dropFirst(folder.utf8.count + 1)
                if !name.contains("/") { found[String(name)] = UInt64(file.content.count) }
            }
            return found
        }
    }

    package func createFolder(_ path: String) throws(FileError) {}

    package func byteCount(of path: String) throws(FileError) -> UInt64 {
        guard let content = content(of: path) else { throw .notFound(path: path) }
        return UInt64(content.count)
    }

    package func read(
        _ path: String,
        at offset: UInt64,
        into block: Buffer,
        _ range: Range<Int>
    ) throws(FileError) -> Int {
        guard let content = content(of: path) else { throw .notFound(path: path) }
        let start = min(content.count, Int(offset))
        let end = min(content.count, start + range.count)
        block.write(content.span.extracting(start..<end), at: range.lowerBound)
        return end - start
    }

    package func create(_ path: String) throws(FileError) {
        try change { state throws(FileError) in
            guard state.files[path] == nil else { throw .alreadyExists(path: path) }
            state.files[path] = File()
        }
    }

    package func write(
        _ parts: [BufferSlice],
        to path: String,
        at offset: UInt64,
        keeps: Bool
    ) throws(FileError) {
        try change { state throws(FileError) in
            guard let file = state.files[path] else { throw .notFound(path: path) }
            // A disk that fills up takes what is in front.
            let end = file.content.count + max(0, state.byteCountMax - state.byteCount)
            var place = Int(offset)
            for part in parts {
                let taken = max(0, min(part.count, end - place))
                file.write(Array(part.array()[..<taken]), at: place)
                state.writtenByteCount += taken
                if taken < part.count { throw .noSpace(path: path) }
                place += taken
            }
        }
    }

    package func sync(_ path: String) throws(FileError) {
        try change { state throws(FileError) in
            guard let file = state.files[path] else { throw .notFound(path: path) }
            file.sync()
            state.syncCount += 1
        }
    }

    package func syncFolder(_ path: String) throws(FileError) {
        try change { state throws(FileError) in
            for (name, file) in state.files where name.hasPrefix(path + "/") { state.synced[name] = file }
            for name in state.synced.keys where name.hasPrefix(path + "/") && state.files[name] == nil {
                state.synced[name] = nil
            }
        }
    }

    package func rename(_ path: String, to other: String) throws(FileError) {
        try change { state throws(FileError) in
            guard let file = state.files.removeValue(forKey: path) else { throw .notFound(path: path) }
            state.files[other] = file
        }
    }

    package func renameIfFree(_ path: String, to other: String) throws(FileError) {
        if content(of: other) != nil { throw .alreadyExists(path: other) }
        try rename(path, to: other)
    }

    package func remove(_ path: String) throws(FileError) { state.withLock { $0.files[path] = nil } }

    package func clone(_ path: String, to other: String) throws(FileError) -> Bool {
        try change { state throws(FileError) in
            guard let source = state.files[path] else { throw .notFound(path: path) }
            guard state.canClone else { return false }
            guard state.files[other] == nil else { throw .alreadyExists(path: other) }
            if state.growthBeforeClone > 0 {
                let growth = [UInt8](repeating: 0, count: state.growthBeforeClone)
                source.write(growth, at: source.content.count)
            }
            let file = File()
            if !source.content.isEmpty { file.write(source.content, at: 0) }
            state.files[other] = file
            return true
        }
    }

    package func freeByteCount(in folder: String) throws(FileError) -> UInt64 {
        state.withLock { UInt64(max(0, $0.byteCountMax - $0.byteCount)) }
    }

    private func change<Value: Sendable>(
        _ body: (inout State) throws(FileError) -> Value
    ) throws(FileError) -> Value {
        let result: Result<Value, FileError> = state.withLock { state in
            if let failure = state.failure { return .failure(failure) }
            do throws(FileError) { return .success(try body(&state)) } catch { return .failure(error) }
        }
        return try result.get()
    }
}

internal import StarlingCore
internal import Synchronization

// What opening makes of the files that it finds.
extension BlobFolder {
    /// The endings of a blob's files.
    enum FileKind: String, CaseIterable {
        case blob
        case part
        case progress
        case leaves
    }

    func file(_ id: BlobID, _ kind: FileKind) -> String { "\(path)/\(id).\(kind.rawValue)" }

    func recover() throws(FileError) {
        try disk.createFolder(path)
        let files = try disk.files(in: path)
        var kinds: [BlobID: Set<FileKind>] = [:]
        var strays: [String] = []
        for name in files.keys.sorted() {
            if let dot = name.lastIndex(of: "."), let id = BlobID(String(name[..<dot])),
                let kind = FileKind(rawValue: String(name[name.index(after: dot)...]))
            {
                kinds[id, default: []].insert(kind)
            } else if name.hasSuffix(Self.temporarySuffix) {
                strays.append("\(path)/\(name)")
            }
        }
        for (id, found) in kinds.sorted(by: { $0.key.description < $1.key.description }) {
            let isGood = try recover(id, found, files)
            let dead = isGood ? found.intersection(isWhole(id) ? [.part, .progress] : []) : found
            strays += dead.map { file(id, $0) }.sorted()
        }
        for stray in strays { try disk.remove(stray) }
        if !strays.isEmpty { try disk.syncFolder(path) }
    }

    private func isWhole(_ id: BlobID) -> Bool { holding(id)?.isFinished == true }

    /// Takes one blob into the books; `false` when its files are of no use.
    private func recover(
        _ id: BlobID,
        _ found: Set<FileKind>,
        _ files: [String: UInt64]
    ) throws(FileError) -> Bool {
        guard found.contains(.leaves), (try? readLeaves(id)) != nil else { return false }
        if found.contains(.blob), files["\(id).\(FileKind.blob.rawValue)"] == id.byteCount {
            state.withLock { $0.shelf.foundWhole(id) }
            return true
        }
        guard found.contains(.part), found.contains(.progress) else { return false }
        let progressByteCount = files["\(id).\(FileKind.progress.rawValue)"] ?? 0
        let partByteCount = files["\(id).\(FileKind.part.rawValue)"] ?? 0
        var durable = BlobProgress.chunks(try readProgress(id, progressByteCount), of: id)
        // A file that somebody cut has lost chunks, whatever the records say.
        for index in 0..<id.chunkCount
        where id.offset(ofChunk: index) + UInt64(id.byteCount(ofChunk: index)) > partByteCount {
            durable.remove(index)
        }
        let record = UInt64(BlobProgress.recordByteCount)
        state.withLock { state in
            state.shelf.found(BlobHolding(id: id, isFinished: false, written: durable, durable: durable))
            state.progressEnds[id] = (progressByteCount + record - 1) / record * record
        }
        return true
    }

    /// The most that is read of a `.progress` file: a record for each chunk, several times over.
    private static let progressByteCountMax: UInt64 = 16 << 20

    private func readProgress(_ id: BlobID, _ byteCount: UInt64) throws(FileError) -> [UInt8] {
        let count = Int(min(byteCount, Self.progressByteCountMax))
        guard count > 0 else { return [] }
        let block = Buffer(byteCount: count)
        let read = try disk.read(file(id, .progress), at: 0, into: block, 0..<count)
        return BufferSlice(block, 0..<read).array()
    }

    // MARK: Leaves

    /// The leaves in a blob's file, checked against its root.
    func readLeaves(_ id: BlobID) throws(BlobError) -> [UInt8] {
        var leaves: [UInt8] = []
        if id.chunkCount > 0 {
            let block = Buffer(byteCount: id.leavesByteCount)
            do throws(FileError) {
                let count = try disk.read(file(id, .leaves), at: 0, into: block, 0..<id.leavesByteCount)
                leaves = BufferSlice(block, 0..<count).array()
            } catch {
                throw BlobError(error)
            }
        }
        guard leaves.count == id.leavesByteCount, digest.root(leaves.span) == id.root else {
            throw .wrongLeaves
        }
        return leaves
    }

    static let temporarySuffix = ".tmp"

    /// Writes the leaves of a blob, all or nothing; the folder is still to be synced.
    func writeLeaves(_ leaves: [UInt8], _ id: BlobID) throws(FileError) {
        let temporary = file(id, .leaves) + Self.temporarySuffix
        try disk.remove(temporary)
        try disk.create(temporary)
        if !leaves.isEmpty {
            try disk.write(BufferSlice(copying: leaves.span), to: temporary, at: 0, keeps: true)
        }
        try disk.sync(temporary)
        try disk.rename(temporary, to: file(id, .leaves))
    }
}

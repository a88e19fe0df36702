package import StarlingCore
internal import Synchronization

/// A file on its way into the store, or a blob on its way out into a file: taken step by step.
///
/// A step is a few chunks, so that a thread of the pool is not held for minutes. One step at a time.
package protocol BlobPassage: AnyObject, Sendable {
    associatedtype Outcome: Sendable

    /// Bytes of content that have passed.
    var byteCount: UInt64 { get }
    /// Bytes of content altogether.
    var totalByteCount: UInt64 { get }

    /// Does some of the work; the outcome when all of it is done.
    func step() throws(BlobError) -> Outcome?
    /// Leaves no trace of a passage that is not over.
    func abandon()
}

/// Bytes of chunks that one step moves, and what is left of a group then.
private let stepByteCount: UInt64 = 8 << 20
/// Chunks that are taken in at a time: so many are hashed side by side.
private let groupChunkCount = 16

/// A file on its way into the store.
///
/// The file is shared with the store where the file system can, and read from there: what changes in it meanwhile does
/// not matter then. A sealed blob is written through the cipher: its content never stands in the store.
package final class BlobImport: BlobPassage, @unchecked Sendable {  // tidy-ok: one step at a time
    private let folder: BlobFolder
    private let source: String
    private let temporary: String
    private let cipher: (any BlobCipher)?
    private let chunkByteCount: Int
    /// Bytes of content in a chunk.
    private let contentByteCountMax: Int
    /// What was promised to it in the books.
    private let promisedByteCount: UInt64
    /// What a group of chunks is read into, as far as there are so many.
    private var blocks: [Buffer] = []
    private let isCloned: Bool
    private var leaves: [UInt8] = []
    private var chunkCount = 0
    private var storedByteCount: UInt64 = 0
    private var isOver = false

    package private(set) var byteCount: UInt64 = 0
    package let totalByteCount: UInt64

    init(
        _ folder: BlobFolder,
        _ source: String,
        _ cipher: (any BlobCipher)?,
        chunkByteCount: Int
    ) throws(BlobError) {
        let tagByteCount = cipher?.tagByteCount ?? 0
        let contentMax = chunkByteCount - tagByteCount
        let disk = folder.disk
        let total: UInt64
        do throws(FileError) { total = try disk.byteCount(of: source) } catch { throw BlobError(error) }
        let count = total / UInt64(contentMax) + (total % UInt64(contentMax) == 0 ? 0 : 1)
        guard total <= 4 << 30, count <= UInt64(BlobID.chunkCountMax) else {
            throw .fileTooLarge(byteCount: total)
        }
        let promised = total + count * UInt64(tagByteCount + BlobID.hashByteCount)
        let free = try folder.freeByteCount()
        let number = try folder.change { state throws(BlobError) in
            try state.shelf.beginImport(promised, freeByteCount: free)
            state.importCount += 1
            return state.importCount
        }
        let temporary = "\(folder.path)/import-\(number)\(BlobFolder.temporarySuffix)"
        do throws(FileError) {
            try disk.remove(temporary)
            let isShared = cipher == nil ? try disk.clone(source, to: temporary) : false
            // One that has grown meanwhile is copied, up to the size that was promised.
            isCloned = isShared ? try disk.byteCount(of: temporary) <= total : false
            if isShared, !isCloned { try disk.remove(temporary) }
            if !isCloned { try disk.create(temporary) }
        } catch {
            folder.state.withLock { $0.shelf.endImport(promised, writtenByteCount: 0) }
            throw BlobError(error)
        }
        self.folder = folder
        self.source = source
        self.temporary = temporary
        self.cipher = cipher
        self.chunkByteCount = chunkByteCount
        contentByteCountMax = contentMax
        promisedByteCount = promised
        totalByteCount = total
    }

    deinit { abandon() }

    package func step() throws(BlobError) -> BlobID? {
        let end = min(totalByteCount, byteCount + stepByteCount)
        do throws(BlobError) {
            while byteCount < end { try takeGroup() }
            guard byteCount == totalByteCount else { return nil }
            return try finish()
        } catch {
            abandon()
            throw error
        }
    }

    /// Takes the next chunks in.
    private func takeGroup() throws(BlobError) {
        var group: [BufferSlice] = []
        var taken = byteCount
        while taken < totalByteCount, group.count < groupChunkCount {
            let count = Int(min(UInt64(contentByteCountMax), totalByteCount - taken))
            group.append(try readChunk(group.count, at: taken, count))
            taken += UInt64(count)
        }
        for leaf in folder.digest.leaves(group) { leaves += leaf }
        if !isCloned {
            do throws(FileError) {
                try folder.disk.write(group, to: temporary, at: storedByteCount, keeps: true)
            } catch {
                throw BlobError(error)
            }
        }
        let stored = group.reduce(0) { $0 + UInt64($1.count) }
        chunkCount += group.count
        byteCount = taken
        storedByteCount += stored
        folder.state.withLock { $0.shelf.wroteImport(stored) }
    }

    /// The next chunk but so many as it is stored, from the content at this place.
    private func readChunk(_ place: Int, at offset: UInt64, _ count: Int) throws(BlobError) -> BufferSlice {
        if blocks.count == place { blocks.append(Buffer(byteCount: chunkByteCount)) }
        let block = blocks[place]
        let readCount: Int
        do throws(FileError) {
            let path = isCloned ? temporary : source
            readCount = try folder.disk.read(path, at: offset, into: block, 0..<count)
        } catch {
            throw BlobError(error)
        }
        guard readCount == count else { throw .fileChanged(path: source) }
        guard let cipher else { return BufferSlice(block, 0..<count) }
        guard cipher.seal(block, 0..<count, chunk: chunkCount + place) else { throw .wrongKey }
        return BufferSlice(block, 0..<count + cipher.tagByteCount)
    }

    private func finish() throws(BlobError) -> BlobID {
        let root = folder.digest.root(leaves.span)
        guard let id = BlobID(root: root, byteCount: storedByteCount, chunkByteCount: chunkByteCount) else {
            throw .fileTooLarge(byteCount: totalByteCount)
        }
        if folder.holding(id)?.isFinished == true {
            abandon()
            return id
        }
        do throws(FileError) { try folder.disk.sync(temporary) } catch { throw BlobError(error) }
        return try folder.changeNames { () throws(BlobError) in
            do throws(FileError) {
                try folder.writeLeaves(leaves, id)
                try folder.disk.rename(temporary, to: folder.file(id, .blob))
                try folder.disk.syncFolder(folder.path)
            } catch {
                throw BlobError(error)
            }
            isOver = true
            folder.state.withLock { state in
                state.shelf.endImport(promisedByteCount, writtenByteCount: storedByteCount)
                state.shelf.foundWhole(id)
            }
            folder.removeLeftovers(of: id)
            return id
        }
    }

    package func abandon() {
        guard !isOver else { return }
        isOver = true
        // What cannot be removed is removed at the next start.
        try? folder.disk.remove(temporary)
        folder.state.withLock { state in
            state.shelf.endImport(promisedByteCount, writtenByteCount: storedByteCount)
        }
    }
}

/// A blob on its way out of the store into a file of the user's, each chunk checked.
package final class BlobExport: BlobPassage, @unchecked Sendable {  // tidy-ok: one step at a time
    private let folder: BlobFolder
    private let id: BlobID
    private let target: String
    private let temporary: String
    private let cipher: (any BlobCipher)?
    private var nextChunk = 0
    private var isOver = false

    package private(set) var byteCount: UInt64 = 0
    package let totalByteCount: UInt64

    init(
        _ folder: BlobFolder,
        _ id: BlobID,
        _ target: String,
        _ cipher: (any BlobCipher)?
    ) throws(BlobError) {
        guard let holding = folder.holding(id) else { throw .notFound }
        guard holding.isFinished else {
            throw .incomplete(missingChunkCount: id.chunkCount - holding.written.count)
        }
        let tags = UInt64(cipher?.tagByteCount ?? 0) * UInt64(id.chunkCount)
        guard tags <= id.byteCount else { throw .wrongKey }
        self.folder = folder
        self.id = id
        self.target = target
        self.cipher = cipher
        totalByteCount = id.byteCount - tags
        temporary = "\(target).\(Hex.encode(Array(id.root.prefix(4)))).part"
        do throws(FileError) {
            try folder.disk.remove(temporary)
            try folder.disk.create(temporary)
        } catch {
            // What is missing is the folder for it.
            if case .notFound = error { throw .noFolder(path: Self.folder(of: target)) }
            throw BlobError(error)
        }
    }

    deinit { abandon() }

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    package func step() throws(BlobError) -> BlobID? {
        let end = min(totalByteCount, byteCount + stepByteCount)
        do throws(BlobError) {
            while nextChunk < id.chunkCount, byteCount < end { try giveChunk() }
            guard nextChunk == id.chunkCount else { return nil }
            do throws(FileError) {
                try folder.disk.sync(temporary)
                try folder.disk.renameIfFree(temporary, to: target)
            } catch {
                throw BlobError(error)
            }
            isOver = true
            return id
        } catch {
            abandon()
            throw error
        }
    }

    private func giveChunk() throws(BlobError) {
        let chunk = try folder.read(id, chunk: nextChunk)
        guard try folder.check(id, [(nextChunk, chunk)]) == [true] else {
            throw .wrongChunk(index: nextChunk)
        }
        var count = chunk.count
        if let cipher {
            let isOpen = cipher.open(chunk.buffer, chunk.range, chunk: nextChunk)
            guard isOpen, count >= cipher.tagByteCount else { throw .wrongKey }
            count -= cipher.tagByteCount
        }
        do throws(FileError) {
            let start = chunk.range.lowerBound
            let content = BufferSlice(chunk.buffer, start..<start + count)
            try folder.disk.write(content, to: temporary, at: byteCount, keeps: true)
        } catch {
            throw BlobError(error)
        }
        nextChunk += 1
        byteCount += UInt64(count)
    }

    package func abandon() {
        guard !isOver else { return }
        isOver = true
        // What cannot be removed stays beside the target, and the next export removes it.
        try? folder.disk.remove(temporary)
    }
}

extension BlobFolder {
    /// Begins to take a file in; sealed where there is a cipher.
    package func importing(
        _ source: String,
        cipher: (any BlobCipher)?,
        chunkByteCount: Int = BlobID.chunkByteCountUsual
    ) throws(BlobError) -> BlobImport {
        try BlobImport(self, source, cipher, chunkByteCount: chunkByteCount)
    }

    /// Begins to write a blob out into a file that must not exist; opened where there is a cipher.
    package func exporting(
        _ id: BlobID,
        to target: String,
        cipher: (any BlobCipher)?
    ) throws(BlobError) -> BlobExport {
        try BlobExport(self, id, target, cipher)
    }
}

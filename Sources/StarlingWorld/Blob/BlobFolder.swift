package import StarlingCore
internal import Synchronization

/// A blob store's files, and what each operation does to them.
///
/// Every member blocks and may be called from any thread: a ``BlobStore`` calls them where blocking does no harm.
///
/// A blob that is whole is `NAME.blob`; one under way is `NAME.part`, with the ranges that a sync has covered in
/// `NAME.progress`. `NAME.leaves` has the leaves of either. A chunk counts as durable once its bytes, and after them the
/// record that says so, have been synced; so a crash at any point loses chunks, never the truth about them.
///
/// Spec: docs/specs/blob.md, "Files".
package final class BlobFolder: Sendable {
    /// The books, and where the next record of each blob's progress goes.
    struct State: Sendable {
        var shelf: BlobShelf
        var progressEnds: [BlobID: UInt64] = [:]
        var importCount: UInt64 = 0
    }

    let disk: any BlobDisk
    let path: String
    let digest: BlobDigest
    package let limits: BlobLimits
    let state: Mutex<State>
    /// Held by whoever gives a blob's files their names or takes them away, until the books say the same.
    private let names = Mutex(())
    /// Blocks for one chunk of the usual size, and for some, with room for what goes in front of each.
    private let chunkBlocks = Mutex(BlobFolder.pool(chunkCount: 1))
    private let runBlocks = Mutex(BlobFolder.pool(chunkCount: 4))

    /// Opens a folder, which is made where there is none, and tidies up what a crash has left.
    ///
    /// What does not belong to a blob with good leaves is removed.
    package init(
        _ path: String,
        disk: any BlobDisk,
        digest: BlobDigest,
        limits: BlobLimits = BlobLimits()
    ) throws(BlobError) {
        self.path = path
        self.disk = disk
        self.digest = digest
        self.limits = limits
        state = Mutex(State(shelf: BlobShelf(limits: limits)))
        do throws(FileError) { try recover() } catch { throw BlobError(error) }
    }

    // MARK: Looking

    /// Every blob, in the order of their names.
    package func holdings() -> [BlobHolding] {
        state.withLock { $0.shelf.holdings.values.sorted { $0.id.description < $1.id.description } }
    }

    /// How much of a blob is there; `nil` when nothing is.
    package func holding(_ id: BlobID) -> BlobHolding? { state.withLock { $0.shelf[id] } }

    /// How many blobs there are, and the bytes of all, those under way counted in full.
    package var fill: (blobCount: Int, byteCount: UInt64) {
        state.withLock { ($0.shelf.holdings.count, $0.shelf.byteCount) }
    }

    package func usage() throws(BlobError) -> BlobUsage {
        let free = try freeByteCount()
        let fill = fill
        return BlobUsage(
            byteCount: fill.byteCount,
            byteCountMax: limits.byteCountMax,
            blobCount: fill.blobCount,
            freeByteCount: free
        )
    }

    func freeByteCount() throws(BlobError) -> UInt64 {
        do throws(FileError) { return try disk.freeByteCount(in: path) } catch { throw BlobError(error) }
    }

    /// The leaves of a blob, one behind the other.
    package func leaves(of id: BlobID) throws(BlobError) -> [UInt8] {
        if let kept = state.withLock({ $0.shelf.leaves(of: id) }) { return kept }
        guard holding(id) != nil else { throw .notFound }
        guard let leaves = try? readLeaves(id) else { throw .wrongLeaves }
        state.withLock { state in
            if state.shelf[id] != nil { state.shelf.keepLeaves(leaves, of: id) }
        }
        return leaves
    }

    // MARK: Chunks

    /// Makes room for a blob with these leaves; where some of it is there, that stays.
    ///
    /// The leaves are on the disk when this returns.
    package func begin(_ id: BlobID, leaves: [UInt8]) throws(BlobError) -> BlobHolding {
        guard leaves.count == id.leavesByteCount, digest.root(leaves.span) == id.root else {
            throw .wrongLeaves
        }
        return try changeNames { () throws(BlobError) in
            if let there = holding(id) { return there }
            let free = try freeByteCount()
            try change { state throws(BlobError) in
                try state.shelf.begin(id, freeByteCount: free)
                state.shelf.keepLeaves(leaves, of: id)
                state.progressEnds[id] = 0
            }
            removeLeftovers(of: id)
            do throws(FileError) {
                try writeLeaves(leaves, id)
                try disk.create(file(id, .part))
                try disk.create(file(id, .progress))
                try disk.syncFolder(path)
            } catch {
                // What cannot be removed is removed at the next start.
                try? removeAll(id)
                throw BlobError(error)
            }
            guard let holding = holding(id) else { throw .notFound }
            return holding
        }
    }

    /// Checks a chunk against its leaf and writes it.
    package func write(_ id: BlobID, chunk index: Int, _ bytes: BufferSlice) throws(BlobError) {
        try write(id, [(index, bytes)])
    }

    /// Checks chunks against their leaves and writes them; many at once cost less than one after the other.
    ///
    /// When one of them is wrong, the others are written all the same.
    package func write(_ id: BlobID, _ chunks: [(index: Int, bytes: BufferSlice)]) throws(BlobError) {
        guard let holding = holding(id) else { throw .notFound }
        let fresh = chunks.filter { !holding.written.contains($0.index) }
        let isRight = try check(id, fresh)
        let right = zip(fresh, isRight).filter(\.1).map(\.0)
        var start = 0
        while start < right.count {
            var end = start + 1
            while end < right.count, right[end].index == right[end - 1].index + 1 { end += 1 }
            try put(id, right[start..<end])
            start = end
        }
        if let place = isRight.firstIndex(of: false) { throw .wrongChunk(index: fresh[place].index) }
    }

    /// Writes chunks that stand one behind the other.
    private func put(
        _ id: BlobID,
        _ chunks: ArraySlice<(index: Int, bytes: BufferSlice)>
    ) throws(BlobError) {
        guard let first = chunks.first else { return }
        do throws(FileError) {
            let offset = id.offset(ofChunk: first.index)
            try disk.write(chunks.map(\.bytes), to: file(id, .part), at: offset, keeps: false)
        } catch {
            if case .notFound = error { throw .notFound }
            throw BlobError(error)
        }
        state.withLock { state in
            for chunk in chunks { state.shelf.wrote(id, chunk.index) }
        }
    }

    /// Makes what was written so far survive a crash, and says what does.
    package func sync(_ id: BlobID) throws(BlobError) -> BlobHolding {
        guard let holding = holding(id) else { throw .notFound }
        if holding.isFinished { return holding }
        var fresh = holding.written
        fresh.subtract(holding.durable)
        if fresh.isEmpty { return holding }
        do throws(FileError) {
            try disk.sync(file(id, .part))
            let records = BlobProgress.records(fresh, of: id)
            // Syncs at the same time write side by side; a gap that one leaves is no record.
            let start = state.withLock { state in
                let start = state.progressEnds[id] ?? 0
                state.progressEnds[id] = start + UInt64(records.count)
                return start
            }
            let progress = file(id, .progress)
            try disk.write(BufferSlice(copying: records.span), to: progress, at: start, keeps: true)
            try disk.sync(progress)
        } catch {
            if case .notFound = error { throw .notFound }
            throw BlobError(error)
        }
        state.withLock { $0.shelf.synced(id, fresh) }
        return self.holding(id) ?? holding
    }

    /// Gives a blob whose chunks are all there its final name; durable when this returns.
    package func finish(_ id: BlobID) throws(BlobError) {
        try changeNames { () throws(BlobError) in
            guard let holding = holding(id) else { throw .notFound }
            if holding.isFinished { return }
            guard holding.written.isComplete else {
                throw .incomplete(missingChunkCount: id.chunkCount - holding.written.count)
            }
            do throws(FileError) {
                try disk.sync(file(id, .part))
                try disk.rename(file(id, .part), to: file(id, .blob))
                try disk.syncFolder(path)
            } catch {
                throw BlobError(error)
            }
            removeLeftovers(of: id)
            state.withLock { state in
                state.shelf.foundWhole(id)
                state.progressEnds[id] = nil
            }
        }
    }

    /// A chunk that is there, as it was written.
    ///
    /// It is not checked again: whoever gets it checks it against its leaf.
    package func read(_ id: BlobID, chunk index: Int) throws(BlobError) -> BufferSlice {
        try read(id, [(index, [])])
    }

    /// Chunks that are there, as they were written, each behind bytes of the caller's.
    ///
    /// They are not checked again: whoever gets them checks them against their leaves.
    package func read(
        _ id: BlobID,
        _ chunks: [(index: Int, prefix: [UInt8])]
    ) throws(BlobError) -> BufferSlice {
        guard let holding = holding(id), chunks.allSatisfy({ holding.written.contains($0.index) })
        else { throw .notFound }
        let byteCount = chunks.reduce(0) { $0 + $1.prefix.count + id.byteCount(ofChunk: $1.index) }
        let block = takeBlock(max(1, byteCount))
        let path = file(id, holding.isFinished ? .blob : .part)
        var end = 0
        for (index, prefix) in chunks {
            block.write(prefix.span, at: end)
            let range = end + prefix.count..<end + prefix.count + id.byteCount(ofChunk: index)
            end = range.upperBound
            let count: Int
            do throws(FileError) {
                count = try disk.read(path, at: id.offset(ofChunk: index), into: block, range)
            } catch {
                if case .notFound = error { throw .notFound }
                throw BlobError(error)
            }
            guard count == range.count else { throw .wrongChunk(index: index) }
        }
        return BufferSlice(block, 0..<end)
    }

    /// Forgets a blob, finished or not, and removes its files; nothing happens when there is none.
    package func delete(_ id: BlobID) throws(BlobError) {
        try changeNames { () throws(BlobError) in try removeAll(id) }
    }

    private func removeAll(_ id: BlobID) throws(BlobError) {
        state.withLock { state in
            state.shelf.remove(id)
            state.progressEnds[id] = nil
        }
        do throws(FileError) {
            // The leaves go last: without them the next start removes what is left.
            for kind in [FileKind.blob, .part, .progress, .leaves] { try disk.remove(file(id, kind)) }
            try disk.syncFolder(path)
        } catch {
            throw BlobError(error)
        }
    }

    /// Gives memory back that no transfer needs.
    package func trim() {
        chunkBlocks.withLock { $0.trim() }
        runBlocks.withLock { $0.trim() }
    }

    private static func pool(chunkCount: Int) -> BufferPool {
        BufferPool(
            blockByteCount: chunkCount * BlobID.chunkByteCountUsual + Buffer.pageByteCount,
            limits: BufferPool.Limits(blockCountMax: 16)
        )
    }

    /// A block with so many bytes at least, and not many more.
    private func takeBlock(_ byteCount: Int) -> Buffer {
        chunkBlocks.withLock { $0.takeFitting(byteCount) } ?? runBlocks.withLock { $0.takeFitting(byteCount) }
            ?? Buffer(byteCount: byteCount)
    }

    /// Which of these are the chunks that the blob has there.
    func check(_ id: BlobID, _ chunks: [(index: Int, bytes: BufferSlice)]) throws(BlobError) -> [Bool] {
        let leaves = try leaves(of: id)
        let found = digest.leaves(chunks.map(\.bytes))
        return zip(chunks, found).map { chunk, leaf in
            guard chunk.index >= 0, chunk.index < id.chunkCount,
                chunk.bytes.count == id.byteCount(ofChunk: chunk.index)
            else { return false }
            let start = chunk.index * BlobID.hashByteCount
            return leaf[...] == leaves[start..<start + BlobID.hashByteCount]
        }
    }

    /// Removes what a whole blob does not need, and one that begins must not find.
    func removeLeftovers(of id: BlobID) {
        // What cannot be removed is removed at the next start.
        for kind in [FileKind.part, .progress] { try? disk.remove(file(id, kind)) }
    }

    /// Runs what changes the names of files, and the books with them, next to no other such work.
    func changeNames<Value: Sendable>(_ body: () throws(BlobError) -> Value) throws(BlobError) -> Value {
        let result: Result<Value, BlobError> = names.withLock { _ in
            do throws(BlobError) { return .success(try body()) } catch { return .failure(error) }
        }
        return try result.get()
    }

    func change<Value: Sendable>(
        _ body: (inout State) throws(BlobError) -> Value
    ) throws(BlobError) -> Value {
        let result: Result<Value, BlobError> = state.withLock { state in
            do throws(BlobError) { return .success(try body(&state)) } catch { return .failure(error) }
        }
        return try result.get()
    }
}

extension BufferPool {
    /// A block for so many bytes, where they fill half of it at least, but for the page for what goes in front.
    fileprivate mutating func takeFitting(_ byteCount: Int) -> Buffer? {
        (blockByteCount - Buffer.pageByteCount) / 2...blockByteCount ~= byteCount ? take() : nil
    }
}

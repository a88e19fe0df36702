package import StarlingCore

/// What a blob store may hold.
package struct BlobLimits: Sendable {
    /// Bytes of all blobs, those under way counted in full; a further one is refused.
    package var byteCountMax: UInt64 = 16 << 30
    /// Blobs; a further one is refused.
    package var blobCountMax = 10_000
    /// Bytes that stay free on the disk, for the outbox and everybody else; a blob that would take of them is refused, with
    /// what is promised to others and not written yet.
    package var freeByteCountMin: UInt64 = 64 << 20
    /// Blobs whose leaves are held in memory; those used longest ago are read again when they are needed.
    package var leavesCountMax = 16

    package init() {}
}

/// How much of a blob is there.
package struct BlobHolding: Equatable, Sendable {
    package let id: BlobID
    /// Whether all of it is there, under its final name.
    package var isFinished: Bool
    /// Chunks that were written.
    package var written: ChunkSet
    /// Chunks that a crash does not take away.
    package var durable: ChunkSet

    package init(id: BlobID, isFinished: Bool, written: ChunkSet, durable: ChunkSet) {
        self.id = id
        self.isFinished = isFinished
        self.written = written
        self.durable = durable
    }

    /// Bytes of the chunks that were written.
    package var byteCount: UInt64 { isFinished ? id.byteCount : id.byteCount(of: written) }
}

/// What a blob store holds altogether.
package struct BlobUsage: Equatable, Sendable {
    /// Bytes of all blobs, those under way counted in full.
    package var byteCount: UInt64
    package var byteCountMax: UInt64
    package var blobCount: Int
    /// Bytes that the disk has free.
    package var freeByteCount: UInt64
}

/// The books of a blob store: what is there, what is promised to what is under way, and what is left.
struct BlobShelf: Sendable {
    let limits: BlobLimits
    private(set) var holdings: [BlobID: BlobHolding] = [:]
    private(set) var byteCount: UInt64 = 0
    /// Bytes promised to imports under way.
    private var importByteCount: UInt64 = 0
    private var importCount = 0
    /// Bytes that are promised to blobs and imports under way, and are still to be written.
    private(set) var promisedByteCount: UInt64 = 0
    /// The leaves used last stand last.
    private var leaves: [(id: BlobID, bytes: [UInt8])] = []

    init(limits: BlobLimits) { self.limits = limits }

    subscript(id: BlobID) -> BlobHolding? { holdings[id] }

    /// Bytes of a blob in the books: its leaves take room too.
    private static func cost(_ id: BlobID) -> UInt64 { id.byteCount + UInt64(id.leavesByteCount) }

    /// Bytes of a blob that are still to be written.
    private static func rest(_ holding: BlobHolding) -> UInt64 { holding.id.byteCount - holding.byteCount }

    private mutating func endPromise(_ byteCount: UInt64) {
        promisedByteCount -= min(byteCount, promisedByteCount)
    }

    /// Whether there is room for one more blob.
    private func expectRoom(_ wanted: UInt64, freeByteCount: UInt64) throws(BlobError) {
        guard holdings.count + importCount < limits.blobCountMax else { throw .tooManyBlobs }
        let taken = byteCount + importByteCount
        let left = limits.byteCountMax > taken ? limits.byteCountMax - taken : 0
        guard wanted <= left else { throw .full(wantedByteCount: wanted, leftByteCount: left) }
        let kept = limits.freeByteCountMin + promisedByteCount
        guard freeByteCount >= kept, wanted <= freeByteCount - kept else { throw .noSpace }
    }

    /// Takes a blob that opening found, whatever the limits are now.
    mutating func found(_ holding: BlobHolding) {
        guard holdings[holding.id] == nil else { return }
        holdings[holding.id] = holding
        byteCount += Self.cost(holding.id)
        promisedByteCount += Self.rest(holding)
    }

    /// Makes room for a blob to be fetched; nothing happens when it is there.
    mutating func begin(_ id: BlobID, freeByteCount: UInt64) throws(BlobError) {
        guard holdings[id] == nil else { return }
        try expectRoom(Self.cost(id), freeByteCount: freeByteCount)
        let none = ChunkSet(of: id.chunkCount)
        found(BlobHolding(id: id, isFinished: false, written: none, durable: none))
    }

    mutating func beginImport(_ byteCount: UInt64, freeByteCount: UInt64) throws(BlobError) {
        try expectRoom(byteCount, freeByteCount: freeByteCount)
        importByteCount += byteCount
        promisedByteCount += byteCount
        importCount += 1
    }

    /// Some of what was promised to an import is written.
    mutating func wroteImport(_ byteCount: UInt64) { endPromise(byteCount) }

    /// Ends an import: gives back what was promised to it, of which so much was written.
    mutating func endImport(_ byteCount: UInt64, writtenByteCount: UInt64) {
        endPromise(byteCount - min(byteCount, writtenByteCount))
        importByteCount -= min(byteCount, importByteCount)
        importCount -= min(1, importCount)
    }

    mutating func wrote(_ id: BlobID, _ index: Int) {
        guard holdings[id]?.written.insert(index) == true else { return }
        endPromise(UInt64(id.byteCount(ofChunk: index)))
    }

    mutating func synced(_ id: BlobID, _ chunks: ChunkSet) { holdings[id]?.durable.formUnion(chunks) }

    /// All of a blob is there, whatever was known of it.
    mutating func foundWhole(_ id: BlobID) {
        var all = ChunkSet(of: id.chunkCount)
        for index in 0..<id.chunkCount { all.insert(index) }
        let whole = BlobHolding(id: id, isFinished: true, written: all, durable: all)
        guard let known = holdings[id] else { return found(whole) }
        endPromise(Self.rest(known))
        holdings[id] = whole
    }

    mutating func remove(_ id: BlobID) {
        leaves.removeAll { $0.id == id }
        guard let holding = holdings.removeValue(forKey: id) else { return }
        endPromise(Self.rest(holding))
        byteCount -= min(byteCount, Self.cost(id))
    }

    // MARK: Leaves

    mutating func leaves(of id: BlobID) -> [UInt8]? {
        guard let index = leaves.firstIndex(where: { $0.id == id }) else { return nil }
        let entry = leaves.remove(at: index)
        leaves.append(entry)
        return entry.bytes
    }

    mutating func keepLeaves(_ bytes: [UInt8], of id: BlobID) {
        guard leaves(of: id) == nil else { return }
        if leaves.count >= limits.leavesCountMax { leaves.removeFirst() }
        leaves.append((id, bytes))
    }
}

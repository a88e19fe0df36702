internal import StarlingCore
package import StarlingWorld

/// One thing that every blob store has to get right, whether real or simulated.
package struct BlobConformanceCheck: Sendable, CustomStringConvertible {
    /// What is promised, as a sentence.
    package let promise: String
    package let run: @Sendable (BlobStage) async throws -> Void

    init(_ promise: String, run: @escaping @Sendable (BlobStage) async throws -> Void) {
        self.promise = promise
        self.run = run
    }

    package var description: String { promise }
}

/// Where checks of a blob store run: a fresh folder, and files beside it.
package struct BlobStage: Sendable {
    /// Opens the store of the stage's folder: the first time empty, later with what is there.
    package var open: @Sendable (BlobLimits) throws(BlobError) -> any BlobStore
    /// Puts a file of a user's beside the folder, and returns its path.
    package var place: @Sendable (_ name: String, _ content: [UInt8]) throws -> String
    /// A path beside the folder where nothing is.
    package var freePath: @Sendable (_ name: String) -> String
    /// What a user's file holds; `nil` where there is none.
    package var content: @Sendable (_ path: String) throws -> [UInt8]?
    /// The names of the files in the store's folder.
    package var storeFiles: @Sendable () throws -> [String]
    /// What a file in the store's folder holds; `nil` where there is none.
    package var storeContent: @Sendable (_ name: String) throws -> [UInt8]?
    /// Changes a file in the store's folder, as a failing disk may.
    package var damage: @Sendable (_ name: String, _ content: [UInt8]) throws -> Void
    package var digest: BlobDigest
    /// Where the store's completions come.
    package var loop: any EventLoop

    func probe(_ limits: BlobLimits) throws(BlobError) -> BlobProbe {
        BlobProbe(store: try open(limits), loop: loop)
    }

    package init(
        open: @escaping @Sendable (BlobLimits) throws(BlobError) -> any BlobStore,
        place: @escaping @Sendable (String, [UInt8]) throws -> String,
        freePath: @escaping @Sendable (String) -> String,
        content: @escaping @Sendable (String) throws -> [UInt8]?,
        storeFiles: @escaping @Sendable () throws -> [String],
        storeContent: @escaping @Sendable (String) throws -> [UInt8]?,
        damage: @escaping @Sendable (String, [UInt8]) throws -> Void,
        digest: BlobDigest,
        loop: any EventLoop
    ) {
        self.open = open
        self.place = place
        self.freePath = freePath
        self.content = content
        self.storeFiles = storeFiles
        self.storeContent = storeContent
        self.damage = damage
        self.digest = digest
        self.loop = loop
    }
}

/// Asks a store from a check, on the store's loop.
actor BlobProbe {
    private let store: any BlobStore
    private nonisolated let loop: any EventLoop

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(store: any BlobStore, loop: any EventLoop) {
        self.store = store
        self.loop = loop
    }

    func perform<Value: Sendable>(
        _ work: @escaping @Sendable (BlobFolder) throws(BlobError) -> Value
    ) async throws(BlobError) -> Value {
        try await store.perform(isolation: self, work)
    }

    func pass<Passage: BlobPassage>(
        _ begin: @escaping @Sendable (BlobFolder) throws(BlobError) -> Passage
    ) async throws(BlobError) -> Passage.Outcome {
        try await store.pass(isolation: self, begin)
    }
}

/// Fails the check when `body` does not end with this error.
func expectError(
    _ wanted: BlobError,
    _ failure: String,
    _ body: () async throws -> Void
) async throws(ConformanceFailure) {
    do {
        try await body()
    } catch {
        try expect(error as? BlobError == wanted, "the error was \(error), not \(wanted)")
        return
    }
    throw ConformanceFailure(description: failure)
}

/// A blob of a pattern, for checks.
struct PatternBlob: Sendable {
    static let chunkByteCount = 4096

    let id: BlobID
    let leaves: [UInt8]
    let content: [UInt8]

    init(
        _ byteCount: Int,
        _ digest: BlobDigest,
        chunkByteCount: Int = PatternBlob.chunkByteCount
    ) throws {
        content = (0..<byteCount).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 9 &+ $0 >> 18) }
        var leaves: [UInt8] = []
        for start in stride(from: 0, to: byteCount, by: chunkByteCount) {
            let chunk = Array(content[start..<min(byteCount, start + chunkByteCount)])
            leaves += digest.leaves([BufferSlice(copying: chunk.span)]).joined()
        }
        self.leaves = leaves
        let root = digest.root(leaves.span)
        id = try unwrap(
            BlobID(root: root, byteCount: UInt64(byteCount), chunkByteCount: chunkByteCount),
            "the pattern is no blob"
        )
    }

    func chunk(_ index: Int) -> BufferSlice {
        let start = index * id.chunkByteCount
        let bytes = Array(content[start..<min(content.count, start + id.chunkByteCount)])
        return BufferSlice(copying: bytes.span)
    }
}

/// Seals by turning bits, with a tag that says the chunk's number: enough to see who calls what.
final class TurningCipher: BlobCipher {
    private let key: UInt8

    init(key: UInt8) { self.key = key }

    var tagByteCount: Int { 16 }

    func seal(_ block: Buffer, _ content: Range<Int>, chunk index: Int) -> Bool {
        for place in content { block[place] ^= key }
        for place in 0..<16 { block[content.upperBound + place] = key &+ UInt8(truncatingIfNeeded: index) }
        return true
    }

    func open(_ block: Buffer, _ sealed: Range<Int>, chunk index: Int) -> Bool {
        guard sealed.count > 16 else { return false }
        let end = sealed.upperBound - 16
        for place in end..<sealed.upperBound where block[place] != key &+ UInt8(truncatingIfNeeded: index) {
            return false
        }
        for place in sealed.lowerBound..<end { block[place] ^= key }
        return true
    }
}

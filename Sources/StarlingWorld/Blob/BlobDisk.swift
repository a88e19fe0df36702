package import StarlingCore

/// The files of a blob store, as the operating system or the simulator has them.
///
/// Each call blocks, and may come from any thread. Paths are opened for each call: next to a chunk that costs nothing,
/// and nothing stays open.
package protocol BlobDisk: Sendable {
    /// The plain files in a folder, by name.
    func files(in folder: String) throws(FileError) -> [String: UInt64]

    /// Creates a folder that only its owner may enter, and its parents, where missing.
    func createFolder(_ path: String) throws(FileError)

    /// The size of a file in bytes.
    func byteCount(of path: String) throws(FileError) -> UInt64

    /// Fills a part of a block from a file; returns how many bytes there were.
    func read(_ path: String, at offset: UInt64, into block: Buffer, _ range: Range<Int>) throws(FileError)
        -> Int

    /// Makes an empty file for its owner alone; the name must be free.
    func create(_ path: String) throws(FileError)

    /// Writes parts, one behind the other, at a place in a file that exists.
    ///
    /// After an error some of the bytes may be there.
    ///
    /// - Parameter keeps: whether the system may keep the bytes in its memory too, for one who reads them soon.
    func write(_ parts: [BufferSlice], to path: String, at offset: UInt64, keeps: Bool) throws(FileError)

    /// Returns when what was written to a file before is on the disk.
    func sync(_ path: String) throws(FileError)

    /// Returns when the names in a folder are on the disk.
    func syncFolder(_ path: String) throws(FileError)

    /// Gives a file another name, in place of whatever has it.
    func rename(_ path: String, to other: String) throws(FileError)

    /// Gives a file another name, which must be free.
    func renameIfFree(_ path: String, to other: String) throws(FileError)

    /// Removes a file; nothing happens when there is none.
    func remove(_ path: String) throws(FileError)

    /// Makes a file that shares its blocks with another until either changes; `false` where the file system cannot.
    func clone(_ path: String, to other: String) throws(FileError) -> Bool

    /// Bytes that files in a folder may still take.
    func freeByteCount(in folder: String) throws(FileError) -> UInt64
}

extension BlobDisk {
    /// Writes at a place in a file that exists, as ``write(_:to:at:keeps:)`` does with several parts.
    package func write(
        _ bytes: BufferSlice,
        to path: String,
        at offset: UInt64,
        keeps: Bool
    ) throws(FileError) {
        try write([bytes], to: path, at: offset, keeps: keeps)
    }
}

/// The tree over chunks, which is not the world's business: whoever builds a store hands it in.
package struct BlobDigest: Sendable {
    /// The leaves of chunks, in their order; many at once cost less than one after the other.
    package var leaves: @Sendable ([BufferSlice]) -> [[UInt8]]
    /// The root over leaves that stand one behind the other.
    package var root: @Sendable (Span<UInt8>) -> [UInt8]

    package init(
        leaves: @escaping @Sendable ([BufferSlice]) -> [[UInt8]],
        root: @escaping @Sendable (Span<UInt8>) -> [UInt8]
    ) {
        self.leaves = leaves
        self.root = root
    }
}

/// What seals and opens the chunks of one private blob.
///
/// Called on the store's threads, one call at a time.
package protocol BlobCipher: AnyObject, Sendable {
    /// Bytes that sealing adds to a chunk.
    var tagByteCount: Int { get }

    /// Seals a chunk where it stands, and writes its tag behind it; `false` when that fails.
    func seal(_ block: Buffer, _ content: Range<Int>, chunk index: Int) -> Bool

    /// Opens a chunk where it stands, its tag behind it; `false` when it was sealed with another key.
    func open(_ block: Buffer, _ sealed: Range<Int>, chunk index: Int) -> Bool
}

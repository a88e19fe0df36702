package import StarlingWorld

/// A disk on which a store keeps its files: the operating system's, or the simulator's.
///
/// SQLite reads and writes through the VFS that ``vfsName`` names; the rest of the members are for what the store
/// does to its files while SQLite does not have them open. Errors are those that the system call would give.
package protocol StoreDisk: Sendable {
    /// The name of the VFS through which SQLite sees this disk; `nil` for its own.
    var vfsName: String? { get }

    /// Opens a file; creates one that only its owner may read where there is none and `creates` says so.
    ///
    /// A file that others may read is made private.
    func open(_ path: String, creates: Bool) throws(StoreError) -> any StoreFile

    /// Takes a lock that ends with the result or the process.
    ///
    /// Errors: ``StoreError/inUse`` where anybody has it.
    func lock(_ path: String) throws(StoreError) -> any StoreFileLock

    /// Whether there is such a file.
    func has(_ path: String) -> Bool

    /// Renames a file within its folder; replaces what has that name.
    func rename(_ path: String, to newPath: String) throws(StoreError)

    /// Removes a file, if there is one.
    func remove(_ path: String) throws(StoreError)

    /// Makes the names in a file's folder survive a power cut.
    func syncFolder(of path: String) throws(StoreError)
}

/// An open file of a ``StoreDisk``.
///
/// Used by one thread at a time; closed with its last reference.
package protocol StoreFile: AnyObject {
    func byteCount() throws(StoreError) -> Int

    /// Reads as much as there is, at most what the buffer holds, and returns how much it was.
    func read(_ bytes: UnsafeMutableRawBufferPointer, at offset: Int) throws(StoreError) -> Int

    /// Writes all of the bytes; the file grows where it ends before them.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(StoreError)

    func truncate(to byteCount: Int) throws(StoreError)

    /// Returns when what was written survives a power cut.
    func sync() throws(StoreError)
}

/// A lock that is held as long as somebody has the object.
package protocol StoreFileLock: AnyObject {}

extension StoreFile {
    func write(_ bytes: [UInt8], at offset: Int) throws(StoreError) {
        try bytes.withUnsafeBufferPointer { bytes throws(StoreError) in
            try write(UnsafeRawBufferPointer(bytes), at: offset)
        }
    }

    /// Fills `bytes` from the front as far as the file goes, and returns how far that was.
    func read(_ bytes: inout [UInt8], at offset: Int) throws(StoreError) -> Int {
        try bytes.withUnsafeMutableBufferPointer { bytes throws(StoreError) -> Int in
            try read(UnsafeMutableRawBufferPointer(bytes), at: offset)
        }
    }
}

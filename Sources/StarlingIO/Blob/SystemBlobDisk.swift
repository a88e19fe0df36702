internal import CSys
internal import CUV
package import StarlingCore
package import StarlingWorld

/// The operating system's files, as a blob store uses them.
///
/// What nobody reads soon is written past the system's cache, as far as it is whole pages and the file system allows it: a
/// copy through fresh pages of the cache takes several times the processor of a transfer from memory to disk, and pushes
/// out what others read. All else goes through the cache; the system keeps the two in step.
package struct SystemBlobDisk: BlobDisk {
    package init() {}

    package func files(in folder: String) throws(FileError) -> [String: UInt64] {
        let list = FileList()
        let status = csys_list_files(
            folder,
            Unmanaged.passUnretained(list).toOpaque(),
            { context, name, byteCount in
                guard let context, let name else { return }
                let list = Unmanaged<FileList>.fromOpaque(context).takeUnretainedValue()
                list.files[String(cString: name)] = UInt64(clamping: byteCount)
            }
        )
        try SystemFiles.check(status, folder)
        return list.files
    }

    /// What a C callback fills.
    private final class FileList {
        var files: [String: UInt64] = [:]
    }

    package func createFolder(_ path: String) throws(FileError) { try SystemFiles().createFolder(path) }

    package func byteCount(of path: String) throws(FileError) -> UInt64 {
        let descriptor = try SystemFiles.check(csys_open_read(path), path)
        defer { csys_close(descriptor) }
        var byteCount: Int64 = 0
        try SystemFiles.check(csys_file_mode(descriptor, &byteCount), path)
        return UInt64(clamping: byteCount)
    }

    package func read(
        _ path: String,
        at offset: UInt64,
        into block: Buffer,
        _ range: Range<Int>
    ) throws(FileError) -> Int {
        let descriptor = try SystemFiles.check(csys_open_read(path), path)
        defer { csys_close(descriptor) }
        let memory = block.memory(range)
        var count = 0
        while count < memory.count {
            let place = offset + UInt64(count)
            let start = memory.baseAddress.map { $0 + count }
            let read = try SystemFiles.check(
                csys_read_at(descriptor, start, memory.count - count, place),
                path
            )
            if read == 0 { break }
            count += read
        }
        return count
    }

    package func create(_ path: String) throws(FileError) {
        csys_close(try SystemFiles.check(csys_open_create(path), path))
    }

    package func write(
        _ parts: [BufferSlice],
        to path: String,
        at offset: UInt64,
        keeps: Bool
    ) throws(FileError) {
        var (rest, place) = (parts[...], offset)
        if !keeps { try writePages(&rest, to: path, at: &place) }
        Self.drop(0, from: &rest)
        if rest.isEmpty { return }
        let descriptor = try SystemFiles.check(csys_open_write(path), path)
        defer { csys_close(descriptor) }
        while !rest.isEmpty {
            let count = try SystemFiles.check(Self.put(rest, descriptor, at: place), path)
            Self.drop(count, from: &rest)
            place += UInt64(count)
        }
    }

    /// Writes the parts that are whole pages, up to the first that is not, past the system's cache, and drops them; none
    /// where the file system does not want them like this.
    private func writePages(
        _ rest: inout ArraySlice<BufferSlice>,
        to path: String,
        at place: inout UInt64
    ) throws(FileError) {
        let pages: ArraySlice = rest.prefix(while: Self.isPages)
        guard place % UInt64(Buffer.pageByteCount) == 0, !pages.isEmpty else { return }
        let descriptor = csys_open_write_direct(path)
        if Self.isRefusal(Int64(descriptor)) { return }
        try SystemFiles.check(descriptor, path)
        defer { csys_close(descriptor) }
        let code = Self.put(pages, descriptor, at: place)
        if Self.isRefusal(code) { return }
        let count = try SystemFiles.check(code, path)
        Self.drop(count, from: &rest)
        place += UInt64(count)
    }

    private static func isPages(_ part: BufferSlice) -> Bool {
        let start = UInt(bitPattern: part.buffer.memory(part.range).baseAddress)
        return !part.isEmpty && (UInt(part.count) | start) % UInt(Buffer.pageByteCount) == 0
    }

    private static func put(_ parts: ArraySlice<BufferSlice>, _ descriptor: Int32, at place: UInt64) -> Int64
    {
        let vectors = parts.map { part in
            let memory = part.buffer.memory(part.range)
            return iovec(iov_base: memory.baseAddress, iov_len: memory.count)
        }
        return withExtendedLifetime(parts) { csys_write_at(descriptor, vectors, vectors.count, place) }
    }

    /// Takes bytes off the front that were written.
    private static func drop(_ byteCount: Int, from rest: inout ArraySlice<BufferSlice>) {
        var left = byteCount
        while let first = rest.first, first.count <= left {
            left -= first.count
            rest.removeFirst()
        }
        if left > 0 { _ = rest[rest.startIndex].removePrefix(left) }
    }

    /// Whether an answer says that a file system does not take pages like this.
    private static func isRefusal(_ code: Int64) -> Bool {
        code == Int64(UV_EINVAL.rawValue) || code == Int64(UV_ENOTSUP.rawValue)
    }

    package func sync(_ path: String) throws(FileError) {
        let descriptor = try SystemFiles.check(csys_open_write(path), path)
        defer { csys_close(descriptor) }
        try SystemFiles.check(csys_sync(descriptor), path)
    }

    package func syncFolder(_ path: String) throws(FileError) { try SystemFiles.syncFolder(path) }

    package func rename(_ path: String, to other: String) throws(FileError) {
        try SystemFiles.check(csys_rename(path, other), path)
    }

    package func renameIfFree(_ path: String, to other: String) throws(FileError) {
        // A link, unlike a rename, does not replace a file that another process created meanwhile.
        try SystemFiles.check(csys_link(path, other), other)
        try SystemFiles.check(csys_unlink(path), path)
    }

    package func remove(_ path: String) throws(FileError) {
        let status = csys_unlink(path)
        if status != UV_ENOENT.rawValue { try SystemFiles.check(status, path) }
    }

    package func clone(_ path: String, to other: String) throws(FileError) -> Bool {
        let source = try SystemFiles.check(csys_open_read(path), path)
        defer { csys_close(source) }
        let target = try SystemFiles.check(csys_open_create(other), other)
        let status = csys_clone(source, target)
        csys_close(target)
        if status == 0 { return true }
        // Another file system, or one that cannot: the caller copies.
        try remove(other)
        return false
    }

    package func freeByteCount(in folder: String) throws(FileError) -> UInt64 {
        UInt64(try SystemFiles.check(csys_free_space(folder), folder))
    }
}

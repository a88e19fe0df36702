package import StarlingWorld

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// The operating system's disk, with SQLite's own VFS.
package struct SystemDisk: StoreDisk {
    package init() {}

    package var vfsName: String? { nil }

    package func open(_ path: String, creates: Bool) throws(StoreError) -> any StoreFile {
        let descriptor = try Self.open(path, O_RDWR | O_CLOEXEC | (creates ? O_CREAT : 0))
        let file = SystemFile(descriptor: descriptor, path: path)
        try file.makePrivate()
        return file
    }

    package func lock(_ path: String) throws(StoreError) -> any StoreFileLock {
        let lock = SystemFileLock(
            descriptor: try Self.open(path, O_RDWR | O_CLOEXEC | O_CREAT)
        )
        guard flock(lock.descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw errno == EWOULDBLOCK ? .inUse : StoreError(errno: errno, path: path)
        }
        return lock
    }

    package func has(_ path: String) -> Bool { access(path, F_OK) == 0 }

    package func rename(_ path: String, to newPath: String) throws(StoreError) {
        #if canImport(Glibc)
            let status = Glibc.rename(path, newPath)
        #elseif canImport(Musl)
            let status = Musl.rename(path, newPath)
        #else
            let status = Darwin.rename(path, newPath)
        #endif
        guard status == 0 else { throw StoreError(errno: errno, path: path) }
    }

    package func remove(_ path: String) throws(StoreError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw StoreError(errno: errno, path: path) }
    }

    package func syncFolder(of path: String) throws(StoreError) {
        let folder = Self.folder(of: path)
        let descriptor = try Self.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { _ = close(descriptor) }
        // Some file systems cannot sync a folder, and say so.
        guard fsync(descriptor) == 0 || errno == EINVAL else { throw StoreError(errno: errno, path: folder) }
    }

    private static func open(_ path: String, _ flags: Int32) throws(StoreError) -> Int32 {
        while true {
            #if canImport(Glibc)
                let descriptor = Glibc.open(path, flags, 0o600)
            #elseif canImport(Musl)
                let descriptor = Musl.open(path, flags, 0o600)
            #else
                let descriptor = Darwin.open(path, flags, 0o600)
            #endif
            if descriptor >= 0 { return descriptor }
            if errno != EINTR { throw StoreError(errno: errno, path: path) }
        }
    }

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}

private final class SystemFileLock: StoreFileLock {
    let descriptor: Int32

    init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { _ = close(descriptor) }
}

private final class SystemFile: StoreFile {
    private let descriptor: Int32
    private let path: String

    init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit { _ = close(descriptor) }

    func makePrivate() throws(StoreError) {
        let status = try status()
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notFound(path: path) }
        if status.st_mode & 0o077 != 0 { try check(fchmod(descriptor, 0o600)) }
    }

    func byteCount() throws(StoreError) -> Int { Int(try status().st_size) }

    func read(_ bytes: UnsafeMutableRawBufferPointer, at offset: Int) throws(StoreError) -> Int {
        var end = 0
        while end < bytes.count, let start = bytes.baseAddress {
            let count = pread(descriptor, start + end, bytes.count - end, off_t(offset + end))
            if count == 0 { break }
            if count > 0 { end += count } else if errno != EINTR { throw failure }
        }
        return end
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(StoreError) {
        var end = 0
        while end < bytes.count, let start = bytes.baseAddress {
            let count = pwrite(descriptor, start + end, bytes.count - end, off_t(offset + end))
            if count >= 0 { end += count } else if errno != EINTR { throw failure }
        }
    }

    func truncate(to byteCount: Int) throws(StoreError) { try check(ftruncate(descriptor, off_t(byteCount))) }

    func sync() throws(StoreError) {
        #if canImport(Darwin)
            // There fsync leaves the bytes in the disk's own cache.
            if fcntl(descriptor, F_FULLFSYNC) == 0 { return }
        #endif
        try check(fsync(descriptor))
    }

    private func status() throws(StoreError) -> stat {
        var status = stat()
        try check(fstat(descriptor, &status))
        return status
    }

    private var failure: StoreError { StoreError(errno: errno, path: path) }

    private func check(_ status: Int32) throws(StoreError) {
        guard status == 0 else { throw failure }
    }
}

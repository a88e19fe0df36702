internal import CSys
internal import CUV
package import StarlingWorld

/// The file system, for small files that their owner alone may read.
package struct SystemFiles: FileStore {
    private let random = SystemRandom()

    package init() {}

    package func read(_ path: String, byteCountMax: Int, isSecret: Bool) throws(FileError) -> [UInt8] {
        let descriptor = try Self.check(csys_open_read(path), path)
        defer { csys_close(descriptor) }
        var byteCount: Int64 = 0
        let mode = try Self.check(csys_file_mode(descriptor, &byteCount), path)
        if isSecret && mode & 0o077 != 0 { throw .readableByOthers(path: path) }
        guard byteCount <= byteCountMax else { throw .tooLarge(path: path) }

        // The byte of room beyond what the file had shows when it grew meanwhile.
        var content = [UInt8](repeating: 0, count: Int(byteCount) + 1)
        var end = 0
        while end <= byteCountMax {
            if end == content.count { content.append(contentsOf: repeatElement(0, count: end)) }
            let count = content.withUnsafeMutableBytes { bytes in
                csys_read(descriptor, bytes.baseAddress.map { $0 + end }, bytes.count - end)
            }
            if count == 0 { break }
            end += try Self.check(count, path)
        }
        guard end <= byteCountMax else { throw .tooLarge(path: path) }
        return Array(content.prefix(end))
    }

    package func create(_ path: String, content: [UInt8]) throws(FileError) {
        let suffix = random.bytes(count: 8).map { String($0, radix: 16) }.joined()
        let temporary = "\(path).\(suffix).tmp"
        let descriptor = try Self.check(csys_open_create(temporary), path)
        defer { csys_unlink(temporary) }
        do {
            defer { csys_close(descriptor) }
            try Self.write(content, to: descriptor, path)
            try Self.check(csys_sync(descriptor), path)
        }
        // A link, unlike a rename, does not replace a file that another process created meanwhile.
        try Self.check(csys_link(temporary, path), path)
        try Self.syncFolder(of: path)
    }

    package func createFolder(_ path: String) throws(FileError) {
        switch csys_make_folder(path) {
        case 0: try Self.syncFolder(of: path)
        case UV_EEXIST.rawValue:
            csys_close(try Self.check(csys_open_folder(path), path))
        case UV_ENOENT.rawValue:
            guard let parent = Self.parent(of: path) else { throw .notFound(path: path) }
            try createFolder(parent)
            try Self.check(csys_make_folder(path), path)
            try Self.syncFolder(of: path)
        case let status: throw Self.error(status, path)
        }
    }

    private static func write(_ content: [UInt8], to descriptor: Int32, _ path: String) throws(FileError) {
        var start = 0
        while start < content.count {
            let count = content.withUnsafeBytes { bytes in
                csys_write(descriptor, bytes.baseAddress.map { $0 + start }, bytes.count - start)
            }
            start += try check(count, path)
        }
    }

    /// Makes a name in a folder survive a power cut.
    private static func syncFolder(of path: String) throws(FileError) {
        try syncFolder(parent(of: path) ?? (path.hasPrefix("/") ? "/" : "."))
    }

    /// Makes the names in a folder survive a power cut.
    static func syncFolder(_ folder: String) throws(FileError) {
        let descriptor = try check(csys_open_folder(folder), folder)
        defer { csys_close(descriptor) }
        let status = csys_sync(descriptor)
        // Some file systems cannot sync a folder, and say so.
        if status != UV_EINVAL.rawValue { try check(status, folder) }
    }

    /// The path up to its last component; `nil` where there is only one.
    private static func parent(of path: String) -> String? {
        var bytes = Array(path.utf8)
        while bytes.count > 1, bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")), slash > 0 else { return nil }
        return String(decoding: bytes[..<slash], as: UTF8.self)
    }

    @discardableResult
    static func check<Number: FixedWidthInteger>(
        _ result: Number,
        _ path: String
    ) throws(FileError) -> Int where Number: SignedInteger {
        guard result >= 0 else { throw error(Int32(truncatingIfNeeded: result), path) }
        return Int(result)
    }

    @discardableResult
    static func check(_ result: Int32, _ path: String) throws(FileError) -> Int32 {
        guard result >= 0 else { throw error(result, path) }
        return result
    }

    private static func error(_ code: Int32, _ path: String) -> FileError {
        switch uv_errno_t(code) {
        case UV_ENOENT, UV_ENOTDIR: .notFound(path: path)
        case UV_EEXIST: .alreadyExists(path: path)
        case UV_EACCES, UV_EPERM: .notPermitted(path: path)
        case UV_EROFS: .readOnly(path: path)
        case UV_EISDIR: .isFolder(path: path)
        case UV_ENOSPC: .noSpace(path: path)
        default: .other(path: path, name: systemErrorName(code))
        }
    }
}

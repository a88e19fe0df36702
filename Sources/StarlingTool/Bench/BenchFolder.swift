internal import StarlingCommandLine

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// A folder of its own on the disk that is measured; it goes with the last reference.
final class BenchFolder: Sendable {
    let path: String

    init() throws(Diagnostic) {
        let parent = Environment["TMPDIR"].flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
        var path = Array("\(parent)/starling-bench-XXXXXX".utf8CString)
        guard let made = path.withUnsafeMutableBufferPointer({ $0.baseAddress.flatMap { mkdtemp($0) } })
        else {
            throw Diagnostic(
                code: "not_permitted",
                message: "no folder can be made in \(parent).",
                nextStep: "Set TMPDIR to a folder on the disk that is to be measured."
            )
        }
        self.path = String(cString: made)
    }

    deinit { remove() }

    /// Removes the folder, which nobody uses any more.
    func remove() {
        removeFiles()
        _ = rmdir(path)
    }

    /// Removes the files in it.
    func removeFiles() {
        guard let folder = opendir(path) else { return }
        defer { _ = closedir(folder) }
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            _ = unlink("\(path)/\(name)")
        }
    }
}

package import StarlingWorld
internal import Synchronization

/// A disk in memory, with modes.
package final class MemoryFiles: FileStore {
    private struct File {
        var content: [UInt8]
        var mode: UInt16
    }

    private struct State {
        var files: [String: File] = [:]
        var folders: Set<String> = ["/"]
        var isFull = false
    }

    private let state = Mutex(State())

    package init() {}

    // MARK: FileStore

    package func read(_ path: String, byteCountMax: Int, isSecret: Bool) throws(FileError) -> [UInt8] {
        guard let file = state.withLock({ $0.files[path] }) else { throw .notFound(path: path) }
        if file.mode & 0o400 == 0 { throw .notPermitted(path: path) }
        if isSecret, file.mode & 0o077 != 0 { throw .readableByOthers(path: path) }
        if file.content.count > byteCountMax { throw .tooLarge(path: path) }
        return file.content
    }

    package func create(_ path: String, content: [UInt8]) throws(FileError) {
        let failure: FileError? = state.withLock { state in
            if state.files[path] != nil || state.folders.contains(path) { return .alreadyExists(path: path) }
            guard state.folders.contains(Self.parent(of: path)) else { return .notFound(path: path) }
            if state.isFull { return .noSpace(path: path) }
            state.files[path] = File(content: content, mode: 0o600)
            return nil
        }
        if let failure { throw failure }
    }

    package func createFolder(_ path: String) throws(FileError) {
        let failure: FileError? = state.withLock { state in
            var folder = path
            while !state.folders.contains(folder), !folder.isEmpty {
                if state.files[folder] != nil { return .alreadyExists(path: folder) }
                state.folders.insert(folder)
                folder = Self.parent(of: folder)
            }
            return nil
        }
        if let failure { throw failure }
    }

    // MARK: For tests

    /// Puts a file there, as somebody else may have done.
    package func place(_ path: String, content: [UInt8], mode: UInt16 = 0o600) {
        state.withLock { $0.files[path] = File(content: content, mode: mode) }
    }

    /// Removes a file, if it is there.
    package func remove(_ path: String) { state.withLock { $0.files[path] = nil } }

    /// The mode bits of a file, or `nil` where there is none.
    package func mode(of path: String) -> UInt16? { state.withLock { $0.files[path]?.mode } }

    /// The paths of all files, sorted.
    package var paths: [String] { state.withLock { $0.files.keys.sorted() } }

    /// Whether creating a file fails for want of space.
    package var isFull: Bool {
        get { state.withLock { $0.isFull } }
        set { state.withLock { $0.isFull = newValue } }
    }

    /// The folder that a path stands in; a bare name stands in the root.
    private static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "/" }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}

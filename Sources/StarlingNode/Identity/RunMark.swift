internal import StarlingCore
package import StarlingWorld

/// The mark in a home folder that a node has told routes there: a store beside it that has none has lost what it held.
///
/// It is not in the store, so that it is there still when that is deleted.
package struct RunMark: Sendable {
    private let path: String
    private let files: any FileStore

    package init(home: String, files: any FileStore) {
        path = home + "/told-routes"
        self.files = files
    }

    /// Whether a node has told routes there.
    package func isSet() throws(FileError) -> Bool {
        do throws(FileError) {
            _ = try files.read(path, byteCountMax: 1, isSecret: false)
            return true
        } catch {
            if case .notFound = error { return false }
            throw error
        }
    }

    /// A node tells routes from here on: one that did not come so far has told nobody anything.
    package func set() throws(FileError) {
        do throws(FileError) { try files.create(path, content: []) } catch {
            if case .alreadyExists = error { return }
            throw error
        }
    }
}

internal import CSys
internal import CUV
package import StarlingWorld

/// A folder that its owner alone may enter, where the system keeps temporary files; it goes with the last reference.
package final class TemporaryFolder: Sendable {
    /// The path from the root.
    package let path: String
    private let staysBehind: Bool

    /// Makes a folder in that of the environment's `TMPDIR`, or in `/tmp`.
    ///
    /// - Parameters:
    ///   - name: What its own name begins with.
    ///   - staysBehind: Whether it is for the user to remove.
    /// - Throws: ``FileError/notFound(path:)`` where `TMPDIR` names no folder, and what else keeps one from being made.
    package init(named name: String, staysBehind: Bool = false) throws(FileError) {
        let suffix = SystemRandom().bytes(count: 8).map { String($0, radix: 16) }.joined()
        path = "\(try Self.parent())/\(name)-\(suffix)"
        self.staysBehind = staysBehind
        try SystemFiles.check(csys_make_folder(path), path)
    }

    deinit { if !staysBehind { remove() } }

    private static func parent() throws(FileError) -> String {
        let parent = text(uv_os_tmpdir) ?? "/tmp"
        if parent.hasPrefix("/") { return parent }
        guard let working = text(uv_cwd) else { throw .notFound(path: parent) }
        return "\(working)/\(parent)"
    }

    /// What the system writes into a buffer; `nil` where it has nothing to say, or more than fits.
    private static func text(
        _ read: (UnsafeMutablePointer<CChar>?, UnsafeMutablePointer<Int>?) -> Int32
    ) -> String? {
        var buffer = [CChar](repeating: 0, count: 4096)
        var byteCount = buffer.count
        guard read(&buffer, &byteCount) == 0, byteCount > 0 else { return nil }
        return String(decoding: buffer.prefix(byteCount).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Removes the folder and all that is in it, as far as the system lets it.
    ///
    /// Whoever still works in it finds it gone first, and so cannot add to it meanwhile.
    package func remove() {
        let leaving = path + ".leaving"
        guard csys_rename(path, leaving) == 0 else { return }
        csys_empty_folder(leaving)
        csys_remove_folder(leaving)
    }

    /// Removes all that is in it.
    package func empty() { csys_empty_folder(path) }
}

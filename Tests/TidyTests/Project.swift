import Foundation

/// The files of this project as they lie on disk.
struct Project {
    let root: URL
    /// Every file but those of hidden folders, by path from the root, in order.
    let paths: [String]

    init() throws {
        root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        var paths: [String] = []
        var folders = [""]
        while let folder = folders.popLast() {
            for entry in try FileManager.default.contentsOfDirectory(atPath: root.path + "/" + folder) {
                if entry.hasPrefix("."), entry != ".ci" { continue }
                if entry == "__pycache__" || entry == "fuzz-artifacts" { continue }
                let path = folder.isEmpty ? entry : folder + "/" + entry
                var isFolder: ObjCBool = false
                let isThere = FileManager.default.fileExists(
                    atPath: root.path + "/" + path,
                    isDirectory: &isFolder
                )
                if isThere, isFolder.boolValue { folders.append(path) } else { paths.append(path) }
            }
        }
        self.paths = paths.sorted()
    }

    /// The text of a file, or `nil` when it is not text.
    func text(_ path: String) throws -> String? {
        String(data: try Data(contentsOf: root.appending(path: path)), encoding: .utf8)
    }

    /// Every text file.
    func files() throws -> [SourceText] {
        try paths.compactMap { path in try text(path).map { SourceText(path: path, text: $0) } }
    }

    /// Whether a file or folder of this name exists.
    func has(_ path: String) -> Bool {
        path.isEmpty || paths.contains { $0 == path || $0.hasPrefix(path + "/") }
    }

    /// Whether the end of a file's path, or a folder below `Sources` that ends in `/`, goes by this name.
    func names(_ name: Substring) -> Bool {
        paths.contains { path in
            name.hasSuffix("/") ? path.hasPrefix("Sources/" + name) : ("/" + path).hasSuffix("/" + name)
        }
    }
}

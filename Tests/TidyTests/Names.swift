/// Names that say nothing about a thing's role.
enum Names {
    static let suffixes = [
        "Manager", "Service", "Handler", "Helper", "Helpers", "Util", "Utils", "Impl", "Base", "V2",
    ]
    static let prefixes = ["Default", "New", "Base", "Basic"]
    static let folders: Set<Substring> = [
        "Utils", "Util", "Helpers", "Extensions", "Common", "Misc", "New", "Deprecated",
    ]

    private static let declarations: Set<Substring> = [
        "struct", "class", "enum", "actor", "protocol", "typealias",
    ]

    static func violations(_ file: SourceText) -> [Violation] {
        guard file.module != nil, file.isSwift else { return [] }
        var found: [Violation] = []
        if let folder = file.path.split(separator: "/").dropLast().first(where: folders.contains) {
            found.append(
                Violation(
                    rule: .folderName,
                    path: file.path,
                    line: 1,
                    message: "\(folder)/ says nothing: put the file with its domain"
                )
            )
        }
        for (index, line) in file.code.enumerated() {
            guard let name = declaredType(line), isEmptyOfMeaning(name) else { continue }
            found.append(
                Violation(
                    rule: .typeName,
                    path: file.path,
                    line: index + 1,
                    message: "name \(name) by its role in the domain"
                )
            )
        }
        return found
    }

    private static func declaredType(_ code: String) -> Substring? {
        let words = code.split(separator: " ")
        guard let keyword = words.firstIndex(where: declarations.contains), keyword + 1 < words.count else {
            return nil
        }
        return words[keyword + 1].prefix { $0.isLetter || $0.isNumber || $0 == "_" }
    }

    private static func isEmptyOfMeaning(_ name: Substring) -> Bool {
        if suffixes.contains(where: name.hasSuffix) { return true }
        return prefixes.contains { prefix in
            guard name.hasPrefix(prefix) else { return false }
            return name.dropFirst(prefix.count).first?.isUppercase ?? true
        }
    }
}

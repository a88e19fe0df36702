import Foundation

/// The links of a Markdown document to files and headings of the project.
enum DocumentLinks {
    struct Heading: Equatable {
        let index: Int
        let level: Int
        let levelBefore: Int
        let line: Int
        let anchor: String
    }

    /// The headings outside code fences, in order.
    static func headings(_ lines: [String]) -> [Heading] {
        var found: [Heading] = []
        for (index, line) in outsideFences(lines) {
            let level = line.prefix { $0 == "#" }.count
            guard (1...6).contains(level), line.dropFirst(level).first == " " else { continue }
            found.append(
                Heading(
                    index: found.count,
                    level: level,
                    levelBefore: found.last?.level ?? 0,
                    line: index + 1,
                    anchor: anchor(line.dropFirst(level + 1))
                )
            )
        }
        return found
    }

    /// Checks each relative link: `documents` has the text of every Markdown file, `exists` knows all paths.
    static func violations(
        _ file: SourceText,
        documents: [String: SourceText],
        exists: (String) -> Bool
    ) -> [Violation] {
        guard file.isMarkdown else { return [] }
        var found: [Violation] = []
        for (index, line) in outsideFences(file.lines) {
            for target in targets(line) where !target.contains("://") && !target.hasPrefix("mailto:") {
                let parts = target.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
                let path = parts[0].isEmpty ? file.path : resolve(String(parts[0]), from: file.path)
                guard exists(path) else {
                    found.append(
                        Violation(rule: .link, path: file.path, line: index + 1, message: "no file \(path)")
                    )
                    continue
                }
                guard parts.count == 2, let document = documents[path] else { continue }
                if !headings(document.lines).contains(where: { $0.anchor == parts[1] }) {
                    found.append(
                        Violation(
                            rule: .link,
                            path: file.path,
                            line: index + 1,
                            message: "no heading #\(parts[1]) in \(path)"
                        )
                    )
                }
            }
        }
        return found
    }

    /// What a document names in code style and `exists` does not know: `Name.swift`, and folders such as `Module/Folder/`.
    static func unknownFileNames(_ file: SourceText, exists: (Substring) -> Bool) -> [Violation] {
        var found: [Violation] = []
        for (index, line) in outsideFences(file.lines) {
            let parts = line.split(separator: "`", omittingEmptySubsequences: false)
            for (position, part) in parts.enumerated() where position % 2 == 1 && !part.contains(" ") {
                guard part.hasSuffix(".swift") || (part.hasPrefix("Starling") && part.hasSuffix("/")) else {
                    continue
                }
                if exists(part) { continue }
                found.append(
                    Violation(
                        rule: .fileName,
                        path: file.path,
                        line: index + 1,
                        message: "there is no \(part)"
                    )
                )
            }
        }
        return found
    }

    /// The Swift examples of a document that stand in none of the `tests`, each by its first line.
    ///
    /// An example that a test holds is an example that compiles.
    static func untestedExamples(_ file: SourceText, tests: [SourceText]) -> [Violation] {
        func text(_ lines: some Sequence<String>) -> String {
            lines.map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }.joined(
                separator: "\n"
            )
        }
        let tested = tests.map { text($0.lines) }
        return swiftExamples(file.lines).compactMap { start, lines in
            let example = text(lines)
            if tested.contains(where: { $0.contains(example) }) { return nil }
            return Violation(
                rule: .example,
                path: file.path,
                line: start,
                message: "no test holds this example"
            )
        }
    }

    private static func swiftExamples(_ lines: [String]) -> [(start: Int, lines: [String])] {
        var found: [(start: Int, lines: [String])] = []
        var isInside = false
        for (index, line) in lines.enumerated() {
            if line.hasPrefix("```") {
                isInside = line == "```swift"
                if isInside { found.append((index + 1, [])) }
            } else if isInside {
                found[found.count - 1].lines.append(line)
            }
        }
        return found
    }

    /// The targets of the `[text](target)` links in a line.
    static func targets(_ line: String) -> [String] {
        line.ranges(of: "](").compactMap { range in
            let rest = line[range.upperBound...]
            return rest.firstIndex(of: ")").map { String(rest[..<$0]) }
        }
    }

    private static func outsideFences(_ lines: [String]) -> [(Int, String)] {
        var isFenced = false
        return lines.enumerated().compactMap { index, line in
            if line.drop(while: { $0 == " " }).hasPrefix("```") {
                isFenced.toggle()
                return nil
            }
            return isFenced ? nil : (index, line)
        }
    }

    private static func anchor(_ title: Substring) -> String {
        String(
            title.lowercased().compactMap {
                $0 == " " ? "-" : $0.isLetter || $0.isNumber || "-_".contains($0) ? $0 : nil
            }
        )
    }

    private static func resolve(_ target: String, from path: String) -> String {
        var parts = target.hasPrefix("/") ? [] : path.split(separator: "/").dropLast().map(String.init)
        for part in target.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(String(part)) }
        }
        return parts.joined(separator: "/")
    }
}

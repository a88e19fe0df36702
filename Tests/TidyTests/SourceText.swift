import Foundation

/// A file of the project, split into lines, with what is code told apart from comments and literals.
struct SourceText {
    /// The path from the project's root, with `/` between its parts.
    let path: String
    /// The lines as written.
    let lines: [String]
    /// The same lines with comments and the text of string literals blanked out.
    ///
    /// Code inside an interpolation stays. Only meaningful for Swift files.
    let code: [String]

    init(path: String, text: String) {
        self.path = path
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last?.isEmpty == true { lines.removeLast() }
        self.lines = lines
        code = Self.blanked(lines)
    }

    /// The module whose source this is, or `nil` outside `Sources`.
    var module: String? {
        let parts = path.split(separator: "/")
        return parts.count > 2 && parts[0] == "Sources" ? String(parts[1]) : nil
    }

    var isSwift: Bool { path.hasSuffix(".swift") }
    var isMarkdown: Bool { path.hasSuffix(".md") }
    var isTest: Bool { path.hasPrefix("Tests/") }

    /// The reason of the waiver on a line: `nil` without a waiver, empty when none is given.
    func waiver(at index: Int) -> String? {
        guard let marker = lines[index].range(of: "tidy-ok") else { return nil }
        let rest = lines[index][marker.upperBound...]
        guard rest.first == ":" else { return "" }
        return rest.dropFirst().trimmingCharacters(in: .whitespaces)
    }

    private enum Context {
        case code(isInterpolation: Bool, depth: Int)
        case string(quote: String, pounds: Int)
        case comment(depth: Int)
    }

    private static func blanked(_ lines: [String]) -> [String] {
        var contexts = [Context.code(isInterpolation: false, depth: 0)]
        return lines.map { line in
            if contexts.count == 1, !line.contains("\""), !line.contains("/") { return line }
            let characters = Array(line)
            var out = ""
            var at = 0
            while at < characters.count {
                let taken = step(characters, at, &contexts, &out)
                at += taken
            }
            if case .string(quote: "\"", _)? = contexts.last { contexts.removeLast() }
            return out
        }
    }

    /// Consumes some characters from `at`, writes as many to `out`, and says how many.
    private static func step(
        _ text: [Character],
        _ at: Int,
        _ contexts: inout [Context],
        _ out: inout String
    ) -> Int {
        func follows(_ part: String, at index: Int) -> Bool {
            text[index...].starts(with: part)
        }
        func blank(_ count: Int) -> Int {
            out += String(repeating: " ", count: count)
            return count
        }
        switch contexts[contexts.count - 1] {
        case .comment(let depth):
            if follows("*/", at: at) {
                contexts.removeLast()
                if depth > 1 { contexts.append(.comment(depth: depth - 1)) }
                return blank(2)
            }
            if follows("/*", at: at) {
                contexts[contexts.count - 1] = .comment(depth: depth + 1)
                return blank(2)
            }
            return blank(1)

        case .string(let quote, let pounds):
            let fence = String(repeating: "#", count: pounds)
            if follows(quote + fence, at: at) {
                contexts.removeLast()
                out += quote + fence
                return quote.count + pounds
            }
            if follows("\\" + fence + "(", at: at) {
                contexts.append(.code(isInterpolation: true, depth: 0))
                return blank(pounds + 2)
            }
            if follows("\\" + fence, at: at) { return blank(min(pounds + 2, text.count - at)) }
            return blank(1)

        case .code(let isInterpolation, let depth):
            if follows("//", at: at) { return blank(text.count - at) }
            if follows("/*", at: at) {
                contexts.append(.comment(depth: 1))
                return blank(2)
            }
            let pounds = text[at...].prefix { $0 == "#" }.count
            if at + pounds < text.count, text[at + pounds] == "\"" {
                let quote = follows("\"\"\"", at: at + pounds) ? "\"\"\"" : "\""
                contexts.append(.string(quote: quote, pounds: pounds))
                out += String(text[at..<at + pounds]) + quote
                return pounds + quote.count
            }
            out.append(text[at])
            guard isInterpolation else { return 1 }
            if text[at] == "(" {
                contexts[contexts.count - 1] = .code(isInterpolation: true, depth: depth + 1)
            } else if text[at] == ")" {
                if depth == 0 {
                    contexts.removeLast()
                } else {
                    contexts[contexts.count - 1] = .code(isInterpolation: true, depth: depth - 1)
                }
            }
            return 1
        }
    }
}

/// Length, host paths and headings: rules for every text file of the project.
enum FileShape {
    /// How many lines a file may have, or `nil` for no limit.
    static func lineCountMax(_ path: String) -> Int? {
        if path == "README.md" { return 200 }
        if path.hasPrefix("docs/decisions/") { return 100 }
        if path.hasSuffix(".md") { return 600 }
        let isScript = path == "dev" || [".py", ".sh"].contains(where: path.hasSuffix)
        let isCode = [".swift", ".c", ".h"].contains(where: path.hasSuffix)
        return isScript || isCode ? 600 : nil
    }

    /// Paths and hosts of one machine.
    ///
    /// They mean nothing to who reads the project elsewhere.
    static let hostTexts = [
        "/work" + "/", "/root" + "/", "/Users" + "/", "/home" + "/", "/opt" + "/", "/tmp/bash" + "_jobs",
        "pypi" + ".org", "deb.debian" + ".org", "pythonhosted" + ".org",
    ]

    static func violations(_ file: SourceText) -> [Violation] {
        var found: [Violation] = []
        func add(_ rule: Violation.Rule, _ line: Int, _ message: String) {
            found.append(Violation(rule: rule, path: file.path, line: line, message: message))
        }
        if let limit = lineCountMax(file.path), file.lines.count > limit {
            add(.fileLength, file.lines.count, "\(file.lines.count) lines, at most \(limit): split this file")
        }
        for (index, line) in file.lines.enumerated() {
            for text in hostTexts where line.contains(text) {
                add(.hostPath, index + 1, "\(text) belongs to one machine")
            }
            if file.waiver(at: index)?.isEmpty == true, file.isSwift, !file.path.hasPrefix("Tests/TidyTests/")
            {
                add(.emptyWaiver, index + 1, "a waiver needs its reason: // tidy-ok: reason")
            }
        }
        if file.isMarkdown {
            for heading in DocumentLinks.headings(file.lines) {
                if heading.index == 0 {
                    if heading.level != 1 {
                        add(.heading, heading.line, "a document starts with one # title")
                    }
                } else if heading.level == 1 {
                    add(.heading, heading.line, "a document has one # title")
                } else if heading.level > heading.levelBefore + 1 {
                    add(.heading, heading.line, "a heading skips a level")
                }
            }
            if file.lines.first?.hasPrefix("# ") != true {
                add(.heading, 1, "a document starts with its title")
            }
        }
        return found
    }
}

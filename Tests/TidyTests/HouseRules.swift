/// Every rule for one file, with the waivers of its lines applied.
enum HouseRules {
    /// The rules that a line may waive with its reason.
    static let waivable: Set<Violation.Rule> = [.bannedText, .trap, .typeName, .hostPath]

    static func violations(path: String, text: String) -> [Violation] {
        violations(SourceText(path: path, text: text))
    }

    static func violations(_ file: SourceText) -> [Violation] {
        let found =
            ImportTable.violations(file) + BannedText.violations(file) + Names.violations(file)
            + FileShape.violations(file)
        return found.filter { violation in
            guard waivable.contains(violation.rule), violation.line <= file.lines.count else { return true }
            return file.waiver(at: violation.line - 1)?.isEmpty ?? true
        }
    }
}

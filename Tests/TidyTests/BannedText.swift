/// Text that breaks determinism, hides a dependency or traps, and what to write instead.
enum BannedText {
    struct Ban {
        let text: String
        let instead: String
        var rule = Violation.Rule.bannedText
        /// Modules where the text is at home.
        var exempt: Set<String> = []
    }

    static let inSources: [Ban] = [
        Ban(text: "static let shared", instead: "pass the value in"),
        Ban(text: "Date()", instead: "the world's wall clock"),
        Ban(text: "ContinuousClock", instead: "the event loop's clock"),
        Ban(text: "SuspendingClock", instead: "the event loop's clock"),
        Ban(text: "Task.sleep", instead: "the event loop's timers"),
        Ban(text: "Task.detached", instead: "a child task"),
        Ban(text: " Task {", instead: "EventLoop.startTask, which sets the executor preference"),
        Ban(text: "Task(", instead: "EventLoop.startTask, which sets the executor preference"),
        Ban(text: "SystemRandomNumberGenerator", instead: "the world's randomness"),
        Ban(text: ".randomElement()", instead: "a draw from the world's randomness"),
        Ban(text: ".shuffled()", instead: "shuffled(using:)"),
        Ban(text: ".shuffle()", instead: "shuffle(using:)"),
        Ban(text: "Bool.random()", instead: "random(using:)"),
        Ban(text: ".hashValue", instead: "a stable digest: hash order changes with every run"),
        Ban(text: "@unchecked Sendable", instead: "Mutex or an actor"),
        Ban(text: "AsyncStream", instead: "a continuation per waiting reader"),
        Ban(text: "getenv", instead: "a flag or the world", exempt: ["StarlingIO", "StarlingTool"]),
        Ban(text: "fatalError", instead: "a typed error", rule: .trap),
        Ban(text: "try!", instead: "a typed error", rule: .trap),
        Ban(text: "as!", instead: "a type that needs no cast", rule: .trap),
    ]

    static let inTests: [Ban] = [
        Ban(text: "Task.sleep", instead: "a manual clock or the simulator"),
        Ban(text: "#expect(true)", instead: "an expectation that can fail"),
        Ban(text: ".disabled(", instead: "a test that runs, or none"),
        Ban(text: "withKnownIssue", instead: "the fix"),
    ]

    static func violations(_ file: SourceText) -> [Violation] {
        guard file.isSwift else { return [] }
        let bans = file.module != nil ? inSources : file.isTest ? inTests : []
        var found: [Violation] = []
        for (index, line) in file.code.enumerated() {
            for ban in bans where contains(line, ban.text) {
                if let module = file.module, ban.exempt.contains(module) { continue }
                found.append(
                    Violation(
                        rule: ban.rule,
                        path: file.path,
                        line: index + 1,
                        message: "\(ban.text) is banned, use \(ban.instead)"
                    )
                )
            }
            if file.module != nil, hasForceUnwrap(line) {
                found.append(
                    Violation(
                        rule: .trap,
                        path: file.path,
                        line: index + 1,
                        message: "a forced unwrap is banned, use guard or a typed error"
                    )
                )
            }
        }
        return found
    }

    /// Whether `text` stands in the line as words of its own, not as the tail of a longer name.
    private static func contains(_ line: String, _ text: String) -> Bool {
        guard let first = text.first, first.isLetter else { return line.contains(text) }
        return line.ranges(of: text).contains { range in
            guard range.lowerBound > line.startIndex else { return true }
            let before = line[line.index(before: range.lowerBound)]
            return !before.isLetter && !before.isNumber && before != "_"
        }
    }

    /// Whether the line has a `!` right after an expression or a type.
    private static func hasForceUnwrap(_ line: String) -> Bool {
        let characters = Array(line)
        for index in characters.indices.dropFirst() where characters[index] == "!" {
            let before = characters[index - 1]
            let after = index + 1 < characters.count ? characters[index + 1] : " "
            guard before.isLetter || before.isNumber || ")]}_`\"".contains(before), after != "=" else {
                continue
            }
            let word = String(characters[..<index].reversed().prefix { $0.isLetter }.reversed())
            if word != "try" && word != "as" { return true }
        }
        return false
    }
}

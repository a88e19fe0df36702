/// What parser, help and completions know of a flag, whatever its type.
package struct FlagSpec: Sendable {
    /// The long name, without its dashes.
    package var name: String
    package var short: Character?
    /// How help calls the value, such as `MULTIADDR`; nil for a switch, which takes none.
    package var valueName: String?
    package var summary: String
    package var isRepeatable: Bool
    /// What a value looks like, for the message that refuses another: "a duration such as 5s or 250ms".
    package var expectation: String
    /// The values to offer when completing; empty where they cannot be listed.
    package var candidates: [String]
    package var accepts: @Sendable (String) -> Bool

    /// The flag as one types it: `--timeout`.
    package var dashed: String { "--" + name }
}

/// A flag whose value has been given a type: the key to ``Invocation``.
package struct Flag<Value: Sendable>: Sendable {
    package var spec: FlagSpec
    package var read: @Sendable (String) -> Value?

    init(
        _ name: String,
        short: Character? = nil,
        valueName: String?,
        summary: String,
        isRepeatable: Bool = false,
        expectation: String,
        candidates: [String] = [],
        read: @escaping @Sendable (String) -> Value?
    ) {
        self.read = read
        spec = FlagSpec(
            name: name,
            short: short,
            valueName: valueName,
            summary: summary,
            isRepeatable: isRepeatable,
            expectation: expectation,
            candidates: candidates,
            accepts: { read($0) != nil }
        )
    }
}

extension Flag where Value == Bool {
    /// A flag that is there or not.
    package static func toggle(_ name: String, short: Character? = nil, _ summary: String) -> Self {
        Self(name, short: short, valueName: nil, summary: summary, expectation: "no value") { _ in true }
    }
}

extension Flag where Value == String {
    /// Any text that is not empty.
    package static func text(_ name: String, _ valueName: String, _ summary: String) -> Self {
        Self(name, valueName: valueName, summary: summary, expectation: "a text") { $0.isEmpty ? nil : $0 }
    }

    /// Any text of one to `byteCountMax` bytes.
    package static func text(
        _ name: String,
        _ valueName: String,
        byteCountMax: Int,
        _ summary: String
    ) -> Self {
        let expectation = "a text of 1 to \(byteCountMax) bytes"
        return Self(name, valueName: valueName, summary: summary, expectation: expectation) { text in
            (1...byteCountMax).contains(text.utf8.count) ? text : nil
        }
    }

    /// The longest list of words that stands beside its flag.
    private static var choiceByteCountMax: Int { 60 }

    /// One of a few words; more than fit beside the flag stand in its summary.
    package static func choice(
        _ name: String,
        of words: [String],
        isRepeatable: Bool = false,
        _ summary: String
    ) -> Self {
        let listed = words.joined(separator: "|")
        let fits = listed.utf8.count <= choiceByteCountMax
        return Self(
            name,
            valueName: fits ? listed : "NAME",
            summary: fits ? summary : summary + " One of: " + words.joined(separator: ", ") + ".",
            isRepeatable: isRepeatable,
            expectation: "one of " + words.joined(separator: ", "),
            candidates: words
        ) { words.contains($0) ? $0 : nil }
    }

    /// A multiaddr, possibly given several times.
    package static func multiaddr(_ name: String, isRepeatable: Bool, _ summary: String) -> Self {
        Self(
            name,
            valueName: "MULTIADDR",
            summary: summary,
            isRepeatable: isRepeatable,
            expectation: ArgumentSpec.multiaddrExpectation
        ) { ArgumentSpec.isMultiaddr($0) ? $0 : nil }
    }
}

extension Flag where Value == [String] {
    /// A list of distinct words with commas between, most wanted first.
    package static func list(_ name: String, of words: [String], _ summary: String) -> Self {
        Self(
            name,
            valueName: "LIST",
            summary: summary,
            expectation: "a list such as " + words.joined(separator: ","),
            candidates: words
        ) { text in
            let parts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            return parts.allSatisfy(words.contains) && Set(parts).count == parts.count ? parts : nil
        }
    }
}

extension Flag where Value == Int {
    /// A whole number within `range`.
    package static func number(
        _ name: String,
        short: Character? = nil,
        in range: ClosedRange<Int>,
        _ summary: String
    ) -> Self {
        let expectation =
            range.upperBound == .max
            ? "a number, at least \(range.lowerBound)"
            : "a number from \(range.lowerBound) to \(range.upperBound)"
        return Self(name, short: short, valueName: "N", summary: summary, expectation: expectation) { text in
            Int(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// A number of bytes, at least `minimum`, and at most `maximum` where there is one.
    package static func byteCount(
        _ name: String,
        minimum: Int,
        maximum: Int = .max,
        _ summary: String
    ) -> Self {
        var expectation = "a size such as 512MiB or 2GB, at least \(ByteCountText.write(minimum))"
        if maximum < .max { expectation += ", at most \(ByteCountText.write(maximum))" }
        return Self(name, valueName: "SIZE", summary: summary, expectation: expectation) { text in
            ByteCountText.read(text).flatMap { (minimum...maximum).contains($0) ? $0 : nil }
        }
    }
}

extension Flag where Value == Duration {
    /// A bare number of seconds, as other programs' flags take it.
    package static func seconds(_ name: String, _ summary: String) -> Self {
        let expectation = "a number of seconds, without a unit"
        return Self(name, valueName: "SECONDS", summary: summary, expectation: expectation) { text in
            text.allSatisfy { $0.isASCII && ($0.isNumber || $0 == ".") } ? DurationText.read(text + "s") : nil
        }
    }

    /// A duration from a millisecond, which is as exact as the node counts, to some hours.
    package static func duration(_ name: String, upToHours hourCount: Int = 24, _ summary: String) -> Self {
        let longest = hourCount > 24 ? "\(hourCount / 24)d" : "\(hourCount)h"
        return duration(
            name,
            in: .milliseconds(1) ... .seconds(3600 * hourCount),
            "a duration such as 5s, 250ms or 1m30s, from 1ms to \(longest)",
            summary
        )
    }

    /// A duration from a minute to some days.
    package static func minutes(_ name: String, upToDays dayCount: Int, _ summary: String) -> Self {
        duration(
            name,
            in: .seconds(60) ... .seconds(86_400 * dayCount),
            "a duration such as 10m, 12h or 7d, from 1m to \(dayCount)d",
            summary
        )
    }

    private static func duration(
        _ name: String,
        in range: ClosedRange<Duration>,
        _ expectation: String,
        _ summary: String
    ) -> Self {
        Self(name, valueName: "DURATION", summary: summary, expectation: expectation) { text in
            DurationText.read(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }
}

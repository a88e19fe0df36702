internal import StarlingCore
internal import StarlingWorld

/// One line of a log, before it has a form.
struct LogLine {
    var time: WallTime
    var level: LogLevel
    var message: String
    var values: [(key: String, value: LogValue)]

    func text(_ format: StandardErrorLog.Format) -> String {
        switch format {
        case .json: json
        case .text(let hasColours): text(hasColours: hasColours)
        }
    }

    /// For people: `12:00:00.000 info  message  key=value key="two words"`.
    private func text(hasColours: Bool) -> String {
        let clock = time.rfc3339.dropFirst(11).dropLast()
        let padding = String(repeating: " ", count: 7 - name.count)
        let (start, end) = hasColours ? ("\u{1b}[\(colour)m", "\u{1b}[0m") : ("", "")
        var line = "\(clock) \(start)\(name)\(end)\(padding) \(message)"
        for (key, value) in values {
            switch value {
            case .text(let text): line += " \(key)=\(Self.plain(text))"
            case .number(let number): line += " \(key)=\(number)"
            case .milliseconds(let number): line += " \(key)=\(Self.decimal(number))ms"
            }
        }
        return line
    }

    /// `{"time":…,"level":…,"message":…,"key":value}`; a duration's key gets the suffix `_ms`.
    private var json: String {
        var line = "{\"time\":\"\(time.rfc3339)\",\"level\":\"\(name)\",\"message\":\(Self.quoted(message))"
        for (key, value) in values {
            switch value {
            case .text(let text): line += ",\(Self.quoted(key)):\(Self.quoted(text))"
            case .number(let number): line += ",\(Self.quoted(key)):\(number)"
            case .milliseconds(let number): line += ",\(Self.quoted(key + "_ms")):\(Self.decimal(number))"
            }
        }
        return line + "}"
    }

    private var name: String {
        switch level {
        case .trace: "trace"
        case .debug: "debug"
        case .info: "info"
        case .warning: "warning"
        case .error: "error"
        }
    }

    private var colour: Int {
        switch level {
        case .trace, .debug: 90
        case .info: 32
        case .warning: 33
        case .error: 31
        }
    }

    /// Three decimals are what a log's reader can use; not every number has a form in JSON.
    private static func decimal(_ number: Double) -> String {
        guard number.isFinite, abs(number) < 1e15 else { return "0" }
        return "\((number * 1000).rounded() / 1000)"
    }

    /// Quoted where it would otherwise not read as one word; control characters never reach a terminal.
    private static func plain(_ text: String) -> String {
        let isWord =
            !text.isEmpty
            && text.unicodeScalars.allSatisfy { $0.value > 0x20 && $0.value < 0x7f && $0 != "\"" }
        return isWord ? text : quoted(text)
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            // C0, delete and C1: a terminal takes them as commands.
            case "\u{0}"..."\u{1f}", "\u{7f}"..."\u{9f}":
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}

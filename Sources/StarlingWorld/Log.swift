/// How much a log line matters.
package enum LogLevel: Int, Comparable, Sendable, CaseIterable {
    case trace, debug, info, warning, error

    package static func < (lhs: LogLevel, rhs: LogLevel) -> Bool { lhs.rawValue < rhs.rawValue }
}

/// A structured value of a log line.
///
/// Keys and payloads never become one.
package enum LogValue: Sendable, Equatable {
    case text(String)
    case number(Int64)
    case milliseconds(Double)
}

extension LogValue: ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral {
    package init(stringLiteral value: String) { self = .text(value) }
    package init(integerLiteral value: Int64) { self = .number(value) }
}

/// Where log lines go: a terminal, JSON lines, a test's memory.
package protocol LogSink: Sendable {
    func write(_ level: LogLevel, _ message: String, _ values: [(key: String, value: LogValue)])
}

/// The node's log.
///
/// The message is a fixed text, so that repeated lines can be counted; what varies goes into the values.
package struct Log: Sendable {
    package var levelMin: LogLevel
    private let sink: any LogSink

    package init(levelMin: LogLevel = .info, sink: any LogSink) {
        self.levelMin = levelMin
        self.sink = sink
    }

    /// Writes a line if its level is wanted; the values are not computed otherwise.
    package func callAsFunction(
        _ level: LogLevel,
        _ message: StaticString,
        _ values: @autoclosure () -> KeyValuePairs<String, LogValue> = [:]
    ) {
        guard level >= levelMin else { return }
        sink.write(level, message.description, values().map { ($0.key, $0.value) })
    }
}

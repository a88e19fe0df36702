internal import CSys
internal import StarlingCore
package import StarlingWorld
internal import Synchronization

/// Log lines on standard error: for people on a terminal, JSON elsewhere.
///
/// Equal lines are counted instead of written when they come too often; what was held back is told with the
/// next line after a while, and by ``flush()``.
package final class StandardErrorLog: LogSink {
    /// How lines look.
    package enum Format: Sendable {
        case text(hasColours: Bool)
        case json
    }

    private let format: Format
    private let gate = Mutex(RepeatGate())
    private let emit: @Sendable (String) -> Void

    package convenience init(format: Format) {
        self.init(format: format) { line in
            // One call for a whole line, so that lines of several threads do not mix.
            let bytes = Array((line + "\n").utf8)
            _ = csys_write(2, bytes, bytes.count)
        }
    }

    /// A log that gives its lines to `emit` instead of writing them.
    package init(format: Format, emit: @escaping @Sendable (String) -> Void) {
        self.format = format
        self.emit = emit
    }

    /// The format that fits where standard error goes.
    ///
    /// `noColor` is the value of the environment's `NO_COLOR`: colours are off unless it is missing or empty.
    package static func suitableFormat(noColor: String?) -> Format {
        guard csys_is_terminal(2) == 1 else { return .json }
        return .text(hasColours: (noColor ?? "").isEmpty)
    }

    package func write(_ level: LogLevel, _ message: String, _ values: [(key: String, value: LogValue)]) {
        let now = Instant(nanosecondsSinceOrigin: csys_monotonic_nanoseconds())
        let time = SystemWallClock().now
        gate.withLock { gate in
            while let report = gate.nextReport(now: now) { tell(report, time) }
            if gate.admits(RepeatGate.Key(level: level, message: message), now: now) {
                emit(LogLine(time: time, level: level, message: message, values: values).text(format))
            }
        }
    }

    /// Tells what was held back, at the end of the process.
    package func flush() {
        let time = SystemWallClock().now
        gate.withLock { gate in
            while let report = gate.nextReport() { tell(report, time) }
        }
    }

    private func tell(_ report: (key: RepeatGate.Key, heldBackCount: Int), _ time: WallTime) {
        let line = LogLine(
            time: time,
            level: report.key.level,
            message: report.key.message,
            values: [("repeated", .number(Int64(report.heldBackCount)))]
        )
        emit(line.text(format))
    }
}

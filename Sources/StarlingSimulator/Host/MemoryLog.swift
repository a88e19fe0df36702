package import StarlingCore
package import StarlingWorld
internal import Synchronization

/// Keeps a host's log lines, for tests to look at.
package final class MemoryLog: LogSink {
    /// One line, with the virtual time at which it was written.
    package struct Line: Sendable, CustomStringConvertible {
        package var time: Instant
        package var level: LogLevel
        package var message: String
        package var values: [(key: String, value: LogValue)]

        package var description: String {
            let texts = values.map { value in
                switch value.value {
                case .text(let text): "\(value.key)=\(text)"
                case .number(let number): "\(value.key)=\(number)"
                case .milliseconds(let milliseconds): "\(value.key)=\(milliseconds)ms"
                }
            }
            let seconds = Double(time.nanosecondsSinceOrigin) / 1e9
            return (["\(seconds)", "\(level)", message] + texts).joined(separator: " ")
        }
    }

    /// Lines kept; beyond that the oldest are dropped.
    private let lineCountMax: Int
    private let scheduler: Scheduler
    private let kept = Mutex(RingQueue<Line>())

    init(scheduler: Scheduler, lineCountMax: Int) {
        self.scheduler = scheduler
        self.lineCountMax = lineCountMax
    }

    package func write(_ level: LogLevel, _ message: String, _ values: [(key: String, value: LogValue)]) {
        let time = Instant(nanosecondsSinceOrigin: scheduler.now)
        kept.withLock { kept in
            if kept.count == lineCountMax { _ = kept.popFirst() }
            kept.append(Line(time: time, level: level, message: message, values: values))
        }
    }

    /// The lines, oldest first.
    package var lines: [Line] { kept.withLock { kept in (0..<kept.count).map { kept[$0] } } }
}

internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingIO
internal import Synchronization

/// Says on standard error how far a simulation is: on a terminal all the time, elsewhere when a seed is done.
final class SimProgress: Sendable {
    private let console: Console
    private let line: StatusLine
    private let state = Mutex((title: "", duration: Duration.zero, shownAt: Int64(0)))
    /// The line is drawn no more often than this.
    private static let drawMilliseconds = 200

    init(_ console: Console) {
        self.console = console
        line = StatusLine(console, isShown: console.isTalkTerminal)
    }

    /// A run begins.
    func begin(_ name: String, seed: UInt64, run: Int, of runCount: Int, _ duration: Duration) {
        let title = "\(name), seed \(seed)" + (runCount > 1 ? ", run \(run) of \(runCount)" : "")
        state.withLock { $0 = (title, duration, 0) }
    }

    /// So much of the run's virtual time has passed.
    func show(_ passed: Duration) {
        let now = SystemWallClock().now.millisecondsSince1970
        let text = state.withLock { state -> String? in
            guard now - state.shownAt >= Self.drawMilliseconds else { return nil }
            state.shownAt = now
            // What comes after the time that was asked for, such as the end of all nodes, is the last percent.
            let passed = min(passed, state.duration)
            let percent = Int(100 * (passed / state.duration))
            let minutes = (passed.components.seconds / 60, state.duration.components.seconds / 60)
            return "\(state.title): \(percent) %, \(minutes.0) of \(minutes.1) virtual minutes"
        }
        if let text { line.show(text) }
    }

    /// Leaves an empty line.
    func clear() { line.clear() }

    /// One of several seeds is done.
    func say(_ seed: UInt64, _ finding: SimFinding, _ wallSeconds: Double) {
        let outcome = finding.violations.first.map { "failed: \($0)" } ?? "passed"
        console.say("seed \(seed), \(wallSeconds) s: \(outcome)\n")
    }
}

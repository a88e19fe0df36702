internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingIO
internal import StarlingWorld

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// `starling bench`: figures of this machine, between two processes of this program or against another peer.
///
/// The library is called inside each process, so that CPU and memory are each one's own and no control socket
/// is in the path.
struct BenchCommand {
    private let settings: BenchSettings
    private let console: Console

    init(_ invocation: Invocation, _ console: Console) throws(Diagnostic) {
        settings = try BenchSettings(invocation)
        self.console = console
    }

    func run() throws -> ExitStatus {
        let run = try BenchRun(settings)
        defer { run.stop() }
        let watch = giveUpLater(run)
        defer { withExtendedLifetime(watch) {} }
        let report = try measure(run)
        console.write(settings.isJSON ? report.json.text + "\n" : report.render(console.outputStyle))
        return .succeeded
    }

    private func measure(_ run: BenchRun) throws -> BenchReport {
        switch settings.subject {
        case .ping: try PingBench(run: run).measure()
        case .bulk: try BulkBench(run: run).measure()
        case .dial: try DialBench(run: run).measure()
        case .memory: try MemoryBench(run: run).measure()
        case .streams: try StreamsBench(run: run).measure()
        }
    }

    /// Ends the process when the bench takes too long; the listener sees its input end.
    private func giveUpLater(_ run: BenchRun) -> Watch? {
        let (settings, console) = (settings, console)
        return try? run.real.run { world in
            let loop = world.loops[0]
            let timer = loop.makeTimer {
                let diagnostic = Diagnostic(
                    code: "timed_out",
                    message: "the bench is not over after \(DurationText.write(settings.timeout)).",
                    nextStep: "Give it more time with --timeout."
                )
                if settings.isJSON {
                    console.say(diagnostic.json.text + "\n")
                } else {
                    console.say(diagnostic)
                }
                _exit(ExitStatus.failed.rawValue)
            }
            timer.arm(at: loop.now + settings.timeout)
            return Watch(timer: timer)
        }
    }

    /// Keeps the timer that ends a bench.
    private struct Watch: Sendable {
        // Made and let go of, touched by nobody between.
        nonisolated(unsafe) let timer: any LoopTimer
    }
}

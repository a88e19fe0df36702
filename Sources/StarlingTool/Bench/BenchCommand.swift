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
/// is in the path. What needs no peer is measured in this process alone.
struct BenchCommand {
    private let settings: BenchSettings
    private let console: Console

    init(_ invocation: Invocation, _ console: Console) throws(Diagnostic) {
        settings = try BenchSettings(invocation)
        self.console = console
    }

    func run() throws -> ExitStatus {
        let report =
            switch settings.subject {
            case .ping: try between { try PingBench(run: $0).measure() }
            case .bulk: try between { try BulkBench(run: $0).measure() }
            case .dial: try between { try DialBench(run: $0).measure() }
            case .memory: try between { try MemoryBench(run: $0).measure() }
            case .streams: try between { try StreamsBench(run: $0).measure() }
            case .seal: try SealBench(settings).measure()
            case .store: try StoreBench(settings: settings).measure()
            case .urgent: try between { try UrgentBench(run: $0).measure() }
            case .file:
                try FileBench(settings: settings).measure { try between { try BulkBench(run: $0).measure() } }
            case .enqueue: try EnqueueBench(settings: settings).measure()
            case .delivery:
                try between {
                    var bench = try DeliveryBench(run: $0)
                    return try bench.measure()
                }
            }
        try console.write(settings.isJSON ? report.json.text + "\n" : report.render(console.outputStyle))
        return .succeeded
    }

    /// Measures between this process and a listener.
    private func between(_ measure: (BenchRun) throws -> BenchReport) throws -> BenchReport {
        let run = try BenchRun(settings)
        defer { run.stop() }
        let watch = giveUpLater(run)
        defer { withExtendedLifetime(watch) {} }
        return try measure(run)
    }

    /// What is said when a bench takes longer than it may.
    static func timedOut(_ settings: BenchSettings) -> Diagnostic {
        Diagnostic(
            code: "timed_out",
            message: "the bench is not over after \(DurationText.write(settings.timeout)).",
            nextStep: "Give it more time with --timeout."
        )
    }

    /// Ends the process when the bench takes too long; the listener sees its input end.
    private func giveUpLater(_ run: BenchRun) -> Watch? {
        let (settings, console, folder) = (settings, console, run.folder)
        return try? run.real.run { world in
            let loop = world.loops[0]
            let timer = loop.makeTimer {
                let diagnostic = Self.timedOut(settings)
                if settings.isJSON {
                    console.say(diagnostic.json.text + "\n")
                } else {
                    console.say(diagnostic)
                }
                folder?.remove()
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

internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingIO

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
struct BenchCommand: Sendable {
    private let settings: BenchSettings
    private let console: Console
    private let litter = BenchLitter()

    init(_ invocation: Invocation, _ console: Console) throws(Diagnostic) {
        settings = try BenchSettings(invocation)
        self.console = console
    }

    /// Measures, until the end of the time that it may take or a signal; leaves nothing behind either way.
    func run() throws -> ExitStatus {
        let signal = StopSignal()
        let deadline = try ProcessDeadline(settings.timeout) { [self] in
            giveUp(
                Diagnostic(
                    code: "timed_out",
                    message: "the bench is not over after \(DurationText.write(settings.timeout)).",
                    nextStep: "Give it more time with --timeout."
                )
            )
        }
        defer { withExtendedLifetime(deadline) {} }
        try signal.watch { [self] in
            giveUp(
                Diagnostic(
                    code: "interrupted",
                    message: "the bench was stopped before its end.",
                    nextStep: ""
                )
            )
        }
        let report = try measure()
        try console.write(settings.isJSON ? report.json.text + "\n" : report.render(console.outputStyle))
        return .succeeded
    }

    private func giveUp(_ diagnostic: Diagnostic) -> Never {
        litter.clear {
            console.say(diagnostic, isJSON: settings.isJSON)
            _exit(diagnostic.exitStatus.rawValue)
        }
    }

    private func measure() throws -> BenchReport {
        switch settings.subject {
        case .ping: try between { try PingBench(run: $0).measure() }
        case .bulk: try between { try BulkBench(run: $0).measure() }
        case .dial: try between { try DialBench(run: $0).measure() }
        case .memory: try between { try MemoryBench(run: $0).measure() }
        case .streams: try between { try StreamsBench(run: $0).measure() }
        case .seal: try SealBench(settings).measure()
        case .store: try alone { try StoreBench(settings: settings, real: $0, folder: $1).measure() }
        case .urgent: try between { try UrgentBench(run: $0).measure() }
        case .file:
            try FileBench(settings: settings, litter: litter).measure {
                try between { try BulkBench(run: $0).measure() }
            }
        case .enqueue: try alone { try EnqueueBench(settings: settings, real: $0, folder: $1).measure() }
        case .delivery:
            try between {
                var bench = try DeliveryBench(run: $0)
                return try bench.measure()
            }
        case .route:
            try between {
                var bench = try RouteBench(run: $0)
                return try bench.measure()
            }
        }
    }

    /// Measures between this process and a listener.
    private func between(_ measure: (BenchRun) throws -> BenchReport) throws -> BenchReport {
        func measureOnce(_ folder: TemporaryFolder?) throws -> BenchReport {
            let run = try BenchRun(settings, folder: folder)
            defer { run.stop() }
            return try measure(run)
        }
        return settings.subject.isDurable ? try inFolder(measureOnce) : try measureOnce(nil)
    }

    /// Measures in this process alone, on a disk.
    private func alone(_ measure: (RealWorld, TemporaryFolder) throws -> BenchReport) throws -> BenchReport {
        try inFolder { folder in
            let real = try BenchNode.makeWorld()
            defer { real.stop() }
            return try measure(real, folder)
        }
    }

    /// Measures with a folder on the disk that is measured.
    private func inFolder(_ measure: (TemporaryFolder) throws -> BenchReport) throws -> BenchReport {
        let folder = try TemporaryFolder.using { try TemporaryFolder(named: "starling-bench") }
        return try litter.during({ folder.remove() }) { try measure(folder) }
    }
}

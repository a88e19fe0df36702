internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingIO
internal import StarlingWorld
internal import Synchronization

/// `starling lab`: real nodes on this machine, and what their recipients' inboxes say of delivery.
struct LabCommand {
    private let settings: LabSettings
    private let console: Console

    /// A connection with each node's API now and then, and the system's own.
    private static let descriptorCountWanted = 4096

    init(_ invocation: Invocation, _ console: Console) throws(Diagnostic) {
        settings = try LabSettings(invocation)
        self.console = console
    }

    /// Runs the scenarios and ends every node, however the run ends.
    func run() throws -> ExitStatus {
        let signal = StopSignal()
        DescriptorLimit.raise(to: Self.descriptorCountWanted)
        let real = try BenchNode.makeWorld()
        defer { real.stop() }
        let fleet = try LabFleet(
            count: settings.nodeCount,
            world: real.world,
            staysBehind: settings.keepsHomes
        )
        defer { if settings.keepsHomes { console.say("The nodes' homes are in \(fleet.path)\n") } }
        let progress = LabProgress(console, isShown: console.isTalkTerminal && !settings.isJSON)
        let stage = LabStage(settings, fleet, real.world, progress)
        let outcome = LabOutcome()
        let task = real.loops[0].startTask {
            do { outcome.set(.success(try await stage.run())) } catch { outcome.set(.failure(error)) }
            // The first thread waits for a signal: this one says that there is nothing more to wait for.
            StopSignal.send()
        }
        signal.wait()
        let isInterrupted = outcome.result == nil
        task.cancel()
        // The nodes end first: whoever waits for their answers hears of it at once.
        try real.run { _ in
            await fleet.stop()
            await task.value
            await fleet.stop()
        }
        progress.clear()
        guard !isInterrupted, let report = try outcome.result?.get() else {
            throw Diagnostic(
                code: "interrupted",
                message: "the lab was stopped before its end.",
                nextStep: ""
            )
        }
        try console.write(
            settings.isJSON ? report.json.text + "\n" : report.render(colours: console.outputStyle.isColoured)
        )
        return report.hasPassed ? .succeeded : .failed
    }
}

/// How the run ended; nothing while it goes on.
private final class LabOutcome: Sendable {
    private let box = Mutex<Result<LabReport, any Error>?>(nil)

    var result: Result<LabReport, any Error>? { box.withLock { $0 } }

    func set(_ result: Result<LabReport, any Error>) { box.withLock { $0 = result } }
}

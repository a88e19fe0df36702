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

/// Acts when work that nothing can interrupt takes longer than it may.
///
/// Its clock runs on a loop, whose thread is not the one that works. It counts while it is kept.
struct ProcessDeadline: Sendable {
    // Made and let go of, touched by nobody between.
    nonisolated(unsafe) private let timer: any LoopTimer

    /// Ends the process when the time is over.
    init(_ timeout: Duration, _ diagnostic: Diagnostic, isJSON: Bool) throws(Diagnostic) {
        let console = Console()
        try self.init(timeout) {
            console.say(diagnostic, isJSON: isJSON)
            _exit(diagnostic.exitStatus.rawValue)
        }
    }

    /// Starts the clock on a loop of its own, which lives as long as the process.
    ///
    /// - Parameter end: What to do when the time is over; runs on the loop's thread.
    /// - Throws: `system` where there is no room for a loop.
    init(_ timeout: Duration, _ end: @escaping @Sendable () -> Void) throws(Diagnostic) {
        let log = StandardErrorLog(format: StandardErrorLog.suitableFormat(noColor: Environment["NO_COLOR"]))
        do {
            let real = try RealWorld.make(loopCount: 1, log: Log(levelMin: .error, sink: log))
            self = try real.run { world in ProcessDeadline(timeout, world, end) }
        } catch {
            throw Diagnostic(
                code: "system",
                message: "there is no room for a timer: \(error).",
                nextStep: "Raise the limit of open files (ulimit -n), or go without --timeout."
            )
        }
    }

    private init(_ timeout: Duration, _ world: World, _ end: @escaping @Sendable () -> Void) {
        let loop = world.loops[0]
        timer = loop.makeTimer(end)
        timer.arm(at: loop.now + timeout)
    }
}

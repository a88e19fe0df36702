internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingIO
internal import StarlingWorld

/// `starling peer`: one libp2p peer under command, for the tests against other implementations.
///
/// Its flags, commands and answers are those of `interop/README.md`.
struct PeerCommand: Sendable {
    private let settings: PeerSettings
    private let lines = PeerLines(Console())

    init(_ invocation: Invocation) throws(Diagnostic) { settings = try PeerSettings(invocation) }

    /// Runs all commands, to the last one's end.
    func run() throws -> ExitStatus {
        let log = StandardErrorLog(format: .text(hasColours: false))
        let real = try RealWorld.make(
            loopCount: RealWorld.suitableLoopCount,
            log: Log(levelMin: .warning, sink: log)
        )
        defer {
            real.stop()
            log.flush()
        }
        let session: PeerSession
        do {
            session = try real.run { [settings, lines] world in
                try await PeerSession(settings, world, lines)
            }
        } catch {
            lines.write(["event": "failed", "error": .string("\(error)")])
            return .misused
        }
        var isGood = true
        func run(_ line: String) throws { isGood = try real.run { _ in await session.run(line) } && isGood }
        for line in settings.script { try run(line) }
        while settings.takesCommands, let line = readLine(), line != "quit" { try run(line) }
        try real.run { [settings] world in
            if settings.stay > .zero { try? await world.loops[0].sleep(for: settings.stay) }
            await session.stop()
        }
        return isGood ? .succeeded : .failed
    }
}

internal import StarlingAPI
internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingCrypto
internal import StarlingHTTP
internal import StarlingIO
internal import StarlingNode
internal import StarlingWorld

/// `starling up`: one node in the foreground, from its key to its last goodbye.
struct UpCommand: Sendable {
    private let console: Console
    private let home: Home
    private let settings: UpSettings
    private let isJSON: Bool

    /// A descriptor for each connection; the system's usual limit of 1024 is reached by half-open ones alone.
    private static let descriptorCountWanted = 20_000

    init(_ invocation: Invocation, _ console: Console) throws(Diagnostic) {
        self.console = console
        home = try Home(invocation)
        settings = try UpSettings(invocation)
        isJSON = invocation[StarlingFlags.json]
    }

    /// Runs the node until a signal or `POST /v1/shutdown` ends it.
    func run() throws -> ExitStatus {
        let signal = StopSignal()
        do throws(FileError) {
            try SystemFiles().createFolder(home.path)
        } catch {
            throw StoredIdentity.diagnostic(error)
        }
        let lock = try HomeLock(home)
        defer { withExtendedLifetime(lock) {} }
        let identity = try StoredIdentity.readOrCreate(home)
        let log = StandardErrorLog(format: StandardErrorLog.suitableFormat(noColor: Environment["NO_COLOR"]))
        defer { log.flush() }
        let real = try makeWorld(Log(levelMin: settings.logLevel, sink: log))
        defer { real.stop() }

        let session = try real.run { [self] world in try await start(world, identity) }
        announce(session.node)
        signal.wait()
        signal.restore()
        if !isJSON { console.say("Stopping.\n") }
        try real.run { _ in
            await session.server.stop()
            await session.node.stop()
        }
        return .succeeded
    }

    private struct Session: Sendable {
        var node: StartedNode
        var server: HTTPServer
    }

    private func makeWorld(_ log: Log) throws(Diagnostic) -> RealWorld {
        do throws(SocketError) {
            return try RealWorld.make(loopCount: settings.loopCount ?? RealWorld.suitableLoopCount, log: log)
        } catch {
            throw Diagnostic(
                code: "system",
                message: "the event loops cannot start: \(error).",
                nextStep: "Raise the limit of open files (ulimit -n), or use fewer with --loops."
            )
        }
    }

    private func start(_ world: World, _ identity: IdentityKey) async throws -> Session {
        let descriptorCountMax = DescriptorLimit.raise(to: Self.descriptorCountWanted)
        world.log(.info, "descriptor limit", ["descriptors": .number(Int64(descriptorCountMax))])
        let node = try await StartedNode.start(
            settings,
            identity: identity,
            world: world,
            descriptorCountMax: descriptorCountMax,
            say: say
        )
        do throws(HTTPServerError) {
            let server = try HTTPServer(
                socketPath: home.socketPath,
                responder: APIRouter(node: node.desk, version: Version.number),
                loop: world.loops[0]
            )
            return Session(node: node, server: server)
        } catch {
            await node.stop()
            throw diagnostic(error)
        }
    }

    private func say(_ text: String) { console.say(text) }

    /// The line that scripts wait for, or the lines that people read.
    private func announce(_ node: StartedNode) {
        let identity = node.identity
        if isJSON {
            var ready: JSON = ["event": "ready", "peer_id": .string(identity.peerID.base58)]
            ready["addrs"] = JSON(identity.addresses.map { "\($0)" })
            console.write(ready.text + "\n")
        } else {
            console.write(identity.render(console.outputStyle))
            console.say("Ready. Ctrl-C stops it; other commands go to another terminal.\n")
        }
    }

    private func diagnostic(_ error: HTTPServerError) -> Diagnostic {
        switch error {
        case .alreadyServed:
            Diagnostic(
                code: "already_running",
                message: "a node is running in \(home.shown) already.",
                nextStep: "See it with: starling status; or run another with its own --home."
            )
        case .pathTooLong(let path, let byteCountMax):
            Diagnostic(
                code: "path_too_long",
                message: "the socket's path \(path) is longer than \(byteCountMax) bytes.",
                nextStep: "Use a shorter folder with --home."
            )
        case .notASocket(let path):
            Diagnostic(
                code: "not_a_socket",
                message: "\(path) is in the way: it is no socket.",
                nextStep: "Move it away."
            )
        case .system(let call, let name):
            Diagnostic(
                code: "system",
                message: "the socket \(home.socketPath) cannot be opened: \(call) gives \(name).",
                nextStep: "Use a folder on a local disk with --home."
            )
        case .libraryFailed:
            Diagnostic(
                code: "system",
                message: "the HTTP server cannot start.",
                nextStep: "Raise the limit of open files (ulimit -n)."
            )
        }
    }
}

internal import StarlingAPI
internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingCrypto
internal import StarlingHTTP
internal import StarlingIO
internal import StarlingNode
internal import StarlingStore
internal import StarlingWorld

/// `starling up`: one node in the foreground, from its key to its last goodbye.
struct UpCommand: Sendable {
    private let console: Console
    private let home: Home
    private let settings: UpSettings
    private let isJSON: Bool
    /// How long the start may take; `nil` for as long as it needs.
    private let timeout: Duration?

    /// Who answers over the node's socket.
    private let responder: Responder

    /// Makes what answers over the node's socket out of the node's API.
    typealias Responder = @Sendable (StartedNode, APIRouter) async -> any APIResponder

    /// A descriptor for each connection; the system's usual limit of 1024 is reached by half-open ones alone.
    private static let descriptorCountWanted = 20_000

    init(
        _ invocation: Invocation,
        _ console: Console,
        responder: @escaping Responder = { _, router in router }
    ) throws(Diagnostic) {
        self.console = console
        self.responder = responder
        home = try Home(invocation)
        settings = try UpSettings(invocation)
        isJSON = invocation[StarlingFlags.json]
        timeout = invocation[StarlingFlags.timeout]
    }

    /// Runs the node until a signal or `POST /v1/shutdown` ends it.
    func run() throws -> ExitStatus {
        let signal = StopSignal()
        do throws(FileError) {
            try SystemFiles().createFolder(home.path)
        } catch {
            throw StoredIdentity.folderDiagnostic(error)
        }
        let lock = try HomeLock(home)
        defer { withExtendedLifetime(lock) {} }
        let identity = try StoredIdentity.readOrCreate(home)
        let log = StandardErrorLog(format: StandardErrorLog.suitableFormat(noColor: Environment["NO_COLOR"]))
        defer { log.flush() }
        var real = try makeWorld(Log(levelMin: settings.logLevel, sink: log))
        defer { real.stop() }
        real = real.with(store: try openStore(real.world), blobs: try openBlobs(real))

        let session = try real.run { [self] world in
            do {
                return try await startInTime(world, identity)
            } catch {
                await world.store.close()
                throw error
            }
        }
        announce(session.node)
        signal.wait()
        signal.restore()
        tell("Stopping.", elsewhere: .info, "stopping", [:], real.world)
        try real.run { world in
            await session.server.stop()
            await session.node.stop()
            await world.store.close()
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

    private func startInTime(_ world: World, _ identity: IdentityKey) async throws -> Session {
        guard let timeout else { return try await start(world, identity) }
        let loop = world.loops[0]
        let session = try await loop.withDeadline(loop.now + timeout) { [self] in
            try await start(world, identity)
        }
        if let session { return session }
        throw Diagnostic(
            code: "timed_out",
            message: "the node was not ready within \(DurationText.write(timeout)).",
            nextStep: "Give it more time with --timeout."
        )
    }

    private func openStore(_ world: World) throws(Diagnostic) -> any Store {
        do throws(StoreError) {
            return try SQLiteStore.open(
                path: home.storePath,
                loop: world.loops[0],
                wallClock: world.wallClock
            )
        } catch {
            throw Diagnostic(error, at: "\(home.shown)/starling.db")
        }
    }

    private func openBlobs(_ real: RealWorld) throws(Diagnostic) -> any BlobStore {
        do throws(BlobError) {
            return try SystemBlobStore.open(home.blobsPath, digest: .chunkTree, loop: real.loops[0])
        } catch {
            throw Diagnostic(
                code: NodeFailure.Code.storeFailed.rawValue,
                message: "\(home.shown)/blobs: \(BlobFailure.store(error).what)",
                nextStep: error.nextStep
            )
        }
    }

    private func start(_ world: World, _ identity: IdentityKey) async throws -> Session {
        let mark = RunMark(home: home.path, files: SystemFiles())
        var settings = settings
        settings.hasToldRoutes = try Self.marked { () throws(FileError) in try mark.isSet() }
        let descriptorCountMax = DescriptorLimit.raise(to: Self.descriptorCountWanted)
        world.log(.info, "descriptor limit", ["descriptors": .number(Int64(descriptorCountMax))])
        let node = try await StartedNode.start(
            settings,
            identity: identity,
            world: world,
            descriptorCountMax: descriptorCountMax,
            onOtherPort: { wanted, port in
                tell(
                    "Port \(wanted) is taken; this node listens on \(port).",
                    elsewhere: .warning,
                    "port taken",
                    ["wanted": .number(Int64(wanted)), "port": .number(Int64(port))],
                    world
                )
            }
        )
        do throws(Diagnostic) {
            if settings.usesRoutes { try Self.marked { () throws(FileError) in try mark.set() } }
        } catch {
            await node.stop()
            throw error
        }
        let answers = await responder(node, APIRouter(node: node.desk, version: Version.number))
        do throws(HTTPServerError) {
            let server = try HTTPServer(
                socketPath: home.socketPath,
                responder: answers,
                loop: world.loops[0]
            )
            return Session(node: node, server: server)
        } catch {
            await node.stop()
            throw diagnostic(error)
        }
    }

    private static func marked<Value>(_ body: () throws(FileError) -> Value) throws(Diagnostic) -> Value {
        do throws(FileError) { return try body() } catch { throw StoredIdentity.diagnostic(error) }
    }

    /// Tells people at a terminal; elsewhere standard error is a log of JSON lines, and this is one of them.
    private func tell(
        _ text: String,
        elsewhere level: LogLevel,
        _ message: StaticString,
        _ values: KeyValuePairs<String, LogValue>,
        _ world: World
    ) {
        if console.isTalkTerminal { console.say(text + "\n") } else { world.log(level, message, values) }
    }

    /// The line that scripts wait for, or the lines that people read.
    ///
    /// A node whose output nobody reads goes on all the same.
    private func announce(_ node: StartedNode) {
        let identity = node.identity
        if isJSON {
            var ready: JSON = ["event": "ready", "peer_id": .string(identity.peerID.base58)]
            ready["addrs"] = JSON(identity.addresses.map { "\($0)" })
            try? console.write(ready.text + "\n")
        } else {
            try? console.write(identity.render(console.outputStyle))
            if console.isTalkTerminal {
                console.say("Ready. Ctrl-C stops it; other commands go to another terminal.\n")
            }
        }
    }

    private func diagnostic(_ error: HTTPServerError) -> Diagnostic {
        switch error {
        case .alreadyServed:
            Diagnostic(
                code: "already_running",
                message: "a node is running in \(home.shown) already.",
                nextStep: "See it with: starling status\(home.flagText); or run another with its own --home."
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
        case .system(_, "EACCES"), .system(_, "EPERM"):
            StoredIdentity.diagnostic(.notPermitted(path: home.socketPath))
        case .system(let call, let name):
            Diagnostic(
                code: "system",
                message: "the socket \(home.socketPath) cannot be opened: \(call) gives \(name).",
                nextStep: "Use a folder on a local disk with --home."
            )
        case .microhttpdFailed:
            Diagnostic(
                code: "system",
                message: "the HTTP server cannot start.",
                nextStep: "Raise the limit of open files (ulimit -n)."
            )
        }
    }
}

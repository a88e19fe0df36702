internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingIO
internal import StarlingNode
internal import StarlingTransports
internal import StarlingWorld

/// The two ends of a bench that stand: this process's node, and the listener it measures against.
final class BenchRun {
    let settings: BenchSettings
    let real: RealWorld
    let node: Node
    /// Where the listener is.
    let target: Multiaddr
    /// Counts the peers that have said who they are.
    let identified: EventTally
    /// Our own listener; `nil` where the target is a peer that was named.
    private var listener: ListenerProcess?
    /// Where the stores of both are; `nil` where nothing is durable.
    let folder: TemporaryFolder?

    /// Starts the node, and the listener where none was named.
    init(_ settings: BenchSettings, folder: TemporaryFolder?) throws {
        self.settings = settings
        self.folder = folder
        let storePath = folder.map { $0.path + "/sender.db" }
        if let named = settings.target {
            target = named
        } else {
            let listener = try ListenerProcess(settings, home: folder?.path)
            target = listener.address
            self.listener = listener
        }
        let real = try BenchNode.makeWorld()
        let tally = EventTally(loop: real.world.loops[0])
        identified = tally
        do {
            node = try real.run { world in
                let node = try await BenchNode.start(
                    world,
                    settings.security,
                    listensOn: [],
                    storePath: storePath,
                    usesRoutes: settings.subject.usesRoutes
                ).node
                await node.identify.observe { _ in tally.add() }
                return node
            }
        } catch {
            real.stop()
            throw error
        }
        self.real = real
    }

    /// Ends the node, then the listener.
    func stop() {
        _ = try? real.run { [node] _ in await BenchNode.stop(node) }
        real.stop()
        listener = nil
    }

    var hasOwnListener: Bool { listener != nil }

    /// The connection to the target, dialled where there is none.
    func connect() throws -> any Connection {
        try real.run { [node, target] _ in try await BenchRun.connect(node, to: target) }
    }

    /// Dials, and words a failure for people.
    static func connect(_ node: Node, to target: Multiaddr) async throws -> any Connection {
        do throws(DialError) {
            return try await node.swarm.connect(to: target)
        } catch {
            throw Diagnostic(NodeFailure(error))
        }
    }

    // MARK: The listener

    /// What the listener has used; `nil` for a foreign one.
    func listenerUsage() throws(Diagnostic) -> ProcessUsage? { try listener?.usage() }

    /// Asks the listener; `nil` for a foreign one.
    func ask(_ request: JSON) throws(Diagnostic) -> JSON? { try listener?.ask(request) }

    /// What the listener says next.
    func answer() throws(Diagnostic) -> JSON? { try listener?.answer() }

    /// What both processes used while `body` ran, in CPU seconds; the second is `nil` for a foreign listener.
    func cpuSeconds(_ body: () throws -> Void) throws -> (here: Double, there: Double?) {
        let thereBefore = try listenerUsage()?.cpuSeconds
        let before = ProcessUsage().cpuSeconds
        try body()
        let here = ProcessUsage().cpuSeconds - before
        let thereAfter = try listenerUsage()?.cpuSeconds
        guard let thereBefore, let thereAfter else { return (here, nil) }
        return (here, thereAfter - thereBefore)
    }

    /// The facts that every report begins with.
    func facts(_ more: [(key: String, value: JSON)] = []) -> [(key: String, value: JSON)] {
        [
            ("bench", .string(settings.subject.rawValue)), ("security", .string(settings.securityName)),
            ("target", .string(settings.target.map { "\($0)" } ?? "own")),
        ] + more
    }
}

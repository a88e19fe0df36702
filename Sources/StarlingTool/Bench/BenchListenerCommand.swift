internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingIO
internal import StarlingMesh
internal import StarlingNode
internal import StarlingTransports
internal import StarlingWorld

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// `starling bench-listener`: the listening process of a bench.
///
/// Says on standard output where it listens, `{"event":"ready","addrs":[…],"pid":…}`, then answers one line for each
/// line on standard input, and ends with it. With a home its store is durable, and a file there.
struct BenchListenerCommand {
    private let security: SecurityProtocol
    private let connectionCountMax: Int
    private let addresses: [String]
    private let storePath: String?
    private let usesRoutes: Bool

    init(_ invocation: Invocation) {
        security = BenchSettings.security(invocation)
        connectionCountMax = invocation[StarlingFlags.connections] ?? 1024
        let named = invocation.all(StarlingFlags.listen)
        addresses = named.isEmpty ? ["/ip4/127.0.0.1/tcp/0"] : named
        storePath = invocation[StarlingFlags.home].map { $0 + "/listener.db" }
        usesRoutes = invocation[StarlingFlags.routes]
    }

    func run() throws -> ExitStatus {
        DescriptorLimit.raise(to: connectionCountMax + 256)
        let real = try BenchNode.makeWorld()
        defer { real.stop() }
        let identified = EventTally(loop: real.world.loops[0])
        let (node, bound) = try real.run {
            [security, addresses, connectionCountMax, storePath, usesRoutes] world in
            let started = try await BenchNode.start(
                world,
                security,
                listensOn: try addresses.map { try Multiaddr($0) },
                connectionCountMax: connectionCountMax,
                storePath: storePath,
                usesRoutes: usesRoutes
            )
            await started.node.identify.observe { _ in identified.add() }
            return started
        }
        var pipe = BenchPipe(input: STDIN_FILENO, output: STDOUT_FILENO)
        var isHeard = pipe.write([
            "event": "ready", "addrs": JSON(bound.map { "\($0)" }), "pid": JSON(getpid()),
            "peer_id": .string(node.peerID.base58),
        ])
        while isHeard, let request = pipe.read() {
            isHeard = answer(request, node, identified, real, pipe)
        }
        return .succeeded
    }

    private func answer(
        _ request: JSON,
        _ node: Node,
        _ identified: EventTally,
        _ real: RealWorld,
        _ pipe: borrowing BenchPipe
    ) -> Bool {
        do {
            switch request["do"]?.string {
            case "usage":
                let usage = ProcessUsage()
                return pipe.write([
                    "cpu_s": .double(usage.cpuSeconds), "resident_bytes": JSON(usage.residentByteCount),
                ])
            case "count":
                let (connectionCount, identifiedCount) = try real.run { _ in
                    (await node.swarm.allConnections.count, await identified.count)
                }
                return pipe.write([
                    "connections": JSON(connectionCount), "identified": JSON(identifiedCount),
                ])
            case "audit":
                let round = UInt64(clamping: request["round"]?.integer ?? 0)
                let audit = try real.run { _ in try await InboxAudit.take(node.delivery, round: round) }
                return pipe.write([
                    "messages": JSON(audit.messageCount), "distinct": JSON(audit.distinctCount),
                ])
            case "consume":
                let isSet = try real.run { _ in
                    await node.delivery.handle(.data, concurrencyMax: 64) { _ in nil }
                }
                return pipe.write(["done": .bool(isSet)])
            case "ceiling":
                let receiver = try CeilingReceiver(security, key: request["key"]?.string ?? "")
                guard pipe.write(["port": JSON(receiver.port)]) else { return false }
                let cpuSeconds = try receiver.run()
                return pipe.write(["cpu_s": .double(cpuSeconds)])
            case "floor":
                let listener = try LoopbackSocket.listening()
                guard pipe.write(["port": JSON(listener.port)]) else { return false }
                try PingFloor.serve(listener)
                return pipe.write(["done": true])
            default:
                return pipe.write(["error": "no such request"])
            }
        } catch {
            return pipe.write(["error": .string("\(error)")])
        }
    }
}

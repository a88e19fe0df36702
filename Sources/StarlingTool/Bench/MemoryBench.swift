internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingIO
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

/// The listener's resident memory: idle, and with many peers connected, each an own node in this process.
struct MemoryBench {
    /// Dials under way at a time.
    private static let parallelDialCountMax = 16
    /// How long all may take to identify each other, in seconds.
    private static let identifySeconds = 60.0
    /// How long pooled memory may take to be given back, in seconds.
    private static let settleSecondsMin = 5.0
    private static let settleSecondsMax = 15.0

    let run: BenchRun

    func measure() throws -> BenchReport {
        let wanted = run.settings.connectionCount
        let limit = DescriptorLimit.raise(to: wanted + 256)
        guard limit >= wanted + 64 else {
            throw Diagnostic(
                code: "too_many_connections",
                message:
                    "\(wanted) connections need more open files than the \(limit) that the system allows.",
                nextStep: "Ask for fewer with --connections, or raise the hard limit (ulimit -Hn)."
            )
        }
        let idle = try settledByteCount()
        let nodes = try connect(wanted)
        try waitUntilIdentified(wanted)
        let full = try settledByteCount()
        let count = Int(try run.ask(["do": "count"])?["connections"]?.integer ?? 0)
        let answeredCount = try ping(nodes)
        guard count > 0 else {
            throw Diagnostic(code: "bench_failed", message: "no connection is left.", nextStep: "")
        }
        return BenchReport(
            facts: run.facts(),
            figures: [
                BenchFigure("connections", "connections", "", [Double(count)]),
                BenchFigure("answered", "of them answer a ping", "", [Double(answeredCount)]),
                BenchFigure("idle_bytes", "idle node", "bytes", [Double(idle)]),
                BenchFigure("resident_bytes", "node with connections", "bytes", [Double(full)]),
                BenchFigure(
                    "bytes_per_connection",
                    "each connection",
                    "bytes",
                    [(Double(full - idle) / Double(count)).rounded()]
                ),
            ]
        )
    }

    /// Starts nodes and connects each with the listener.
    private func connect(_ count: Int) throws -> [Node] {
        let (security, target) = (run.settings.security, run.target)
        return try run.real.run { world in
            try await withThrowingTaskGroup(of: Node.self) { group in
                var nodes: [Node] = []
                for index in 0..<count {
                    if index >= Self.parallelDialCountMax, let node = try await group.next() {
                        nodes.append(node)
                    }
                    group.addTask {
                        let node = try await BenchNode.start(world, security, listensOn: []).node
                        _ = try await BenchRun.connect(node, to: target)
                        return node
                    }
                }
                for try await node in group { nodes.append(node) }
                return nodes
            }
        }
    }

    private func waitUntilIdentified(_ count: Int) throws {
        let end = BenchClock.seconds + Self.identifySeconds
        while true {
            let identified = try run.ask(["do": "count"])?["identified"]?.integer ?? 0
            if identified >= count { return }
            guard BenchClock.seconds < end else {
                throw Diagnostic(
                    code: "bench_failed",
                    message: "only \(identified) of \(count) peers have said who they are.",
                    nextStep: ""
                )
            }
            usleep(100_000)
        }
    }

    /// The listener's memory once it falls no more.
    private func settledByteCount() throws -> Int {
        let start = BenchClock.seconds
        var last = Int.max
        while true {
            let now = try run.listenerUsage()?.residentByteCount ?? 0
            let elapsed = BenchClock.seconds - start
            if elapsed > Self.settleSecondsMax || (elapsed > Self.settleSecondsMin && now >= last) {
                return now
            }
            last = now
            usleep(1_000_000)
        }
    }

    /// How many of the connections still carry a round trip.
    private func ping(_ nodes: [Node]) throws -> Int {
        let peer = run.target.peerID
        return try run.real.run { _ in
            guard let peer else { return 0 }
            var count = 0
            for node in nodes where await node.swarm.isConnected(peer) {
                do { try await node.ping(peer, count: 1) { _ in count += 1 } } catch { continue }
            }
            return count
        }
    }
}

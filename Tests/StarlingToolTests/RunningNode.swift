import StarlingCore

/// A node of the built executable that runs in a home folder until it is stopped.
final class RunningNode {
    let home: String
    let peerID: String
    let address: String
    private let tool: RunningTool
    private var isStopped = false

    /// Starts it on a free port of loopback, and returns once it is ready.
    ///
    /// - Parameter words: More flags of `up`.
    init(home: String, bootstrap: String? = nil, words more: [String] = []) throws {
        self.home = home
        let words = [
            "up", "--json", "--no-mdns", "--log-level", "error", "--listen", "/ip4/127.0.0.1/tcp/0",
        ]
        tool = try RunningTool(words + (bootstrap.map { ["--bootstrap", $0] } ?? []) + more, home: home)
        let ready = try JSON(parsing: tool.nextLine())
        peerID = ready["peer_id"]?.string ?? ""
        address = ready["addrs"]?[0]?.string ?? ""
    }

    /// Stops it as Ctrl-C does, and waits for its end.
    func stop() {
        if isStopped { return }
        isStopped = true
        tool.interrupt()
        tool.end()
    }

    /// Waits for its end, which something else has brought about.
    func end() -> ToolRun {
        isStopped = true
        return tool.end()
    }

    func run(_ words: String...) async throws -> ToolRun { try await ToolRun.run(words, home: home) }

    /// What a command answers with --json; it must succeed.
    func json(_ words: String...) async throws -> JSON {
        let run = try await ToolRun.run(words + ["--json"], home: home)
        guard run.status == 0 else { throw UnexpectedEnd(words: words, talk: run.talk) }
        return try JSON(parsing: run.output)
    }

    struct UnexpectedEnd: Error {
        var words: [String]
        var talk: String
    }
}

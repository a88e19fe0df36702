internal import StarlingAPI
internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingNode

/// The commands that ask a running node.
struct ClientCommands {
    let invocation: Invocation
    let console: Console
    let home: Home
    let client: NodeClient

    /// What a caller waits on top of the time that it gave the node, so that the node's own answer comes first.
    static let slack: Duration = .seconds(5)
    private static let timeoutIfNone: Duration = .seconds(30)

    init(_ invocation: Invocation, _ console: Console) throws(Diagnostic) {
        self.invocation = invocation
        self.console = console
        home = try Home(invocation)
        client = NodeClient(home: home)
    }

    var timeout: Duration { invocation[StarlingFlags.timeout] ?? Self.timeoutIfNone }
    var style: TextStyle { console.outputStyle }

    /// Prints the answer itself with --json, and what `render` makes of its value without.
    func show<Value: APIValue>(
        _ json: JSON,
        as type: Value.Type,
        _ render: (Value) -> String
    ) throws(Diagnostic) {
        if invocation[StarlingFlags.json] {
            try console.write(json.text + "\n")
        } else {
            try console.write(render(try client.value(json)))
        }
    }

    /// Stops the node, and waits until its process has let go of the folder: for its answer so long, and then as long again.
    func down() throws(Diagnostic) -> ExitStatus {
        let json: JSON
        do throws(Diagnostic) {
            json = try client.post("/v1/shutdown", timeout: timeout)
        } catch {
            // One that is stopping answers no more, and may hold the folder still.
            guard error.code == "no_node", HomeLock.isHeld(home) else { throw error }
            json = [:]
        }
        let deadline = try ProcessDeadline(
            timeout,
            Diagnostic(
                code: "timed_out",
                message: "the node has not stopped within \(DurationText.write(timeout)).",
                nextStep: "It goes on stopping: wait on with starling down\(home.flagText) --timeout 5m"
            ),
            isJSON: invocation[StarlingFlags.json]
        )
        defer { withExtendedLifetime(deadline) {} }
        HomeLock.waitForRelease(home)
        if invocation[StarlingFlags.json] {
            try console.write(json.text + "\n")
        } else {
            try console.write("The node in \(home.shown) has stopped.\n")
        }
        return .succeeded
    }

    func id() throws(Diagnostic) -> ExitStatus {
        let json: JSON
        do throws(Diagnostic) {
            json = try client.get("/v1/id", timeout: timeout)
        } catch {
            guard error.code == "no_node", let stored = try StoredIdentity.read(home) else { throw error }
            json = stored.json
            console.say("No node is running in \(home.shown); this is its key's.\n")
        }
        try show(json, as: NodeIdentity.self) { $0.render(style) }
        return .succeeded
    }

    func status() throws(Diagnostic) -> ExitStatus {
        try show(client.get("/v1/status", timeout: timeout), as: NodeStatus.self) { $0.render(style) }
        return .succeeded
    }

    func peers() throws(Diagnostic) -> ExitStatus {
        let json = try client.get("/v1/peers", timeout: timeout)
        let list = try client.value(json, PeerList.self)
        if list.peers.isEmpty && !invocation[StarlingFlags.json] {
            console.say(PeerList.emptyHint(flags: home.flagText))
        } else {
            try show(json, as: PeerList.self) { $0.render(style) }
        }
        return .succeeded
    }

    func route() throws(Diagnostic) -> ExitStatus {
        let json = try client.get("/v1/routes", timeout: timeout)
        let list = try client.value(json, RouteList.self)
        if list.routes.isEmpty && !invocation[StarlingFlags.json] {
            console.say(RouteList.emptyHint(flags: home.flagText))
        } else {
            try show(json, as: RouteList.self) { $0.render(style) }
        }
        return .succeeded
    }

    func trace() throws(Diagnostic) -> ExitStatus {
        let request = TraceRequest(
            peer: try peer(0),
            hopLimit: invocation[StarlingFlags.hops] ?? TraceRequest.hopLimitMax,
            timeout: invocation[StarlingFlags.timeout] ?? TraceRequest.timeoutIfNone
        )
        // Each link has a second to answer.
        let patience = request.timeout + .seconds(request.hopLimit) + Self.slack
        let json = try client.post("/v1/trace", request.json, timeout: patience)
        let report = try client.value(json, TraceReport.self)
        try show(json, as: TraceReport.self) { $0.render(style) }
        return report.hasArrived ? .succeeded : .failed
    }

    func mailbox() throws(Diagnostic) -> ExitStatus {
        let json = try client.get("/v1/mailbox", timeout: timeout)
        try show(json, as: MailboxSummary.self) { $0.render(style, flags: home.flagText) }
        return .succeeded
    }

    func connect() throws(Diagnostic) -> ExitStatus {
        let request = ConnectRequest(address: try address(0), timeout: timeout)
        let json = try client.post("/v1/connect", request.json, timeout: timeout + Self.slack)
        try show(json, as: PeerSummary.self) { $0.renderConnected(style) }
        return .succeeded
    }

    func ping() throws(Diagnostic) -> ExitStatus {
        let text = invocation.argument(0) ?? ""
        let target: PingRequest.Target
        if text.hasPrefix("/") { target = .address(try address(0)) } else { target = .peer(try peer(0)) }
        let request = PingRequest(
            target: target,
            count: invocation[StarlingFlags.count] ?? PingRequest.countIfNone,
            interval: invocation[StarlingFlags.interval] ?? PingRequest.intervalIfNone,
            timeout: invocation[StarlingFlags.timeout] ?? PingRequest.timeoutIfNone
        )
        let patience = request.interval * request.count + request.timeout * 2 + Self.slack
        let json = try client.post("/v1/ping", request.json, timeout: patience)
        let report = try client.value(json, PingReport.self)
        try show(json, as: PingReport.self) { $0.render(style) }
        return report.roundTrips.isEmpty ? .failed : .succeeded
    }

    private func address(_ index: Int) throws(Diagnostic) -> Multiaddr {
        let text = invocation.argument(index) ?? ""
        do throws(MultiaddrError) {
            return try Multiaddr(text)
        } catch {
            throw Diagnostic(
                code: "invalid_multiaddr",
                message: "'\(text)' is not a multiaddr: \(error).",
                nextStep: "One looks like /ip4/192.0.2.7/tcp/4001/p2p/12D3KooW…"
            )
        }
    }

    func peer(_ index: Int) throws(Diagnostic) -> PeerID {
        let text = invocation.argument(index) ?? ""
        guard let peer = PeerID(text) else {
            throw Diagnostic(
                code: "invalid_peer_id",
                message: "'\(text)' is not a PeerID.",
                nextStep: "Those of the peers known: starling peers\(home.flagText)"
            )
        }
        return peer
    }
}

internal import StarlingAPI
internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingNode
internal import StarlingTransports
internal import StarlingWorld

/// One `starling up` of the lab: its process, its home, and what its inbox has held.
actor LabNode {
    /// How long a node may take until it answers, and until it has stopped.
    private static let startTimeMax: Duration = .seconds(60)
    private static let stopTimeMax: Duration = .seconds(15)
    private static let glance: Duration = .milliseconds(5)
    /// Entries of the inbox asked for at a time.
    private static let pageMessageCount = 1000

    nonisolated let index: Int
    nonisolated let home: Home
    nonisolated let peerID: PeerID
    nonisolated let address: Multiaddr
    nonisolated let client: LabClient
    private nonisolated let security: SecurityProtocol?
    /// Words before those of its program.
    private nonisolated let launcher: [String]
    private nonisolated let loop: any EventLoop
    private var process: ChildProcess?
    /// Words of its command that others do not have.
    private var ownWords: [String] = []
    private var isDraining = false
    private(set) var tally = ReceivedTally()
    /// When this lab first saw each message, and the entry's own times.
    private(set) var arrivals: [String: InboxMessage] = [:]

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(
        index: Int,
        home: Home,
        peerID: PeerID,
        address: Multiaddr,
        security: SecurityProtocol?,
        launcher: [String],
        loop: any EventLoop
    ) {
        self.index = index
        self.home = home
        self.peerID = peerID
        self.address = address
        self.security = security
        self.launcher = launcher
        self.loop = loop
        client = LabClient(socketPath: home.socketPath, loop: loop)
    }

    var isRunning: Bool { process != nil }

    /// Whether the node runs and has answered.
    private(set) var isReady = false

    var residentByteCount: Int? { process?.residentByteCount }

    /// What the process has spent, in seconds; `nil` where the system does not tell.
    var cpuSeconds: Double? { process?.cpuSeconds }

    // MARK: The process

    /// Has the node started with more words from here on.
    func use(_ words: [String]) { ownWords = words }

    /// Starts the node and returns once its API answers.
    func start(bootstrap: [Multiaddr]) async throws {
        guard process == nil else { return }
        var words = [
            "lab-node", "--home", home.path, "--json", "--no-mdns", "--loops", "1", "--log-level", "warning",
            // Who is linked with whom is the lab's matter.
            "--topology", "off", "--name", "lab-\(index)", "--listen", "\(address.withoutPeerID ?? address)",
        ]
        if let security { words += ["--security", security.shortName] }
        for address in bootstrap { words += ["--bootstrap", "\(address)"] }
        words += ownWords
        let started = try ChildProcess(words, launcher: launcher, logPath: home.path + "/log")
        process = started
        let deadline = loop.now + Self.startTimeMax
        while true {
            if started.hasEnded {
                process = nil
                throw failure("ended instead of starting")
            }
            do throws(LabCallError) {
                let identity = try await client.get("/v1/id", NodeIdentity.self, timeout: .seconds(2))
                guard identity.peerID == peerID else { throw .unlike("another node answers") }
                isReady = true
                return
            } catch {
                guard loop.now < deadline else {
                    await kill()
                    throw failure("does not answer: \(error.text)")
                }
            }
            try await loop.sleep(for: Self.glance)
        }
    }

    /// Asks the node to stop, and sees to it.
    func stop() async {
        guard let running = process else { return }
        isReady = false
        await client.forget()
        running.terminate()
        if await !hasEnded(running, within: Self.stopTimeMax) { await kill() }
        process = nil
    }

    /// `kill -9`.
    func kill() async {
        guard let running = process else { return }
        isReady = false
        running.kill()
        _ = await hasEnded(running, within: .seconds(60))
        process = nil
        await client.forget()
    }

    private func hasEnded(_ running: ChildProcess, within limit: Duration) async -> Bool {
        let deadline = loop.now + limit
        while !running.hasEnded {
            guard loop.now < deadline else { return false }
            // The end of a process is waited for in a cancelled task too.
            await loop.startTask { [loop] in _ = try? await loop.sleep(for: Self.glance) }.value
        }
        return true
    }

    private func failure(_ what: String) -> Diagnostic {
        Diagnostic(
            code: "lab_failed",
            message: "node \(index) \(what).",
            nextStep: "See \(home.path)/log, which --keep leaves there."
        )
    }

    // MARK: Messages

    /// Hands a message to the node, and returns what it says of it.
    nonisolated func send(
        _ payload: [UInt8],
        to peer: PeerID,
        wait: Duration,
        recordsPath: Bool = false
    ) async throws(LabCallError) -> SendReport {
        var message = OutgoingMessage(
            to: peer,
            type: OutgoingMessage.typeIfNone,
            payload: payload,
            receiptTimeout: wait
        )
        message.recordsPath = recordsPath
        return try await client.post(
            "/v1/messages",
            message.json,
            SendReport.self,
            timeout: wait + .seconds(30)
        )
    }

    /// Reads the inbox to its end and takes what was read; another call under way makes this one return at once.
    func drain() async throws(LabCallError) {
        guard !isDraining else { return }
        isDraining = true
        defer { isDraining = false }
        var last: Int64 = 0
        var seen: [String] = []
        while true {
            let target = "/v1/inbox?limit=\(Self.pageMessageCount)&after=\(last)"
            let page = try await client.get(target, InboxPage.self)
            for message in page.messages {
                if tally.saw(message.messageID, at: message.position) {
                    arrivals[message.messageID] = message
                }
                last = message.position
                seen.append(message.messageID)
            }
            if !page.hasMore || page.messages.isEmpty { break }
        }
        guard last > 0 else { return }
        _ = try await client.call("POST", "/v1/inbox/take", InboxTake.through(last).json, .seconds(10))
        tally.took(seen)
    }

    /// The peers that the node is connected with.
    nonisolated func connectedPeers() async throws(LabCallError) -> Set<PeerID> {
        let list = try await client.get("/v1/peers", PeerList.self)
        return Set(list.peers.filter { !$0.connections.isEmpty }.map(\.peerID))
    }
}

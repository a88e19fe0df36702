internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingNode
internal import StarlingWorld

/// What every scenario has at hand: the nodes, the clock, and how to wait for what they expect.
struct LabStage: Sendable {
    /// After everything has arrived: how long a second copy may take to show itself.
    static let echoTime: Duration = .milliseconds(500)
    private static let glance: Duration = .milliseconds(20)

    let settings: LabSettings
    let fleet: LabFleet
    let world: World
    let loop: any EventLoop
    let progress: LabProgress

    init(_ settings: LabSettings, _ fleet: LabFleet, _ world: World, _ progress: LabProgress) {
        self.settings = settings
        self.fleet = fleet
        self.progress = progress
        self.world = world
        loop = world.loops[0]
    }

    var nodes: [LabNode] { fleet.nodes }

    /// Starts the nodes and runs the scenarios, one after the other.
    ///
    /// Cancellation: throws; nodes that run go on until the fleet is stopped.
    func run() async throws -> LabReport {
        var report = LabReport(nodeCount: nodes.count, seed: settings.seed)
        report.notes = settings.notes
        if settings.scenarios.contains(where: { !$0.hasOwnNodes }) {
            progress.begin("starting \(nodes.count) nodes")
            try await fleet.start { [progress] in progress.show("\($0)") }
        }
        for (index, name) in settings.scenarios.enumerated() {
            progress.begin("[\(index + 1)/\(settings.scenarios.count)] \(name.rawValue)")
            if !name.hasOwnNodes { for node in nodes { try await fleet.restart(node) } }
            let before = await doubleCount
            // One scenario that cannot go on says nothing of the others.
            var result = LabResult(name.rawValue)
            do {
                result = try await run(name)
            } catch let error as LabCallError {
                result.shortcomings.append("given up: \(error.text)")
            } catch let error as Diagnostic {
                result.shortcomings.append("given up: \(error.message) \(error.nextStep)")
            }
            if !name.hasOwnNodes { result.nodeCount = nodes.count }
            // Where messages are the matter, what was not asked about counts too.
            result.duplicatedCount += await doubleCount - before
            report.results.append(result)
        }
        // The nodes of a scenario of its own have ended with it.
        if await fleet.isRunning { report.residentByteCount = await fleet.residentByteCount() }
        return report
    }

    private func run(_ name: LabScenarioName) async throws -> LabResult {
        switch name {
        case .connectivity: try await connectivity()
        case .pingPong: try await pingPong()
        case .oneToAll: try await oneToAll()
        case .highLoad: try await highLoad()
        case .resilience: try await resilience()
        case .offline: try await offline()
        case .largeFile: try await largeFile()
        case .line: try await line()
        case .grid: try await grid()
        case .relayKilled: try await relayKilled()
        case .fileOverHops: try await fileOverHops()
        case .mailbox: try await mailbox()
        case .partition: try await partition()
        case .steady: try await steady()
        case .crash: try await crash()
        }
    }

    var doubleCount: Int {
        get async {
            var sum = 0
            for node in nodes { sum += await node.tally.doubleCount }
            return sum
        }
    }

    /// A payload that no other message has.
    func payload(_ text: String, byteCount: Int = 128) -> [UInt8] {
        let bytes = Array(text.utf8)
        return bytes + [UInt8](repeating: 0x2E, count: max(0, byteCount - bytes.count))
    }

    /// Waits until every recipient's inbox has held what was accepted for it, and counts.
    ///
    /// - Parameter accepted: Message ids by the recipient's index.
    func settle(_ accepted: [Int: [String]], into result: inout LabResult) async throws {
        result.sentCount += accepted.values.reduce(0) { $0 + $1.count }
        let deadline = loop.now + settings.patience
        var deliveredCount = 0
        while true {
            deliveredCount = await arrivedCount(accepted)
            progress.show("\(deliveredCount) of \(result.sentCount) arrived")
            if deliveredCount >= result.sentCount || loop.now >= deadline { break }
            try await loop.sleep(for: Self.glance)
        }
        try await loop.sleep(for: Self.echoTime)
        for index in accepted.keys.sorted() {
            do throws(LabCallError) { try await nodes[index].drain() } catch {
                // What came twice is not known of it.
                result.shortcomings.append("node \(index) says nothing at the end: \(error.text)")
            }
        }
        result.deliveredCount += deliveredCount
    }

    /// How many messages their recipients' inboxes have held so far.
    ///
    /// - Parameter accepted: Message ids by the recipient's index.
    func arrivedCount(_ accepted: [Int: [String]]) async -> Int {
        var count = 0
        for (index, messageIDs) in accepted.sorted(by: { $0.key < $1.key }) {
            // A node that does not answer has received nothing more.
            try? await nodes[index].drain()
            count += await nodes[index].tally.count(of: messageIDs)
        }
        return count
    }

    /// From a message's making to its place in the inbox, by this machine's clock, for those that arrived.
    func transit(_ accepted: [Int: [String]]) async -> LatencySample {
        var sample = LatencySample()
        for (index, messageIDs) in accepted.sorted(by: { $0.key < $1.key }) {
            let arrivals = await nodes[index].arrivals
            for messageID in messageIDs {
                guard let message = arrivals[messageID] else { continue }
                let created = message.created.millisecondsSince1970
                sample.add(.milliseconds(message.received.millisecondsSince1970 - created))
            }
        }
        return sample
    }
}

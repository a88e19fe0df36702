internal import StarlingAPI
internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingNode
internal import StarlingWorld

extension LabStage {
    /// Rounds of messages between all pairs of a line, so that each distance has some hundred of them.
    private static let lineRoundCount = 150
    private static let lineNodeCount = 4
    /// Messages of each pair in a grid.
    private static let gridRoundCount = 3
    private static let gridNodeCounts = 4...25
    /// Relays that are killed, and messages each way before and after each of them.
    private static let killCount = 4
    private static let killMessageCount = 150

    /// Runs a scenario on nodes of its own, which are linked as the wiring says and not otherwise.
    ///
    /// - Parameter words: More words for the command of each node, who stands for all of them before any runs.
    func forced(
        _ name: LabScenarioName,
        _ wiring: LabWiring,
        at places: [LabPlace]? = nil,
        words: ([LabNode]) -> [[String]] = { $0.map { _ in [] } },
        _ body: (LabStage) async throws -> LabResult
    ) async throws -> LabResult {
        let own = try LabFleet(wiring, named: name.rawValue, at: places, beside: fleet, world: world)
        for (node, words) in zip(own.nodes, words(own.nodes)) { await node.use(words) }
        let stage = LabStage(settings, own, world, progress)
        do {
            progress.show("starting \(wiring.nodeCount) nodes")
            try await own.start { _ in }
            let missing = try await stage.awaitRoutes()
            var result = try await body(stage)
            result.nodeCount = wiring.nodeCount
            result.duplicatedCount += await stage.doubleCount
            if let missing { result.shortcomings.append(missing) }
            result.shortcomings += try await stage.strayLinks(wiring)
            await own.stop()
            return result
        } catch {
            await own.stop()
            throw error
        }
    }

    // MARK: Scenarios

    /// Nodes in a line, messages between all pairs, one at a time: what each further hop costs.
    func line() async throws -> LabResult {
        let wiring = LabWiring.line(Self.lineNodeCount)
        return try await forced(.line, wiring) { stage in
            var result = LabResult(LabScenarioName.line.rawValue)
            var accepted: [Int: [String]] = [:]
            var samples: [Int: LatencySample] = [:]
            var random = SplitMix64(seed: stage.settings.seed)
            for round in 0..<Self.lineRoundCount {
                // In another order each time: what one message leaves to do meets the next of every distance alike.
                var pairs = stage.pairs
                while !pairs.isEmpty {
                    let (sender, recipient) = pairs.remove(at: random.number(below: pairs.count))
                    let text = "line \(round) \(sender) \(recipient)"
                    let report = try await stage.exchange(
                        text,
                        from: sender,
                        to: recipient,
                        &accepted,
                        &result
                    )
                    guard let trip = report?.roundTrip else { continue }
                    let distance = wiring.distance(sender, recipient) ?? 0
                    samples[distance, default: LatencySample()].add(trip)
                }
                for node in stage.nodes { try await node.drain() }
                progress.show("round \(round + 1) of \(Self.lineRoundCount)")
            }
            result.shortcomings += try await stage.falsePaths(&accepted)
            try await stage.settle(accepted, into: &result)
            result.addHopFigures(samples)
            return result
        }
    }

    /// Has a message of each node of a line to each other one tell its way; those that tell another one than there is.
    private func falsePaths(_ accepted: inout [Int: [String]]) async throws -> [String] {
        var found: [String] = []
        for (sender, recipient) in pairs {
            let report = try await nodes[sender].send(
                payload("path \(sender) \(recipient)"),
                to: nodes[recipient].peerID,
                wait: settings.patience,
                recordsPath: true
            )
            accepted[recipient, default: []].append(report.messageID)
            let target = "/v1/messages/\(report.messageID)"
            let path = try await nodes[sender].client.get(target, MessageStatus.self).path
            let step = recipient > sender ? 1 : -1
            let carriers = stride(from: sender, to: recipient, by: step).map { nodes[$0].peerID }
            if path?.map(\.peerID) != carriers {
                let told = path.map { "\($0.map(\.peerID.base58))" } ?? "none"
                found.append("a message from node \(sender) to node \(recipient) tells the way \(told)")
            }
        }
        return found
    }

    /// Nodes in a grid, messages between all pairs.
    func grid() async throws -> LabResult {
        let nodeCount = min(
            max(settings.nodeCount, Self.gridNodeCounts.lowerBound),
            Self.gridNodeCounts.upperBound
        )
        let wiring = LabWiring.grid(nodeCount)
        return try await forced(.grid, wiring) { stage in
            var result = LabResult(LabScenarioName.grid.rawValue)
            var accepted: [Int: [String]] = [:]
            for round in 0..<Self.gridRoundCount {
                for (sender, recipient) in stage.pairs {
                    let text = "grid \(round) \(sender) \(recipient)"
                    _ = try await stage.exchange(text, from: sender, to: recipient, &accepted, &result)
                }
                progress.show("round \(round + 1) of \(Self.gridRoundCount)")
            }
            try await stage.settle(accepted, into: &result)
            let longest = (0..<nodeCount).compactMap { wiring.distance(0, $0) }.max() ?? 0
            result.notes = ["up to \(longest) hops"]
            return result
        }
    }

    /// Two ends and two ways between them; the relay that carries is killed with `kill -9` while messages go both ways,
    /// and comes back, again and again.
    func relayKilled() async throws -> LabResult {
        try await forced(.relayKilled, .twoWays(relayCount: 2)) { stage in
            var result = LabResult(LabScenarioName.relayKilled.rawValue)
            var accepted: [Int: [String]] = [:]
            let ends = (0, stage.nodes.count - 1)
            var killed: [Int] = []
            for kill in 0..<Self.killCount {
                for part in ["before", "after"] {
                    // What was accepted before is on its way when the relay goes, and the rest follows at once.
                    if part == "after", let relay = try await stage.relay(from: ends.0, to: ends.1) {
                        await stage.nodes[relay].kill()
                        killed.append(relay)
                    }
                    let batch = try await stage.sendBothWays(ends, "\(part) \(kill)", Self.killMessageCount)
                    accepted.merge(batch) { $0 + $1 }
                }
                progress.show("\(killed.count) relays killed")
                if let relay = killed.last { try await stage.fleet.restart(stage.nodes[relay]) }
                if let missing = try await stage.awaitRoutes() { result.shortcomings.append(missing) }
            }
            if killed.count < Self.killCount { result.shortcomings.append("no relay carried the messages") }
            try await stage.settle(accepted, into: &result)
            result.latency = await stage.transit(accepted)
            result.notes = ["relays killed: \(killed.map { "node \($0)" }.joined(separator: ", "))"]
            return result
        }
    }

    /// Has both ends send to each other, some messages at a time; the ids of those that were accepted, by recipient.
    private func sendBothWays(
        _ ends: (Int, Int),
        _ label: String,
        _ count: Int
    ) async throws -> [Int: [String]] {
        var accepted: [Int: [String]] = [:]
        try await withThrowingTaskGroup(of: (Int, String).self) { group in
            var running = 0
            for number in 0..<count {
                for (sender, recipient) in [ends, (ends.1, ends.0)] {
                    if running >= 16, let (recipient, id) = try await group.next() {
                        accepted[recipient, default: []].append(id)
                        running -= 1
                    }
                    let (node, peer) = (nodes[sender], nodes[recipient].peerID)
                    let bytes = payload("\(label) \(number) \(sender)")
                    group.addTask { (recipient, try await node.send(bytes, to: peer, wait: .zero).messageID) }
                    running += 1
                }
            }
            while let (recipient, id) = try await group.next() { accepted[recipient, default: []].append(id) }
        }
        return accepted
    }

    /// Each node with each other one.
    var pairs: [(sender: Int, recipient: Int)] {
        nodes.indices.flatMap { sender in
            nodes.indices.filter { $0 != sender }.map { (sender, $0) }
        }
    }

    // MARK: Ways

    /// Waits until each node has a way to each other one; what is missing when patience ends, else `nil`.
    func awaitRoutes() async throws -> String? {
        let all = Set(nodes.map(\.peerID))
        let pairCount = nodes.count * (nodes.count - 1)
        let deadline = loop.now + settings.patience
        while true {
            var count = 0
            for node in nodes {
                // A node that does not answer knows no way.
                let routes = try? await node.client.get("/v1/routes", RouteList.self).routes
                let reached = (routes ?? []).filter { $0.hops.contains { $0.metric != nil } }.map(\.peerID)
                count += all.subtracting([node.peerID]).intersection(reached).count
            }
            progress.show("\(count) of \(pairCount) ways known")
            if count == pairCount { return nil }
            if loop.now >= deadline { return "\(pairCount - count) of \(pairCount) ways are not known" }
            try await loop.sleep(for: .milliseconds(50))
        }
    }

    /// The neighbour over which a node reaches another one now; `nil` where there is none, or no need of one.
    func relay(from one: Int, to other: Int) async throws -> Int? {
        let list = try await nodes[one].client.get("/v1/routes", RouteList.self)
        let route = list.routes.first { $0.peerID == nodes[other].peerID }
        let hop = route?.hops.first { $0.reason.isTaken }?.peerID
        return nodes.first { $0.peerID == hop && $0.index != other }?.index
    }

    /// Connections that the wiring does not have: with them nothing is said of hops.
    private func strayLinks(_ wiring: LabWiring) async throws -> [String] {
        var strays: [String] = []
        for node in nodes {
            let allowed = Set(wiring[node.index].map { nodes[$0].peerID })
            let connected = try await node.connectedPeers().intersection(nodes.map(\.peerID))
            for other in nodes where connected.subtracting(allowed).contains(other.peerID) {
                strays.append(
                    "node \(node.index) is connected with node \(other.index), which it should not be"
                )
            }
        }
        return strays
    }
}

extension LabResult {
    /// Says what each distance came to, and what each hop after the first one adds.
    fileprivate mutating func addHopFigures(_ samples: [Int: LatencySample]) {
        let distances = samples.keys.sorted()
        for distance in distances {
            guard let sample = samples[distance], let median = sample.percentile(50),
                let slow = sample.percentile(99)
            else { continue }
            let name = "\(distance) \(distance == 1 ? "hop" : "hops")"
            notes.append(
                "\(name): p50 \(DecimalText.write(median, fractionDigits: 3)) ms, "
                    + "p99 \(DecimalText.write(slow, fractionDigits: 3)) ms, \(sample.count) messages with receipt"
            )
            figures.append(LabFigure("hops_\(distance)_p50_ms", median))
            figures.append(LabFigure("hops_\(distance)_p99_ms", slow))
        }
        guard let near = distances.first, let far = distances.last, far > near else { return }
        for percent in [50, 99] {
            guard let first = samples[near]?.percentile(percent), let last = samples[far]?.percentile(percent)
            else { continue }
            let added = (last - first) / Double(far - near)
            figures.append(LabFigure("further_hop_p\(percent)_ms", added))
            notes.append(
                "each further hop adds \(DecimalText.write(added, fractionDigits: 3)) ms at p\(percent), there and back"
            )
        }
    }
}

internal import StarlingAPI
internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingNode
internal import StarlingWorld

extension LabStage {
    private static let steadyTime: Duration = .seconds(30)

    /// Each node is connected with each other one, and answers its ping.
    func connectivity() async throws -> LabResult {
        var result = LabResult(LabScenarioName.connectivity.rawValue)
        let pairCount = nodes.count * (nodes.count - 1)
        result.sentCount = pairCount
        if let missing = try await connectAll() { result.shortcomings.append(missing) }
        for node in nodes {
            for other in nodes where other !== node {
                let request = PingRequest(
                    target: .peer(other.peerID),
                    count: 1,
                    interval: .seconds(1),
                    timeout: .seconds(10)
                )
                do throws(LabCallError) {
                    let report = try await node.client.post(
                        "/v1/ping",
                        request.json,
                        PingReport.self,
                        timeout: .seconds(20)
                    )
                    for trip in report.roundTrips { result.latency.add(trip) }
                    result.deliveredCount += report.roundTrips.isEmpty ? 0 : 1
                } catch {
                    result.shortcomings.append("node \(node.index) to \(other.index): \(error.text)")
                }
            }
            progress.show("\(result.deliveredCount) of \(pairCount) pings answered")
        }
        return result
    }

    /// Waits until all nodes are connected with each other; what is missing when patience ends, else `nil`.
    func connectAll() async throws -> String? {
        let all = Set(nodes.map(\.peerID))
        let pairCount = nodes.count * (nodes.count - 1)
        let deadline = loop.now + settings.patience
        while true {
            var count = 0
            for node in nodes {
                // A node that does not answer counts as alone.
                count += ((try? await node.connectedPeers()) ?? []).intersection(all).count
            }
            progress.show("\(count) of \(pairCount) connected")
            if count == pairCount { return nil }
            if loop.now >= deadline { return "\(pairCount - count) of \(pairCount) pairs are not connected" }
            try await loop.sleep(for: .milliseconds(50))
        }
    }

    /// All connections that stand at the beginning stand at the end.
    func steady() async throws -> LabResult {
        var result = LabResult(LabScenarioName.steady.rawValue)
        result.sentCount = nodes.count * (nodes.count - 1)
        if let missing = try await connectAll() { result.shortcomings.append(missing) }
        // Two nodes that dialled each other at once keep one connection: that is settled first.
        try await loop.sleep(for: .seconds(2))
        let before = try await connectionIDs()
        let end = loop.now + Self.steadyTime
        while loop.now < end {
            try await loop.sleep(for: .seconds(1))
            let left = end < loop.now ? .zero : loop.now.duration(to: end)
            progress.show("\(Int(left.inSeconds)) s left")
            let residentByteCount = await fleet.residentByteCount() ?? 0
            result.notes = ["\(ByteCountText.write(residentByteCount / nodes.count)) of memory for each node"]
        }
        let after = try await connectionIDs()
        for (index, connections) in before.enumerated() {
            // One that the two had at the beginning is still theirs.
            for (peer, own) in connections where !own.isDisjoint(with: after[index][peer] ?? []) {
                result.deliveredCount += 1
            }
        }
        return result
    }

    /// For each node, the connections that it has with each peer.
    private func connectionIDs() async throws -> [[PeerID: Set<String>]] {
        var all: [[PeerID: Set<String>]] = []
        for node in nodes {
            let list = try await node.client.get("/v1/peers", PeerList.self)
            var connections: [PeerID: Set<String>] = [:]
            for peer in list.peers where !peer.connections.isEmpty {
                connections[peer.peerID] = Set(peer.connections.map(\.id))
            }
            all.append(connections)
        }
        return all
    }
}

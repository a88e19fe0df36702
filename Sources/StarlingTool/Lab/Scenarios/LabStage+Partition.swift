internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingNode
internal import StarlingWorld

extension LabStage {
    private static let sideNodeCount = 4
    /// How long the two sides are apart: longer than a connection notices nothing.
    private static let partitionTime: Duration = .seconds(20)

    /// Two sides in network namespaces of their own, whose cable is cut while everybody sends to everybody: each side goes
    /// on by itself, and what is for the other one arrives after the cable is mended.
    func partition() async throws -> LabResult {
        let namespaces = try LabNamespaces()
        defer { namespaces.remove() }
        let wiring = LabWiring.twoSides(nodeCount: Self.sideNodeCount, linkCount: 2)
        let places = (0..<wiring.nodeCount).map { node in
            let side = node / Self.sideNodeCount
            return LabPlace(host: namespaces.hosts[side], launcher: namespaces.launcher(side))
        }
        return try await forced(.partition, wiring, at: places) { stage in
            var result = LabResult(LabScenarioName.partition.rawValue)
            try namespaces.cut()
            let cutAt = stage.loop.now
            var (near, far): ([Int: [String]], [Int: [String]]) = ([:], [:])
            for (sender, recipient) in stage.pairs {
                let text = "partition \(sender) \(recipient)"
                let peer = stage.nodes[recipient].peerID
                let id = try await stage.nodes[sender].send(stage.payload(text), to: peer, wait: .zero)
                    .messageID
                if sender / Self.sideNodeCount == recipient / Self.sideNodeCount {
                    near[recipient, default: []].append(id)
                } else {
                    far[recipient, default: []].append(id)
                }
            }
            try await stage.settle(near, into: &result)
            try await stage.loop.sleep(until: cutAt + Self.partitionTime)
            let early = await stage.arrivedCount(far)
            if early > 0 {
                result.shortcomings.append("\(early) messages crossed while the cable was cut")
            }
            try namespaces.mend()
            let mendedAt = stage.loop.now
            var crossed = LabResult(result.name)
            try await stage.settle(far, into: &crossed)
            let healed = mendedAt.duration(to: stage.loop.now) - Self.echoTime
            result.figures = [LabFigure("healed_s", healed.inSeconds)]
            result.notes = [
                "\(result.deliveredCount) messages arrived on their own side in \(DurationText.write(Self.partitionTime)) apart, "
                    + "\(crossed.deliveredCount) crossed within \(DurationText.write(healed)) of the cable"
            ]
            result.sentCount += crossed.sentCount
            result.deliveredCount += crossed.deliveredCount
            if let missing = try await stage.awaitRoutes() { result.shortcomings.append(missing) }
            return result
        }
    }
}

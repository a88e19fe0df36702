internal import StarlingAPI
internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingNode
internal import StarlingWorld

extension LabStage {
    /// What the death of a relay may cost: chunks that were asked for and on their way, and the frames around them.
    private static let lostByteCountMax = 32 << 20

    /// A file over three hops, one of whose relays is killed with `kill -9` midway, and the same file over one hop.
    ///
    /// It arrives once, as it was, and does not start over. What each relay spends is measured at its process.
    func fileOverHops() async throws -> LabResult {
        let file = LabFile(path: fleet.path + "/file-over-hops", byteCount: settings.fileByteCount)
        progress.show("writing \(ByteCountText.write(file.byteCount))")
        let digest = try file.write(seed: settings.seed)
        defer { file.remove() }
        let wiring = LabWiring.twoWays(relayCount: 2)
        return try await forced(.fileOverHops, wiring) { stage in
            var result = LabResult(LabScenarioName.fileOverHops.rawValue)
            try await stage.sendOverOneHop(file, &result)
            try await stage.sendOverThreeHops(file, digest, wiring, &result)
            return result
        }
    }

    /// The file to a neighbour, for comparison.
    private func sendOverOneHop(_ file: LabFile, _ result: inout LabResult) async throws {
        let (sender, recipient) = (0, 1)
        progress.show("over one hop")
        let id = try await nodes[sender].send(file: file.path, to: nodes[recipient].peerID)
        result.sentCount += 1
        let accepted = loop.now
        let entries = try await entries(of: id, at: recipient)
        let rate = megabytesPerSecond(file.byteCount, since: accepted)
        guard let entry = entries.first else {
            return result.shortcomings.append("the file did not arrive over one hop")
        }
        result.deliveredCount += 1
        try await nodes[recipient].save(entry.position, to: nil)
        result.figures.append(LabFigure("one_hop_mb_per_s", rate))
        result.notes.append("over one hop: \(Int(rate)) MB/s")
    }

    private func sendOverThreeHops(
        _ file: LabFile,
        _ digest: [UInt8],
        _ wiring: LabWiring,
        _ result: inout LabResult
    ) async throws {
        let (sender, recipient) = (0, nodes.count - 1)
        let relays = Array(nodes.indices.dropFirst().dropLast())
        var starts: [Int: LabUse] = [:]
        for node in relays + [sender] { starts[node] = try await use(of: node) }
        progress.show("over three hops")
        let id = try await nodes[sender].send(file: file.path, to: nodes[recipient].peerID)
        result.sentCount += 1
        let accepted = loop.now
        let midway = try await arrived(file.byteCount / 2, at: recipient, id)
        let undisturbed = megabytesPerSecond(midway, since: accepted)
        guard (1..<file.byteCount).contains(midway) else {
            return result.shortcomings.append("the file was not seen midway: use a larger --file-size")
        }
        var uses: [Int: LabUse] = [:]
        for relay in relays { uses[relay] = try await use(of: relay).since(starts[relay]) }
        // Of the relays next to the recipient, the one that carries it.
        let carrying = wiring[recipient].first { (uses[$0]?.receivedByteCount ?? 0) > Int64(midway / 2) }
        guard let killed = carrying else { return result.shortcomings.append("no relay carried the file") }
        await nodes[killed].kill()
        let entries = try await entries(of: id, at: recipient)
        let whole = megabytesPerSecond(file.byteCount, since: accepted)
        for relay in relays where relay != killed {
            uses[relay] = try await use(of: relay).since(starts[relay])
        }
        result.addRelayFigures(uses, killed: killed, at: midway)
        result.figures.append(LabFigure("three_hops_mb_per_s", undisturbed))
        result.figures.append(LabFigure("three_hops_with_kill_mb_per_s", whole))
        result.notes.append(
            "over three hops: \(Int(undisturbed)) MB/s until the kill, \(Int(whole)) MB/s from acceptance to the end"
        )
        let sent = try await use(of: sender).since(starts[sender]).sentByteCount
        result.notes.append("the sender sent \(sent) bytes for a file of \(file.byteCount)")
        // Frames and records of two sessions take less than a fiftieth.
        if sent > Int64(file.byteCount + file.byteCount / 50 + Self.lostByteCountMax) {
            result.shortcomings.append(
                "\(sent) bytes were sent for a file of \(file.byteCount): it started over"
            )
        }
        guard let entry = entries.first else {
            return result.shortcomings.append(
                "the file did not arrive in \(DurationText.write(settings.patience))"
            )
        }
        let copy = LabFile(path: fleet.path + "/file-over-hops.copy", byteCount: file.byteCount)
        defer { copy.remove() }
        try await nodes[recipient].save(entry.position, to: copy.path)
        result.duplicatedCount += entries.count - 1
        if try copy.digest() == digest {
            result.deliveredCount += 1
        } else {
            result.shortcomings.append("the file that arrived is another one")
        }
        try await fleet.restart(nodes[killed])
    }

    private func megabytesPerSecond(_ byteCount: Int, since start: Instant) -> Double {
        Double(byteCount) / 1e6 / max(1e-6, start.duration(to: loop.now).inSeconds)
    }

    private func use(of node: Int) async throws -> LabUse {
        let status = try await nodes[node].client.get("/v1/status", NodeStatus.self)
        return LabUse(
            cpuSeconds: await nodes[node].cpuSeconds ?? 0,
            sentByteCount: Int64(clamping: status.sentByteCount),
            receivedByteCount: Int64(clamping: status.receivedByteCount)
        )
    }
}

/// What a node has spent and moved since its start.
struct LabUse: Equatable, Sendable {
    var cpuSeconds: Double
    var sentByteCount: Int64
    var receivedByteCount: Int64

    /// What came on top of an earlier state.
    func since(_ start: LabUse?) -> LabUse {
        guard let start else { return self }
        return LabUse(
            cpuSeconds: cpuSeconds - start.cpuSeconds,
            sentByteCount: sentByteCount - start.sentByteCount,
            receivedByteCount: receivedByteCount - start.receivedByteCount
        )
    }

    /// Seconds for each GiB that came.
    var cpuSecondsPerGiB: Double { cpuSeconds / (Double(receivedByteCount) / Double(1 << 30)) }
}

extension LabResult {
    /// Says what each relay that carried the file has spent on it.
    fileprivate mutating func addRelayFigures(_ uses: [Int: LabUse], killed: Int, at midway: Int) {
        for (relay, use) in uses.sorted(by: { $0.key < $1.key }) where use.receivedByteCount > 64 << 20 {
            let seconds = DecimalText.write(use.cpuSecondsPerGiB, fractionDigits: 2)
            let size = ByteCountText.write(Int(use.receivedByteCount))
            let fate = relay == killed ? ", killed when \(ByteCountText.write(midway)) had arrived" : ""
            notes.append("relay \(relay): \(seconds) CPU s/GiB for \(size)\(fate)")
            figures.append(LabFigure("relay_\(relay)_cpu_s_per_gib", use.cpuSecondsPerGiB))
        }
    }
}

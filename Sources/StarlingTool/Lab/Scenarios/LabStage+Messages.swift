internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingNode
internal import StarlingWorld

extension LabStage {
    /// How long a sender waits for a receipt before it goes on.
    private static let receiptWait: Duration = .seconds(10)
    /// Messages of ping-pong in all, about: few pairs exchange more of them.
    private static let pingPongCount = 1000
    private static let oneToAllRoundCount = 20

    /// All pairs, a message there and one back, one at a time: the figures are those of an idle node.
    ///
    /// Latency is the sending node's own: from accepting the message to the recipient's verified receipt.
    func pingPong() async throws -> LabResult {
        var result = LabResult(LabScenarioName.pingPong.rawValue)
        if let missing = try await connectAll() { result.shortcomings.append(missing) }
        var accepted: [Int: [String]] = [:]
        let pairCount = nodes.count * (nodes.count - 1) / 2
        let roundCount = max(1, min(100, Self.pingPongCount / (2 * pairCount)))
        for round in 0..<roundCount {
            for first in nodes.indices {
                for second in nodes.indices where first < second {
                    let text = "ping \(round) \(first) \(second)"
                    let ping = try await exchange(text, from: first, to: second, &accepted, &result)
                    guard ping != nil else { continue }
                    try await nodes[second].drain()
                    let answer = "pong \(round) \(first) \(second)"
                    _ = try await exchange(answer, from: second, to: first, &accepted, &result)
                }
                progress.show("round \(round + 1) of \(roundCount), node \(first)")
            }
        }
        try await settle(accepted, into: &result)
        return result
    }

    /// Sends one message and waits for its receipt; what the sender says of it, `nil` when it was not accepted.
    func exchange(
        _ text: String,
        from sender: Int,
        to recipient: Int,
        _ accepted: inout [Int: [String]],
        _ result: inout LabResult
    ) async throws -> SendReport? {
        try Task.checkCancellation()
        do throws(LabCallError) {
            let report = try await nodes[sender].send(
                payload(text),
                to: nodes[recipient].peerID,
                wait: Self.receiptWait
            )
            accepted[recipient, default: []].append(report.messageID)
            if let roundTrip = report.roundTrip { result.latency.add(roundTrip) }
            return report
        } catch {
            result.shortcomings.append("node \(sender) to \(recipient): \(error.text)")
            return nil
        }
    }

    /// One node sends to all others at once.
    func oneToAll() async throws -> LabResult {
        var result = LabResult(LabScenarioName.oneToAll.rawValue)
        if let missing = try await connectAll() { result.shortcomings.append(missing) }
        var accepted: [Int: [String]] = [:]
        for round in 0..<Self.oneToAllRoundCount {
            try Task.checkCancellation()
            let outcomes = await withTaskGroup(of: (Int, Result<SendReport, LabCallError>).self) { group in
                for recipient in nodes.dropFirst() {
                    group.addTask {
                        [sender = nodes[0], bytes = payload("to all \(round) \(recipient.index)")] in
                        do throws(LabCallError) {
                            let report = try await sender.send(
                                bytes,
                                to: recipient.peerID,
                                wait: Self.receiptWait
                            )
                            return (recipient.index, .success(report))
                        } catch {
                            return (recipient.index, .failure(error))
                        }
                    }
                }
                var outcomes: [(Int, Result<SendReport, LabCallError>)] = []
                for await outcome in group { outcomes.append(outcome) }
                return outcomes
            }
            for (recipient, outcome) in outcomes {
                switch outcome {
                case .success(let report):
                    accepted[recipient, default: []].append(report.messageID)
                    if let roundTrip = report.roundTrip { result.latency.add(roundTrip) }
                case .failure(let error):
                    result.shortcomings.append("to node \(recipient): \(error.text)")
                }
            }
            progress.show("round \(round + 1) of \(Self.oneToAllRoundCount)")
        }
        try await settle(accepted, into: &result)
        return result
    }

    /// The last node is away while all others send to it; it comes up, and has them.
    func offline() async throws -> LabResult {
        var result = LabResult(LabScenarioName.offline.rawValue)
        let recipient = nodes.count - 1
        await nodes[recipient].stop()
        var accepted: [Int: [String]] = [:]
        for round in 0..<10 {
            for sender in nodes.indices where sender != recipient {
                do throws(LabCallError) {
                    let report = try await nodes[sender].send(
                        payload("offline \(round) \(sender)"),
                        to: nodes[recipient].peerID,
                        wait: .zero
                    )
                    accepted[recipient, default: []].append(report.messageID)
                } catch {
                    result.shortcomings.append("node \(sender): \(error.text)")
                }
            }
        }
        progress.show("\(accepted[recipient]?.count ?? 0) accepted")
        try await loop.sleep(for: .seconds(1))
        try await fleet.restart(nodes[recipient])
        try await settle(accepted, into: &result)
        result.latency = await transit(accepted)
        return result
    }
}

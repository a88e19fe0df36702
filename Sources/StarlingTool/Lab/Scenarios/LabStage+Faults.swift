internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingNode
internal import StarlingSimulator
internal import StarlingWorld
internal import Synchronization

extension LabStage {
    private static let resilienceTime: Duration = .seconds(4)
    private static let killCount = 50
    /// Messages that are being handed over at any time while a loaded node is killed.
    private static let crashSenderCount = 8
    private static let crashByteCount = 1024

    // MARK: Resilience

    /// One node stops and another is killed while the others send to them; both come back.
    ///
    /// What the killed node had accepted itself, a moment before, has to arrive too.
    func resilience() async throws -> LabResult {
        var result = LabResult(LabScenarioName.resilience.rawValue)
        if let missing = try await connectAll() { result.shortcomings.append(missing) }
        let (stopped, killed) = (1, nodes.count > 2 ? 2 : 1)
        let ledger = LabLedger()
        let senders = nodes.indices.filter { $0 != stopped && $0 != killed }
        let end = loop.now + Self.resilienceTime
        try await withThrowingTaskGroup(of: Void.self) { group in
            for sender in senders {
                group.addTask {
                    var number = 0
                    while loop.now < end {
                        for recipient in Set([stopped, killed]).sorted() {
                            await hand("resilience \(number) \(sender)", sender, recipient, ledger)
                        }
                        number += 1
                        try await loop.sleep(for: .milliseconds(20))
                    }
                }
            }
            group.addTask {
                try await loop.sleep(for: .seconds(1))
                for number in 0..<50 { await hand("last words \(number)", killed, 0, ledger) }
                await nodes[killed].kill()
                await nodes[stopped].stop()
                try await loop.sleep(for: .seconds(1))
                try await fleet.restart(nodes[stopped])
                try await fleet.restart(nodes[killed])
            }
            try await group.waitForAll()
        }
        result.shortcomings += ledger.refusals.prefix(3)
        try await settle(ledger.accepted, into: &result)
        result.latency = await transit(ledger.accepted)
        return result
    }

    /// Hands a message over without waiting for its receipt, and takes note of what the node says.
    private func hand(
        _ text: String,
        _ sender: Int,
        _ recipient: Int,
        _ ledger: LabLedger,
        byteCount: Int = 128
    ) async {
        let bytes = payload(text, byteCount: byteCount)
        do throws(LabCallError) {
            let report = try await nodes[sender].send(bytes, to: nodes[recipient].peerID, wait: .zero)
            ledger.accepted(report.messageID, for: recipient)
        } catch {
            ledger.failed("node \(sender) to \(recipient): \(error.text)", error)
        }
    }

    // MARK: Crashes

    /// A sender and a recipient under load are killed with `kill -9`, fifty times in all, at moments that the seed chooses.
    ///
    /// What the sender accepted has to be in the recipient's inbox once. What it was handed in the moment of its death,
    /// without an answer, may be there once or not at all.
    func crash() async throws -> LabResult {
        var result = LabResult(LabScenarioName.crash.rawValue)
        let (sender, recipient) = (0, 1)
        if let missing = try await connectAll() { result.shortcomings.append(missing) }
        let ledger = LabLedger()
        var random = SplitMix64(seed: settings.seed)
        let victims = (0..<Self.killCount).map { _ in random.number(below: 2) }
        let pauses = (0..<Self.killCount * 2).map { _ in random.number(below: 500) }
        let senderKillCount = victims.count { $0 == sender }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for lane in 0..<Self.crashSenderCount {
                group.addTask { try await load(lane, sender, recipient, ledger) }
            }
            group.addTask {
                while !ledger.isOver {
                    // A recipient that has just been killed does not answer.
                    try? await nodes[recipient].drain()
                    try await loop.sleep(for: .milliseconds(50))
                }
            }
            group.addTask {
                defer { ledger.end() }
                for (index, victim) in victims.enumerated() {
                    try await loop.sleep(for: .milliseconds(100 + pauses[2 * index]))
                    await nodes[victim].kill()
                    try await loop.sleep(for: .milliseconds(pauses[2 * index + 1] / 4))
                    try await fleet.restart(nodes[victim])
                    progress.show("killed \(index + 1) times, \(ledger.acceptedCount) accepted")
                }
            }
            try await group.waitForAll()
        }
        try await settle(ledger.accepted, into: &result)
        result.latency = await transit(ledger.accepted)
        result.notes = [
            "the sender was killed \(senderKillCount) times, the recipient "
                + "\(Self.killCount - senderKillCount) times; \(ledger.unansweredCount) messages were handed over "
                + "without an answer, \(ledger.refusals.count) refused"
        ]
        return result
    }

    private func load(_ lane: Int, _ sender: Int, _ recipient: Int, _ ledger: LabLedger) async throws {
        var number = 0
        while !ledger.isOver {
            try await loop.sleep(for: .milliseconds(2))
            guard await nodes[sender].isReady else { continue }
            await hand("crash \(lane) \(number)", sender, recipient, ledger, byteCount: Self.crashByteCount)
            number += 1
        }
    }
}

/// What nodes said of the messages that they were handed.
private final class LabLedger: Sendable {
    private struct State {
        var accepted: [Int: [String]] = [:]
        var acceptedCount = 0
        var refusals: [String] = []
        var unansweredCount = 0
        var isOver = false
    }

    /// Refusals that are remembered.
    private static let refusalCountMax = 10_000

    private let state = Mutex(State())

    /// Message ids by the recipient's index.
    var accepted: [Int: [String]] { state.withLock { $0.accepted } }
    var acceptedCount: Int { state.withLock { $0.acceptedCount } }
    var refusals: [String] { state.withLock { $0.refusals } }
    /// Messages of which nobody knows whether they were accepted.
    var unansweredCount: Int { state.withLock { $0.unansweredCount } }
    var isOver: Bool { state.withLock { $0.isOver } }

    func accepted(_ messageID: String, for recipient: Int) {
        state.withLock { state in
            state.accepted[recipient, default: []].append(messageID)
            state.acceptedCount += 1
        }
    }

    func failed(_ text: String, _ error: LabCallError) {
        state.withLock { state in
            switch error {
            case .refused, .unlike:
                if state.refusals.count < Self.refusalCountMax { state.refusals.append(text) }
            case .unreachable, .timedOut: state.unansweredCount += 1
            }
        }
    }

    func end() { state.withLock { $0.isOver = true } }
}

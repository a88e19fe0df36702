internal import StarlingAPI
internal import StarlingCore
internal import StarlingCrypto
internal import StarlingMesh
internal import StarlingNode
internal import StarlingWorld

/// What a node of the lab does for others: it works on their tasks, and gives them tasks.
///
/// A task is a message of the type AGENT_TASK; its answer is the SHA-256 of its payload, so that an answer proves that
/// its task was worked on.
actor LabTasks {
    /// Failures of one order that are told.
    private static let failureCountMax = 10
    /// Tasks of others that are worked on at once.
    private static let concurrencyMax = 256

    /// A task that begins like this is never done at its first attempt, as one whose worker hangs.
    private static let hanging = Array("hang".utf8)

    private let delivery: DeliveryDriver
    private nonisolated let loop: any EventLoop
    /// How often each task was worked on.
    private var workCounts: [MessageID: Int] = [:]
    private var attemptMax = 0

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    private init(delivery: DeliveryDriver) {
        self.delivery = delivery
        loop = delivery.loop
    }

    /// Begins to work on the tasks that arrive.
    static func start(_ delivery: DeliveryDriver) async -> LabTasks {
        let tasks = LabTasks(delivery: delivery)
        _ = await delivery.handle(.agentTask, concurrencyMax: concurrencyMax) { task in
            try await tasks.work(on: task)
        }
        return tasks
    }

    /// What the node has worked on so far.
    var work: LabWork {
        LabWork(
            taskCount: workCounts.count,
            repetitionCount: workCounts.values.reduce(0) { $0 + $1 - 1 },
            attemptMax: attemptMax
        )
    }

    private func work(on task: InboxDelivery) async throws(CancellationError) -> MessageContent {
        workCounts[task.entry.id, default: 0] += 1
        attemptMax = max(attemptMax, task.entry.attempt)
        while task.entry.attempt == 1, task.content.payload.starts(with: Self.hanging) {
            try await loop.sleep(for: .seconds(3600))
        }
        return MessageContent(type: .agentTask, payload: Self.answer(to: task.content.payload))
    }

    private static func answer(to payload: [UInt8]) -> [UInt8] { SHA256.hash(payload) }

    /// Gives all tasks of an order at once, and waits for their answers.
    ///
    /// Cancellation: returns what was answered before.
    func give(_ order: LabOrder) async -> LabOrderReport {
        let deadline = loop.now + order.timeout
        return await withTaskGroup(of: Result<Duration, LabTaskError>.self) { group in
            for number in 0..<order.taskCount {
                let peer = order.peers[number % order.peers.count]
                let payload = order.payload(number)
                group.addTask { await self.give(payload, to: peer, deadline: deadline) }
            }
            var report = LabOrderReport()
            for await result in group {
                switch result {
                case .success(let roundTrip): report.roundTrips.append(roundTrip)
                case .failure(let error):
                    if report.failures.count < Self.failureCountMax { report.failures.append(error.text) }
                }
            }
            return report
        }
    }

    private func give(
        _ payload: [UInt8],
        to peer: PeerID,
        deadline: Instant
    ) async -> Result<Duration, LabTaskError> {
        let start = loop.now
        var draft = MessageDraft(to: peer, content: MessageContent(type: .agentTask, payload: payload))
        // Nobody waits for an answer that comes later.
        draft.lifetime = start.duration(to: deadline)
        do throws(RequestError) {
            let answer = try await delivery.request(draft, deadline: deadline)
            guard answer.content.payload == Self.answer(to: payload), answer.entry.from == peer else {
                return .failure(.wrongAnswer)
            }
            return .success(start.duration(to: loop.now))
        } catch {
            return .failure(.noAnswer(error))
        }
    }
}

/// Why a task has no answer, or one that counts for nothing.
private enum LabTaskError: Error {
    case wrongAnswer
    case noAnswer(RequestError)

    var text: String {
        switch self {
        case .wrongAnswer: "a task has another's answer"
        case .noAnswer(let error): "a task has no answer: \(error)"
        }
    }
}

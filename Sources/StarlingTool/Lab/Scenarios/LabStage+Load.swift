internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingNode
internal import StarlingWorld

extension LabStage {
    /// Tasks at once, over all nodes together, one wave after the other.
    private static let waveTaskCounts = [50, 5000]

    /// Every node gives the others tasks at once, and waits for their answers.
    ///
    /// A task counts as delivered when its giver has the right answer. That it was worked on once is the word of who
    /// worked on it; latency is from giving a task to its answer.
    func highLoad() async throws -> LabResult {
        var result = LabResult(LabScenarioName.highLoad.rawValue)
        if let missing = try await connectAll() { result.shortcomings.append(missing) }
        for taskCount in Self.waveTaskCounts {
            progress.show("\(taskCount) tasks at once")
            let before = try await work()
            let wave = try await giveTasks(taskCount)
            let after = try await work()
            result.sentCount += taskCount
            result.deliveredCount += wave.roundTrips.count
            result.shortcomings += wave.failures.prefix(3)
            let workedCount = after.taskCount - before.taskCount
            if workedCount != taskCount {
                result.shortcomings.append("\(workedCount) of \(taskCount) tasks were worked on")
            }
            result.duplicatedCount += after.repetitionCount - before.repetitionCount
            var latency = LatencySample()
            for roundTrip in wave.roundTrips { latency.add(roundTrip) }
            result.latency.add(latency)
            let (median, slow) = (latency.percentile(50) ?? 0, latency.percentile(99) ?? 0)
            result.notes.append("\(taskCount) at once: p50 \(Int(median)) ms, p99 \(Int(slow)) ms")
        }
        result.shortcomings += try await strayAnswers()
        return result
    }

    /// Has all nodes give their share of so many tasks at the same time.
    private func giveTasks(_ taskCount: Int) async throws -> LabOrderReport {
        try await withThrowingTaskGroup(of: LabOrderReport.self) { group in
            for node in nodes {
                let share = taskCount / nodes.count + (node.index < taskCount % nodes.count ? 1 : 0)
                guard share > 0 else { continue }
                // Each begins with another neighbour, so that all have about as many tasks to work on.
                let others = nodes[(node.index + 1)...] + nodes[..<node.index]
                let order = LabOrder(
                    peers: others.map(\.peerID),
                    taskCount: share,
                    label: "\(taskCount) from \(node.index), seed \(settings.seed)",
                    timeout: settings.patience
                )
                group.addTask {
                    do throws(LabCallError) {
                        return try await node.client.post(
                            LabNodeRouter.orderPath,
                            order.json,
                            LabOrderReport.self,
                            timeout: order.timeout + .seconds(30)
                        )
                    } catch {
                        return LabOrderReport(failures: ["node \(node.index): \(error.text)"])
                    }
                }
            }
            var sum = LabOrderReport()
            for try await report in group {
                sum.roundTrips += report.roundTrips
                sum.failures += report.failures
            }
            return sum
        }
    }

    /// What all nodes together have worked on.
    private func work() async throws(LabCallError) -> (taskCount: Int, repetitionCount: Int) {
        var sum = (taskCount: 0, repetitionCount: 0)
        for node in nodes {
            let work = try await node.client.get(LabNodeRouter.workPath, LabWork.self)
            sum.taskCount += work.taskCount
            sum.repetitionCount += work.repetitionCount
        }
        return sum
    }

    /// Tasks and answers that lie in inboxes: nobody wanted them, or they came once more than they should.
    private func strayAnswers() async throws -> [String] {
        var strays: [String] = []
        for node in nodes {
            let before = await node.arrivals.count
            try await node.drain()
            let count = await node.arrivals.count - before
            if count > 0 {
                strays.append("the inbox of node \(node.index) holds \(count) more than it should")
            }
        }
        return strays
    }
}

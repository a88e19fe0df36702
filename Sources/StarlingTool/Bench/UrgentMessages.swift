internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingIO
internal import StarlingMesh
internal import StarlingNode
internal import StarlingWorld

/// What a flood of LOW messages costs EMERGENCY ones to the same peer, from the call to the recipient's receipt.
struct UrgentMessages {
    private static let probeCount = 50
    private static let warmUpCount = 10
    /// Between two probes, so that they meet the flood at different places.
    private static let pause: Duration = .milliseconds(23)
    /// Until the flood has filled what there is to fill.
    private static let runUp: Duration = .seconds(3)
    /// From a refusal of the full outbox to the next try.
    private static let refusalPause: Duration = .milliseconds(5)

    let run: BenchRun

    /// The figures, in milliseconds.
    func measure(_ peer: PeerID) throws -> [BenchFigure] {
        let settings = run.settings
        var urgent = BenchMessages(run.node, to: peer, settings)
        urgent.priority = .emergency
        var low = BenchMessages(run.node, to: peer, settings)
        low.priority = .low
        let (idle, loaded, perSecond) = try run.real.run { [urgent, low] _ in
            _ = try await Self.probe(urgent, count: Self.warmUpCount)
            let idle = try await Self.probe(urgent, count: Self.probeCount).delivered
            let (loaded, perSecond) = try await Self.underFlood(urgent, low, settings.senderCount)
            return (idle, loaded, perSecond)
        }
        let figure: (String, String, Double) -> BenchFigure = { BenchFigure($0, $1, "ms", [$2 * 1e3]) }
        let (quiet, busy) = ("message, quiet", "message, under LOW ones")
        return [
            figure("message_idle_median_ms", "\(quiet), median", idle[idle.count / 2]),
            figure("message_idle_worst_ms", "\(quiet), worst", idle[idle.count - 1]),
            figure("message_flood_median_ms", "\(busy), median", loaded.delivered[idle.count / 2]),
            figure("message_flood_worst_ms", "\(busy), worst", loaded.delivered[idle.count - 1]),
            figure("accept_flood_median_ms", "\(busy), accepted, median", loaded.accepted[idle.count / 2]),
            figure("accept_flood_worst_ms", "\(busy), accepted, worst", loaded.accepted[idle.count - 1]),
            figure(
                "message_added_worst_ms",
                "what the LOW ones add, worst to worst",
                loaded.delivered[idle.count - 1] - idle[idle.count - 1]
            ),
            BenchFigure("message_flood_per_s", "LOW messages accepted", "1/s", [perSecond]),
        ]
    }

    /// How long each message took to be accepted, and to be delivered, in seconds, the shortest first.
    private struct Probes: Sendable {
        var accepted: [Double] = []
        var delivered: [Double] = []
    }

    private static func probe(_ messages: BenchMessages, count: Int) async throws -> Probes {
        var probes = Probes()
        for number in 0..<count {
            try await messages.loop.sleep(for: pause)
            let probe = try await messages.deliver(round: 0, number: number)
            probes.accepted.append(probe.accepted)
            probes.delivered.append(probe.delivered)
        }
        probes.accepted.sort()
        probes.delivered.sort()
        return probes
    }

    /// The probes while LOW messages come as fast as the outbox takes them, and how fast that was.
    private static func underFlood(
        _ urgent: BenchMessages,
        _ low: BenchMessages,
        _ senderCount: Int
    ) async throws -> (Probes, Double) {
        let flooded = FloodCount()
        var floods: [Task<Void, Never>] = []
        for _ in 0..<senderCount {
            floods.append(low.loop.startTask { await flood(low, flooded) })
        }
        let result: Result<(Probes, Double), any Error>
        do {
            try await low.loop.sleep(for: runUp)
            let (start, before) = (BenchClock.seconds, flooded.count)
            let probes = try await probe(urgent, count: probeCount)
            let perSecond = Double(flooded.count - before) / (BenchClock.seconds - start)
            result = .success((probes, perSecond))
        } catch {
            result = .failure(error)
        }
        for flood in floods { flood.cancel() }
        for flood in floods { await flood.value }
        return try result.get()
    }

    /// Sends until it is cancelled.
    private static func flood(_ messages: BenchMessages, _ flooded: FloodCount) async {
        var number = 0
        while !Task.isCancelled {
            do throws(DeliveryError) {
                _ = try await messages.delivery.accept(messages.draft(round: 1, number: number))
                flooded.add(1)
                number += 1
            } catch {
                // Full: the flood waits until there is room. Anything else the probes meet as well.
                try? await messages.loop.sleep(for: refusalPause)
            }
        }
    }
}

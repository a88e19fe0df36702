internal import StarlingCore
internal import StarlingWorld
internal import Synchronization

/// Pings of one stream, given up when one of them stays unanswered for too long.
struct PingSeries: Sendable {
    let driver: PingDriver
    /// Where the stream lives: a round trip that is measured elsewhere includes two hops between threads.
    let loop: any EventLoop

    /// The round trips that came back, and why the series ended early, unless a ping was just lost.
    ///
    /// Cancellation: ends the series; what has come back is returned.
    func run(_ request: PingRequest) async -> (roundTrips: [Duration], failure: PingFailure?) {
        let roundTrips = RoundTrips()
        let task = loop.startTask(returning: PingFailure?.self) { [driver, loop] in
            await withTaskGroup(of: PingFailure?.self) { group in
                group.addTask {
                    do throws(PingFailure) {
                        try await driver.run(count: request.count, interval: request.interval) {
                            roundTrips.append($0)
                        }
                        return nil
                    } catch {
                        return error
                    }
                }
                group.addTask { await Self.watch(roundTrips, request, loop) }
                // Whichever ends first ends the other.
                let first = await group.next()
                group.cancelAll()
                return first ?? nil
            }
        }
        let result = await withTaskCancellationHandler {
            await task.result
        } onCancel: {
            task.cancel()
        }
        return (roundTrips.all, (try? result.get()) ?? nil)
    }

    /// Returns once no ping has come back for as long as one may take.
    private static func watch(
        _ roundTrips: RoundTrips,
        _ request: PingRequest,
        _ loop: any EventLoop
    ) async -> PingFailure? {
        while true {
            let count = roundTrips.all.count
            do throws(CancellationError) {
                try await loop.sleep(for: request.interval + request.timeout)
            } catch {
                return nil
            }
            if roundTrips.all.count == count { return nil }
        }
    }
}

/// Round trips as they come, for a caller that may give up.
private final class RoundTrips: Sendable {
    private let durations = Mutex<[Duration]>([])

    func append(_ duration: Duration) { durations.withLock { $0.append(duration) } }

    var all: [Duration] { durations.withLock { $0 } }
}

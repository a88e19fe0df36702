internal import StarlingCore
package import StarlingWorld

/// Blobs on a simulated disk: each operation takes some virtual time, and none survives its process.
package final class SimulatedBlobStore: BlobStore {
    package let folder: BlobFolder
    private let loop: SimulatedLoop
    /// How long one operation takes.
    private let latency: Duration

    /// - Parameter loop: where completions are called.
    package init(_ folder: BlobFolder, loop: SimulatedLoop, latency: Duration = .microseconds(200)) {
        self.folder = folder
        self.loop = loop
        self.latency = latency
    }

    package func run<Value: Sendable>(
        _ work: @escaping @Sendable () -> Value,
        _ completion: @escaping @Sendable (Value?) -> Void
    ) {
        let loop = loop
        let event = ScriptedEvent {
            guard !loop.isDead else { return }
            let value = work()
            loop.scheduler.enter(loop) { completion(value) }
        }
        _ = loop.scheduler.schedule(event, at: loop.scheduler.now + latency.nanosecondsClamped)
    }
}

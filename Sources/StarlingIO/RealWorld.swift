internal import CSys
internal import CUV
package import StarlingWorld
internal import Synchronization

/// The world of the operating system: its loops, and the ``World`` made of them.
///
/// The loops' threads run until ``stop()``.
package struct RealWorld: Sendable {
    package let world: World
    package let loops: [UVLoop]

    private init(world: World, loops: [UVLoop]) {
        self.world = world
        self.loops = loops
    }

    /// Starts `loopCount` loops and builds a world on them.
    ///
    /// The first also carries lookups and the watch on interfaces. The world has no store; see ``with(store:)``.
    ///
    /// The process ignores SIGPIPE from then on: writing to a connection that is gone is an error like any other.
    ///
    /// - Throws: when the system has no descriptor, memory or thread left for a loop.
    /// - Precondition: `loopCount` is positive.
    package static func make(loopCount: Int, log: Log) throws(SocketError) -> RealWorld {
        precondition(loopCount > 0)
        csys_ignore_sigpipe()
        var loops: [UVLoop] = []
        do {
            for index in 0..<loopCount { loops.append(try UVLoop(name: "loop-\(index)", log: log)) }
        } catch {
            for loop in loops { loop.stop() }
            throw error
        }
        let world = World(
            loops: loops,
            wallClock: SystemWallClock(),
            random: SystemRandom(),
            resolver: SystemResolver(loop: loops[0]),
            interfaces: SystemInterfaces(loop: loops[0]),
            files: SystemFiles(),
            store: ClosedStore(loop: loops[0]),
            log: log
        )
        return RealWorld(world: world, loops: loops)
    }

    /// The same world with a store, and a place for files, which were opened for its first loop.
    ///
    /// Whoever opened the store closes it, before ``stop()``.
    package func with(store: any Store, blobs: (any BlobStore)? = nil) -> RealWorld {
        var world = world
        world.store = store
        world.blobs = blobs
        return RealWorld(world: world, loops: loops)
    }

    /// How many loops serve this machine well: its processors, four at most.
    package static var suitableLoopCount: Int { max(1, min(4, Int(uv_available_parallelism()))) }

    /// How much this machine carries for others, compared to other machines, unless its user says so: its processors.
    ///
    /// Sixteen at most: what a node carries is bounded by its links, too, and one that has been up for long is worth more than a
    /// larger one that has just come.
    package static var suitableCapacity: UInt16 { UInt16(max(1, min(16, uv_available_parallelism()))) }

    /// Ends all loops and waits for their threads.
    ///
    /// End what lives on them first. On one of the loops it does not wait for that one, which ends after its turn.
    package func stop() {
        for loop in loops { loop.stop() }
    }

    /// Runs `body` on the first loop and blocks the calling thread, the process's first one, until it is over.
    package func run<Value: Sendable>(
        _ body: @escaping @Sendable (World) async throws -> Value
    ) throws -> Value {
        let world = world
        let outcome = Outcome<Value>()
        world.loops[0].startTask {
            do { outcome.give(.success(try await body(world))) } catch { outcome.give(.failure(error)) }
        }
        return try outcome.wait().get()
    }
}

/// A result that one thread blocks for.
private final class Outcome<Value: Sendable>: Sendable {
    private let result = Mutex<Result<Value, any Error>?>(nil)
    // Made for use by several threads.
    nonisolated(unsafe) private let semaphore: UnsafeMutablePointer<uv_sem_t>

    init() {
        semaphore = .allocate(capacity: 1)
        let status = uv_sem_init(semaphore, 0)
        precondition(status == 0, "a semaphore in our own memory cannot fail")
    }

    deinit {
        uv_sem_destroy(semaphore)
        semaphore.deallocate()
    }

    func give(_ result: Result<Value, any Error>) {
        self.result.withLock { $0 = result }
        uv_sem_post(semaphore)
    }

    func wait() -> Result<Value, any Error> {
        while true {
            uv_sem_wait(semaphore)
            if let result = result.withLock({ $0 }) { return result }
        }
    }
}

internal import StarlingCore
package import StarlingWorld
internal import Synchronization

/// Blobs in a folder of the file system; what blocks runs on libuv's pool.
package final class SystemBlobStore: BlobStore {
    /// Operations of the store that run at a time.
    ///
    /// The pool has four threads, and one of them is left to names.
    private static let runningCountMax = 3

    private struct Queue: Sendable {
        var runningCount = 0
        var waiting = RingQueue<@Sendable () -> Void>()
    }

    package let folder: BlobFolder
    private let loop: UVLoop
    private let queue = Mutex(Queue())

    /// - Parameter loop: where completions are called.
    package init(_ folder: BlobFolder, loop: UVLoop) {
        self.folder = folder
        self.loop = loop
    }

    /// Opens the store in a folder, which is made where there is none.
    ///
    /// The limit is lowered to half of what the disk could give the store. Blocks its caller; call it at start.
    package static func open(
        _ path: String,
        digest: BlobDigest,
        limits: BlobLimits = BlobLimits(),
        loop: UVLoop
    ) throws(BlobError) -> SystemBlobStore {
        let disk = SystemBlobDisk()
        let first = try BlobFolder(path, disk: disk, digest: digest, limits: limits)
        let usage = try first.usage()
        var fitting = limits
        fitting.byteCountMax = min(limits.byteCountMax, (usage.byteCount + usage.freeByteCount) / 2)
        let folder = try BlobFolder(path, disk: disk, digest: digest, limits: fitting)
        return SystemBlobStore(folder, loop: loop)
    }

    package func run<Value: Sendable>(
        _ work: @escaping @Sendable () -> Value,
        _ completion: @escaping @Sendable (Value?) -> Void
    ) {
        let box = ResultBox<Value>()
        start { [self] in
            loop.runOnPool(
                { box.value.withLock { $0 = work() } },
                completion: { [self] _ in
                    completion(box.value.withLock { $0.take() })
                    next()
                }
            )
        }
    }

    /// Begins a piece of work, or has it wait for others.
    private func start(_ begin: @escaping @Sendable () -> Void) {
        let isFree = queue.withLock { queue in
            guard queue.runningCount < Self.runningCountMax else {
                queue.waiting.append(begin)
                return false
            }
            queue.runningCount += 1
            return true
        }
        if isFree { enter(begin) }
    }

    private func next() {
        let begin: (@Sendable () -> Void)? = queue.withLock { queue in
            if let begin = queue.waiting.popFirst() { return begin }
            queue.runningCount -= 1
            return nil
        }
        if let begin { enter(begin) }
    }

    private func enter(_ begin: @escaping @Sendable () -> Void) {
        if loop.isCurrent { begin() } else { loop.startTask { begin() } }
    }

    /// Carries a result from a thread of the pool to the loop.
    private final class ResultBox<Value: Sendable>: Sendable {
        let value = Mutex<Value?>(nil)
    }
}

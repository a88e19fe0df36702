package import StarlingCore

/// Everything a node cannot compute: loops, time, randomness, network, names, files, store, log.
///
/// `starling` builds the real one from StarlingIO, the simulator builds a seeded one, and nothing else
/// touches the operating system.
package struct World: Sendable {
    /// The event loops, at least one.
    ///
    /// The first carries the node-wide actors.
    package var loops: [any EventLoop]
    package var wallClock: any WallClock
    package var random: any RandomSource
    package var resolver: any Resolver
    package var interfaces: any InterfaceMonitor
    package var files: any FileStore
    /// The node's durable memory; its completions come on the first loop.
    package var store: any Store
    /// Where files of messages are kept; `nil` where the node takes and sends none.
    package var blobs: (any BlobStore)?
    package var log: Log

    /// - Precondition: there is at least one loop.
    package init(
        loops: [any EventLoop],
        wallClock: any WallClock,
        random: any RandomSource,
        resolver: any Resolver,
        interfaces: any InterfaceMonitor,
        files: any FileStore,
        store: any Store,
        blobs: (any BlobStore)? = nil,
        log: Log
    ) {
        precondition(!loops.isEmpty)
        self.loops = loops
        self.wallClock = wallClock
        self.random = random
        self.resolver = resolver
        self.interfaces = interfaces
        self.files = files
        self.store = store
        self.blobs = blobs
        self.log = log
    }
}

/// The time of day, which can jump.
package protocol WallClock: Sendable {
    var now: WallTime { get }
}

/// Unpredictable bytes; in the simulator predictable ones.
package protocol RandomSource: Sendable {
    /// Fresh bytes.
    func bytes(count: Int) -> [UInt8]
}

extension RandomSource {
    /// A uniformly distributed number of 64 bits.
    package func word() -> UInt64 {
        bytes(count: 8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// A number in `0..<bound`, close enough to uniform for jitter and shuffling, never for keys.
    ///
    /// - Precondition: `bound` is positive.
    package func number(below bound: Int) -> Int {
        precondition(bound > 0)
        return Int(word() % UInt64(bound))
    }
}

package import StarlingCore
internal import StarlingNode
package import StarlingStore
package import StarlingWorld

/// One simulated machine with one process: its addresses, its disk, and what a crash takes away.
package final class SimulatedHost: @unchecked Sendable {  // tidy-ok: confined to the simulation
    private enum Power {
        case running
        /// The kernel lives on and resets what the process had open.
        case withoutProcess
        case off
    }

    /// What is lost in a crash.
    package enum Crash: Sendable {
        /// The process is killed; the kernel resets its connections and refuses new ones.
        case process
        /// The machine goes silent: its peers find out by their own time-outs.
        case power
    }

    /// What becomes of the tasks of a process that has crashed; nobody outside can tell the two apart.
    package enum Remains: Sendable {
        /// They never run again, and stay in memory with all they hold.
        case suspended
        /// They learn that their sockets broke and their store is closed, and may come to an end: a simulation with
        /// many crashes has them stop what they ran, so that its memory is free.
        case unwinding
    }

    /// What a host's store is made of.
    package enum Storage: Sendable {
        /// Tables in memory, which take little of it: for runs with thousands of hosts.
        case tables
        /// The store of real nodes on a ``SimulatedDisk``.
        case disk
    }

    /// What a host is made of.
    package struct Configuration: Sendable {
        /// The network interfaces besides loopback; the simulation gives a host without any its own address
        /// on the common segment.
        package var interfaces: [SimulatedInterface]
        package var loopCount = 1
        package var logLevelMin = LogLevel.info
        /// Lines of the log that are kept, over all lives of the host.
        package var logLineCountMax = 10_000
        /// How far the host's clock is ahead of the others'.
        package var clockSkew = Duration.zero
        package var storage = Storage.tables
        /// How long the host's disk takes to make a group of batches durable, at least.
        package var syncTime = Duration.microseconds(200)
        /// What bounds the host's store, where that is ``Storage/disk``.
        ///
        /// Its log is as long as what it holds: a simulated disk takes no longer for a file that grows.
        package var storeLimits = {
            var limits = StoreEngine.Limits()
            limits.logByteCountMin = 0
            return limits
        }()

        package init(interfaces: [SimulatedInterface] = []) { self.interfaces = interfaces }
    }

    package let id: Int
    package let name: String
    /// The host's disk, which survives crashes.
    package let files = MemoryFiles()
    /// What the host's store keeps, where that is ``Storage/tables``.
    package let tables = MemoryTables()
    /// The disk of the host's store, where that is ``Storage/disk``.
    package let disk: SimulatedDisk?
    /// The disk of the files of messages, which the user's own files are on too.
    package let blobDisk = SimulatedBlobDisk()
    /// What the store of files may hold, from the next start on.
    package var blobLimits = BlobLimits()
    /// The store of the process that runs, or ran last.
    package private(set) var store: SimulatedStore?
    /// Why that process has no store; it is up to its node to end then.
    package private(set) var storeError: StoreError?
    /// What the host logged, over all its lives.
    package let log: MemoryLog
    package let wallClock: SimulatedWallClock
    package let resolver: SimulatedResolver
    package let interfaceMonitor = SimulatedInterfaces()
    /// The loops of the process that runs, or ran last.
    package private(set) var loops: [SimulatedLoop] = []

    unowned let network: NetworkFabric
    let scheduler: Scheduler
    /// When the host's link has sent what was given to it.
    var linkFreeTime: Int64 = 0

    /// See ``stall(for:)``.
    private(set) var stalledUntil: Int64 = 0

    private let seed: UInt64
    private let loopCount: Int
    private let logLevelMin: LogLevel
    private let syncTime: Duration
    private let storeLimits: StoreEngine.Limits
    private var random = SimulatedRandom(seed: 0)
    private var blobs: SimulatedBlobStore?
    private var blobFaults: SplitMix64
    private var power = Power.running
    private var lifeCount: UInt64 = 0
    private(set) var interfaces: [SimulatedInterface] = []
    private var unclaimed: [Int: StreamEndpoint] = [:]
    private var listeners = PortTable<SimulatedListener>()
    private var listenersByPath: [String: WeakListener] = [:]
    private var lastOutgoingPort: UInt16 = 32_767
    var datagramSockets = PortTable<SimulatedDatagramSocket>()

    private struct WeakListener {
        weak var listener: SimulatedListener?
    }

    init(
        id: Int,
        name: String,
        seed: UInt64,
        network: NetworkFabric,
        names: NameTable,
        wallOrigin: WallTime,
        configuration: Configuration
    ) {
        precondition(configuration.loopCount > 0)
        self.id = id
        self.name = name
        self.seed = seed
        self.network = network
        scheduler = network.scheduler
        loopCount = configuration.loopCount
        logLevelMin = configuration.logLevelMin
        syncTime = configuration.syncTime
        storeLimits = configuration.storeLimits
        disk = configuration.storage == .disk ? SimulatedDisk(seed: seed) : nil
        blobFaults = SplitMix64(seed: seed &+ 0x626c_6f62)
        log = MemoryLog(scheduler: scheduler, lineCountMax: configuration.logLineCountMax)
        wallClock = SimulatedWallClock(
            scheduler: scheduler,
            origin: wallOrigin,
            skew: configuration.clockSkew
        )
        resolver = SimulatedResolver(names: names)
        begin()
        setInterfaces(configuration.interfaces)
    }

    /// The world of the process that runs, or ran last.
    ///
    /// Each call gives the same ports.
    package var world: World {
        World(
            loops: loops,
            wallClock: wallClock,
            random: random,
            resolver: resolver,
            interfaces: interfaceMonitor,
            files: files,
            store: store ?? ClosedStore(loop: loop),
            blobs: blobs,
            log: Log(levelMin: logLevelMin, sink: log)
        )
    }

    /// The first loop, which carries the node-wide actors.
    package var loop: SimulatedLoop { loops[0] }

    /// The first address of the host besides loopback, for tests that dial it.
    package var address: IPAddress? { interfaces.lazy.flatMap(\.addresses).first }

    /// Bytes of this process that the content of the host's disks takes.
    package var diskByteCount: Int {
        (disk?.heldByteCount ?? 0) + tables.heldByteCount + blobDisk.heldByteCount
    }

    var isPoweredOff: Bool { power == .off }

    // MARK: Crash and restart

    /// Ends the process, or the machine, at this moment.
    ///
    /// What its jobs, timers and callbacks do from here on stays without effect, if they run at all.
    package func crash(_ crash: Crash = .process, leaving remains: Remains = .suspended) {
        guard power == .running else { return }
        for loop in loops { loop.die(remains) }
        power = crash == .process ? .withoutProcess : .off
        store?.crash(crash)
        if crash == .power { blobDisk.losePower(&blobFaults) }
        closeAll()
        network.forEachConnection { connection in
            for end in [connection.dialer, connection.listener] {
                guard let end, end.host === self else { continue }
                if remains == .unwinding { end.tellOfCrash() }
                if crash == .process { end.processDied() } else { end.abandon() }
            }
        }
        network.recordFault(4, id)
    }

    /// Gives the process no processor for a while: its timers fire late, and what comes waits in the kernel.
    package func stall(for duration: Duration) {
        stalledUntil = max(stalledUntil, scheduler.now + duration.nanosecondsClamped)
        network.recordFault(7, id)
    }

    /// Boots the host, and returns the world of the process that is to run on it.
    @discardableResult
    package func restart() -> World {
        if power == .running { crash(.process) }
        (power, stalledUntil) = (.running, 0)
        lifeCount += 1
        begin()
        network.recordFault(5, id)
        return world
    }

    private func begin() {
        var generator = SplitMix64(seed: seed &+ lifeCount &* 0x1234_5678_9abc_def1)
        random = SimulatedRandom(seed: generator.next())
        loops = (0..<loopCount).map { _ in SimulatedLoop(scheduler: scheduler, host: self) }
        resolver.loop = loops.first
        openStore(seed: generator.next())
        openBlobs()
    }

    private func openBlobs() {
        // A disk that cannot be read leaves the node without a place for files.
        let folder = try? BlobFolder("/blobs", disk: blobDisk, digest: .chunkTree, limits: blobLimits)
        blobs = folder.map { SimulatedBlobStore($0, loop: loop) }
    }

    private func openStore(seed: UInt64) {
        (store, storeError) = (nil, nil)
        do throws(StoreError) {
            let backend: any SimulatedStoreBackend
            if let disk {
                backend = try SQLiteStoreBackend(disk: disk, wallClock: wallClock, limits: storeLimits)
            } else {
                backend = MemoryStoreBackend(tables: tables)
            }
            store = SimulatedStore(backend: backend, loop: loop, syncTime: syncTime, seed: seed)
        } catch {
            storeError = error
        }
    }

    func tearDown() {
        for loop in loops { loop.die() }
        closeAll()
    }

    /// Takes from a dead process what is bound.
    private func closeAll() {
        unclaimed = [:]
        listenersByPath = [:]
        _ = listeners.removeAll()
        for socket in datagramSockets.removeAll() { socket.close() }
        interfaceMonitor.forgetObservers()
    }

    // MARK: Addresses

    /// Replaces the interfaces besides loopback; observers hear of it.
    package func setInterfaces(_ interfaces: [SimulatedInterface]) {
        for interface in self.interfaces {
            for address in interface.addresses { network.release(address, of: self) }
            network.leave(interface.segment, self)
        }
        self.interfaces = interfaces
        for interface in interfaces {
            for address in interface.addresses { network.claim(address, for: self) }
            network.join(interface.segment, self)
        }
        interfaceMonitor.set(interfaces, scheduler: scheduler)
    }

    func owns(_ address: IPAddress) -> Bool {
        address.isLoopback || interfaces.contains { $0.addresses.contains(address) }
    }

    /// The address that a packet to `remote` carries as its source; `nil` where there is no route.
    func sourceAddress(for remote: IPAddress) -> IPAddress? {
        if remote.isLoopback || remote.isUnspecified { return remote.isIPv4 ? .loopbackV4 : .loopbackV6 }
        if owns(remote) { return remote }
        for interface in interfaces {
            for address in interface.addresses where address.isIPv4 == remote.isIPv4 { return address }
        }
        return nil
    }

    private func expectBindable(_ address: IPAddress) throws(SocketError) {
        guard address.isUnspecified || address.isMulticast || owns(address) else { throw .addressUnavailable }
    }

    // MARK: Streams

    func connect(to remote: SocketAddress, loop: SimulatedLoop, delegate: any StreamSocketDelegate)
        throws(SocketError) -> any StreamSocket
    {
        guard !loop.isDead else { throw .unreachable }
        var local = SocketAddress.unix(path: "")
        if case .ip(let ip, _, let zone) = remote {
            guard let source = sourceAddress(for: ip) else { throw .unreachable }
            lastOutgoingPort = lastOutgoingPort == 60_999 ? 32_768 : lastOutgoingPort + 1
            local = .ip(source, port: lastOutgoingPort, zone: source.isLinkLocal ? zone : 0)
        }
        let connection = StreamConnection(
            fabric: network,
            loop: loop,
            local: local,
            remote: remote,
            remoteHost: network.host(at: remote, from: self),
            delegate: delegate
        )
        connection.forth.send(.request)
        return connection.dialer
    }

    func listen(
        on local: SocketAddress,
        loop: SimulatedLoop,
        onAccept: @escaping @Sendable (AcceptedSocket) -> Void
    ) throws(SocketError) -> any ListenerSocket {
        guard !loop.isDead else { throw .addressUnavailable }
        let listener = SimulatedListener(loop: loop, local: local, onAccept: onAccept)
        switch local {
        case .unix(let path):
            guard listenersByPath[path]?.listener == nil else { throw .addressInUse }
            listenersByPath[path] = WeakListener(listener: listener)
            listener.didBind(to: local)
        case .ip(let ip, let port, let zone):
            try expectBindable(ip)
            let bound = try listeners.bind(listener, to: ip, port: port, isShared: false)
            listener.didBind(to: .ip(ip, port: bound, zone: zone))
        }
        return listener
    }

    func unbind(_ listener: SimulatedListener) {
        switch listener.local {
        case .unix(let path): listenersByPath[path] = nil
        case .ip(let ip, let port, _): listeners.unbind(listener, from: ip, port: port)
        }
    }

    func listener(for address: SocketAddress) -> SimulatedListener? {
        switch address {
        case .unix(let path): return listenersByPath[path]?.listener
        case .ip(let ip, let port, _):
            return listeners.socket(at: ip.isUnspecified ? sourceAddress(for: ip) ?? ip : ip, port: port)
        }
    }

    /// What an accepted connection says of its own end.
    func acceptedAddress(for destination: SocketAddress) -> SocketAddress {
        guard case .ip(let ip, let port, let zone) = destination, ip.isUnspecified else { return destination }
        return .ip(ip.isIPv4 ? .loopbackV4 : .loopbackV6, port: port, zone: zone)
    }

    var canTakeUnclaimed: Bool { unclaimed.count < network.limits.unclaimedCountMax }

    func keepUnclaimed(_ end: StreamEndpoint, handle: Int) { unclaimed[handle] = end }

    func takeUnclaimed(_ handle: Int) -> StreamEndpoint? { unclaimed.removeValue(forKey: handle) }

    func adopt(_ accepted: AcceptedSocket, loop: SimulatedLoop, delegate: any StreamSocketDelegate)
        throws(SocketError) -> any StreamSocket
    {
        guard !loop.isDead, let end = takeUnclaimed(accepted.handle) else { throw .other("EBADF") }
        end.attach(loop: loop, delegate: delegate)
        return end
    }
}

extension IPAddress {
    static let loopbackV4 = IPAddress.v4(0x7f00_0001)
    static let loopbackV6 = IPAddress.v6(high: 0, low: 1)
}

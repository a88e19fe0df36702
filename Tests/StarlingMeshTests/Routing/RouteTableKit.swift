import StarlingCore
import StarlingCrypto
import StarlingMesh

/// One table with neighbours that are played by the test.
final class RouteTableKit {
    static let wall = WallTime(millisecondsSince1970: 1_767_225_600_000)

    var table: RouteTable
    var now = Instant(nanosecondsSinceOrigin: 0)
    var disk = RigDisk()
    /// What each neighbour was told and has not looked at.
    var told: [PeerID: [RouteFrame]] = [:]
    var actions: [RouteAction] = []
    /// Whether writes are done at once.
    var writes = true
    /// Digests of what each neighbour has told.
    private var digests: [PeerID: RouteDigest] = [:]

    init(_ limits: RouteTable.Limits = .init(), memory: RouteMemory = .fresh, disk: RigDisk = .init()) throws
    {
        self.disk = disk
        table = RouteTable(identity: MessageKit.alice, limits: limits, now: now)
        for row in RoutingTables.all.flatMap({ disk.rows(of: $0) }) { try? table.restore(row, now: now) }
        table.begin(memory, now: now, wallNow: wallNow)
        settle()
    }

    /// A peer by its number; none is the table's own.
    static func key(_ number: UInt8) -> IdentityKey { MessageKit.key(100 + number) }
    static func peer(_ number: UInt8) -> PeerID { key(number).peerID }

    /// A name without a key.
    static func nobody(_ number: Int) -> PeerID {
        PeerID(checkedMultihash: [0, 2, UInt8(number / 256), UInt8(number % 256)])
    }

    static func proof(_ number: UInt8, _ sequence: UInt64 = 1) -> RouteProof {
        let expires = WallTime(
            millisecondsSince1970: wall.millisecondsSince1970 + RouteProof.lifetime.milliseconds
        )
        return RouteProof(number: sequence, expires: expires, from: key(number))
    }

    var wallNow: WallTime {
        WallTime(
            millisecondsSince1970: Self.wall.millisecondsSince1970 + now.nanosecondsSinceOrigin / 1_000_000
        )
    }

    // MARK: Links

    /// Connects a peer whose link costs so many microseconds.
    func up(_ number: UInt8, cost: Int64 = 10_000) {
        table.linkUp(Self.peer(number), Self.quality(cost: cost), now: now, wallNow: wallNow)
        settle()
    }

    static func quality(cost: Int64) -> LinkQuality { LinkQuality(roundTrip: .microseconds(cost - 1000)) }

    func down(_ number: UInt8) {
        digests[Self.peer(number)] = nil
        table.linkDown(Self.peer(number), now: now, wallNow: wallNow)
        settle()
    }

    func act(_ body: (inout RouteTable, Instant, WallTime) -> Void) {
        body(&table, now, wallNow)
        settle()
    }

    // MARK: What neighbours tell

    /// A neighbour tells that it reaches a destination.
    func hear(
        _ neighbour: UInt8,
        _ destination: UInt8,
        _ metric: UInt64,
        hops: UInt8 = 1,
        number: UInt64 = 1
    ) throws {
        let way = RouteKit.way(metric, hops: hops)
        try hear(neighbour, [RouteUpdate(way, proof: Self.proof(destination, number))])
    }

    /// A neighbour tells itself.
    func hearSelf(_ neighbour: UInt8, number: UInt64 = 1) throws {
        let way = RouteUpdate.Way(metric: .zero, hops: 0)
        try hear(neighbour, [RouteUpdate(way, proof: Self.proof(neighbour, number))])
    }

    func hear(_ neighbour: UInt8, withdraws destination: UInt8) throws {
        try hear(neighbour, [RouteUpdate(withdrawing: Self.peer(destination))])
    }

    func hear(_ neighbour: UInt8, _ updates: [RouteUpdate]) throws {
        var frame = RouteFrame()
        frame.updates = updates
        for update in updates { digests[Self.peer(neighbour), default: RouteDigest()].add(update) }
        try hear(neighbour, frame)
    }

    func hear(_ neighbour: UInt8, _ frame: RouteFrame) throws {
        defer { settle() }
        try table.receive(frame, from: Self.peer(neighbour), now: now, wallNow: wallNow)
    }

    func hearDigest(_ neighbour: UInt8) throws {
        var frame = RouteFrame()
        frame.digest = digests[Self.peer(neighbour)] ?? RouteDigest()
        try hear(neighbour, frame)
    }

    // MARK: What neighbours ask

    func ask(_ neighbour: UInt8, _ request: NumberRequest) throws {
        var frame = RouteFrame()
        frame.numberRequests = [request]
        try hear(neighbour, frame)
    }

    func ask(_ neighbour: UInt8, _ destination: PeerID?, hopLimit: UInt8 = 1) throws {
        var frame = RouteFrame()
        frame.routeRequests = [RouteRequest(destination: destination, hopLimit: hopLimit)]
        try hear(neighbour, frame)
    }

    // MARK: What happens

    /// Does what the table wants done.
    func settle() {
        while let action = table.nextAction() {
            actions.append(action)
            switch action {
            case .write: if writes { write() }
            case .transmit(let peer):
                while let frame = table.nextFrame(for: peer, now: now) {
                    told[peer, default: []].append(frame)
                }
            case .changed, .notFound: break
            }
        }
    }

    /// Has what is to be written on the disk.
    func write() {
        guard let batch = table.takeBatch() else { return }
        disk.apply(batch)
        table.stored(now: now, wallNow: wallNow)
    }

    /// Lets time pass, with all that comes due in it.
    func pass(_ duration: Duration) {
        let end = now + duration
        while let deadline = table.nextDeadline, deadline <= end {
            now = max(now, deadline)
            table.advance(to: now, wallNow: wallNow)
            settle()
        }
        now = end
    }

    /// The next frame to a neighbour, as its driver takes it.
    func frame(to neighbour: UInt8, isSentAnyway: Bool) -> RouteFrame? {
        table.nextFrame(for: Self.peer(neighbour), isSentAnyway: isSentAnyway, now: now)
    }

    // MARK: What is seen

    /// Takes all updates that a neighbour was told since the last look.
    func updates(to neighbour: UInt8) -> [RouteUpdate] {
        (told.removeValue(forKey: Self.peer(neighbour)) ?? []).flatMap(\.updates)
    }

    /// Takes all that a neighbour was told.
    func frames(to neighbour: UInt8) -> [RouteFrame] {
        told.removeValue(forKey: Self.peer(neighbour)) ?? []
    }

    /// The last that a neighbour was told of a destination since the last look.
    func update(to neighbour: UInt8, of destination: UInt8) -> RouteUpdate? {
        updates(to: neighbour).last { $0.destination == Self.peer(destination) }
    }

    // What the table says: no test can hold the table itself, which is not copied.
    var number: UInt64 { table.number }
    var destinationCount: Int { table.destinationCount }
    var verificationCount: Int { table.proofs.verificationCount }
    var tableFills: [TableFill] { table.tableFills }
    var reports: [RouteReport] { table.reports(now: now) }
    func report(of destination: PeerID) -> RouteReport? { table.report(of: destination, now: now) }
    func nextHops(to destination: PeerID) -> [RouteHop] { table.nextHops(to: destination) }
    func pausesReading(of neighbour: UInt8) -> Instant? {
        table.pausesReading(of: Self.peer(neighbour), now: now)
    }
    func takeBatch() -> StoreBatch? { table.takeBatch() }

    func forgetTold() { (told, actions) = ([:], []) }

    /// The neighbours over which a destination may be reached, the first choice first.
    func hops(to destination: UInt8) -> [UInt8] {
        table.nextHops(to: Self.peer(destination)).compactMap { hop in
            (1...60).first { Self.peer($0) == hop.peer }
        }
    }

    /// The same, of a destination for which something waits.
    func find(_ destination: UInt8) -> [UInt8] {
        table.find(Self.peer(destination), now: now, wallNow: wallNow)
        settle()
        return hops(to: destination)
    }
}

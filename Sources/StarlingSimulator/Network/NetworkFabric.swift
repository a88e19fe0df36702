internal import StarlingCore
internal import StarlingWorld

/// The network between the simulated hosts: who has which address, how links behave, what is broken.
///
/// Confined to the simulation's thread, like everything of a simulation.
package final class NetworkFabric: @unchecked Sendable {  // tidy-ok: confined to the simulation
    package let limits: NetworkLimits
    /// How bytes are cut into reads.
    package var chunking: StreamChunking
    let scheduler: Scheduler
    var random: SplitMix64

    private(set) var hosts: [SimulatedHost] = []
    private var hostsByAddress: [IPAddress: SimulatedHost] = [:]
    private var wideTiming: LinkTiming
    private let loopbackTiming = LinkTiming(.loopback)
    /// By sender and receiver.
    private var pairTimings: [UInt64: LinkTiming] = [:]
    /// Senders and receivers between which nothing passes.
    private var cuts: Set<UInt64> = []
    /// By the host's id, those that a wire joins it to; `nil` where everybody reaches everybody.
    private var wires: [Set<Int>]?
    private var partitions: [Partition] = []
    private var lastPartitionID = 0
    private var connections: [StreamConnection] = []
    private var lastConnectionID = 0
    private var segmentMembers: [Int: [SimulatedHost]] = [:]

    /// Host id to group; hosts that are not in it reach everyone.
    private struct Partition {
        var id: Int
        var groups: [Int: Int]
    }

    init(
        scheduler: Scheduler,
        seed: UInt64,
        link: LinkProfile,
        limits: NetworkLimits,
        chunking: StreamChunking
    ) {
        self.scheduler = scheduler
        random = SplitMix64(seed: seed)
        wideTiming = LinkTiming(link)
        self.limits = limits
        self.chunking = chunking
    }

    // MARK: Links

    /// How hosts are linked where ``setLink(between:and:to:)`` said nothing else.
    package var link: LinkProfile {
        get { wideTiming.profile }
        set { wideTiming = LinkTiming(newValue) }
    }

    /// Gives two hosts a link of their own.
    package func setLink(between one: SimulatedHost, and other: SimulatedHost, to profile: LinkProfile) {
        setLink(from: one, to: other, profile)
        setLink(from: other, to: one, profile)
    }

    /// Gives one direction between two hosts a profile of its own.
    package func setLink(
        from sender: SimulatedHost,
        to receiver: SimulatedHost,
        _ profile: LinkProfile
    ) {
        pairTimings[Self.direction(sender, receiver)] = LinkTiming(profile)
    }

    /// Lets packets pass between these hosts alone, whatever addresses others know.
    ///
    /// All hosts are there by then.
    package func wire(_ pairs: [(SimulatedHost, SimulatedHost)]) {
        var table = [Set<Int>](repeating: [], count: hosts.count)
        for (one, other) in pairs {
            table[one.id].insert(other.id)
            table[other.id].insert(one.id)
        }
        wires = table
    }

    func timing(_ sender: SimulatedHost, _ receiver: SimulatedHost) -> LinkTiming {
        if sender === receiver { return loopbackTiming }
        if pairTimings.isEmpty { return wideTiming }
        return pairTimings[Self.direction(sender, receiver)] ?? wideTiming
    }

    private static func direction(_ sender: SimulatedHost, _ receiver: SimulatedHost) -> UInt64 {
        UInt64(sender.id) << 32 | UInt64(receiver.id)
    }

    /// When bytes that leave now arrive, after those that the sender's link still carries, and how often in a row a packet
    /// of them is lost.
    func arrival(
        from sender: SimulatedHost,
        byteCount: Int,
        timing: LinkTiming
    ) -> (time: Int64, lossCount: Int) {
        var departure = scheduler.now
        if let rate = timing.profile.bytesPerSecond, rate > 0 {
            departure = max(departure, sender.linkFreeTime) + Int64(Double(byteCount) * 1e9 / Double(rate))
            sender.linkFreeTime = departure
        }
        var time = departure + timing.latency
        if timing.jitter > 0 { time += Int64(random.number(below: timing.jitter)) }
        let loss = timing.profile.lossRatio
        guard loss > 0, random.chance(min(1, loss * Double(1 + byteCount / 1460))) else { return (time, 0) }
        var lossCount = 1
        while lossCount < Self.lossCountMax, random.chance(loss) { lossCount += 1 }
        return (time, lossCount)
    }

    /// Losses of one packet in a row; the next repetition gets through.
    private static let lossCountMax = 8

    // MARK: Faults

    /// Cuts the groups off from each other, and returns a number for ``heal(_:)``.
    ///
    /// Packets between them are swallowed: streams repeat theirs and go on after the healing, or time out.
    @discardableResult
    package func partition(_ groups: [SimulatedHost]...) -> Int { partition(groups: groups) }

    /// Like ``partition(_:)-``, for groups that were computed.
    @discardableResult
    package func partition(groups: [[SimulatedHost]]) -> Int {
        lastPartitionID += 1
        var table: [Int: Int] = [:]
        for (index, group) in groups.enumerated() {
            for host in group { table[host.id] = index }
        }
        partitions.append(Partition(id: lastPartitionID, groups: table))
        recordFault(1, table.count)
        return lastPartitionID
    }

    /// Ends a partition.
    package func heal(_ partition: Int) {
        partitions.removeAll { $0.id == partition }
        recordFault(2, partition)
    }

    /// Ends all partitions and cuts.
    package func healAll() {
        partitions.removeAll()
        cuts.removeAll()
        recordFault(2, 0)
    }

    /// Swallows the packets of one direction, or lets them pass again.
    package func cut(from sender: SimulatedHost, to receiver: SimulatedHost, _ isCut: Bool = true) {
        if isCut {
            cuts.insert(Self.direction(sender, receiver))
        } else {
            cuts.remove(Self.direction(sender, receiver))
        }
        recordFault(6, sender.id << 20 | receiver.id)
    }

    /// Whether a packet from `sender` reaches `receiver` at this moment.
    func canPass(from sender: SimulatedHost, to receiver: SimulatedHost) -> Bool {
        if receiver.isPoweredOff || sender.isPoweredOff { return false }
        if sender === receiver { return true }
        if let wires, !wires[sender.id].contains(receiver.id) { return false }
        if !cuts.isEmpty, cuts.contains(Self.direction(sender, receiver)) { return false }
        if partitions.isEmpty { return true }
        return !partitions.contains { partition in
            guard let one = partition.groups[sender.id], let other = partition.groups[receiver.id] else {
                return false
            }
            return one != other
        }
    }

    /// Breaks each connection with this probability, as a middlebox does: both ends read a reset.
    ///
    /// Returns how many broke.
    @discardableResult
    package func resetConnections(probability: Double) -> Int {
        var count = 0
        for connection in connections where random.chance(probability) {
            connection.breakOff()
            count += 1
        }
        recordFault(3, count)
        return count
    }

    /// Breaks the connections of two hosts, and swallows all that they send each other from then on.
    package func sever(_ one: SimulatedHost, _ other: SimulatedHost) {
        cut(from: one, to: other)
        cut(from: other, to: one)
        for connection in connections {
            let (dialer, listener) = (connection.dialer.host, connection.listener?.host)
            guard dialer === one && listener === other || dialer === other && listener === one else {
                continue
            }
            connection.breakOff()
        }
    }

    /// Connections that at least one end still has.
    package var connectionCount: Int { connections.count }

    /// The bytes that were read of each pair of hosts' connections, the smaller id first; `nil` counts nothing.
    package var loads: [HostPair: Int]?

    func countLoad(from sender: SimulatedHost, to receiver: SimulatedHost, byteCount: Int) {
        guard loads != nil, sender !== receiver else { return }
        loads?[HostPair(sender.id, receiver.id), default: 0] += byteCount
    }

    /// The pairs of hosts that are connected at this moment, in order.
    package var connectedPairs: [HostPair] {
        var pairs: Set<HostPair> = []
        for connection in connections {
            guard let listener = connection.listener, listener.host !== connection.dialer.host else {
                continue
            }
            pairs.insert(HostPair(connection.dialer.host.id, listener.host.id))
        }
        return pairs.sorted()
    }

    func recordFault(_ kind: Int, _ value: Int) {
        scheduler.trace.record(.fault, at: scheduler.now, from: kind, to: 0, value: value)
    }

    // MARK: Hosts and connections

    func add(_ host: SimulatedHost) { hosts.append(host) }

    /// Notes whose an address is.
    ///
    /// Loopback addresses are everyone's own.
    func claim(_ address: IPAddress, for host: SimulatedHost) {
        if !address.isLoopback { hostsByAddress[address] = host }
    }

    func release(_ address: IPAddress, of host: SimulatedHost) {
        if hostsByAddress[address] === host { hostsByAddress[address] = nil }
    }

    /// The host that `sender` reaches under an address.
    func host(at address: SocketAddress, from sender: SimulatedHost) -> SimulatedHost? {
        guard case .ip(let ip, _, _) = address else { return sender }
        return ip.isLoopback || ip.isUnspecified ? sender : hostsByAddress[ip]
    }

    func join(_ segment: Int, _ host: SimulatedHost) {
        segmentMembers[segment, default: []].append(host)
    }

    func leave(_ segment: Int, _ host: SimulatedHost) {
        segmentMembers[segment]?.removeAll { $0 === host }
    }

    /// The hosts that multicast on a segment reaches, in the order of their joining.
    func members(of segment: Int) -> [SimulatedHost] { segmentMembers[segment] ?? [] }

    func nextConnectionID() -> Int {
        lastConnectionID += 1
        return lastConnectionID
    }

    func add(_ connection: StreamConnection) {
        connection.index = connections.count
        connections.append(connection)
    }

    func remove(_ connection: StreamConnection) {
        guard let index = connection.index else { return }
        connection.index = nil
        connection.forth.forget()
        connection.back.forget()
        let last = connections.removeLast()
        guard last !== connection else { return }
        connections[index] = last
        last.index = index
    }

    /// Calls `body` with each connection that stands now; it may end some.
    func forEachConnection(_ body: (StreamConnection) -> Void) {
        for connection in connections { body(connection) }
    }

    func tearDown() {
        forEachConnection { $0.forget() }
        connections = []
        hostsByAddress = [:]
        segmentMembers = [:]
        for host in hosts { host.tearDown() }
        hosts = []
    }
}

/// Two hosts by their ids, in either order.
package struct HostPair: Hashable, Comparable, Sendable {
    package let lower: Int
    package let upper: Int

    package init(_ one: Int, _ other: Int) {
        lower = min(one, other)
        upper = max(one, other)
    }

    package static func < (left: HostPair, right: HostPair) -> Bool {
        (left.lower, left.upper) < (right.lower, right.upper)
    }
}

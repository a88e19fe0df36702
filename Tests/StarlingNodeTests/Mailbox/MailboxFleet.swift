import StarlingCore
import StarlingCrypto
import StarlingMesh
import StarlingNode
import StarlingSimulator
import StarlingTransports
import StarlingWorld

/// Whole nodes: Alice, who writes to Bob, Bob, who names mailboxes, and those.
struct MailboxFleet {
    static let alice = 0
    static let bob = 1

    let simulation: Simulation
    let hosts: [SimulatedHost]
    private let change: (Int, inout NodeConfiguration) throws -> Void
    /// The nodes that run; `nil` for those that are away.
    private(set) var nodes: [Node?]

    /// Starts all of them.
    ///
    /// - Parameters:
    ///   - change: Has the last word on the configuration of each node, by its number.
    init(
        seed: UInt64 = 1,
        mailboxCount: Int,
        storage: SimulatedHost.Storage = .tables,
        _ change: @escaping (Int, inout NodeConfiguration) throws -> Void = { _, _ in }
    ) throws {
        let simulation = Simulation(seed: seed)
        self.simulation = simulation
        self.change = change
        var configuration = SimulatedHost.Configuration()
        configuration.storage = storage
        hosts = (0..<mailboxCount + 2).map { simulation.host("node-\($0)", configuration: configuration) }
        nodes = hosts.map { _ in nil }
        for index in hosts.indices { try start(index) }
    }

    /// Alice has met Bob, who has gone since; she is connected to nobody.
    static func absence(
        seed: UInt64 = 1,
        mailboxCount: Int,
        storage: SimulatedHost.Storage = .tables,
        _ change: @escaping (Int, inout NodeConfiguration) throws -> Void = { _, _ in }
    ) throws -> MailboxFleet {
        var fleet = try MailboxFleet(seed: seed, mailboxCount: mailboxCount, storage: storage, change)
        try fleet.run(.seconds(2))
        try fleet.connect(alice, bob)
        try fleet.run(.seconds(2))
        fleet.takeAway(bob)
        try fleet.run(.seconds(1))
        return fleet
    }

    /// The one mailbox of a row.
    static let rowMailbox = 2

    /// Nodes in a row, of whom each can reach those beside it alone: Alice, Bob, his mailbox, and two that carry; nothing is
    /// connected yet.
    static func row(
        _ numbers: [Int],
        _ change: @escaping (Int, inout NodeConfiguration) throws -> Void = { _, _ in }
    ) throws -> MailboxFleet {
        let fleet = try MailboxFleet(mailboxCount: 3) { number, configuration in
            configuration.usesRoutes = true
            configuration.topology = nil
            if number == bob { configuration.mailbox.addresses = [try address(rowMailbox)] }
            if number > rowMailbox { configuration.mailbox.policy = .nobody }
            try change(number, &configuration)
        }
        for place in numbers.indices.dropLast(2) {
            let far = numbers[(place + 2)...].map { fleet.hosts[$0] }
            fleet.simulation.network.partition([fleet.hosts[numbers[place]]], far)
        }
        return fleet
    }

    var mailboxes: Range<Int> { 2..<hosts.count }

    static func key(_ number: Int) throws -> IdentityKey {
        var seed = [UInt8](repeating: UInt8(number + 1), count: 32)
        return try IdentityKey(wipingSeed: &seed)
    }

    func peer(_ number: Int) throws -> PeerID { try Self.key(number).peerID }

    static func address(_ number: Int) throws -> Multiaddr {
        try Multiaddr("/ip4/10.0.0.\(number + 1)/tcp/4001/p2p/\(key(number).peerID)")
    }

    // MARK: Life

    mutating func start(_ number: Int) throws {
        var configuration = NodeConfiguration(machineMemoryByteCount: 1 << 30)
        configuration.usesMDNS = false
        // With routes the mailboxes would be relays, too, and most would not be needed.
        configuration.usesRoutes = false
        configuration.securities = [.noise]
        configuration.listenAddresses = [try Multiaddr("/ip4/0.0.0.0/tcp/4001")]
        switch number {
        case Self.alice: break
        case Self.bob: configuration.mailbox.addresses = try mailboxes.map { try Self.address($0) }
        default: configuration.mailbox.policy = .named([try peer(Self.bob)])
        }
        try change(number, &configuration)
        let node = try Node(
            world: hosts[number].world,
            identity: try Self.key(number),
            configuration: configuration
        )
        nodes[number] = node
        try simulation.complete(on: hosts[number]) { try await node.start() }
    }

    /// The node goes, and nobody answers at its address.
    mutating func takeAway(_ number: Int, _ crash: SimulatedHost.Crash = .process) {
        nodes[number] = nil
        hosts[number].crash(crash)
    }

    mutating func bringBack(_ number: Int) throws {
        hosts[number].restart()
        try start(number)
    }

    func run(_ duration: Duration) throws { try simulation.run(for: duration) }

    // MARK: Doing

    /// Has one node do something; which of them have to be there is the test's business.
    func at<Value: Sendable>(
        _ number: Int,
        _ body: @escaping @Sendable (Node) async throws -> Value
    ) throws -> Value {
        guard let node = nodes[number] else { throw MailboxFleetError.away(number) }
        return try simulation.complete(on: hosts[number]) { try await body(node) }
    }

    func connect(_ one: Int, _ other: Int) throws {
        let address = try Self.address(other)
        try at(one) { _ = try await $0.swarm.connect(to: address) }
    }

    /// Has Alice write to Bob.
    @discardableResult
    func send(
        _ texts: [String],
        lifetime: Duration = .seconds(72 * 3600),
        _ privacy: MessageHeader.Privacy = .private,
        recordsPath: Bool = false
    ) throws -> [MessageID] {
        let to = try peer(Self.bob)
        return try at(Self.alice) { node in
            var ids: [MessageID] = []
            for text in texts {
                let content = MessageContent(type: .data, payload: Array(text.utf8))
                var draft = MessageDraft(to: to, content: content)
                draft.lifetime = lifetime
                draft.privacy = privacy
                draft.recordsPath = recordsPath
                ids.append(try await node.delivery.accept(draft))
            }
            return ids
        }
    }

    // MARK: Looking

    func states(_ ids: [MessageID]) throws -> [OutboxMessage.State?] {
        try at(Self.alice) { node in
            var states: [OutboxMessage.State?] = []
            for id in ids { states.append(await node.delivery.report(on: id)?.message.state) }
            return states
        }
    }

    /// Which of the fleet Alice says to have a copy.
    func holders(of id: MessageID) throws -> [Int] {
        let copies = try at(Self.alice) { await $0.delivery.report(on: id)?.message.copies ?? [] }
        let peers = try hosts.indices.map { try peer($0) }
        return copies.compactMap { copy in peers.firstIndex(of: copy.mailbox) }.sorted()
    }

    /// How many mailboxes of those that are there keep each message.
    func copyCounts() throws -> [MessageName: Int] {
        var counts: [MessageName: Int] = [:]
        for number in mailboxes where nodes[number] != nil {
            let names = try at(number) { await $0.shelf.keptMessages(after: .max)?.names ?? [] }
            for name in names { counts[name, default: 0] += 1 }
        }
        return counts
    }

    /// What a node keeps for others, in number.
    func keptCount(_ number: Int) throws -> Int { try at(number) { await $0.shelf.report.count } }

    /// Ways on which tunnels of a node have failed.
    func failedWayCount(_ number: Int) throws -> Int? {
        try at(number) { await $0.tunnels.tableFills.first { $0.name == "ways that failed" }?.count }
    }

    func inboxTexts() throws -> [String] {
        try at(Self.bob) { node in
            try await node.delivery.inboxPage(after: 0, countMax: 100_000, byteCountMax: 1 << 30).deliveries
                .map { String(decoding: $0.content.payload, as: UTF8.self) }
        }
    }

    /// Tables of the nodes that are there and over their limits.
    func overfullTables() throws -> [String] {
        var found: [String] = []
        for number in hosts.indices where nodes[number] != nil {
            let fills = try at(number) { node in
                await node.mailboxes.tableFills + node.shelf.tableFills + node.delivery.tableFills
            }
            found += fills.filter(\.isOverfull).map { "\(number): \($0)" }
        }
        return found
    }
}

enum MailboxFleetError: Error { case away(Int) }

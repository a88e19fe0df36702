import StarlingCore
import StarlingCrypto
import StarlingMesh
import StarlingNode
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Testing

/// Alice, who sends files, and Bob, who gets them: two whole nodes that can crash, and come back as the same peers.
final class FilePair {
    let simulation: Simulation
    let hosts: [SimulatedHost]
    private(set) var nodes: [Node] = []

    static let (alice, bob) = (0, 1)

    init(seed: UInt64 = 1, link: LinkProfile? = nil) throws {
        var configuration = Simulation.Configuration()
        if let link { configuration.link = link }
        configuration.traceDetail = .lengths
        simulation = Simulation(seed: seed, configuration: configuration)
        let simulation = simulation
        hosts = ["alice", "bob"].map { name in
            simulation.host(name)
        }
        for index in hosts.indices { nodes.append(try Self.start(index, hosts[index], simulation)) }
    }

    private static func start(_ index: Int, _ host: SimulatedHost, _ simulation: Simulation) throws -> Node {
        var configuration = NodeConfiguration(machineMemoryByteCount: 1 << 30)
        configuration.usesMDNS = false
        configuration.securities = [.noise]
        configuration.listenAddresses = [try Multiaddr("/ip4/0.0.0.0/tcp/4001")]
        let other = try key(1 - index).peerID
        let address = try Multiaddr("/ip4/10.0.0.\(2 - index)/tcp/4001/p2p/\(other)")
        configuration.bootstrapAddresses = [address]
        let node = try Node(world: host.world, identity: try key(index), configuration: configuration)
        try simulation.complete(on: host) { try await node.start() }
        return node
    }

    private static func key(_ index: Int) throws -> IdentityKey {
        var seed = [UInt8](repeating: UInt8(index + 1), count: 32)
        return try IdentityKey(wipingSeed: &seed)
    }

    /// Ends a node at this moment, and starts it again after a while.
    func crash(_ index: Int, _ crash: SimulatedHost.Crash, for duration: Duration = .seconds(2)) throws {
        hosts[index].crash(crash)
        try simulation.run(for: duration)
        hosts[index].restart()
        nodes[index] = try Self.start(index, hosts[index], simulation)
    }

    /// Has Alice send a file to Bob.
    @discardableResult
    func send(
        _ content: [UInt8],
        name: String = "file.bin",
        _ change: (inout MessageDraft) -> Void = { _ in }
    ) throws
        -> MessageID
    {
        hosts[Self.alice].blobDisk.place("/user/\(name)", content)
        let (node, to) = (nodes[Self.alice], nodes[Self.bob].peerID)
        var draft = MessageDraft(to: to, content: MessageContent(type: .data, payload: Array("look".utf8)))
        change(&draft)
        let fixed = draft
        return try simulation.complete(on: hosts[Self.alice]) {
            try await node.delivery.accept(fixed, file: "/user/\(name)")
        }
    }

    func state(_ id: MessageID) throws -> OutboxMessage.State? {
        let node = nodes[Self.alice]
        return try simulation.complete(on: hosts[Self.alice]) {
            await node.delivery.report(on: id)?.message.state
        }
    }

    var incoming: [IncomingFile] {
        get throws {
            let node = nodes[Self.bob]
            return try simulation.complete(on: hosts[Self.bob]) { await node.delivery.incomingFiles }
        }
    }

    /// What is in Bob's inbox.
    var inbox: [InboxDelivery] {
        get throws {
            let node = nodes[Self.bob]
            return try simulation.complete(on: hosts[Self.bob]) {
                try await node.delivery.inboxPage(after: 0, countMax: 1000, byteCountMax: 1 << 30).deliveries
            }
        }
    }

    /// What the file of an entry of Bob's holds.
    func saved(_ delivery: InboxDelivery) throws -> [UInt8]? {
        let node = nodes[Self.bob]
        let path = "/user/out-\(delivery.entry.position)"
        try simulation.complete(on: hosts[Self.bob]) {
            try await node.delivery.saveFile(at: delivery.entry.position, to: path)
        }
        return hosts[Self.bob].blobDisk.content(of: path)
    }

    func acknowledge(_ position: UInt64) throws {
        let node = nodes[Self.bob]
        try simulation.complete(on: hosts[Self.bob]) { try await node.delivery.acknowledge(position) }
    }

    /// Runs until something is so, or the time is over.
    func wait(
        upTo limit: Duration = .seconds(600),
        step: Duration = .milliseconds(500),
        until isSo: () throws -> Bool
    ) throws -> Bool {
        for _ in 0..<Int(limit / step) {
            if try isSo() { return true }
            try simulation.run(for: step)
        }
        return try isSo()
    }

    /// The files in a node's store.
    func stored(_ index: Int) -> [String] {
        hosts[index].blobDisk.paths.filter { $0.hasPrefix("/blobs/") }
    }
}

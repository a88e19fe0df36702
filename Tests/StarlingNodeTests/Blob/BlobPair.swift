import StarlingCore
import StarlingCrypto
import StarlingNode
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Testing

/// Alice, who has files, and Bob, who wants them: two nodes in one simulation, each with a disk of blobs.
final class BlobPair {
    let simulation: Simulation
    let aliceHost: SimulatedHost
    let bobHost: SimulatedHost
    let aliceDisk = SimulatedBlobDisk()
    let bobDisk = SimulatedBlobDisk()
    var alice: BlobNode
    var bob: BlobNode

    struct BlobNode: Sendable {
        let node: Node
        let blobs: BlobDriver
        let store: SimulatedBlobStore
    }

    init(
        seed: UInt64 = 1,
        link: LinkProfile? = nil,
        limits: BlobDriver.Limits = BlobDriver.Limits()
    ) throws {
        var configuration = Simulation.Configuration()
        if let link { configuration.link = link }
        configuration.traceDetail = .lengths
        simulation = Simulation(seed: seed, configuration: configuration)
        aliceHost = simulation.host("alice")
        bobHost = simulation.host("bob")
        alice = try Self.start(aliceHost, 1, aliceDisk, simulation, limits)
        bob = try Self.start(bobHost, 2, bobDisk, simulation, limits)
    }

    /// Starts a host's node, the first time or after a crash, as the same peer.
    static func start(
        _ host: SimulatedHost,
        _ key: UInt8,
        _ disk: SimulatedBlobDisk,
        _ simulation: Simulation,
        _ limits: BlobDriver.Limits = BlobDriver.Limits()
    ) throws -> BlobNode {
        var seed = [UInt8](repeating: key, count: 32)
        var configuration = NodeConfiguration(machineMemoryByteCount: 1 << 30)
        configuration.usesMDNS = false
        configuration.securities = [.noise]
        configuration.listenAddresses = [try Multiaddr("/ip4/0.0.0.0/tcp/4001")]
        let node = try Node(
            world: host.world,
            identity: try IdentityKey(wipingSeed: &seed),
            configuration: configuration
        )
        let folder = try BlobFolder("/blobs", disk: disk, digest: .chunkTree)
        let store = SimulatedBlobStore(folder, loop: host.loop)
        let blobs = BlobDriver(swarm: node.swarm, store: store, limits: limits)
        try simulation.complete(on: host) {
            try await node.start()
            await blobs.start()
        }
        return BlobNode(node: node, blobs: blobs, store: store)
    }

    /// Bytes that repeat only after a number of them that no chunk is a multiple of.
    static func pattern(_ byteCount: Int) -> [UInt8] {
        let period = (0..<65_521).map { UInt8(truncatingIfNeeded: $0 &* 11 &+ $0 >> 8) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(byteCount + period.count)
        while bytes.count < byteCount { bytes += period }
        bytes.removeLast(bytes.count - byteCount)
        return bytes
    }

    /// Has Alice take a file in and offer it to Bob.
    func offer(_ content: [UInt8], isPrivate: Bool = false) throws -> StoredBlob {
        aliceDisk.place("/user/file", content)
        let (blobs, bob) = (alice.blobs, bob.node.peerID)
        return try simulation.complete(on: aliceHost) {
            let stored = try await blobs.take("/user/file", isPrivate: isPrivate)
            try blobs.offer(stored.id, to: bob)
            return stored
        }
    }

    /// Tells Bob where Alice is.
    func connect() throws {
        let (bob, address) = (bob.node, try Multiaddr("/ip4/10.0.0.1/tcp/4001/p2p/\(alice.node.peerID)"))
        try simulation.complete(on: bobHost) { _ = try await bob.swarm.connect(to: address) }
    }

    func fetch(_ id: BlobID, within limit: Duration = .seconds(300)) throws {
        let (blobs, peer) = (bob.blobs, alice.node.peerID)
        try simulation.complete(on: bobHost, within: limit) { try await blobs.fetch(id, from: peer) }
    }

    /// What Bob has of a blob, as a file.
    func content(_ stored: StoredBlob) throws -> [UInt8]? {
        let blobs = bob.blobs
        try simulation.complete(on: bobHost) {
            try await blobs.give(stored.id, key: stored.key, to: "/user/out")
        }
        defer { try? bobDisk.remove("/user/out") }
        return bobDisk.content(of: "/user/out")
    }

    /// Whether all limits and counts are back where they began.
    func expectQuiet() throws {
        try simulation.run(for: .seconds(80))
        for node in [alice.node, bob.node] {
            let ledger = node.swarm.protocols.withLedger { $0 }
            #expect(ledger.streamCount == 0)
        }
    }
}

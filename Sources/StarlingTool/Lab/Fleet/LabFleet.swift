internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingCrypto
internal import StarlingIO
internal import StarlingNode
internal import StarlingTransports
internal import StarlingWorld

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Where a node of a lab runs.
struct LabPlace: Sendable {
    /// The IPv4 address that it listens on.
    var host: UInt32 = 0x7F00_0001
    /// Words before those of the node's program.
    var launcher: [String] = []
}

/// The nodes of a lab, on this machine's loopback, each bootstrapped to those before it, or to those of them that it is
/// linked with.
///
/// Keys and ports are chosen before the first node starts, so that each knows where all others will be.
struct LabFleet: Sendable {
    /// Nodes that start, or stop, at a time.
    private static let concurrency = 4

    let nodes: [LabNode]
    /// Where the homes are, and the files that scenarios send.
    let folder: TemporaryFolder
    /// Which of them are linked; `nil` for each with each other.
    private let wiring: LabWiring?

    /// Makes homes with keys for so many nodes, in a fresh folder; none runs yet.
    ///
    /// - Parameters:
    ///   - security: The only encryption that the nodes speak; `nil` for what a node offers by itself.
    ///   - staysBehind: Whether the folder is there when nobody needs the fleet any more.
    init(
        count: Int,
        world: World,
        security: SecurityProtocol? = nil,
        staysBehind: Bool = false
    ) throws(Diagnostic) {
        do throws(FileError) {
            folder = try TemporaryFolder(named: "starling-lab", staysBehind: staysBehind)
        } catch {
            throw Diagnostic(temporary: error)
        }
        wiring = nil
        nodes = try Self.makeNodes(
            count,
            in: folder,
            prefix: "",
            world,
            security,
            places: nil
        )
    }

    /// Makes nodes that are linked as the wiring says and not otherwise, and use routes; their homes are beside those of
    /// another fleet.
    ///
    /// - Parameter places: Where each of them runs; `nil` for this machine's loopback.
    init(
        _ wiring: LabWiring,
        named name: String,
        at places: [LabPlace]?,
        beside other: LabFleet,
        world: World
    ) throws(Diagnostic) {
        folder = other.folder
        self.wiring = wiring
        nodes = try Self.makeNodes(
            wiring.nodeCount,
            in: folder,
            prefix: name + "-",
            world,
            nil,
            places: places
        )
    }

    private static func makeNodes(
        _ count: Int,
        in folder: TemporaryFolder,
        prefix: String,
        _ world: World,
        _ security: SecurityProtocol?,
        places: [LabPlace]?
    ) throws(Diagnostic) -> [LabNode] {
        let loop = world.loops[0]
        var nodes: [LabNode] = []
        for (index, port) in try freePorts(count).enumerated() {
            let home = Home(path: "\(folder.path)/\(prefix)\(index)")
            do throws(FileError) { try SystemFiles().createFolder(home.path) } catch {
                throw Diagnostic(temporary: error)
            }
            let peerID = try StoredIdentity.readOrCreate(home).peerID
            let place = places?[index] ?? LabPlace()
            let address = Multiaddr(.v4(place.host), tcpPort: port).with(peerID: peerID)
            nodes.append(
                LabNode(
                    index: index,
                    home: home,
                    peerID: peerID,
                    address: address,
                    security: security,
                    launcher: place.launcher,
                    loop: loop
                )
            )
        }
        return nodes
    }

    var path: String { folder.path }

    /// Starts all nodes, a few at a time; `progress` hears how many run.
    func start(_ progress: @escaping @Sendable (Int) -> Void) async throws {
        try await inTurn(nodes.indices.map { $0 }) { index in
            let others = linked(index).filter { $0 < index }
            try await nodes[index].start(bootstrap: others.map { nodes[$0].address })
        } progress: {
            progress($0)
        }
    }

    /// Starts a node again; it is told of all that it is linked with.
    func restart(_ node: LabNode) async throws {
        try await node.start(bootstrap: linked(node.index).map { nodes[$0].address })
    }

    private func linked(_ index: Int) -> [Int] { wiring?[index] ?? nodes.indices.filter { $0 != index } }

    /// Ends every node that runs.
    ///
    /// Cancellation does not stop it.
    func stop() async {
        await withTaskGroup(of: Void.self) { group in
            for (index, node) in nodes.enumerated() {
                if index >= Self.concurrency * 2 { await group.next() }
                group.addTask { await node.stop() }
            }
        }
    }

    /// Ends every node that runs at once, as one does whose homes nobody needs any more.
    func kill() async { for node in nodes { await node.kill() } }

    /// Whether any of the nodes runs.
    var isRunning: Bool {
        get async {
            for node in nodes where await node.isRunning { return true }
            return false
        }
    }

    /// The memory of all running nodes, in bytes; `nil` where the system does not tell.
    func residentByteCount() async -> Int? {
        var sum = 0
        for node in nodes where await node.isRunning {
            guard let byteCount = await node.residentByteCount else { return nil }
            sum += byteCount
        }
        return sum
    }

    /// Runs `body` for each of the items, a few at a time.
    func inTurn<Item: Sendable>(
        _ items: [Item],
        concurrency: Int = Self.concurrency,
        _ body: @escaping @Sendable (Item) async throws -> Void,
        progress: (Int) -> Void = { _ in }
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            var doneCount = 0
            for (index, item) in items.enumerated() {
                if index >= concurrency {
                    try await group.next()
                    doneCount += 1
                    progress(doneCount)
                }
                group.addTask { try await body(item) }
            }
            while try await group.next() != nil {
                doneCount += 1
                progress(doneCount)
            }
        }
    }

    // MARK: The machine

    /// Below the ports that systems give to outgoing connections: a node that is dialled while it is down must find its
    /// port free when it comes back.
    private static let portRange: ClosedRange<UInt16> = 20_000...32_000

    /// Ports that were free a moment ago; all are held at once, so that no two are the same.
    private static func freePorts(_ count: Int) throws(Diagnostic) -> [UInt16] {
        var descriptors: [Int32] = []
        defer { for descriptor in descriptors { _ = close(descriptor) } }
        var ports: [UInt16] = []
        var port = portRange.lowerBound + UInt16(getpid() % 100) * 100
        for _ in portRange {
            guard ports.count < count else { break }
            #if canImport(Glibc)
                let kind = Int32(SOCK_STREAM.rawValue)
            #else
                let kind = SOCK_STREAM
            #endif
            let descriptor = socket(AF_INET, kind, 0)
            guard descriptor >= 0 else { throw noPort }
            descriptors.append(descriptor)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr = in_addr(s_addr: UInt32(0x7F00_0001).bigEndian)
            let isBound = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
            if isBound { ports.append(port) }
            port = port == portRange.upperBound ? portRange.lowerBound : port + 1
        }
        guard ports.count == count else { throw noPort }
        return ports
    }

    private static var noPort: Diagnostic {
        Diagnostic(
            code: "system",
            message: "no free port on 127.0.0.1.",
            nextStep: "Use fewer nodes with --nodes, or raise the limit of open files (ulimit -n)."
        )
    }
}

import StarlingCore
import StarlingProtocols
import Testing

/// A node for tests: a machine, its names, and what it did.
struct MDNSNode {
    var machine: MDNSDiscovery
    let peerID: PeerID
    let label: String
    let host: IPAddress

    var source: SocketAddress { .ip(host, port: MDNSDiscovery.port) }

    /// A node `number` at 192.168.0.`number`, listening on TCP port 4001 of all addresses.
    init(_ number: UInt8, seed: UInt64 = 1, limits: MDNSLimits = MDNSLimits()) throws {
        peerID = try PeerID(multihash: [0, 4, 8, 1, 18, number])
        label = MDNSDiscovery.peerLabel(random: Array(repeating: number, count: 25))
        host = .v4(0xc0a8_0000 | UInt32(number))
        machine = try MDNSDiscovery(
            peerID: peerID,
            peerLabel: label,
            seed: seed &+ UInt64(number),
            limits: limits
        )
    }

    func interface(_ index: UInt32 = 1, hosts: [String] = [], listening: [String] = ["/ip4/0.0.0.0/tcp/4001"])
        throws -> MDNSInterface
    {
        MDNSInterface(
            index: index,
            isLoopback: false,
            hosts: [host] + hosts.compactMap { IPAddress($0) },
            listening: try listening.map { try Multiaddr($0) }
        )
    }

    /// All actions that are ready.
    mutating func actions() -> [MDNSDiscovery.Action] {
        var actions: [MDNSDiscovery.Action] = []
        while let action = machine.nextAction() { actions.append(action) }
        return actions
    }

    /// Advances through every deadline up to `end`, and collects the messages with their times in milliseconds.
    mutating func run(until end: Instant) -> [(milliseconds: Int64, message: DNSMessage)] {
        var sent: [(Int64, DNSMessage)] = []
        while let deadline = machine.nextDeadline, deadline <= end {
            machine.advance(to: deadline)
            for case .multicast(let bytes, _) in actions() {
                guard let message = try? DNSMessage(parsing: bytes.span) else {
                    Issue.record("sent what cannot be read")
                    continue
                }
                sent.append((deadline.nanosecondsSinceOrigin / 1_000_000, message))
            }
        }
        return sent
    }

    mutating func receive(
        _ message: DNSMessage,
        from source: SocketAddress,
        interface: UInt32 = 1,
        at time: Instant
    ) {
        machine.receive(message.bytes.span, from: source, interface: interface, now: time)
    }
}

enum MDNS {
    static let start = Instant(nanosecondsSinceOrigin: 0)

    static func at(_ milliseconds: Int64) -> Instant { start + .milliseconds(milliseconds) }

    static func name(_ text: String) throws -> DNSName { try #require(DNSName(text)) }

    static func query(
        _ name: String = MDNSDiscovery.serviceName,
        _ type: UInt16 = DNSType.ptr,
        unicast: Bool = false
    )
        throws -> DNSMessage
    {
        var message = DNSMessage()
        message.questions = [DNSQuestion(try Self.name(name), type, wantsUnicast: unicast)]
        return message
    }

    /// A response of a peer as others write it.
    static func response(
        label: String,
        texts: [String],
        ttlSeconds: UInt32 = 120,
        replacesOthers: Bool = true,
        hasPointer: Bool = true
    ) throws -> DNSMessage {
        let service = try name(MDNSDiscovery.serviceName)
        let instance = try #require(service.prefixed(by: label))
        var message = DNSMessage()
        message.isResponse = true
        message.isAuthoritative = true
        if hasPointer { message.answers = [DNSRecord(service, .pointer(instance), ttlSeconds: ttlSeconds)] }
        let text = DNSRecord.Content.text(texts.map { Array($0.utf8) })
        message.additionals = [
            DNSRecord(instance, text, ttlSeconds: ttlSeconds, replacesOthers: replacesOthers)
        ]
        return message
    }
}

internal import StarlingCore
internal import StarlingCrypto
internal import StarlingProtocols

extension FuzzTarget {
    static func dnsMessage(_ input: [UInt8]) throws(BrokenPromise) {
        guard let message = try? DNSMessage(parsing: input.span) else { return }
        let bytes = message.bytes
        // Names that were compressed may be written whole.
        guard bytes.count <= DNSMessage.byteCountMax else { return }
        let again = try? DNSMessage(parsing: bytes.span)
        try promise(again?.bytes == bytes, "a DNS message reads what it writes")
    }

    /// The first byte picks where the packets come from, the rest is packets.
    static func mdns(_ input: [UInt8]) throws(BrokenPromise) {
        let label = String(repeating: "a", count: 40)
        guard let first = input.first, let identity,
            let listening = try? Multiaddr("/ip4/192.168.1.7/tcp/4001"),
            var discovery = try? MDNSDiscovery(peerID: identity.peerID, peerLabel: label, seed: 1)
        else { return }
        var now = Instant(nanosecondsSinceOrigin: 0)
        let interface = MDNSInterface(
            index: 3,
            isLoopback: false,
            hosts: [.v4(0xc0a8_0107)],
            listening: [listening]
        )
        discovery.interfacesChanged([interface], now: now)
        let source = SocketAddress.ip(.v4(0xc0a8_0108), port: first & 1 == 0 ? 5353 : 40000)
        for packet in Array(input.dropFirst()).packets {
            discovery.receive(packet.span, from: source, interface: first & 2 == 0 ? 3 : 0, now: now)
            for _ in 0..<4 {
                guard let deadline = discovery.nextDeadline else { break }
                now = max(now, deadline)
                discovery.advance(to: now)
                try readActions(&discovery)
            }
        }
        discovery.stop()
        try readActions(&discovery)
    }

    private static func readActions(_ discovery: inout MDNSDiscovery) throws(BrokenPromise) {
        while let action = discovery.nextAction() {
            switch action {
            case .multicast(let bytes, _), .unicast(let bytes, _, _):
                try promise((try? DNSMessage(parsing: bytes.span)) != nil, "what is sent is a DNS message")
            case .discovered(_, let addresses):
                try promise(!addresses.isEmpty, "a peer that is found has an address")
            case .lost: break
            }
        }
    }
}

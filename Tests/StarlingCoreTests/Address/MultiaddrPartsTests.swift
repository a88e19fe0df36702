import StarlingCore
import Testing

@Suite struct MultiaddrPartsTests {
    static let peer = MultiaddrTests.peer
    static let relay = MultiaddrTests.relay

    @Test(arguments: [
        ("/ip4/1.2.3.4/tcp/5", Multiaddr.TransportKind.tcp), ("/dns/a.example/tcp/5/p2p/\(peer)", .tcp),
        ("/ip6zone/2/ip6/fe80::1/tcp/5", .tcp), ("/ip4/1.2.3.4/udp/5/quic-v1", .quic),
        ("/ip4/1.2.3.4/udp/5/quic", nil), ("/ip4/1.2.3.4/udp/5", nil), ("/ip4/1.2.3.4", nil),
        ("/ip4/1.2.3.4/tcp/5/ws", .webSocket), ("/dns4/a.example/tcp/5/wss", .secureWebSocket),
        ("/dns/a.example/tcp/5/tls/sni/b.example/ws/p2p/\(peer)", .secureWebSocket),
        ("/ip4/1.2.3.4/tcp/5/tls", nil), ("/ip4/1.2.3.4/tcp/5/http", nil), ("/tcp/5", nil),
        ("/unix/run/a.sock", .unix), ("/unix/run/a.sock/p2p/\(peer)", .unix), ("/memory/7", .memory),
        ("/ip4/1.2.3.4/udp/5/quic-v1/webtransport/certhash/uEgEA", .webTransport),
        ("/ip4/1.2.3.4/udp/5/webrtc-direct/certhash/uEgEA", .webRTCDirect),
        ("/ip4/1.2.3.4/tcp/5/p2p/\(relay)/p2p-circuit/p2p/\(peer)", .circuit),
        ("/p2p/\(relay)/p2p-circuit", .circuit), ("/p2p/\(peer)", nil), ("/dnsaddr/a.example", nil),
    ])
    func knowsItsTransport(text: String, kind: Multiaddr.TransportKind?) throws {
        #expect(try Multiaddr(text).transportKind == kind)
    }

    @Test func thePeerStandsAtTheEnd() throws {
        let peer = try PeerID(text: Self.peer)
        let relay = try PeerID(text: Self.relay)
        let bare = try Multiaddr("/ip4/1.2.3.4/tcp/5")
        let named = bare.with(peerID: peer)
        #expect(named.description == "/ip4/1.2.3.4/tcp/5/p2p/\(Self.peer)")
        #expect(named.peerID == peer)
        #expect(named.withoutPeerID == bare)
        #expect(bare.peerID == nil)
        #expect(bare.withoutPeerID == bare)
        #expect(named.with(peerID: relay).description == "/ip4/1.2.3.4/tcp/5/p2p/\(Self.relay)")
        #expect(try Multiaddr("/p2p/\(Self.peer)").withoutPeerID == nil)
        #expect(try Multiaddr("/ip4/1.2.3.4/tcp/5/p2p/\(Self.relay)/p2p-circuit").peerID == nil)
        let socket = try Multiaddr("/unix/run/a.sock").with(peerID: peer)
        #expect(socket.description == "/unix/run/a.sock/p2p/\(Self.peer)")
        #expect(socket.peerID == peer)
    }

    @Test func aCircuitNamesRelayAndTarget() throws {
        let address = try Multiaddr("/ip4/1.2.3.4/tcp/5/p2p/\(Self.relay)/p2p-circuit/p2p/\(Self.peer)")
        #expect(address.circuit?.relay.description == "/ip4/1.2.3.4/tcp/5/p2p/\(Self.relay)")
        #expect(address.circuit?.target?.description == "/p2p/\(Self.peer)")
        #expect(try Multiaddr("/p2p/\(Self.relay)/p2p-circuit").circuit?.target == nil)
        #expect(try Multiaddr("/ip4/1.2.3.4/tcp/5").circuit == nil)
    }

    @Test func hostPortAndSocketAreTakenApart() throws {
        let v4 = try #require(IPAddress("1.2.3.4"))
        let v6 = try #require(IPAddress("fe80::1"))
        let plain = try Multiaddr("/ip4/1.2.3.4/tcp/5")
        #expect(plain.host == .ip(v4))
        #expect(plain.port == 5)
        #expect(plain.socketAddress == .ip(v4, port: 5))
        #expect(try Multiaddr("/ip4/1.2.3.4/udp/65535/quic-v1").socketAddress == .ip(v4, port: 65535))
        let zoned = try Multiaddr("/ip6zone/3/ip6/fe80::1/tcp/5")
        #expect(zoned.host == .ip(v6, zone: "3"))
        #expect(zoned.socketAddress == .ip(v6, port: 5, zone: 3))
        #expect(try Multiaddr("/ip6zone/eth0/ip6/fe80::1/tcp/5").socketAddress == nil)
        #expect(try Multiaddr("/unix/run/a").socketAddress == .unix(path: "/run/a"))
        #expect(try Multiaddr("/dns/a.example/tcp/5").host == .dns("a.example", .any))
        #expect(try Multiaddr("/dns4/a.example/tcp/5").host == .dns("a.example", .ipv4))
        #expect(try Multiaddr("/dns6/a.example/tcp/5").host == .dns("a.example", .ipv6))
        #expect(try Multiaddr("/dnsaddr/a.example").host == .dns("a.example", .dnsaddr))
        #expect(try Multiaddr("/dns/a.example/tcp/5").socketAddress == nil)
        #expect(try Multiaddr("/dns/a.example/tcp/5").port == 5)
        #expect(try Multiaddr("/ip4/1.2.3.4").port == nil)
        #expect(try Multiaddr("/tcp/5").port == nil)
    }

    @Test func socketsBecomeAddresses() throws {
        let v4 = try #require(IPAddress("1.2.3.4"))
        let v6 = try #require(IPAddress("fe80::1"))
        #expect(Multiaddr(v4, tcpPort: 4001).description == "/ip4/1.2.3.4/tcp/4001")
        #expect(Multiaddr(v6, zone: 3, tcpPort: 1).description == "/ip6zone/3/ip6/fe80::1/tcp/1")
        #expect(Multiaddr(v6, quicPort: 1).description == "/ip6/fe80::1/udp/1/quic-v1")
        #expect(try Multiaddr(stream: .unix(path: "/run/a")).description == "/unix/run/a")
        #expect(throws: MultiaddrError.self) { try Multiaddr(stream: .unix(path: "run/a")) }
        for address in [Multiaddr(v4, tcpPort: 4001), Multiaddr(v6, zone: 3, tcpPort: 1)] {
            #expect(try Multiaddr(bytes: address.bytes) == address)
            #expect(try Multiaddr(stream: try #require(address.socketAddress)) == address)
        }
    }

    @Test func aHostIsReplacedByWhatItResolvedTo() throws {
        let v4 = try #require(IPAddress("1.2.3.4"))
        let v6 = try #require(IPAddress("fe80::1"))
        let named = try Multiaddr("/dns/a.example/tcp/5/p2p/\(Self.peer)")
        #expect(named.replacingHost(with: v4).description == "/ip4/1.2.3.4/tcp/5/p2p/\(Self.peer)")
        let zoned = try Multiaddr("/ip6zone/3/ip6/fe80::2/tcp/5")
        #expect(zoned.replacingHost(with: v4).description == "/ip4/1.2.3.4/tcp/5")
        #expect(zoned.replacingHost(with: v6, zone: 4).description == "/ip6zone/4/ip6/fe80::1/tcp/5")
        let hostless = try Multiaddr("/p2p/\(Self.peer)")
        #expect(hostless.replacingHost(with: v4) == hostless)
    }

    @Test func componentsOfAWrongSizeAreRefused() throws {
        #expect(throws: MultiaddrError.invalidValue(index: 0, protocolName: "tcp", value: "01")) {
            try Multiaddr(components: [.init(.tcp, [1])])
        }
        let address = try Multiaddr("/ip4/1.2.3.4").appending(.init(.tcp, [0, 5]), .init(.ws))
        #expect(address.description == "/ip4/1.2.3.4/tcp/5/ws")
    }
}

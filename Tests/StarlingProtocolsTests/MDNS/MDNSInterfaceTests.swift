import StarlingCore
import StarlingProtocols
import Testing

@Suite struct MDNSInterfaceTests {
    static func addresses(
        _ hosts: [String],
        _ listening: [String],
        isLoopback: Bool = false
    ) throws -> [String] {
        MDNSInterface(
            index: 2,
            isLoopback: isLoopback,
            hosts: try hosts.map { try #require(IPAddress($0)) },
            listening: try listening.map { try Multiaddr($0) }
        ).addresses.map(\.description)
    }

    @Test func aListenerOnAllAddressesIsReachedAtEachOfTheInterface() throws {
        let hosts = ["192.168.0.5", "fe80::5", "2001:db8::5"]
        #expect(
            try Self.addresses(hosts, ["/ip4/0.0.0.0/tcp/4001", "/ip6/::/udp/4001/quic-v1"]) == [
                "/ip4/192.168.0.5/tcp/4001", "/ip6/fe80::5/udp/4001/quic-v1",
                "/ip6/2001:db8::5/udp/4001/quic-v1",
            ]
        )
    }

    @Test func aListenerOnOneAddressIsReachedWhereThatIs() throws {
        #expect(
            try Self.addresses(["10.0.0.1"], ["/ip4/10.0.0.1/tcp/1", "/ip4/10.0.0.2/tcp/1"]) == [
                "/ip4/10.0.0.1/tcp/1"
            ]
        )
        #expect(
            try Self.addresses(["fe80::5"], ["/ip6zone/2/ip6/fe80::5/tcp/1"]) == ["/ip6/fe80::5/tcp/1"]
        )
    }

    @Test func loopbackRelaysAndNamesAreNotForTheLink() throws {
        let listening = [
            "/ip4/0.0.0.0/tcp/1", "/dns/a.example/tcp/1", "/unix/run/a",
            "/ip4/10.0.0.1/tcp/1/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA/p2p-circuit",
        ]
        #expect(try Self.addresses(["127.0.0.1", "10.0.0.1"], listening) == ["/ip4/10.0.0.1/tcp/1"])
        #expect(try Self.addresses(["127.0.0.1"], listening, isLoopback: true) == ["/ip4/127.0.0.1/tcp/1"])
        #expect(try Self.addresses(["127.0.0.1", "224.0.0.1", "0.0.0.0"], listening) == [])
    }

    @Test func addressesAreSaidOnceAndLimited() throws {
        let twice = ["/ip4/0.0.0.0/tcp/1", "/ip4/10.0.0.1/tcp/1"]
        #expect(try Self.addresses(["10.0.0.1"], twice) == ["/ip4/10.0.0.1/tcp/1"])
        let many = (1...40).map { "/ip4/0.0.0.0/tcp/\($0)" }
        #expect(try Self.addresses(["10.0.0.1"], many).count == MDNSInterface.addressCountMax)
    }
}

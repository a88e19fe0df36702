import StarlingCore
import StarlingNode
import Testing

@Suite struct AddressFilterTests {
    private static let everywhere = [
        "/unix/run/node.sock", "/ip4/127.0.0.1/tcp/1", "/ip6/::1/tcp/1", "/ip6/::ffff:127.0.0.1/tcp/1",
        "/ip4/0.0.0.0/tcp/1", "/ip4/255.255.255.255/tcp/1", "/ip6/ff02::1/tcp/1", "/ip4/192.168.1.2/tcp/1",
        "/ip4/169.254.1.1/tcp/1", "/ip4/8.8.8.8/tcp/1", "/ip6/2001:4860::1/udp/1/quic-v1",
        "/dns4/a.example/tcp/1",
    ]

    private func kept(_ meeting: String?) throws -> [String] {
        AddressFilter.worthy(
            try Self.everywhere.map { try Multiaddr($0) },
            metAt: try meeting.map { try Multiaddr($0) }
        ).map { "\($0)" }
    }

    @Test func aPeerOfTheInternetNamesAddressesOfTheInternet() throws {
        let expected = ["/ip4/8.8.8.8/tcp/1", "/ip6/2001:4860::1/udp/1/quic-v1", "/dns4/a.example/tcp/1"]
        #expect(try kept("/ip4/1.1.1.1/tcp/4001") == expected)
        #expect(try kept("/ip6/2001:4860::7/tcp/4001") == expected)
    }

    @Test(arguments: ["/ip4/10.1.2.3/tcp/4001", "/ip6/fd00::1/tcp/4001", "/ip4/169.254.3.4/tcp/4001"])
    func aPeerOfTheNetworkNamesThoseOfTheNetworkToo(meeting: String) throws {
        #expect(try kept(meeting).count == 5)
        #expect(try kept(meeting).contains("/ip4/192.168.1.2/tcp/1"))
    }

    @Test(arguments: ["/ip4/127.0.0.1/tcp/4001", "/ip6/::1/tcp/4001"])
    func aPeerOfTheSameMachineNamesThoseOfTheMachineToo(meeting: String) throws {
        #expect(try kept(meeting).count == 8)
        #expect(try !kept(meeting).contains("/unix/run/node.sock"))
    }

    @Test(arguments: ["/unix/run/other.sock", nil]) func aPeerOfTheFileSystemNamesAll(meeting: String?) throws
    {
        let kept = try kept(meeting)
        #expect(kept.count == 9)
        #expect(kept.contains("/unix/run/node.sock"))
    }
}

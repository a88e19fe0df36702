import StarlingCore
import Testing

@Suite struct IPAddressTests {
    static let spellings: [(String, String)] = [
        ("192.0.2.1", "192.0.2.1"), ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"),
        ("::", "::"), ("::1", "::1"), ("1::", "1::"),
        ("2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a"),
        ("FF01:0:0:0:0:0:0:101", "ff01::101"),
        ("2001:0db8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1"),
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
        ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
        ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1"), ("::FFFF:C000:0201", "::ffff:192.0.2.1"),
        ("::192.0.2.1", "::c000:201"), ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
        ("1:2:3:4:5:6:192.0.2.1", "1:2:3:4:5:6:c000:201"),
    ]

    @Test(arguments: spellings)
    func everySpellingBecomesTheCanonicalOne(text: String, canonical: String) throws {
        let address = try #require(IPAddress(text))
        #expect(address.description == canonical)
        #expect(IPAddress(canonical) == address)
        #expect(IPAddress(octets: address.octets) == address)
    }

    @Test(arguments: [
        "", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.04", "1.2.3.4 ", " 1.2.3.4", "1..2.3",
        "1.2.3.", ".1.2.3", "1.2.3.a", "+1.2.3.4", ":", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
        "1::2::3", "12345::", "g::", ":1:2:3:4:5:6:7", "1:2:3:4:5:6:7:", "1::2:3:4:5:6:7:8", "fe80::1%eth0",
        "[::1]", "::1.2.3", "1.2.3.4::", "1:2:3:4:5:6:7:1.2.3.4", "::ffff:1.2.3.4:5", "1::/64",
        "0000:0000:0000:0000:0000:ffff:192.168.100.2281",
    ])
    func refusesWhatIsNoAddress(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test func takesFourOrSixteenOctetsOnly() {
        for count in 0...20 {
            let octets = [UInt8](repeating: 1, count: count)
            #expect((IPAddress(octets: octets) != nil) == (count == 4 || count == 16))
        }
    }

    @Test(arguments: [
        ("0.0.0.0", "unspecified"), ("::", "unspecified"), ("127.0.0.1", "loopback"),
        ("127.255.255.255", "loopback"), ("::1", "loopback"), ("::ffff:127.0.0.1", "loopback"),
        ("10.255.0.1", "private"), ("172.16.0.1", "private"), ("172.31.255.255", "private"),
        ("192.168.0.1", "private"), ("fd00::1", "private"), ("fc00::", "private"),
        ("::ffff:10.0.0.1", "private"), ("169.254.1.1", "linkLocal"), ("fe80::1", "linkLocal"),
        ("febf::1", "linkLocal"), ("224.0.0.251", "multicast"), ("239.255.255.255", "multicast"),
        ("ff02::fb", "multicast"), ("8.8.8.8", "global"), ("172.32.0.1", "global"), ("11.0.0.1", "global"),
        ("128.0.0.1", "global"), ("2606:4700::1111", "global"), ("64:ff9b::808:808", "global"),
        ("::ffff:8.8.8.8", "global"), ("100.64.0.1", "other"), ("192.0.2.1", "other"),
        ("255.255.255.255", "other"), ("240.0.0.1", "other"), ("198.19.0.1", "other"), ("0.1.2.3", "other"),
        ("2001:db8::1", "other"), ("fec0::1", "other"), ("::2", "other"), ("4000::1", "other"),
    ])
    func knowsItsKind(text: String, kind: String) throws {
        let address = try #require(IPAddress(text))
        let kinds = [
            "unspecified": address.isUnspecified, "loopback": address.isLoopback,
            "private": address.isPrivate, "linkLocal": address.isLinkLocal,
            "multicast": address.isMulticast, "global": address.isGlobal,
        ]
        #expect(kinds.filter(\.value).map(\.key) == (kind == "other" ? [] : [kind]))
    }

    @Test func unmapsOnlyMappedAddresses() throws {
        #expect(IPAddress("::ffff:1.2.3.4")?.unmapped == IPAddress("1.2.3.4"))
        #expect(IPAddress("::1.2.3.4")?.unmapped == IPAddress("::1.2.3.4"))
        #expect(IPAddress("1.2.3.4")?.unmapped == IPAddress("1.2.3.4"))
    }

    @Test func everyRandomAddressParsesBack() {
        let seed: UInt64 = 0x1f
        var random = SplitMix64(seed: seed)
        for _ in 0..<2000 {
            // Zero groups in all places, as the double colon needs them.
            let mask = random.next()
            var octets = random.bytes(count: Bool.random(using: &random) ? 4 : 16)
            for index in octets.indices where mask >> UInt64(index / 2) & 1 == 0 { octets[index] = 0 }
            let address = IPAddress(octets: octets)
            #expect(address.flatMap { IPAddress($0.description) } == address, "seed \(seed), \(octets)")
        }
    }

    @Test func socketAddressesReadAsPeopleWriteThem() throws {
        let v4 = try #require(IPAddress("192.0.2.1"))
        let v6 = try #require(IPAddress("fe80::1"))
        #expect(SocketAddress.ip(v4, port: 80).description == "192.0.2.1:80")
        #expect(SocketAddress.ip(v6, port: 80).description == "[fe80::1]:80")
        #expect(SocketAddress.ip(v6, port: 80, zone: 2).description == "[fe80::1%2]:80")
        #expect(SocketAddress.unix(path: "/run/a").description == "unix:/run/a")
    }
}

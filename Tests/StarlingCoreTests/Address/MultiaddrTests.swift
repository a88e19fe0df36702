import StarlingCore
import Testing

@Suite struct MultiaddrTests {
    static let peer = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"
    static let relay = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"
    static let onion3 = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd"

    /// Texts in their canonical spelling.
    static let texts = [
        "/ip4/192.0.2.1", "/ip4/0.0.0.0/tcp/0", "/ip4/192.0.2.1/tcp/65535", "/ip6/::1/tcp/4001",
        "/ip6/2001:db8::1/udp/4001/quic-v1", "/ip6/::ffff:192.0.2.1/udp/1/quic",
        "/ip6zone/eth0/ip6/fe80::1/tcp/1",
        "/ip4/192.0.2.0/ipcidr/24", "/dns/example.org/tcp/443", "/dns4/example.org",
        "/dns6/example.org/udp/53",
        "/dnsaddr/bootstrap.example.org/p2p/\(relay)", "/ip4/1.2.3.4/dccp/5", "/ip4/1.2.3.4/sctp/5",
        "/ip4/1.2.3.4/udp/5/udt", "/ip4/1.2.3.4/udp/5/utp", "/ip4/1.2.3.4/tcp/5/ws", "/ip4/1.2.3.4/tcp/5/wss",
        "/dns/a.example/tcp/443/tls/sni/b.example/ws", "/ip4/1.2.3.4/tcp/5/tls/http",
        "/ip4/1.2.3.4/tcp/5/https",
        "/ip4/1.2.3.4/tcp/443/tls/http/http-path/a%2Fb", "/ip4/1.2.3.4/tcp/5/noise",
        "/ip4/1.2.3.4/tcp/5/plaintextv2", "/p2p/\(peer)", "/p2p/\(relay)/tcp/5", "/memory/0",
        "/memory/18446744073709551615", "/unix/stdio", "/unix/run/a.sock", "/unix/a//b/",
        "/unix/run/a.sock/p2p/\(peer)", "/ip4/1.2.3.4/tcp/5/p2p/\(relay)/p2p-circuit",
        "/ip4/1.2.3.4/tcp/5/p2p/\(relay)/p2p-circuit/p2p/\(peer)", "/p2p-circuit",
        "/ip4/1.2.3.4/udp/5/webrtc-direct", "/ip4/1.2.3.4/udp/5/quic-v1/p2p-circuit/webrtc",
        "/ip4/1.2.3.4/udp/5/quic-v1/webtransport/certhash/uEiAkH5a4DPGKUuOBjYw0CgwjvcJCJMD2K_1aluKR_tpevQ",
        "/onion/timaq4ygg2iegci7:80/http", "/onion3/\(onion3):1234",
    ]

    @Test(arguments: texts)
    func everyAddressSurvivesTextAndBytes(text: String) throws {
        let address = try Multiaddr(text)
        #expect(address.description == text)
        #expect(try Multiaddr(bytes: address.bytes) == address)
        #expect(try Multiaddr(components: address.components) == address)
    }

    @Test(arguments: [
        ("/ip4/1.2.3.4", "0401020304"), ("/ip4/0.0.0.0", "0400000000"),
        ("/ip4/127.0.0.1/udp/1234", "047f000001910204d2"),
        ("/ip4/127.0.0.1/tcp/4321", "047f0000010610e1"),
        ("/ip6/::1", "2900000000000000000000000000000001"),
        ("/ip4/192.0.2.0/ipcidr/24", "04c00002002b18"),
        ("/ip6zone/x/ip6/fe80::1", "2a017829fe800000000000000000000000000001"),
        ("/udp/1234/quic-v1", "910204d2cd03"), ("/tcp/1/tls", "060001c003"), ("/tcp/1/ws", "060001dd03"),
        ("/tcp/1/noise", "060001c603"), ("/dns/a.b", "3503612e62"), ("/p2p-circuit", "a202"),
        ("/unix/a/b", "9003042f612f62"), ("/memory/4", "89060000000000000004"),
        (
            "/p2p/QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC",
            "a503221220d52ebb89d85b02a284948203a62ff28389c57c9f42beec4ec20db76a68911c0b"
        ),
        ("/onion/timaq4ygg2iegci7:80/http", "bc039a18087306369043091f0050e003"),
    ])
    func bytesAreAsTheFieldWritesThem(text: String, hex: String) throws {
        #expect(Hex.encode(try Multiaddr(text).bytes) == hex)
        #expect(try Multiaddr(bytes: try #require(Hex.decode(hex))).description == text)
    }

    @Test(arguments: [
        ("/ip6/2001:DB8:0:0::1", "/ip6/2001:db8::1"),
        ("/ip4/1.2.3.4/tcp/5/", "/ip4/1.2.3.4/tcp/5"),
        ("/ipfs/\(relay)", "/p2p/\(relay)"),
        ("/unix/run/a.sock/ipfs/\(peer)", "/unix/run/a.sock/p2p/\(peer)"),
        (
            "/p2p/bafzaajaiaejcalj543iwv2d7pkjt7ykvefrkfu7qjfi6sduakhso4lay6abn2d5u",
            "/p2p/12D3KooWCryG7Mon9orvQxcS1rYZjotPgpwoJNHHKcLLfE4Hf5mV"
        ),
        (
            "/p2p/k51qzi5uqu5dhb6l8spkdx7yxafegfkee5by8h7lmjh2ehc2sgg34z7c15vzqs",
            "/p2p/12D3KooWCryG7Mon9orvQxcS1rYZjotPgpwoJNHHKcLLfE4Hf5mV"
        ),
        ("/http-path/tmp%2fbar", "/http-path/tmp%2Fbar"),
        ("/http-path/%66oo", "/http-path/foo"),
    ])
    func otherSpellingsBecomeTheCanonicalOne(text: String, canonical: String) throws {
        #expect(try Multiaddr(text).description == canonical)
    }

    static let badTexts: [(String, MultiaddrError)] = [
        ("", .empty), ("/", .empty), ("ip4/1.2.3.4", .missingSlash),
        ("//", .unknownProtocol(index: 0, name: "")),
        ("//ip4/1.2.3.4", .unknownProtocol(index: 0, name: "")),
        ("/ip4", .missingValue(index: 0, protocolName: "ip4")),
        ("/ip4/", .missingValue(index: 0, protocolName: "ip4")),
        ("/ip4/::1", .invalidValue(index: 0, protocolName: "ip4", value: "::1")),
        ("/ip6/1.2.3.4", .invalidValue(index: 0, protocolName: "ip6", value: "1.2.3.4")),
        ("/ip4/1.2.3.4/tcp", .missingValue(index: 1, protocolName: "tcp")),
        ("/ip4/1.2.3.4/tcp/65536", .invalidValue(index: 1, protocolName: "tcp", value: "65536")),
        ("/ip4/1.2.3.4/tcp/-1", .invalidValue(index: 1, protocolName: "tcp", value: "-1")),
        ("/ip4/1.2.3.4/tcp/+1", .invalidValue(index: 1, protocolName: "tcp", value: "+1")),
        ("/ip4/1.2.3.4/tcp/01", .invalidValue(index: 1, protocolName: "tcp", value: "01")),
        ("/ip4/1.2.3.4//tcp/1", .unknownProtocol(index: 1, name: "")),
        ("/ip4/1.2.3.4/tcp/1//", .unknownProtocol(index: 2, name: "")),
        ("/ip4/1.2.3.4/quic-v1/1234", .unknownProtocol(index: 2, name: "1234")),
        ("/ip4/::/ipcidr/256", .invalidValue(index: 0, protocolName: "ip4", value: "::")),
        ("/ip6/::/ipcidr/256", .invalidValue(index: 1, protocolName: "ipcidr", value: "256")),
        ("/ip6zone//ip6/fe80::1", .invalidValue(index: 0, protocolName: "ip6zone", value: "")),
        ("/IP4/1.2.3.4", .unknownProtocol(index: 0, name: "IP4")),
        ("/p2p/tcp", .invalidValue(index: 0, protocolName: "p2p", value: "tcp")),
        (
            // A SHA2-256 multihash with a longer digest.
            "/p2p/QmxoHT6iViN5xAjoz1VZ553cL31U9F94ht3QvWR1FrEbZY",
            .invalidValue(
                index: 0,
                protocolName: "p2p",
                value: "QmxoHT6iViN5xAjoz1VZ553cL31U9F94ht3QvWR1FrEbZY"
            )
        ),
        ("/unix", .missingValue(index: 0, protocolName: "unix")),
        ("/unix/", .missingValue(index: 0, protocolName: "unix")),
        ("/dns/a b", .invalidValue(index: 0, protocolName: "dns", value: "a b")),
        (
            "/memory/18446744073709551616",
            .invalidValue(
                index: 0,
                protocolName: "memory",
                value: "18446744073709551616"
            )
        ),
        ("/onion3/\(onion3):0", .invalidValue(index: 0, protocolName: "onion3", value: "\(onion3):0")),
        ("/onion3/\(onion3)", .invalidValue(index: 0, protocolName: "onion3", value: onion3)),
        (
            "/onion/aaimaq4ygg2iegci7:80",
            .invalidValue(
                index: 0,
                protocolName: "onion",
                value: "aaimaq4ygg2iegci7:80"
            )
        ),
        ("/certhash/uEiAk", .invalidValue(index: 0, protocolName: "certhash", value: "uEiAk")),
        ("/http-path/a%2", .invalidValue(index: 0, protocolName: "http-path", value: "a%2")),
        ("/unknown", .missingValue(index: 0, protocolName: "unknown")),
        ("/unknown/u__8B/tcp/1", .notLast(index: 1, protocolName: "unknown")),
        // The code of /tcp hidden in an unknown rest.
        ("/unknown/f060001", .invalidValue(index: 0, protocolName: "unknown", value: "f060001")),
    ]

    @Test(arguments: badTexts)
    func refusesTextsAndNamesTheComponent(text: String, error: MultiaddrError) {
        #expect(throws: error) { try Multiaddr(text) }
        #expect(!error.description.isEmpty)
    }

    @Test(arguments: [
        ("", MultiaddrError.empty),
        ("04010203", .truncated(index: 0)), ("0401020304060f", .truncated(index: 1)),
        ("8400", .invalidVarint(index: 0)),  // the code of /ip4 in two bytes
        ("04010203048600", .invalidVarint(index: 1)),
        ("35", .truncated(index: 0)), ("350561", .truncated(index: 0)), ("358161", .truncated(index: 0)),
        ("35818061", .truncated(index: 0)), ("35810061", .invalidVarint(index: 0)),
        ("3500", .invalidValue(index: 0, protocolName: "dns", value: "")),
        ("3501ff", .invalidValue(index: 0, protocolName: "dns", value: "ff")),
        ("35012f", .invalidValue(index: 0, protocolName: "dns", value: "2f")),
        ("350100", .invalidValue(index: 0, protocolName: "dns", value: "00")),
        ("90030161", .invalidValue(index: 0, protocolName: "unix", value: "61")),
        ("9003022f61060001", .notLast(index: 1, protocolName: "unix")),
        ("a503021200", .invalidValue(index: 0, protocolName: "p2p", value: "1200")),
        ("d203021200", .invalidValue(index: 0, protocolName: "certhash", value: "1200")),
        (
            "bc03010203040506070809100000",
            .invalidValue(
                index: 0,
                protocolName: "onion",
                value: "010203040506070809100000"
            )
        ),
        ("ffffffffffffffffff01", .invalidVarint(index: 0)),
    ])
    func refusesBytesAndNamesTheComponent(hex: String, error: MultiaddrError) throws {
        let bytes = try #require(Hex.decode(hex))
        #expect(throws: error) { try Multiaddr(bytes: bytes) }
    }

    @Test func anUnknownProtocolIsKeptWithAllThatFollows() throws {
        let bytes: [UInt8] = [4, 1, 2, 3, 4, 0xff, 0x01, 6, 0, 1]
        let address = try Multiaddr(bytes: bytes)
        #expect(address.bytes == bytes)
        #expect(address.description == "/ip4/1.2.3.4/unknown/u_wEGAAE")
        #expect(try Multiaddr(address.description) == address)
        #expect(address.components.count == 2)
        #expect(address.transportKind == nil)
        #expect(address.peerID == nil)
        // Where its value ends is not known, so nothing can be put behind it.
        #expect(address.with(peerID: try PeerID(text: Self.peer)) == address)
    }

    /// A combining mark makes one `Character` of itself and what is before it, such as the slash.
    @Test(arguments: ["\u{301}a", "a\u{301}", "\u{600}", "\u{200d}", "\u{1f3fb}b", "\u{fe0f}"])
    func aNameMayBeginOrEndWithWhatJoinsASlash(name: String) throws {
        for code: [UInt8] in [[0x35], [0x36], [0x37], [0x38], [0xc1, 0x03], [0x2a]] {
            let bytes = code + [UInt8(name.utf8.count)] + name.utf8 + [0x06, 0x0f, 0xa1]
            let address = try Multiaddr(bytes: bytes)
            #expect(try Multiaddr(address.description) == address)
        }
        let path = Array("/\(name)/\(name)".utf8)
        let unix = try Multiaddr(bytes: [0x90, 0x03, UInt8(path.count)] + path)
        #expect(try Multiaddr(unix.description) == unix)
        let named = unix.with(peerID: try PeerID(text: Self.peer))
        #expect(named.components.count == 2)
        #expect(try Multiaddr(named.description) == named)
    }

    @Test func aUnixPathThatEndsInAPeerIDIsRefusedAsOneValue() throws {
        let path = Array("/run/a.sock/p2p/\(Self.peer)".utf8)
        var bytes: [UInt8] = [0x90, 0x03]
        Varint.append(UInt64(path.count), to: &bytes)
        #expect(throws: MultiaddrError.self) { try Multiaddr(bytes: bytes + path) }
    }

    @Test func theLengthAndTheComponentsHaveLimits() throws {
        let most = String(repeating: "/tls", count: Multiaddr.componentCountMax)
        #expect(try Multiaddr(most).components.count == Multiaddr.componentCountMax)
        #expect(throws: MultiaddrError.tooManyComponents) { try Multiaddr(most + "/tls") }
        let bytes = try Multiaddr(most).bytes
        #expect(throws: MultiaddrError.tooManyComponents) { try Multiaddr(bytes: bytes + [0xc0, 0x03]) }

        // Two bytes of code, two of length, and a path.
        let path = "/" + String(repeating: "a", count: Multiaddr.byteCountMax - 5)
        #expect(try Multiaddr("/unix" + path).bytes.count == Multiaddr.byteCountMax)
        #expect(throws: MultiaddrError.tooLong) { try Multiaddr("/unix\(path)a") }
        #expect(throws: MultiaddrError.tooLong) {
            try Multiaddr("/" + String(repeating: "a", count: Multiaddr.textByteCountMax))
        }
        #expect(throws: MultiaddrError.tooLong) {
            try Multiaddr(bytes: [UInt8](repeating: 0, count: Multiaddr.byteCountMax + 1))
        }
        let name = String(repeating: "a", count: 253)
        #expect(try Multiaddr("/dns/\(name)").bytes.count == 256)
        #expect(throws: MultiaddrError.self) { try Multiaddr("/dns/\(name)a") }
    }

    @Test func mutatedBytesAreRefusedOrReencodeToThemselves() throws {
        let seed: UInt64 = 7
        var random = SplitMix64(seed: seed)
        let originals = try Self.texts.map { try Multiaddr($0).bytes }
        var acceptedCount = 0
        for round in 0..<20_000 {
            var bytes = originals[round % originals.count]
            for _ in 0...Int.random(in: 0..<3, using: &random) {
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes.insert(UInt8.random(in: .min ... .max, using: &random), at: bytes.startIndex)
                case 1 where !bytes.isEmpty: bytes.remove(at: Int.random(in: bytes.indices, using: &random))
                case _ where !bytes.isEmpty:
                    bytes[Int.random(in: bytes.indices, using: &random)] ^=
                        1 << UInt8.random(in: 0..<8, using: &random)
                default: break
                }
            }
            guard let address = try? Multiaddr(bytes: bytes) else { continue }
            acceptedCount += 1
            #expect(address.bytes == bytes, "seed \(seed), round \(round)")
            #expect(try Multiaddr(address.description) == address, "seed \(seed), round \(round)")
            #expect(try Multiaddr(components: address.components) == address, "seed \(seed), round \(round)")
        }
        #expect(acceptedCount > 1000)
    }
}

import StarlingCore
import StarlingProtocols
import Testing

@Suite struct MDNSBrowsingTests {
    static let peerText = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"
    let peer = SocketAddress.ip(.v4(0xc0a8_0007), port: MDNSDiscovery.port)

    func node(_ limits: MDNSLimits = MDNSLimits()) throws -> MDNSNode {
        var node = try MDNSNode(5, limits: limits)
        node.machine.interfacesChanged([try node.interface()], now: MDNS.start)
        return node
    }

    func discovered(_ texts: [String], _ id: String = peerText) throws -> MDNSDiscovery.Action {
        .discovered(try PeerID(text: id), try texts.map { try Multiaddr($0) }.sorted())
    }

    /// The actions but for packets.
    func news(_ node: inout MDNSNode) -> [MDNSDiscovery.Action] {
        node.actions().filter {
            switch $0 {
            case .discovered, .lost: true
            case .multicast, .unicast: false
            }
        }
    }

    @Test func aPeerIsDiscoveredOnceUntilItsAddressesChange() throws {
        var node = try node()
        let address = "/ip4/192.168.0.7/tcp/4001/p2p/\(Self.peerText)"
        let response = try MDNS.response(label: "a", texts: ["dnsaddr=\(address)"])
        node.receive(response, from: peer, at: MDNS.at(1))
        #expect(news(&node) == [try discovered([address])])
        node.receive(response, from: peer, at: MDNS.at(500))
        #expect(news(&node).isEmpty)
        let other = "/ip4/192.168.0.7/udp/4001/quic-v1/p2p/\(Self.peerText)"
        let more = try MDNS.response(label: "a", texts: ["dnsaddr=\(address)", "DNSADDR=\(other)", "x=1"])
        node.receive(more, from: peer, at: MDNS.at(1500))
        #expect(news(&node) == [try discovered([address, other])])
        // Records that replace others drop what is a second old.
        let fewer = try MDNS.response(label: "a", texts: ["dnsaddr=\(other)"])
        node.receive(fewer, from: peer, at: MDNS.at(2600))
        #expect(news(&node) == [try discovered([other])])
    }

    @Test func addressesMayComeInSeveralPackets() throws {
        var node = try node()
        let one = "/ip4/192.168.0.7/tcp/1/p2p/\(Self.peerText)"
        let two = "/ip4/192.168.0.7/tcp/2/p2p/\(Self.peerText)"
        node.receive(try MDNS.response(label: "a", texts: ["dnsaddr=\(one)"]), from: peer, at: MDNS.at(1))
        node.receive(try MDNS.response(label: "a", texts: ["dnsaddr=\(two)"]), from: peer, at: MDNS.at(2))
        #expect(news(&node).last == (try discovered([one, two])))
        let later = try MDNS.response(label: "a", texts: ["dnsaddr=\(one)"], replacesOthers: false)
        node.receive(later, from: peer, at: MDNS.at(5000))
        #expect(news(&node).isEmpty)
    }

    @Test func onePacketIsToldOfOnceForEachPeer() throws {
        var node = try node()
        let addresses = (1...20).map { "/ip4/192.168.0.7/tcp/\($0)/p2p/\(Self.peerText)" }
        var packet = try MDNS.response(label: "a", texts: [])
        packet.additionals = []
        for (index, address) in addresses.enumerated() {
            packet.additionals += try MDNS.response(label: "a\(index)", texts: ["dnsaddr=\(address)"])
                .additionals
        }
        node.receive(packet, from: peer, at: MDNS.at(1))
        #expect(news(&node) == [try discovered(addresses)])
    }

    @Test func aPeerHasSoManyNamesAndTheOldestGivesWay() throws {
        var limits = MDNSLimits()
        limits.nameCountMaxPerPeer = 2
        var node = try node(limits)
        let addresses = (1...3).map { "/ip4/192.168.0.7/tcp/\($0)/p2p/\(Self.peerText)" }
        for (index, address) in addresses.enumerated() {
            let response = try MDNS.response(label: "a\(index)", texts: ["dnsaddr=\(address)"])
            node.receive(response, from: peer, at: MDNS.at(Int64(index) + 1))
        }
        #expect(
            news(&node) == [
                try discovered([addresses[0]]), try discovered(Array(addresses[...1])),
                try discovered(Array(addresses[1...])),
            ]
        )
        // Another peer's names are none of theirs.
        let other = try MDNSNode(9).peerID
        let address = "/ip4/192.168.0.9/tcp/1/p2p/\(other)"
        node.receive(try MDNS.response(label: "b", texts: ["dnsaddr=\(address)"]), from: peer, at: MDNS.at(9))
        #expect(news(&node) == [try discovered([address], "\(other)")])
    }

    @Test func soManyAddressesOfAPeerAreTold() throws {
        var limits = MDNSLimits()
        limits.toldAddressCountMax = 3
        var node = try node(limits)
        let addresses = (1...4).map { "/ip4/192.168.0.7/tcp/\($0)/p2p/\(Self.peerText)" }
        for (label, two) in [("a", addresses[...1]), ("b", addresses[2...])] {
            let response = try MDNS.response(label: label, texts: two.map { "dnsaddr=\($0)" })
            node.receive(response, from: peer, at: MDNS.at(label == "a" ? 1 : 2))
        }
        let told = news(&node)
        #expect(told.first == (try discovered(Array(addresses[...1]))))
        #expect(
            told.last == (try discovered([addresses[0]] + addresses[2...])),
            "of the name heard last, all"
        )
    }

    @Test func linkLocalAddressesGetTheInterfaceOnWhichTheyCame() throws {
        var node = try MDNSNode(5)
        node.machine.interfacesChanged([try node.interface(1), try node.interface(3)], now: MDNS.start)
        let response = try MDNS.response(
            label: "a",
            texts: [
                "dnsaddr=/ip6/fe80::7/tcp/1/p2p/\(Self.peerText)",
                "dnsaddr=/ip6zone/eth9/ip6/fe80::8/tcp/1/p2p/\(Self.peerText)",
            ]
        )
        let source = SocketAddress.ip(try #require(IPAddress("fe80::7")), port: 5353, zone: 3)
        node.receive(response, from: source, interface: 3, at: MDNS.at(1))
        let three = [
            "/ip6zone/3/ip6/fe80::7/tcp/1/p2p/\(Self.peerText)",
            "/ip6zone/3/ip6/fe80::8/tcp/1/p2p/\(Self.peerText)",
        ]
        #expect(news(&node) == [try discovered(three)])
        // Without an interface's number the sender's zone tells.
        node.receive(
            response,
            from: .ip(try #require(IPAddress("fe80::7")), port: 5353, zone: 1),
            interface: 0,
            at: MDNS.at(2)
        )
        let both = three + three.map { $0.replacing("ip6zone/3", with: "ip6zone/1") }
        #expect(news(&node) == [try discovered(both)])
        // One interface goes away.
        node.machine.interfacesChanged([try node.interface(1)], now: MDNS.at(3))
        #expect(news(&node) == [try discovered(Array(both.suffix(2)))])
        node.machine.interfacesChanged([], now: MDNS.at(4))
        #expect(news(&node) == [.lost(try PeerID(text: Self.peerText))])
    }

    @Test(arguments: [
        "dnsaddr=/ip4/127.0.0.1/tcp/1/p2p/\(peerText)", "dnsaddr=/ip4/0.0.0.0/tcp/1/p2p/\(peerText)",
        "dnsaddr=/ip4/224.0.0.1/tcp/1/p2p/\(peerText)", "dnsaddr=/ip4/192.168.0.7/tcp/1",
        "dnsaddr=/dns/evil.example/tcp/1/p2p/\(peerText)", "dnsaddr=", "dnsaddr", "", "x",
        "dnsaddr=/ip4/192.168.0.7/tcp/1/p2p/\(peerText)/p2p-circuit/p2p/\(peerText)",
        "dnsaddr=/ip4/192.168.0.7/tcp/99999/p2p/\(peerText)", "dnsaddr=garbage",
        "dnsaddrx=/ip4/192.168.0.7/tcp/1/p2p/\(peerText)",
        "dnsadd=/ip4/192.168.0.7/tcp/1/p2p/\(peerText)", "=/ip4/192.168.0.7/tcp/1/p2p/\(peerText)",

        "addr=/ip4/192.168.0.7/tcp/1/p2p/\(peerText)",
    ])
    func whatCannotBeDialledOnTheLinkIsIgnored(text: String) throws {
        var node = try node()
        node.receive(try MDNS.response(label: "a", texts: [text]), from: peer, at: MDNS.at(1))
        #expect(news(&node).isEmpty)
        // It does not spoil what stands beside it.
        let good = "/ip4/192.168.0.7/tcp/1/p2p/\(Self.peerText)"
        node.receive(
            try MDNS.response(label: "a", texts: [text, "dnsaddr=\(good)"]),
            from: peer,
            at: MDNS.at(2)
        )
        #expect(news(&node) == [try discovered([good])])
    }

    @Test func loopbackAddressesAreGoodOnTheLoopbackInterface() throws {
        var node = try MDNSNode(5)
        let loopback = MDNSInterface(
            index: 1,
            isLoopback: true,
            hosts: [.v4(0x7f00_0001)],
            listening: [try Multiaddr("/ip4/127.0.0.1/tcp/5")]
        )
        node.machine.interfacesChanged([loopback], now: MDNS.start)
        let address = "/ip4/127.0.0.1/tcp/1/p2p/\(Self.peerText)"
        let source = SocketAddress.ip(.v4(0x7f00_0001), port: 5353)
        node.receive(
            try MDNS.response(label: "a", texts: ["dnsaddr=\(address)"]),
            from: source,
            at: MDNS.at(1)
        )
        #expect(news(&node) == [try discovered([address])])
    }

    @Test func aNodeDoesNotDiscoverItself() throws {
        var node = try node()
        let own = "dnsaddr=/ip4/192.168.0.5/tcp/4001/p2p/\(node.peerID)"
        node.receive(try MDNS.response(label: node.label, texts: [own]), from: node.source, at: MDNS.at(1))
        node.receive(try MDNS.response(label: "other", texts: [own]), from: peer, at: MDNS.at(2))
        // Its own name with another peer in it is nobody's.
        let other = "dnsaddr=/ip4/192.168.0.7/tcp/1/p2p/\(Self.peerText)"
        node.receive(try MDNS.response(label: node.label, texts: [other]), from: peer, at: MDNS.at(3))
        #expect(news(&node).isEmpty)
    }

    @Test func malformedAndStrayPacketsAreCountedAndIgnored() throws {
        var node = try node()
        let good = try MDNS.response(
            label: "a",
            texts: ["dnsaddr=/ip4/192.168.0.7/tcp/1/p2p/\(Self.peerText)"]
        )
        for bytes in [[1, 2, 3], Array(good.bytes.dropLast())] {
            node.machine.receive(bytes.span, from: peer, interface: 1, now: MDNS.at(1))
        }
        #expect(node.machine.statistics.malformedCount == 2)
        // A response that does not come from port 5353.
        node.receive(good, from: .ip(.v4(0xc0a8_0007), port: 5354), at: MDNS.at(1))
        node.receive(good, from: .unix(path: "/a"), at: MDNS.at(1))
        #expect(node.machine.statistics.strayCount == 1)
        var failed = good
        failed.responseCode = 3
        node.receive(failed, from: peer, at: MDNS.at(1))
        var update = good
        update.operation = 5
        node.receive(update, from: peer, at: MDNS.at(1))
        var elsewhere = good
        elsewhere.additionals[0].name = try MDNS.name("a._http._tcp.local")
        elsewhere.answers = []
        node.receive(elsewhere, from: peer, at: MDNS.at(1))
        var otherClass = good
        otherClass.additionals[0].recordClass = 3
        otherClass.answers = []
        node.receive(otherClass, from: peer, at: MDNS.at(1))
        #expect(news(&node).isEmpty)
    }

    @Test func aPeerThatSaysGoodbyeIsLostASecondLater() throws {
        var node = try node()
        let texts = ["dnsaddr=/ip4/192.168.0.7/tcp/1/p2p/\(Self.peerText)"]
        node.receive(try MDNS.response(label: "a", texts: texts), from: peer, at: MDNS.at(1))
        _ = node.actions()
        node.receive(try MDNS.response(label: "a", texts: texts, ttlSeconds: 0), from: peer, at: MDNS.at(100))
        node.machine.advance(to: MDNS.at(1099))
        #expect(news(&node).isEmpty)
        #expect(node.machine.nextDeadline.map { $0 <= MDNS.at(1100) } == true)
        node.machine.advance(to: MDNS.at(1100))
        #expect(news(&node) == [.lost(try PeerID(text: Self.peerText))])
    }

    @Test func aPeerThatFallsSilentIsAskedForAndThenLost() throws {
        var node = try node()
        let texts = ["dnsaddr=/ip4/192.168.0.7/tcp/1/p2p/\(Self.peerText)"]
        node.receive(try MDNS.response(label: "a", texts: texts, ttlSeconds: 100), from: peer, at: MDNS.at(1))
        _ = node.actions()
        var queries: [(time: Int64, known: Int)] = []
        var lostAt: Int64?
        while let deadline = node.machine.nextDeadline, deadline <= MDNS.at(130_000) {
            node.machine.advance(to: deadline)
            let time = deadline.nanosecondsSinceOrigin / 1_000_000
            for action in node.actions() {
                switch action {
                case .lost: lostAt = time
                case .multicast(let bytes, _):
                    let message = try DNSMessage(parsing: bytes.span)
                    if !message.isResponse { queries.append((time, message.answers.count)) }
                case .unicast, .discovered: Issue.record("\(action)")
                }
            }
        }
        #expect(lostAt == 100_001)
        // Known for half of its time, and then no longer.
        #expect(queries.filter { $0.time < 50_000 }.allSatisfy { $0.known == 1 })
        #expect(queries.filter { $0.time > 50_001 }.allSatisfy { $0.known == 0 })
        #expect(queries.contains { (80_000...80_200).contains($0.time) })
        #expect(queries.contains { (95_000...95_200).contains($0.time) })
    }

    @Test func aLongPromiseIsNotBelievedForLong() throws {
        var limits = MDNSLimits()
        limits.lifetimeMax = .seconds(10)
        var node = try node(limits)
        let texts = ["dnsaddr=/ip4/192.168.0.7/tcp/1/p2p/\(Self.peerText)"]
        node.receive(
            try MDNS.response(label: "a", texts: texts, ttlSeconds: .max),
            from: peer,
            at: MDNS.at(0)
        )
        _ = news(&node)
        let queries = node.run(until: MDNS.at(9_999)).filter { !$0.message.isResponse }
        // It is asked again in time, and not told that its answer is known.
        #expect(queries.contains { $0.milliseconds >= 8000 && $0.message.answers.isEmpty })
        node.machine.advance(to: MDNS.at(10_000))
        #expect(news(&node) == [.lost(try PeerID(text: Self.peerText))])
    }

    @Test func aPeerNameWithoutAddressesIsAskedFor() throws {
        var node = try node()
        _ = node.run(until: MDNS.at(3500))
        var response = try MDNS.response(label: "a", texts: [])
        response.additionals = []
        node.receive(response, from: peer, at: MDNS.at(3500))
        let query = try #require(node.run(until: MDNS.at(4300)).first { !$0.message.isResponse })
        #expect(query.message.questions.map(\.name.description) == ["_p2p._udp.local", "a._p2p._udp.local"])
        #expect(query.message.questions.map(\.type) == [DNSType.ptr, DNSType.txt])
        let text = ["dnsaddr=/ip4/192.168.0.7/tcp/1/p2p/\(Self.peerText)"]
        node.receive(
            try MDNS.response(label: "a", texts: text, hasPointer: false),
            from: peer,
            at: MDNS.at(4400)
        )
        #expect(news(&node).count == 1)
        node.receive(response, from: peer, at: MDNS.at(4500))
        #expect(node.run(until: MDNS.at(6000)).allSatisfy { $0.message.isResponse })
    }

    @Test func aFloodOfNamesFillsNoMoreThanTheTable() throws {
        var limits = MDNSLimits()
        limits.peerCountMax = 4
        limits.addressCountMax = 3
        var node = try node(limits)
        var found = 0
        for number in UInt8(10)..<30 {
            let id = try PeerID(multihash: [0, 4, 8, 1, 18, number])
            let texts = (1...5).map { "dnsaddr=/ip4/192.168.0.7/tcp/\($0)/p2p/\(id)" }
            node.receive(try MDNS.response(label: "n\(number)", texts: texts), from: peer, at: MDNS.at(1))
            for case .discovered(_, let addresses) in node.actions() {
                found += 1
                #expect(addresses.count == 3)
            }
        }
        #expect(found == 4)
        // The first ones are still heard.
        let id = try PeerID(multihash: [0, 4, 8, 1, 18, 10])
        let text = "dnsaddr=/ip4/192.168.0.7/tcp/9/p2p/\(id)"
        node.receive(try MDNS.response(label: "n10", texts: [text]), from: peer, at: MDNS.at(2000))
        #expect(news(&node).count == 1)
    }

    @Test func inventedNamesCauseFewQueries() throws {
        var node = try node()
        _ = node.run(until: MDNS.at(7500))
        var queries: [DNSMessage] = []
        for millisecond in Int64(7500)..<12_500 {
            var response = try MDNS.response(label: "x\(millisecond)", texts: [])
            response.additionals = []
            node.receive(response, from: peer, at: MDNS.at(millisecond))
            queries += node.run(until: MDNS.at(millisecond)).map(\.message).filter { !$0.isResponse }
        }
        #expect((4...6).contains(queries.count))
        #expect(queries.allSatisfy { $0.questions.count <= 17 })
    }

    @Test func aNameThatChangesItsPeerLosesTheOldOne() throws {
        var node = try node()
        let one = try PeerID(multihash: [0, 1, 1])
        let two = try PeerID(multihash: [0, 1, 2])
        let address = "/ip4/192.168.0.7/tcp/1/p2p/"
        node.receive(
            try MDNS.response(label: "a", texts: ["dnsaddr=\(address)\(one)", "dnsaddr=\(address)\(two)"]),
            from: peer,
            at: MDNS.at(1)
        )
        #expect(news(&node) == [try discovered(["\(address)\(one)"], "\(one)")])
        node.receive(
            try MDNS.response(label: "a", texts: ["dnsaddr=\(address)\(two)"]),
            from: peer,
            at: MDNS.at(2)
        )
        #expect(news(&node) == [.lost(one), try discovered(["\(address)\(two)"], "\(two)")])
    }

    @Test func manyKnownPeersAreToldInSeveralPackets() throws {
        var node = try node()
        let label = String(repeating: "a", count: 30)
        for number in UInt8(100)..<200 {
            let id = try PeerID(multihash: [0, 4, 8, 1, 18, number])
            let text = "dnsaddr=/ip4/192.168.0.7/tcp/1/p2p/\(id)"
            node.receive(
                try MDNS.response(label: "\(label)\(number)", texts: [text]),
                from: peer,
                at: MDNS.at(1)
            )
        }
        _ = node.actions()
        let sent = node.run(until: MDNS.at(200)).map(\.message).filter { !$0.isResponse }
        #expect(sent.count > 1)
        #expect(sent.allSatisfy { $0.bytes.count <= 1440 })
        #expect(sent.map(\.questions.count) == [1] + Array(repeating: 0, count: sent.count - 1))
        #expect(sent.map(\.isTruncated) == Array(repeating: true, count: sent.count - 1) + [false])
        #expect(sent.map(\.answers.count).reduce(0, +) == 100)
    }

    @Test func randomPacketsNeverTrapAndNeverDiscover() throws {
        let seed: UInt64 = 23
        var random = SplitMix64(seed: seed)
        var node = try node()
        let original = try MDNS.response(
            label: "a",
            texts: ["dnsaddr=/ip4/192.168.0.7/tcp/1/p2p/\(Self.peerText)"]
        ).bytes
        for round in 0..<5000 {
            var bytes = original
            for _ in 0...Int.random(in: 0..<4, using: &random) {
                bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(
                    in: .min ... .max,
                    using: &random
                )
            }
            let time = MDNS.at(Int64(round) * 10)
            node.machine.receive(bytes.span, from: peer, interface: 1, now: time)
            _ = node.run(until: time)
            for case .discovered(_, let addresses) in node.actions() {
                #expect(addresses.allSatisfy { $0.peerID != nil }, "seed \(seed), round \(round)")
            }
        }
    }

    /// A response as python-zeroconf 0.150 writes it for py-libp2p.
    static let foreignResponse = """
        000084000000000100000004045f703270045f756470056c6f63616c00000c0001000011940023206b376e3271347736653872317433\
        7935753769396f3070326134733664386630c00cc02700218001000000780029000000000fa1206b376e327134773665387231743379\
        35753769396f3070326134733664386630c016c0270010800100001194005b5a646e73616464723d2f6970342f3139322e3136382e30\
        2e372f7463702f343030312f7032702f313244334b6f6f57443365636b69665770526e397751704d4739523968583373443135387a37\
        457148576d776551414a55355341c05c00018001000000780004c0a80007c05c002f8001000000780005c05c000140
        """

    @Test func aResponseOfPythonZeroconfIsUnderstood() throws {
        var node = try node()
        let bytes = try #require(Hex.decode(Self.foreignResponse))
        node.machine.receive(bytes.span, from: peer, interface: 1, now: MDNS.at(1))
        #expect(news(&node) == [try discovered(["/ip4/192.168.0.7/tcp/4001/p2p/\(Self.peerText)"])])
        #expect(node.machine.statistics.malformedCount == 0)
    }

    @Test func numberedAddressesOfPyLibp2pAreTaken() throws {
        var node = try node()
        let one = "/ip4/192.168.0.7/tcp/1/p2p/\(Self.peerText)"
        let two = "/ip4/192.168.0.7/tcp/2/p2p/\(Self.peerText)"
        let texts = ["dnsaddr=\(one)", "dnsaddr2=\(two)"]
        node.receive(try MDNS.response(label: "a", texts: texts), from: peer, at: MDNS.at(1))
        #expect(news(&node) == [try discovered([one, two])])
    }
}

import StarlingCore
import StarlingProtocols
import Testing

@Suite struct MDNSRespondingTests {
    let asker = SocketAddress.ip(.v4(0xc0a8_0009), port: MDNSDiscovery.port)

    /// A node that has been up for ten seconds and is silent.
    func quietNode(_ limits: MDNSLimits = MDNSLimits()) throws -> MDNSNode {
        var limits = limits
        limits.queryIntervalMin = .seconds(100)
        limits.queryIntervalMax = .seconds(100)
        var node = try MDNSNode(5, limits: limits)
        node.machine.interfacesChanged([try node.interface(hosts: ["fe80::5"])], now: MDNS.start)
        _ = node.run(until: MDNS.at(10_000))
        return node
    }

    @Test func aNodeAnnouncesItselfTwiceAndThenAsks() throws {
        var node = try MDNSNode(5)
        node.machine.interfacesChanged([try node.interface()], now: MDNS.start)
        let sent = node.run(until: MDNS.at(20_000))
        let responses = sent.filter(\.message.isResponse).map(\.milliseconds)
        #expect(responses.prefix(2) == [0, 1000])
        let queries = sent.filter { !$0.message.isResponse }.map(\.milliseconds)
        #expect((20...120).contains(queries[0]))
        // The pauses double.
        #expect(zip(queries, queries.dropFirst()).map { $1 - $0 } == [1000, 2000, 4000, 8000])
    }

    @Test func queriesBecomeRareButNeverEnd() throws {
        var node = try MDNSNode(5)
        node.machine.interfacesChanged([try node.interface()], now: MDNS.start)
        let queries = node.run(until: MDNS.at(1_000_000)).filter { !$0.message.isResponse }.map(
            \.milliseconds
        )
        #expect(
            zip(queries, queries.dropFirst()).map { $1 - $0 }.suffix(5) == [
                60_000, 60_000, 60_000, 60_000, 60_000,
            ]
        )
    }

    @Test func theResponseHasAllThatAPeerNeeds() throws {
        var node = try MDNSNode(5)
        node.machine.interfacesChanged(
            [
                try node.interface(
                    hosts: ["fe80::5"],
                    listening: ["/ip4/0.0.0.0/tcp/4001", "/ip6/::/udp/4001/quic-v1"]
                )
            ],
            now: MDNS.start
        )
        let message = try #require(node.run(until: MDNS.start).first?.message)
        let service = try MDNS.name("_p2p._udp.local")
        let instance = try MDNS.name("\(node.label)._p2p._udp.local")
        let host = try MDNS.name("\(node.label).p2p.local")
        #expect(message.id == 0)
        #expect(message.isResponse && message.isAuthoritative)
        #expect(message.questions.isEmpty)
        #expect(message.answers == [DNSRecord(service, .pointer(instance), ttlSeconds: 120)])
        let texts = [
            "dnsaddr=/ip4/192.168.0.5/tcp/4001/p2p/\(node.peerID)",
            "dnsaddr=/ip6/fe80::5/udp/4001/quic-v1/p2p/\(node.peerID)",
        ]
        func record(_ name: DNSName, _ content: DNSRecord.Content) -> DNSRecord {
            DNSRecord(name, content, ttlSeconds: 120, replacesOthers: true)
        }
        #expect(
            message.additionals == [
                record(instance, .text(texts.map { Array($0.utf8) })),
                record(instance, .service(priority: 0, weight: 0, port: 4001, target: host)),
                record(host, .address(node.host)),
                record(host, .address(try #require(IPAddress("fe80::5")))),
            ]
        )
    }

    @Test func aLargeNodeStillFitsOnePacket() throws {
        var node = try MDNSNode(5)
        let hosts = (1...20).map { "2001:db8:1111:2222:3333:4444:5555:\(1000 + $0)" }
        let certificates = String(
            repeating: "/certhash/uEiAkH5a4DPGKUuOBjYw0CgwjvcJCJMD2K_1aluKR_tpevQ",
            count: 4
        )
        let long = "/ip4/0.0.0.0/udp/1/quic-v1/webtransport" + certificates
        #expect(long.utf8.count > 255)
        node.machine.interfacesChanged(
            [try node.interface(hosts: hosts, listening: [long, "/ip6/::/udp/65535/quic-v1"])],
            now: MDNS.start
        )
        let message = try #require(node.run(until: MDNS.start).first?.message)
        #expect(message.bytes.count <= 1440)
        guard case .text(let texts)? = message.additionals.first?.content else {
            Issue.record("no texts")
            return
        }
        // What no single text can hold is left out, and then what no packet can.
        #expect(texts.count >= 8)
        #expect(texts.allSatisfy { $0.starts(with: "dnsaddr=/ip6/".utf8) })
        #expect(texts.allSatisfy { $0.count <= 255 })
    }

    @Test func aQueryIsAnsweredAfterAShortRandomDelay() throws {
        var node = try quietNode()
        node.receive(try MDNS.query("_P2P._udp.LOCAL"), from: asker, at: MDNS.at(10_000))
        let sent = node.run(until: MDNS.at(11_000))
        #expect(sent.count == 1)
        let time = try #require(sent.first?.milliseconds)
        #expect((10_020...10_120).contains(time))
        #expect(sent.first?.message.isResponse == true)
    }

    @Test(arguments: [
        ("_p2p._udp.local", DNSType.any, 1), ("_services._dns-sd._udp.local", DNSType.ptr, 1),
        ("_p2p._udp.local", DNSType.txt, 0), ("_http._tcp.local", DNSType.ptr, 0),
        ("other._p2p._udp.local", DNSType.txt, 0),
    ])
    func onlyWhatIsOursIsAnswered(name: String, type: UInt16, count: Int) throws {
        var node = try quietNode()
        node.receive(try MDNS.query(name, type), from: asker, at: MDNS.at(10_000))
        #expect(node.run(until: MDNS.at(11_000)).count == count)
    }

    @Test func singleRecordsAreAnsweredAtOnce() throws {
        var node = try quietNode()
        let instance = "\(node.label)._p2p._udp.local"
        node.receive(try MDNS.query(instance, DNSType.txt), from: asker, at: MDNS.at(20_000))
        let text = node.run(until: MDNS.at(20_000))
        #expect(text.first?.message.answers.map(\.type) == [DNSType.txt, DNSType.srv])
        #expect(text.first?.message.additionals.map(\.type) == [DNSType.a, DNSType.aaaa])
        node.receive(
            try MDNS.query("\(node.label).p2p.local", DNSType.aaaa),
            from: asker,
            at: MDNS.at(30_000)
        )
        let host = node.run(until: MDNS.at(30_000))
        #expect(host.first?.message.answers.map(\.type) == [DNSType.a, DNSType.aaaa])
        node.receive(try MDNS.query("_services._dns-sd._udp.local"), from: asker, at: MDNS.at(40_000))
        let meta = node.run(until: MDNS.at(41_000))
        #expect(meta.first?.message.answers.map(\.content) == [.pointer(try MDNS.name("_p2p._udp.local"))])
    }

    @Test func noRecordIsToldTwiceWithinASecond() throws {
        var node = try quietNode()
        var toldAt: [Int64] = []
        for millisecond in stride(from: Int64(10_000), to: 14_000, by: 10) {
            let source = SocketAddress.ip(
                .v4(0xc0a8_0100 + UInt32(millisecond % 200)),
                port: MDNSDiscovery.port
            )
            node.receive(try MDNS.query(), from: source, at: MDNS.at(millisecond))
            node.receive(
                try MDNS.query("\(node.label).p2p.local", DNSType.a),
                from: source,
                at: MDNS.at(millisecond)
            )
            for (time, _) in node.run(until: MDNS.at(millisecond)) { toldAt.append(time) }
        }
        for (time, _) in node.run(until: MDNS.at(20_000)) { toldAt.append(time) }
        #expect((4...6).contains(toldAt.count))
        #expect(zip(toldAt, toldAt.dropFirst()).allSatisfy { $1 - $0 >= 1000 })
    }

    @Test func anAskerThatKnowsTheAnswerIsLeftAlone() throws {
        var node = try quietNode()
        var query = try MDNS.query()
        let instance = try MDNS.name("\(node.label)._p2p._udp.local")
        let service = try MDNS.name("_p2p._udp.local")
        query.answers = [DNSRecord(service, .pointer(instance), ttlSeconds: 60)]
        node.receive(query, from: asker, at: MDNS.at(10_000))
        #expect(node.run(until: MDNS.at(11_000)).isEmpty)
        // Less than half of the time left counts as unknown.
        query.answers = [DNSRecord(service, .pointer(instance), ttlSeconds: 59)]
        node.receive(query, from: asker, at: MDNS.at(12_000))
        #expect(node.run(until: MDNS.at(13_000)).count == 1)
    }

    @Test func knownAnswersAsPythonZeroconfWritesThemAreUnderstood() throws {
        let query = """
            000000000001000100000000045f703270045f756470056c6f63616c00000c0001c00c000c0001000011940023206b376e327134\
            77366538723174337935753769396f3070326134733664386630c00c
            """
        let bytes = try #require(Hex.decode(query))
        let label = "k7n2q4w6e8r1t3y5u7i9o0p2a4s6d8f0"
        for isOwn in [true, false] {
            var node = try quietNode()
            if isOwn {
                node.machine = try MDNSDiscovery(peerID: node.peerID, peerLabel: label, seed: 1)
                node.machine.interfacesChanged([try node.interface()], now: MDNS.start)
                _ = node.run(until: MDNS.at(10_000))
            }
            node.machine.receive(bytes.span, from: asker, interface: 1, now: MDNS.at(10_001))
            let responses = node.run(until: MDNS.at(11_100)).filter(\.message.isResponse)
            #expect(responses.isEmpty == isOwn)
        }
    }

    @Test func furtherKnownAnswersOfTheSameAskerAreWaitedFor() throws {
        var node = try quietNode()
        var query = try MDNS.query()
        query.isTruncated = true
        node.receive(query, from: asker, at: MDNS.at(10_000))
        #expect(node.run(until: MDNS.at(10_399)).isEmpty)
        var more = DNSMessage()
        let service = try MDNS.name("_p2p._udp.local")
        more.answers = [
            DNSRecord(service, .pointer(try MDNS.name("\(node.label)._p2p._udp.local")), ttlSeconds: 100)
        ]
        node.receive(more, from: asker, at: MDNS.at(10_399))
        #expect(node.run(until: MDNS.at(12_000)).isEmpty)

        // Another one who asked in the meantime still gets the answer.
        node.receive(query, from: asker, at: MDNS.at(20_000))
        node.receive(try MDNS.query(), from: .ip(.v4(0xc0a8_000a), port: 5353), at: MDNS.at(20_001))
        node.receive(more, from: asker, at: MDNS.at(20_002))
        #expect(node.run(until: MDNS.at(22_000)).count == 1)
    }

    @Test func aPlainResolverGetsAnAnswerOfItsOwn() throws {
        var node = try quietNode()
        var query = try MDNS.query()
        query.id = 0x1234
        let resolver = SocketAddress.ip(.v4(0xc0a8_0009), port: 40_000)
        node.receive(query, from: resolver, at: MDNS.at(10_000))
        let actions = node.actions()
        guard case .unicast(let bytes, resolver, 1)? = actions.first, actions.count == 1 else {
            Issue.record("\(actions)")
            return
        }
        let message = try DNSMessage(parsing: bytes.span)
        #expect(message.id == 0x1234)
        #expect(message.questions == query.questions)
        let records = message.answers + message.additionals
        #expect(records.allSatisfy { $0.ttlSeconds == 10 && !$0.replacesOthers })
        #expect(bytes.count <= 1440)
        #expect(node.run(until: MDNS.at(11_000)).isEmpty)
    }

    @Test func oneWhoWantsUnicastGetsItAndAllHearItWhenItIsNews() throws {
        var node = try quietNode()
        let query = try MDNS.query(unicast: true)
        // Told to all at most a second after the start, so a quarter of 120 seconds ends by 31 seconds.
        node.receive(query, from: asker, at: MDNS.at(29_000))
        guard case .unicast(let bytes, asker, 1)? = node.actions().first else {
            Issue.record("no unicast")
            return
        }
        #expect(try DNSMessage(parsing: bytes.span).answers.first?.ttlSeconds == 120)
        #expect(node.run(until: MDNS.at(30_500)).isEmpty)
        node.receive(query, from: asker, at: MDNS.at(32_000))
        #expect(node.actions().count == 1)
        #expect(node.run(until: MDNS.at(33_000)).count == 1)
    }

    @Test func unicastAnswersAreLimitedPerSecond() throws {
        var limits = MDNSLimits()
        limits.unicastPerSecondMax = 3
        var node = try quietNode(limits)
        let resolver = SocketAddress.ip(.v4(0xc0a8_0009), port: 40_000)
        for _ in 0..<10 { node.receive(try MDNS.query(), from: resolver, at: MDNS.at(10_000)) }
        #expect(node.actions().count == 3)
        node.receive(try MDNS.query(), from: resolver, at: MDNS.at(10_999))
        #expect(node.actions().isEmpty)
        node.receive(try MDNS.query(), from: resolver, at: MDNS.at(11_000))
        #expect(node.actions().count == 1)
    }

    @Test func nobodyFarAwayIsAnswered() throws {
        var node = try quietNode()
        let far = SocketAddress.ip(try #require(IPAddress("8.8.8.8")), port: 40_000)
        node.receive(try MDNS.query(), from: far, at: MDNS.at(10_000))
        node.receive(
            try MDNS.query(),
            from: .ip(try #require(IPAddress("2606::1")), port: 5353),
            at: MDNS.at(10_000)
        )
        node.receive(try MDNS.query(), from: asker, interface: 9, at: MDNS.at(10_000))
        #expect(node.run(until: MDNS.at(11_000)).isEmpty)
        #expect(node.actions().isEmpty)
        #expect(node.machine.statistics.strayCount == 3)
    }

    @Test func changedAddressesAreAnnouncedTwice() throws {
        var node = try quietNode()
        let same = try node.interface(hosts: ["fe80::5"])
        node.machine.interfacesChanged([same], now: MDNS.at(20_000))
        #expect(node.run(until: MDNS.at(25_000)).isEmpty)
        let changed = try node.interface(hosts: ["fe80::5"], listening: ["/ip4/0.0.0.0/tcp/4002"])
        node.machine.interfacesChanged([changed], now: MDNS.at(30_000))
        let responses = node.run(until: MDNS.at(35_000)).filter(\.message.isResponse)
        #expect(responses.count >= 2)
        #expect(responses.first?.milliseconds == 30_000)
        #expect(responses.allSatisfy { "\($0.message.additionals)".contains("4002") })
    }

    @Test func goodbyeTakesTheRecordsBack() throws {
        var node = try quietNode()
        node.machine.stop()
        guard case .multicast(let bytes, 1)? = node.actions().first else {
            Issue.record("no goodbye")
            return
        }
        let message = try DNSMessage(parsing: bytes.span)
        #expect((message.answers + message.additionals).allSatisfy { $0.ttlSeconds == 0 })
        #expect(message.answers.count == 1)
        #expect(node.machine.nextDeadline == nil)
        node.receive(try MDNS.query(), from: asker, at: MDNS.at(20_000))
        #expect(node.actions().isEmpty)
    }

    @Test func aNodeWithoutAddressesAsksButIsSilent() throws {
        var node = try MDNSNode(5)
        node.machine.interfacesChanged([try node.interface(listening: [])], now: MDNS.start)
        node.receive(try MDNS.query(), from: asker, at: MDNS.start)
        node.receive(try MDNS.query(unicast: true), from: asker, at: MDNS.start)
        let sent = node.run(until: MDNS.at(10_000))
        #expect(!sent.isEmpty)
        #expect(!sent.contains { $0.message.isResponse })
    }

    @Test(arguments: [
        "", "short", String(repeating: "a", count: 31), String(repeating: "a", count: 64),
        String(repeating: "A", count: 32), String(repeating: "a", count: 31) + ".",
    ])
    func aLabelIsLongAndPlain(label: String) throws {
        let id = try PeerID(multihash: [0, 1, 1])
        #expect(throws: MDNSError.invalidPeerLabel) {
            try MDNSDiscovery(peerID: id, peerLabel: label, seed: 0)
        }
        let good = String(repeating: "a", count: 63)
        #expect(throws: MDNSError.invalidService) {
            try MDNSDiscovery(peerID: id, peerLabel: good, seed: 0, service: "a..b")
        }
        _ = try MDNSDiscovery(peerID: id, peerLabel: good, seed: 0)
        _ = try MDNSDiscovery(peerID: id, peerLabel: String(repeating: "a", count: 32), seed: 0)
        #expect(MDNSDiscovery.peerLabel(random: [UInt8](repeating: 0xff, count: 25)).utf8.count == 40)
    }
}

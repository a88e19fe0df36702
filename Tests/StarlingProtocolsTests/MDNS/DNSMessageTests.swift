import StarlingCore
import StarlingProtocols
import Testing

@Suite struct DNSNameTests {
    @Test func namesCompareWithoutRegardToCase() throws {
        let name = try #require(DNSName("_P2P._UDP.Local"))
        #expect(name == DNSName("_p2p._udp.local"))
        #expect(
            name.wire == [4] + Array("_p2p".utf8) + [4] + Array("_udp".utf8) + [5] + Array("local".utf8) + [0]
        )
        #expect(name.description == "_p2p._udp.local")
        #expect(name.labels.map(\.count) == [4, 4, 5])
        // Only ASCII letters have two cases.
        #expect(DNSName("É.local") != DNSName("é.local"))
    }

    @Test func aChildHasOneLabelMore() throws {
        let parent = try #require(DNSName("_p2p._udp.local"))
        let child = try #require(parent.prefixed(by: "ABC"))
        #expect(child.description == "abc._p2p._udp.local")
        #expect(child.isChild(of: parent))
        #expect(!parent.isChild(of: parent))
        #expect(!parent.isChild(of: child))
        #expect(try #require(child.prefixed(by: "x")).isChild(of: parent) == false)
        // The same text, cut at another place.
        #expect(DNSName(labels: [[1, 4, 0x5f]])?.isChild(of: parent) == false)
    }

    @Test func labelsAndNamesHaveLimits() {
        let most = String(repeating: "a", count: 63)
        #expect(DNSName(most) != nil)
        #expect(DNSName(most + "a") == nil)
        #expect(DNSName("a..b") == nil)
        #expect(DNSName("") == nil)
        let long = [most, most, most, String(repeating: "a", count: 61)].joined(separator: ".")
        #expect(DNSName(long)?.wire.count == DNSName.byteCountMax)
        #expect(DNSName(long + "a") == nil)
        #expect(DNSName(long)?.prefixed(by: "a") == nil)
    }

    @Test func bytesThatAreNotPrintableAreEscaped() {
        #expect(DNSName(labels: [[0, 0x2e, 0x5c, 0xff], [0x61]])?.description == #"\x00\x2e\x5c\xff.a"#)
    }

    static func read(_ bytes: [UInt8], at start: Int = 0) throws(DNSError) -> (name: DNSName, end: Int) {
        var offset = start
        let name = try DNSName.read(bytes.span, at: &offset)
        return (name, offset)
    }

    @Test func pointersAreFollowed() throws {
        let bytes: [UInt8] = [1, 0x41, 0, 1, 0x62, 0xc0, 0, 0xc0, 3, 0xff]
        #expect(try Self.read(bytes).end == 3)
        let two = try Self.read(bytes, at: 3)
        #expect(two.name == DNSName("b.a"))
        #expect(two.end == 7)
        let three = try Self.read(bytes, at: 7)
        #expect(three.name == DNSName("b.a"))
        #expect(three.end == 9)
    }

    @Test(
        arguments: [
            ([], 0, DNSError.truncated), ([1], 0, .truncated), ([1, 0x61], 0, .truncated),
            ([0xc0], 0, .truncated),
            ([0xc0, 0], 0, .invalidPointer),  // to itself
            ([0xc0, 2, 0xc0, 0], 0, .invalidPointer),  // forward
            ([0xc0, 9], 0, .invalidPointer),  // beyond the end
            ([1, 0x61, 0xc0, 0], 0, .invalidPointer),  // to its own start
            ([1, 0x61, 0xc0, 2], 2, .invalidPointer),
            ([1, 0x61, 1, 0x62, 0xc0, 2], 2, .invalidPointer),
            ([1, 0x61, 1, 0x62, 0xc0, 0], 2, .invalidPointer),  // back, and then forward into itself
            ([0x40, 0], 0, .invalidLabel), ([0x80, 0], 0, .invalidLabel),
        ] as [([UInt8], Int, DNSError)]
    )
    func brokenNamesLeaveTheOffsetAlone(bytes: [UInt8], start: Int, error: DNSError) {
        var offset = start
        let result = Result { () throws(DNSError) in try DNSName.read(bytes.span, at: &offset) }
        #expect(result == .failure(error))
        #expect(offset == start)
    }

    @Test func aNameThatPointersMakeTooLongIsRefused() throws {
        // Each name is 63 letters and a pointer to the one before.
        var bytes: [UInt8] = [0]
        var starts = [0]
        for _ in 0..<4 {
            starts.append(bytes.count)
            bytes += [63] + [UInt8](repeating: 0x61, count: 63) + [0xc0, UInt8(starts[starts.count - 2])]
        }
        #expect(try Self.read(bytes, at: starts[3]).name.wire.count == 193)
        #expect(throws: DNSError.nameTooLong) { try Self.read(bytes, at: starts[4]) }
    }
}

@Suite struct DNSMessageTests {
    static func parse(_ bytes: [UInt8]) throws(DNSError) -> DNSMessage {
        try DNSMessage(parsing: bytes.span)
    }

    static func bytes(_ hex: String) throws -> [UInt8] {
        try #require(Hex.decode(hex.filter { !$0.isWhitespace }))
    }

    @Test func aQueryWrittenByHandIsRead() throws {
        // id, flags, one question: _p2p._udp.local PTR, unicast wanted
        let bytes = try Self.bytes(
            "0007 0000 0001 0000 0000 0000 045f703270 045f756470 056c6f63616c 00 000c 8001"
        )
        let message = try Self.parse(bytes)
        #expect(message.id == 7)
        #expect(!message.isResponse)
        let name = try #require(DNSName("_p2p._udp.local"))
        #expect(message.questions == [DNSQuestion(name, DNSType.ptr, wantsUnicast: true)])
        #expect(message.bytes == bytes)
    }

    @Test func aResponseWrittenByHandIsReadAndWrittenBack() throws {
        var bytes = try Self.bytes(
            """
            0000 8400 0000 0001 0000 0004
            045f703270 045f756470 056c6f63616c 00 000c 0001 00000078 0004 016e c00c
            c027 0010 8001 00000078 0009 08 646e73616464723d
            c027 0021 8001 00000078 0009 0001 0002 0fa1 0168 00
            0168 00 0001 8001 00000078 0004 c0000201
            """
        )
        let hostOffset = bytes.count - 4 - 10 - 3
        bytes += try Self.bytes("c0") + [UInt8(hostOffset)]
        bytes += try Self.bytes("001c 8001 00000078 0010 fe800000000000000000000000000001")
        let message = try Self.parse(bytes)
        let service = try #require(DNSName("_p2p._udp.local"))
        let instance = try #require(DNSName("n._p2p._udp.local"))
        let host = try #require(DNSName("h"))
        #expect(message.isResponse)
        #expect(message.isAuthoritative)
        #expect(message.answers == [DNSRecord(service, .pointer(instance), ttlSeconds: 120)])
        func record(_ name: DNSName, _ content: DNSRecord.Content) -> DNSRecord {
            DNSRecord(name, content, ttlSeconds: 120, replacesOthers: true)
        }
        #expect(
            message.additionals == [
                record(instance, .text([Array("dnsaddr=".utf8)])),
                record(instance, .service(priority: 1, weight: 2, port: 4001, target: host)),
                record(host, .address(.v4(0xc000_0201))),
                record(host, .address(.v6(high: 0xfe80 << 48, low: 1))),
            ]
        )
        #expect(message.bytes == bytes)
    }

    @Test func unknownTypesAndEmptyTextsAreKept() throws {
        let name = try #require(DNSName("a"))
        var message = DNSMessage()
        message.isResponse = true
        message.answers = [
            DNSRecord(name, .other(type: 47, [1, 2, 3]), ttlSeconds: .max, recordClass: 3),
            DNSRecord(name, .text([[], Array(repeating: 7, count: 255)]), ttlSeconds: 0),
        ]
        message.authorities = [DNSRecord(name, .pointer(name), ttlSeconds: 1)]
        message.isTruncated = true
        message.operation = 5
        message.responseCode = 3
        message.id = 0xffff
        #expect(try Self.parse(message.bytes) == message)
        // A TXT record without any text is written as one with an empty text.
        message.answers = [DNSRecord(name, .text([]), ttlSeconds: 0)]
        #expect(try Self.parse(message.bytes).answers.first?.content == .text([[]]))
        #expect(message.answers.first?.type == DNSType.txt)
    }

    @Test func headerAndRecordsMayNotBeCut() throws {
        let name = try #require(DNSName("a.b"))
        var message = DNSMessage()
        message.questions = [DNSQuestion(name, DNSType.any)]
        message.answers = [
            DNSRecord(name, .text([[1, 2]]), ttlSeconds: 1),
            DNSRecord(name, .service(priority: 0, weight: 0, port: 1, target: name), ttlSeconds: 1),
        ]
        let bytes = message.bytes
        #expect(try Self.parse(bytes) == message)
        for count in bytes.indices {
            #expect(throws: DNSError.self, "cut to \(count)") { try Self.parse(Array(bytes.prefix(count))) }
        }
        #expect(throws: DNSError.trailingBytes) { try Self.parse(bytes + [0]) }
    }

    @Test(arguments: [
        ("0001 0003 010203", DNSError.invalidData(type: 1)), ("0001 0005 0102030405", .invalidData(type: 1)),
        ("001c 0004 01020304", .invalidData(type: 28)), ("000c 0002 0000", .invalidData(type: 12)),
        ("000c 0000", .truncated), ("000c 0001 01", .truncated), ("0010 0002 0261", .invalidData(type: 16)),
        ("0021 0006 000000000000", .invalidData(type: 33)),
        ("0021 0008 0000000000000000", .invalidData(type: 33)),
        ("0001 ffff 00", .truncated),
    ])
    func refusesDataOfAWrongLength(hex: String, error: DNSError) throws {
        let parts = hex.split(separator: " ")
        var bytes = try Self.bytes("0000 8400 0000 0001 0000 0000 00" + parts[0] + "0001 00000078")
        bytes += try Self.bytes(parts.dropFirst().joined())
        #expect(throws: error) { try Self.parse(bytes) }
    }

    @Test func countsAndLengthHaveLimits() throws {
        let name = try #require(DNSName("a"))
        var message = DNSMessage()
        message.questions = Array(repeating: DNSQuestion(name, 1), count: DNSMessage.questionCountMax)
        message.answers = Array(
            repeating: DNSRecord(name, .other(type: 99, []), ttlSeconds: 0),
            count: DNSMessage.recordCountMax - 1
        )
        message.additionals = [DNSRecord(name, .other(type: 99, []), ttlSeconds: 0)]
        #expect(try Self.parse(message.bytes) == message)
        var more = message
        more.additionals.append(contentsOf: message.additionals)
        #expect(throws: DNSError.tooManyEntries) { try Self.parse(more.bytes) }
        more = message
        more.questions.append(contentsOf: message.questions.prefix(1))
        #expect(throws: DNSError.tooManyEntries) { try Self.parse(more.bytes) }
        #expect(throws: DNSError.tooManyEntries) {
            try Self.parse(Self.bytes("0000 0000 0000 ffff ffff ffff"))
        }

        var long = DNSMessage()
        let empty = DNSRecord(name, .other(type: 99, []), ttlSeconds: 0)
        long.answers = [empty]
        let room = DNSMessage.byteCountMax - long.bytes.count
        long.answers[0].content = .other(type: 99, [UInt8](repeating: 0, count: room))
        #expect(try Self.parse(long.bytes) == long)
        long.answers[0].content = .other(type: 99, [UInt8](repeating: 0, count: room + 1))
        #expect(throws: DNSError.tooLong) { try Self.parse(long.bytes) }
    }

    @Test func mutatedMessagesAreRefusedOrReadBackTheSame() throws {
        let name = try #require(DNSName("node._p2p._udp.local"))
        var original = DNSMessage()
        original.isResponse = true
        original.questions = [DNSQuestion(name, DNSType.ptr, wantsUnicast: true)]
        original.answers = [DNSRecord(name, .pointer(name), ttlSeconds: 9)]
        original.additionals = [
            DNSRecord(name, .text([[1], [2, 3]]), ttlSeconds: 9, replacesOthers: true),
            DNSRecord(name, .service(priority: 1, weight: 2, port: 3, target: name), ttlSeconds: 9),
            DNSRecord(name, .address(.v4(1)), ttlSeconds: 9),
        ]
        let seed: UInt64 = 17
        var random = SplitMix64(seed: seed)
        var acceptedCount = 0
        for round in 0..<20_000 {
            var bytes = original.bytes
            for _ in 0...Int.random(in: 0..<3, using: &random) {
                let index = Int.random(in: bytes.indices, using: &random)
                switch Int.random(in: 0..<8, using: &random) {
                case 0: bytes.insert(UInt8.random(in: .min ... .max, using: &random), at: index)
                case 1: bytes.remove(at: index)
                default: bytes[index] = UInt8.random(in: .min ... .max, using: &random)
                }
            }
            guard let message = try? Self.parse(bytes) else { continue }
            acceptedCount += 1
            #expect(try Self.parse(message.bytes) == message, "seed \(seed), round \(round)")
        }
        #expect(acceptedCount > 1000)
    }
}

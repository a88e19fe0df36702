import StarlingCore
import StarlingCrypto
import Testing

@testable import StarlingMesh

/// A message of Alice's to Bob, which Carol carries.
@Suite struct MessagePathTests {
    static let carol = MessageKit.key(3).peerID
    static let created = MessageKit.created

    static func hop(_ peer: PeerID, _ milliseconds: Int) -> MessageHop {
        MessageHop(
            peer: peer,
            arrived: WallTime(millisecondsSince1970: created.millisecondsSince1970 + Int64(milliseconds))
        )
    }

    static func envelope(
        recordsPath: Bool = true,
        isToAll: Bool = false,
        byteCount: Int = 5
    ) throws -> Envelope {
        var header = MessageKit.header
        header.recordsPath = recordsPath
        if isToAll { (header.to, header.place) = (nil, nil) }
        let body = [UInt8](repeating: 7, count: byteCount)
        return try Envelope(header, body: body, from: MessageKit.alice)
    }

    static func wire(_ hop: MessageHop) -> [UInt8] {
        MessageKit.field(
            9,
            MessageKit.field(1, hop.peer.multihash)
                + MessageKit.field(2, UInt64(hop.arrived.millisecondsSince1970))
        )
    }

    @Test func eachNodeNotesTheNeighbourBeforeIt() throws {
        var envelope = try Self.envelope()
        let plain = envelope.encoded
        let hops = [Self.hop(MessageKit.alice.peerID, 3), Self.hop(Self.carol, 8)]
        for hop in hops { envelope.crossed(from: hop.peer, at: hop.arrived) }
        #expect(envelope.path == hops)
        #expect(envelope.encoded == plain + hops.flatMap(Self.wire))
        #expect(try MessageKit.verify(envelope.encoded) == envelope, "the signature holds")
    }

    @Test(arguments: [true, false]) func whatDidNotAskOrIsToAllHasNoPath(isToAll: Bool) throws {
        var envelope = try Self.envelope(recordsPath: isToAll, isToAll: isToAll)
        let plain = envelope.encoded
        let hop = Self.hop(Self.carol, 3)
        envelope.crossed(from: hop.peer, at: hop.arrived)
        #expect(envelope.encoded == plain)
        #expect(try MessageKit.verify(plain + Self.wire(hop)).encoded == plain, "nobody carries it on")
    }

    @Test func tenLinksAreNotedAndMoreAreMalformed() throws {
        var envelope = try Self.envelope()
        let plain = envelope.encoded
        for number in 0..<11 { envelope.crossed(from: Self.carol, at: Self.hop(Self.carol, number).arrived) }
        #expect(envelope.path == (0..<10).map { Self.hop(Self.carol, $0) })
        let eleven = plain + (0..<11).flatMap { Self.wire(Self.hop(Self.carol, $0)) }
        #expect(throws: EnvelopeError.malformed(.tooManyEntries(fieldNumber: 9))) {
            try MessageKit.verify(eleven)
        }
        #expect(throws: EnvelopeError.malformed(.missingField(fieldNumber: 2))) {
            try MessageKit.verify(plain + MessageKit.field(9, MessageKit.field(1, Self.carol.multihash)))
        }
    }

    @Test func aFrameDoesNotBecomeLongerThanAFrameMayBe() throws {
        let limits = Envelope.Limits()
        var largest = try Self.envelope(byteCount: limits.bodyByteCountMax)
        for number in 0..<10 { largest.crossed(from: Self.carol, at: Self.hop(Self.carol, number).arrived) }
        #expect(largest.encoded.count <= limits.envelopeByteCountMax)
        #expect(largest.path.count < 10)
    }

    @Test func aReceiptTellsTheWay() throws {
        let path = (0..<10).map { Self.hop(Self.carol, $0) }
        let receipt = Receipt(
            for: [.init(id: MessageKit.id, outcome: .delivered, path: path)],
            to: MessageKit.alice.peerID,
            created: Self.created,
            from: MessageKit.bob
        )
        let read = try MessageKit.verifyReceipt(receipt.encoded)
        #expect(read == receipt && read.entries[0].path == path)
    }

    @Test func theOutboxKeepsTheWayOfWhatAskedForIt() throws {
        var kit = OutboxKit()
        kit.linkUp()
        let (asked, other) = (try kit.send(recordsPath: true), try kit.send())
        #expect(kit.outbox.message(asked)?.path == [])
        #expect(kit.outbox.message(other)?.path == nil)
        _ = kit.sent()
        let path = [Self.hop(MessageKit.alice.peerID, 3)]
        let entries = [asked, other].map { Receipt.Entry(id: $0, outcome: .delivered, path: path) }
        kit.outbox.receipt(entries, from: OutboxKit.bob, now: kit.now, wallNow: kit.wallNow)
        kit.pull()
        #expect(kit.outbox.message(asked)?.path == path)
        #expect(kit.outbox.message(other)?.path == nil)
        let waiting = try kit.send(recordsPath: true)
        try kit.restart()
        #expect(kit.outbox.message(asked)?.path == path, "also after a restart")
        #expect(kit.outbox.message(other)?.path == nil)
        #expect(kit.outbox.message(waiting)?.path == [])
    }

    @Test func theWaysOfSettledMessagesAreBoundedByTheirBytes() throws {
        var limits = Outbox.Limits()
        limits.historyPathByteCountMax = 5 * MessageHop.memoryByteCount
        var kit = OutboxKit(limits: limits)
        kit.linkUp()
        let path = [Self.hop(MessageKit.alice.peerID, 1), Self.hop(Self.carol, 2)]
        var ids: [MessageID] = []
        for _ in 0..<3 {
            let id = try kit.send(recordsPath: true)
            _ = kit.sent()
            kit.outbox.receipt(
                [.init(id: id, outcome: .delivered, path: path)],
                from: OutboxKit.bob,
                now: kit.now,
                wallNow: kit.wallNow
            )
            kit.write()
            ids.append(id)
        }
        #expect(ids.map { kit.outbox.message($0)?.path } == [[], path, path])
        #expect(ids.allSatisfy { kit.state($0) == .delivered })
        try kit.restart()
        #expect(ids.map { kit.outbox.message($0)?.path } == [[], path, path], "also after a restart")
    }

    @Test func theFirstWayIsKeptUntilOthersNeedThePlace() {
        var limits = PathLedger.Limits()
        limits.countMax = 2
        var ledger = PathLedger(limits: limits)
        func header(_ number: UInt8) -> MessageHeader {
            var header = MessageKit.header
            header.id = MessageID(random: [UInt8](repeating: number, count: 16))
            return header
        }
        func path(_ number: UInt8) -> [MessageHop] {
            let entry = Receipt.Entry(id: header(number).id, outcome: .delivered)
            return ledger.added(to: entry, of: MessageKit.alice.peerID).path
        }
        ledger.note([], of: header(1))
        #expect(ledger.isEmpty)
        let (first, second) = ([Self.hop(Self.carol, 1)], [Self.hop(Self.carol, 2)])
        ledger.note(first, of: header(1))
        ledger.note(second, of: header(1))
        #expect(path(1) == first)
        let foreign = Receipt.Entry(id: header(1).id, outcome: .delivered)
        #expect(ledger.added(to: foreign, of: Self.carol).path.isEmpty, "an id is its sender's")
        ledger.note(second, of: header(2))
        ledger.note(second, of: header(3))
        #expect(path(1).isEmpty && path(2) == second && path(3) == second)
    }
}

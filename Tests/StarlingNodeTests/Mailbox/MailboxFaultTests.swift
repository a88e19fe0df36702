import StarlingCore
import StarlingMesh
import StarlingNode
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Testing

/// Mailboxes that crash, are away or lie, and peers that do.
@Suite struct MailboxFaultTests {
    private typealias Fleet = MailboxFleet

    /// Copies of all messages in the mailboxes that are there; receipts count, too.
    private func keptCount(_ fleet: MailboxFleet) throws -> Int {
        try fleet.mailboxes.filter { fleet.nodes[$0] != nil }.reduce(0) { $0 + (try fleet.keptCount($1)) }
    }

    @Test(arguments: 1...2 as ClosedRange<UInt64>)
    func aPeerThatIsAwayForADayGetsAllThroughMailboxes(seed: UInt64) throws {
        var fleet = try Fleet.absence(seed: seed, mailboxCount: 6)
        var random = SplitMix64(seed: seed)
        var texts: [String] = []
        var ids: [MessageID] = []
        for minute in 0..<50 {
            let batch = (0..<4).map { "minute \(minute), message \($0)" }
            texts += batch
            ids += try fleet.send(batch)
            // One mailbox at a time is away for a minute.
            let mailbox = 2 + random.number(below: 6)
            fleet.takeAway(mailbox, minute % 2 == 0 ? .process : .power)
            try fleet.run(.seconds(60))
            try fleet.bringBack(mailbox)
            let counts = try fleet.copyCounts()
            #expect(!counts.isEmpty && counts.values.allSatisfy { $0 <= 4 }, "seed \(seed): \(counts)")
            #expect(try fleet.overfullTables() == [], "seed \(seed)")
        }
        try fleet.run(.seconds(600))
        fleet.takeAway(Fleet.alice)
        // Two of the six never come back.
        fleet.takeAway(2)
        fleet.takeAway(5)
        try fleet.run(.seconds(23 * 3600))
        try fleet.bringBack(Fleet.bob)
        try fleet.run(.seconds(600))
        #expect(try fleet.inboxTexts().sorted() == texts.sorted(), "seed \(seed)")
        fleet.takeAway(Fleet.bob)
        try fleet.run(.seconds(600))
        try fleet.bringBack(Fleet.alice)
        try fleet.run(.seconds(900))
        #expect(try fleet.states(ids).allSatisfy { $0 == .delivered }, "seed \(seed)")
    }

    /// Every node's machine loses its power at moments that the seed chooses, while messages are left, fetched and
    /// acknowledged.
    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func crashesLoseNothingAndDoubleNothing(seed: UInt64) throws {
        var fleet = try Fleet.absence(seed: seed, mailboxCount: 3, storage: .disk)
        var random = SplitMix64(seed: seed)
        var texts: [String] = []
        var ids: [MessageID] = []
        var downUntil = [Int](repeating: 0, count: fleet.hosts.count)
        // Bob is away, then comes and goes; Alice does so, too.
        downUntil[Fleet.bob] = 120
        for second in 0..<600 {
            for number in fleet.hosts.indices {
                if fleet.nodes[number] == nil {
                    if downUntil[number] <= second { try fleet.bringBack(number) }
                } else if random.chance(number == Fleet.bob ? 0.03 : 0.01) {
                    fleet.takeAway(number, random.chance(0.5) ? .power : .process)
                    downUntil[number] = second + 1 + random.number(below: 30)
                }
            }
            if second % 10 == 0, fleet.nodes[Fleet.alice] != nil {
                texts.append("second \(second)")
                ids += try fleet.send(["second \(second)"])
            }
            try fleet.run(.milliseconds(500 + Int64(random.number(below: 1000))))
        }
        for number in fleet.hosts.indices where fleet.nodes[number] == nil { try fleet.bringBack(number) }
        try fleet.run(.seconds(1500))
        #expect(texts.count > 20)
        #expect(try fleet.inboxTexts().sorted() == texts.sorted(), "seed \(seed)")
        #expect(try fleet.states(ids).allSatisfy { $0 == .delivered }, "seed \(seed)")
        #expect(try fleet.overfullTables() == [], "seed \(seed)")
        #expect(try keptCount(fleet) == 0, "seed \(seed): what is settled is erased everywhere")
    }

    /// It takes all and has nothing, and what it hands out is no message.
    @Test func aMailboxThatLiesLosesNoMessage() throws {
        var fleet = try Fleet.absence(seed: 1, mailboxCount: 2)
        try fleet.at(2) { node in
            await node.shelf.stop()
            node.swarm.protocols.set(MailboxProtocol.id) { await Self.lie(on: $0) }
        }
        let ids = try fleet.send(["true"])
        try fleet.run(.seconds(60))
        #expect(try fleet.holders(of: ids[0]) == [2, 3], "both say that they have it")
        fleet.takeAway(Fleet.alice)
        try fleet.bringBack(Fleet.bob)
        try fleet.run(.seconds(60))
        #expect(try fleet.inboxTexts() == ["true"], "the honest one has it")
        let breaches = fleet.hosts[Fleet.bob].log.lines.filter { $0.message.contains("breaks a rule") }
        #expect(!breaches.isEmpty)
        // With the liar alone it is Alice who delivers.
        fleet.takeAway(Fleet.bob)
        fleet.takeAway(3)
        try fleet.bringBack(Fleet.alice)
        let more = try fleet.send(["more"])
        try fleet.run(.seconds(60))
        #expect(try fleet.holders(of: more[0]).contains(2))
        try fleet.bringBack(Fleet.bob)
        try fleet.connect(Fleet.bob, Fleet.alice)
        try fleet.run(.seconds(60))
        #expect(try fleet.inboxTexts() == ["true", "more"])
        #expect(try fleet.states(more) == [.delivered])
    }

    /// It takes what it is asked, and says nothing, not even that a stream has ended.
    @Test func aSilentMailboxHoldsUpNothing() throws {
        var fleet = try Fleet.absence(seed: 1, mailboxCount: 2)
        try fleet.at(2) { node in
            await node.shelf.stop()
            let loop = node.world.loops[0]
            node.swarm.protocols.set(MailboxProtocol.id) { stream in
                while let bytes = try? await stream.read(), !bytes.isEmpty {}
                try? await loop.sleep(for: .seconds(86_400))
                await stream.reset()
            }
        }
        let ids = try fleet.send(["spoken"])
        try fleet.run(.seconds(30))
        #expect(try fleet.holders(of: ids[0]) == [3])
        try fleet.run(.seconds(90))
        let streamCount = try fleet.at(2) { $0.swarm.protocols.withLedger { $0.streamCount } }
        #expect(streamCount <= 2, "a stream that has ended is let go of")
        let before = fleet.simulation.now
        try fleet.at(Fleet.alice) { await $0.stop() }
        #expect(before.duration(to: fleet.simulation.now) < .seconds(5))
        fleet.takeAway(Fleet.alice)
        try fleet.bringBack(Fleet.bob)
        try fleet.run(.seconds(60))
        #expect(try fleet.inboxTexts() == ["spoken"])
        // Bob waited for the silent one's page, and asks it seldom from then on.
        let breaches = fleet.hosts[Fleet.bob].log.lines.filter { "\($0)".contains("silent") }
        #expect(!breaches.isEmpty)
    }

    private static func lie(on stream: Stream) async {
        var frames = FrameStream(stream, frameByteCountMax: MailboxProtocol.askByteCountMax)
        while let bytes = try? await frames.next(), let ask = try? MailboxAsk.parse(bytes.span) {
            let answer: MailboxAnswer?
            switch ask {
            case .offer(let envelope):
                let id = (try? Envelope(parsing: envelope.span))?.header.id
                answer = id.map { .verdicts([.init(id: $0, verdict: .stored)]) }
            case .fetch(let fetch): answer = .page(.init(envelopes: [[1, 2, 3]], next: fetch.after + 1))
            case .erase(let ids): answer = .erased(ids)
            case .status: answer = .status(.init())
            case .list: answer = .list([])
            case .receipt, .told, .waiting: answer = nil
            }
            if let answer { try? await stream.write(answer.encoded) }
        }
        await stream.reset()
    }
}

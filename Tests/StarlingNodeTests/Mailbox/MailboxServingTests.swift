import StarlingCore
import StarlingCrypto
import StarlingMesh
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Testing

@testable import StarlingNode

/// What a mailbox does on a stream of whoever asks against the rules, or does not read.
@Suite struct MailboxServingTests {
    private typealias Fleet = MailboxFleet
    private static let mailbox = 2
    private static let alice = Fleet.alice

    /// Alice, who is connected to a mailbox that serves Bob, who does not name it: nobody but the test asks it.
    private func connected() throws -> MailboxFleet {
        let fleet = try MailboxFleet(mailboxCount: 1) { number, configuration in
            if number == Fleet.bob { configuration.mailbox.addresses = [] }
        }
        try fleet.run(.seconds(2))
        try fleet.connect(Self.alice, Self.mailbox)
        try fleet.run(.seconds(2))
        return fleet
    }

    /// Writes bytes on a stream of a node's own, and reads answers until the mailbox ends or resets it.
    private func say(
        _ bytes: [UInt8],
        as number: Int = alice,
        in fleet: MailboxFleet
    ) throws -> (answers: [MailboxAnswer], failure: FrameError?) {
        let mailbox = try fleet.peer(Self.mailbox)
        return try fleet.at(number) { node in
            let stream = try await node.swarm.openStream(to: mailbox, [MailboxProtocol.id])
            try await stream.write(bytes)
            try? await stream.closeWrite()
            var frames = FrameStream(stream, frameByteCountMax: MailboxProtocol.answerByteCountMax)
            var answers: [MailboxAnswer] = []
            do throws(FrameError) {
                while let frame = try await frames.next() {
                    if let answer = try? MailboxAnswer.parse(frame.span) { answers.append(answer) }
                }
                return (answers, nil)
            } catch {
                return (answers, error)
            }
        }
    }

    private func expectReset(
        _ bytes: [UInt8],
        in fleet: MailboxFleet,
        _ comment: Comment? = nil,
        at location: SourceLocation = #_sourceLocation
    ) throws {
        let (answers, failure) = try say(bytes, in: fleet)
        #expect(answers == [], comment, sourceLocation: location)
        #expect(failure == .stream(.reset), comment, sourceLocation: location)
    }

    /// An envelope of one node's for Bob.
    private func envelope(_ number: UInt64, from sender: Int = alice, in fleet: MailboxFleet) throws
        -> Envelope
    {
        let to = try fleet.peer(Fleet.bob)
        let created = try fleet.at(sender) { $0.world.wallClock.now }
        var header = MessageHeader(
            id: id(number),
            from: try fleet.peer(sender),
            to: to,
            created: created,
            lifetimeMilliseconds: 86_400_000,
            place: .init(series: 1, number: number, floor: 1)
        )
        header.privacy = .private
        return try Envelope(header, body: [UInt8](repeating: 7, count: 100), from: try Fleet.key(sender))
    }

    private func id(_ number: UInt64) -> MessageID {
        MessageID(random: [UInt8](repeating: UInt8(number), count: 16))
    }

    private func receipt(_ numbers: [UInt64], from signer: Int, in fleet: MailboxFleet) throws -> Receipt {
        Receipt(
            for: numbers.map { .init(id: id($0), outcome: .delivered) },
            to: try fleet.peer(Self.alice),
            created: try fleet.at(Self.alice) { $0.world.wallClock.now },
            from: try Fleet.key(signer)
        )
    }

    /// A signed statement or list whose signature does not hold: it is field 2, and comes last.
    private func forged(_ signed: [UInt8]) -> [UInt8] {
        var bytes = signed
        bytes[bytes.count - 1] ^= 1
        return bytes
    }

    private func status(_ answers: [MailboxAnswer]) -> MailboxStatus? {
        guard answers.count == 1, case .status(let status) = answers[0] else { return nil }
        return status
    }

    // MARK: Rules

    @Test func aSecondPageThatIsAskedForBeforeTheFirstResetsTheStream() throws {
        let fleet = try connected()
        let fetch = MailboxAsk.fetch(.init()).encoded
        try expectReset(fetch + fetch, in: fleet)
        let (answers, failure) = try say(fetch, in: fleet)
        #expect(answers == [.page(.init())] && failure == nil)
    }

    @Test func anEnvelopeWhoseSignatureDoesNotHoldResetsTheStreamWithoutAVerdict() throws {
        let fleet = try connected()
        let good = try envelope(1, in: fleet)
        try expectReset(MailboxAsk.offer(forged(good.encoded)).encoded, in: fleet)
        #expect(try fleet.keptCount(Self.mailbox) == 0)
        let (answers, failure) = try say(MailboxAsk.offer(good.encoded).encoded, in: fleet)
        #expect(answers == [.verdicts([.init(id: good.header.id, verdict: .stored)])] && failure == nil)
    }

    @Test func anAskThatIsTooLongOrMalformedResetsTheStream() throws {
        let fleet = try connected()
        var length: [UInt8] = []
        Varint.append(UInt64(MailboxProtocol.askByteCountMax + 1), to: &length)
        try expectReset(length, in: fleet, "it is not waited for")
        try expectReset([0x03, 0x0a, 0x05, 0x01], in: fleet, "a field that ends behind the frame")
        // `count_max` is 0.
        try expectReset(MailboxAsk.fetch(.init(countMax: 0)).encoded, in: fleet)
        try expectReset(MailboxAsk.offer([1, 2, 3]).encoded, in: fleet, "no envelope")
        try expectReset(MailboxAsk.receipt([1, 2, 3]).encoded, in: fleet, "no receipt")
        try expectReset(MailboxAsk.told([1, 2, 3]).encoded, in: fleet, "no list")
        // Kinds that are not known are skipped.
        let unknown: [UInt8] = [0x02, 0x78, 0x01]
        let (answers, failure) = try say(unknown + MailboxAsk.status([]).encoded, in: fleet)
        #expect(status(answers) != nil && failure == nil)
    }

    @Test func whatAnotherPeerHasSignedIsNotHeard() throws {
        let fleet = try connected()
        let envelope = try envelope(1, in: fleet)
        let offered = try say(MailboxAsk.offer(envelope.encoded).encoded, in: fleet)
        #expect(offered.failure == nil)
        let bobs = try receipt([1], from: Fleet.bob, in: fleet)
        let key = try Fleet.key(9)
        let list = try fleet.at(Self.alice) { node in
            MailboxList(
                of: [],
                sequence: 5,
                created: node.world.wallClock.now,
                lifetime: .seconds(3600),
                from: key
            )
        }
        let asks =
            MailboxAsk.receipt(bobs.encoded).encoded + MailboxAsk.told(list.encoded).encoded
            + MailboxAsk.told(forged(list.encoded)).encoded + MailboxAsk.status([id(1)]).encoded
        let (answers, failure) = try say(asks, in: fleet)
        #expect(failure == nil)
        #expect(status(answers)?.leftCount == 1, "nothing but the status is answered, and the copy stays")
        #expect(status(answers)?.missing == [])
        let known = try fleet.at(Self.mailbox) { await $0.mailboxes.encodedList(of: key.peerID) }
        #expect(known == [])
    }

    // MARK: Signatures

    @Test func aReceiptIsCheckedWhereItErasesSomething() throws {
        let fleet = try connected()
        try fleet.connect(Fleet.bob, Self.mailbox)
        for number in 1...2 as ClosedRange<UInt64> {
            let offer = MailboxAsk.offer(try envelope(number, in: fleet).encoded)
            #expect(try say(offer.encoded, in: fleet).failure == nil)
        }
        let nothing = try receipt([7, 8], from: Fleet.bob, in: fleet)
        // Whether its signature holds nobody has to know.
        for bytes in [nothing.encoded, forged(nothing.encoded)] {
            let (answers, failure) = try say(MailboxAsk.receipt(bytes).encoded, as: Fleet.bob, in: fleet)
            #expect(answers == [.erased([id(7), id(8)])] && failure == nil)
        }
        #expect(try fleet.keptCount(Self.mailbox) == 2, "a receipt for nothing is not kept")
        let one = try receipt([1], from: Fleet.bob, in: fleet)
        let attempt = try say(MailboxAsk.receipt(forged(one.encoded)).encoded, as: Fleet.bob, in: fleet)
        #expect(attempt.answers == [] && attempt.failure == .stream(.reset))
        #expect(try fleet.keptCount(Self.mailbox) == 2)
        // What the first one erases is not there for the second one.
        let twice = MailboxAsk.receipt(one.encoded).encoded + MailboxAsk.receipt(forged(one.encoded)).encoded
        let (answers, failure) = try say(twice, as: Fleet.bob, in: fleet)
        #expect(answers == [.erased([id(1)]), .erased([id(1)])] && failure == nil)
        #expect(try fleet.keptCount(Self.mailbox) == 2, "the other copy, and the receipt")
    }

    @Test func aListIsCheckedWhereItIsHeard() throws {
        let fleet = try connected()
        let (alice, key) = (try fleet.peer(Self.alice), try Fleet.key(Self.alice))
        let now = try fleet.at(Self.alice) { $0.world.wallClock.now }
        func told(_ sequence: UInt64) -> [UInt8] {
            MailboxList(of: [], sequence: sequence, created: now, lifetime: .seconds(3600), from: key).encoded
        }
        func known() throws -> UInt64? {
            let list = try fleet.at(Self.mailbox) { await $0.mailboxes.encodedList(of: alice) }
            return (try? MailboxList(verifying: list.span))?.sequence
        }
        try expectReset(MailboxAsk.told(forged(told(5))).encoded, in: fleet)
        #expect(try known() == nil)
        #expect(try say(MailboxAsk.told(told(6)).encoded, in: fleet).failure == nil)
        #expect(try known() == 6)
        // One that says nothing new, and those that are too many, cost no check.
        #expect(try say(MailboxAsk.told(forged(told(6))).encoded, in: fleet).failure == nil)
        let many = (7...8).flatMap { MailboxAsk.told(told($0)).encoded }
        #expect(try say(many + MailboxAsk.told(forged(told(9))).encoded, in: fleet).failure == nil)
        #expect(try known() == 8)
    }

    // MARK: Reading

    @Test func whoReadsNoAnswersPaysForThemAndLosesTheStream() throws {
        var isNamed = true
        var fleet = try MailboxFleet(mailboxCount: 1) { number, configuration in
            // When he comes again, nobody but the test fetches for him.
            if number == MailboxFleet.bob, !isNamed { configuration.mailbox.addresses = [] }
        }
        try fleet.run(.seconds(2))
        try fleet.connect(Fleet.alice, Fleet.bob)
        try fleet.run(.seconds(2))
        fleet.takeAway(Fleet.bob)
        var random = SplitMix64(seed: 1)
        let letters = (0..<900_000).map { _ in UInt8(97 + random.number(below: 26)) }
        try fleet.send([String(decoding: letters, as: UTF8.self)])
        try fleet.run(.seconds(60))
        #expect(try fleet.keptCount(Self.mailbox) == 1)
        fleet.takeAway(Fleet.alice)
        isNamed = false
        try fleet.bringBack(Fleet.bob)
        try fleet.connect(Fleet.bob, Self.mailbox)
        try fleet.run(.seconds(60))
        let (bob, mailbox) = (try fleet.peer(Fleet.bob), try fleet.peer(Self.mailbox))
        func held() throws -> Int {
            try fleet.at(Self.mailbox) { node in
                node.swarm.protocols.withLedger { $0.heldByteCount(of: bob, for: .unfinishedMessages) }
            }
        }
        #expect(try held() == 0)
        let stream = try fleet.at(Fleet.bob) { node in
            let stream = try await node.swarm.openStream(to: mailbox, [MailboxProtocol.id])
            try await stream.write(MailboxAsk.fetch(.init()).encoded)
            return stream
        }
        let patience = MailboxShelfDriver.Limits().writePatience
        try fleet.run(patience - .seconds(5))
        #expect(try held() > 400_000, "the page waits at the peer's expense")
        try fleet.run(.seconds(10))
        #expect(try held() == 0)
        let failure = try fleet.at(Fleet.bob) { _ in
            do throws(StreamError) {
                while try await stream.read() != nil {}
                return StreamError?.none
            } catch {
                return error
            }
        }
        #expect(failure == .reset)
    }
}

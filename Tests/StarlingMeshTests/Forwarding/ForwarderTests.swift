import StarlingCore
import StarlingCrypto
import StarlingMesh
import Testing

/// Frames between Alice and Dave over Erin, a node with the neighbours Bob and Carol.
@Suite struct ForwarderTests {
    private static let (alice, bob, carol, dave) = (peer(1), peer(2), peer(3), peer(4))
    private static let erin = peer(5)
    private let wallNow = MessageKit.created
    private let start = Instant(nanosecondsSinceOrigin: 0)

    private static func peer(_ number: UInt8) -> PeerID { key(number).peerID }

    private static func key(_ number: UInt8) -> IdentityKey {
        var seed = [UInt8](repeating: number, count: 32)
        guard let key = try? IdentityKey(wipingSeed: &seed) else { preconditionFailure("a seed of 32 bytes") }
        return key
    }

    private func frame(
        _ number: UInt8,
        hopCount: UInt32 = 1,
        hopLimit: UInt8 = 5,
        byteCount: Int = 100,
        priority: MessagePriority = .normal,
        from sender: UInt8 = 1
    ) throws -> TransitFrame {
        var header = MessageHeader(
            id: MessageID(random: [UInt8](repeating: number, count: 16)),
            from: Self.peer(sender),
            to: Self.dave,
            created: MessageKit.created,
            lifetimeMilliseconds: 60_000,
            place: .init(series: 1, number: 1, floor: 1)
        )
        header.priority = priority
        header.hopLimit = hopLimit
        let body = [UInt8](repeating: 7, count: byteCount)
        let envelope = try Envelope(header, body: body, from: Self.key(sender))
        return try #require(TransitFrame(envelope, crossed: hopCount))
    }

    private func forwarder(_ limits: Forwarder.Limits = .init(), to hops: [PeerID]) -> Forwarder {
        var forwarder = Forwarder(own: Self.erin, limits: limits)
        forwarder.linkUp(Self.bob, now: start)
        forwarder.linkUp(Self.carol, now: start)
        forwarder.setRoute(to: Self.dave, hops, linkCount: 2)
        return forwarder
    }

    private func offer(
        _ frame: TransitFrame,
        _ forwarder: inout Forwarder,
        from neighbour: PeerID = bob,
        at time: Duration = .zero
    ) -> Forwarder.Verdict {
        forwarder.offer(frame, from: .neighbour(neighbour), now: start + time, wallNow: wallNow)
    }

    private func take(
        _ forwarder: inout Forwarder,
        for neighbour: PeerID,
        _ priority: MessagePriority = .normal,
        at time: WallTime? = nil
    ) -> [UInt8] {
        var wire: [UInt8] = []
        _ = forwarder.take(
            for: neighbour,
            priority,
            into: &wire,
            byteCountMax: .max,
            wallNow: time ?? wallNow
        )
        return wire
    }

    @Test func aFrameGoesToTheBestNeighbourButNotBackToItsOwn() throws {
        var forwarder = forwarder(to: [Self.bob, Self.carol])
        let frame = try frame(1)
        #expect(offer(frame, &forwarder, from: Self.bob) == .queued(Self.carol))
        #expect(forwarder.waitingPriorities(for: Self.carol) == PrioritySet(.normal))
        #expect(take(&forwarder, for: Self.carol) == frame.wire)
        #expect(forwarder.waitingPriorities(for: Self.carol).isEmpty && forwarder.forwardedCount == 1)
        #expect(offer(try self.frame(2), &forwarder, from: Self.carol) == .queued(Self.bob))
    }

    @Test func theHopsAreCountedAndLimited() throws {
        var forwarder = forwarder(to: [Self.carol])
        #expect(offer(try frame(1, hopCount: 4), &forwarder) == .queued(Self.carol))
        let wire = take(&forwarder, for: Self.carol)
        let parsed = try #require(try MessageFrame.parse(Array(wire.dropFirst(2)).span))
        #expect(try Envelope(verifying: parsed.bytes.span).hopCount == 4, "and the signature holds")
        #expect(offer(try frame(2, hopCount: 5), &forwarder) == .dropped(.hopLimit))
        #expect(offer(try frame(3, hopCount: .max), &forwarder) == .dropped(.hopLimit))
    }

    @Test func aRepetitionIsDroppedAndALaterTryIsNot() throws {
        var forwarder = forwarder(to: [Self.carol])
        let frame = try frame(1)
        #expect(offer(frame, &forwarder) == .queued(Self.carol))
        #expect(offer(frame, &forwarder, at: .milliseconds(499)) == .dropped(.repeated))
        #expect(offer(frame, &forwarder, at: .milliseconds(900)) == .queued(Self.carol))
        #expect(forwarder.droppedCounts == [.repeated: 1])
    }

    /// To whom and over whom a message went that is lost, by what the forwarder says next.
    private func doubt(_ forwarder: inout Forwarder) -> [PeerID] {
        forwarder.nextDoubt().map { [$0.to, $0.via] } ?? []
    }

    /// A relay that always took the same way would send to whoever swallows for ever: it has no receipts of its own.
    @Test func whatComesAgainWithoutAReceiptTakesAnotherWay() throws {
        let frank = Self.peer(6)
        var forwarder = forwarder(to: [Self.carol, frank])
        forwarder.linkUp(frank, now: start)
        let frame = try frame(1)
        #expect(offer(frame, &forwarder) == .queued(Self.carol))
        #expect(doubt(&forwarder) == [])
        #expect(offer(frame, &forwarder, at: .milliseconds(900)) == .queued(frank))
        #expect(doubt(&forwarder) == [Self.dave, Self.carol])
        #expect(offer(try self.frame(2), &forwarder, at: .milliseconds(950)) == .queued(Self.carol))
        #expect(offer(try self.frame(2), &forwarder, at: .milliseconds(1500)) == .queued(frank))
        #expect(doubt(&forwarder) == [], "what comes again together counts once")
        #expect(offer(frame, &forwarder, at: .seconds(3)) == .queued(Self.carol), "and back")
        #expect(doubt(&forwarder) == [Self.dave, frank])
        // Where there is one way only it is taken.
        forwarder.linkDown(frank, wallNow: wallNow)
        #expect(offer(frame, &forwarder, at: .seconds(5)) == .queued(Self.carol))
        #expect(doubt(&forwarder) == [Self.dave, Self.carol])
    }

    private func receipt(_ number: UInt8, isForged: Bool = false) throws -> TransitFrame {
        let id = MessageID(random: [UInt8](repeating: number, count: 16))
        let receipt = Receipt(
            for: [.init(id: id, outcome: .delivered)],
            to: Self.alice,
            created: MessageKit.created,
            from: Self.key(4)
        )
        guard isForged else { return TransitFrame(receipt, crossed: 1) }
        var bytes = receipt.encoded
        bytes[bytes.count - 1] ^= 1
        return TransitFrame(try Receipt(parsing: bytes.span), crossed: 1)
    }

    @Test func whatIsAnsweredAndComesAgainIsNotTheFaultOfWhoCarriedIt() throws {
        let frank = Self.peer(6)
        var forwarder = forwarder(to: [Self.carol, frank])
        forwarder.linkUp(frank, now: start)
        let frame = try frame(1)
        let answer = try receipt(1)
        #expect(offer(frame, &forwarder) == .queued(Self.carol))
        #expect(offer(answer, &forwarder, from: Self.carol, at: .milliseconds(600)) == .queued(Self.bob))
        #expect(offer(frame, &forwarder, at: .milliseconds(900)) == .queued(Self.carol))
        #expect(doubt(&forwarder) == [], "the two have met")
        #expect(offer(frame, &forwarder, at: .seconds(3)) == .queued(frank), "this time it was not")
        #expect(doubt(&forwarder) == [Self.dave, Self.carol])
    }

    @Test func aReceiptThatNobodySignedAnswersNothing() throws {
        let frank = Self.peer(6)
        var forwarder = forwarder(to: [Self.carol, frank])
        forwarder.linkUp(frank, now: start)
        let (frame, forged) = (try frame(1), try receipt(1, isForged: true))
        #expect(offer(frame, &forwarder) == .queued(Self.carol))
        #expect(offer(forged, &forwarder, from: Self.carol, at: .milliseconds(100)) == .queued(Self.bob))
        #expect(offer(frame, &forwarder, at: .milliseconds(900)) == .queued(frank))
        #expect(doubt(&forwarder) == [Self.dave, Self.carol])
    }

    /// Frank swallows the receipts to Alice: he sends frames in her name, for which nobody checks a signature here.
    @Test func whoSendsFramesInThePeersNameDoesNotKeepItsReceipts() throws {
        let frank = Self.peer(6)
        var forwarder = forwarder(to: [Self.carol])
        forwarder.setRoute(to: Self.alice, [Self.bob], linkCount: 2)
        forwarder.linkUp(frank, now: start)
        for number in UInt8(10)...12 {
            let time = Duration.milliseconds(400 * (Int(number) - 10))
            #expect(offer(try frame(number), &forwarder, from: frank, at: time) == .queued(Self.carol))
        }
        #expect(offer(try frame(1), &forwarder, at: .seconds(1)) == .queued(Self.carol))
        let answer = try receipt(1)
        #expect(offer(answer, &forwarder, from: Self.carol, at: .milliseconds(1100)) == .queued(Self.bob))
    }

    @Test func aReceiptThatDidNotArriveGoesByTheRoutesTheNextTime() throws {
        let frank = Self.peer(6)
        var forwarder = forwarder(to: [Self.carol])
        forwarder.setRoute(to: Self.alice, [Self.bob], linkCount: 2)
        forwarder.linkUp(frank, now: start)
        #expect(offer(try frame(10), &forwarder, from: frank) == .queued(Self.carol))
        // He was there first.
        #expect(offer(try frame(1), &forwarder, at: .milliseconds(100)) == .queued(Self.carol))
        let answers = (try receipt(1), try receipt(2))
        #expect(offer(answers.0, &forwarder, from: Self.carol, at: .milliseconds(200)) == .queued(frank))
        #expect(offer(try frame(11), &forwarder, from: frank, at: .milliseconds(1000)) == .queued(Self.carol))
        #expect(offer(try frame(1), &forwarder, at: .milliseconds(1100)) == .queued(Self.carol))
        #expect(doubt(&forwarder) == [Self.alice, frank])
        #expect(offer(answers.1, &forwarder, from: Self.carol, at: .milliseconds(1200)) == .queued(Self.bob))
    }

    /// Who lies about its routes has not carried the message, and gets no chance to swallow the receipt.
    @Test func aReceiptGoesBackTheWayThatItsMessageCame() throws {
        var forwarder = forwarder(to: [Self.carol])
        forwarder.setRoute(to: Self.alice, [Self.carol], linkCount: 2)
        #expect(offer(try frame(1), &forwarder, from: Self.bob) == .queued(Self.carol))
        let frank = Self.peer(6)
        forwarder.linkUp(frank, now: start)
        // The same over another way, a moment later.
        forwarder.heard(of: Self.alice, via: Self.carol, now: start + .milliseconds(100))
        #expect(offer(try receipt(1), &forwarder, from: frank, at: .seconds(1)) == .queued(Self.bob))
        #expect(offer(try receipt(2), &forwarder, from: Self.bob, at: .seconds(1)) == .queued(Self.carol))
        #expect(
            offer(try receipt(3), &forwarder, from: frank, at: .seconds(7)) == .queued(Self.carol),
            "it is long ago"
        )
    }

    @Test func aReceiptThatIsRepeatedIsDropped() throws {
        var forwarder = forwarder(to: [])
        forwarder.setRoute(to: Self.alice, [Self.bob], linkCount: 2)
        #expect(offer(try receipt(1), &forwarder, from: Self.carol) == .queued(Self.bob))
        #expect(
            offer(try receipt(1), &forwarder, from: Self.carol, at: .milliseconds(10)) == .dropped(.repeated)
        )
        #expect(
            offer(try receipt(2), &forwarder, from: Self.carol, at: .milliseconds(10)) == .queued(Self.bob)
        )
    }

    /// Whoever sees an id may put it on a message of his own, and be there first.
    @Test func aForeignMessageWithTheSameIDDoesNotTakeTheOthersPlace() throws {
        var forwarder = forwarder(to: [Self.carol])
        #expect(offer(try frame(1, from: 2), &forwarder) == .queued(Self.carol))
        #expect(offer(try frame(1), &forwarder) == .queued(Self.carol))
        #expect(offer(try frame(1, byteCount: 99), &forwarder) == .queued(Self.carol))
        #expect(offer(try frame(1), &forwarder) == .dropped(.repeated))
    }

    /// Whoever has a message may hand it on as one that ends at the next node.
    @Test func aMessageThatHasComeTooFarDoesNotTakeThePlaceOfTheOneThatHasNot() throws {
        var forwarder = forwarder(to: [Self.carol])
        #expect(offer(try frame(1, hopCount: 4), &forwarder) == .queued(Self.carol))
        #expect(offer(try frame(1, hopCount: 2), &forwarder) == .queued(Self.carol))
        #expect(offer(try frame(1, hopCount: 3), &forwarder) == .dropped(.repeated))
        #expect(offer(try frame(1, hopCount: 2), &forwarder) == .dropped(.repeated))
    }

    @Test func whatThisNodeSentAndComesBackIsDropped() throws {
        var forwarder = forwarder(to: [Self.carol])
        #expect(offer(try frame(1, from: 5), &forwarder) == .dropped(.repeated))
    }

    @Test func whatExpiresWhileItWaitsIsDropped() throws {
        var forwarder = forwarder(to: [Self.carol])
        #expect(offer(try frame(1), &forwarder) == .queued(Self.carol))
        let later = WallTime(millisecondsSince1970: wallNow.millisecondsSince1970 + 60_001)
        #expect(take(&forwarder, for: Self.carol, at: later) == [])
        #expect(forwarder.droppedCounts == [.expired: 1] && forwarder.forwardedCount == 0)
        let flood = TransitFrame(flood: [1], to: Self.carol, priority: .normal, expires: wallNow)
        #expect(
            forwarder.offer(flood, from: .flood, now: start, wallNow: wallNow) == .queued(Self.carol)
        )
        #expect(take(&forwarder, for: Self.carol, at: later) == [])
        #expect(forwarder.droppedCounts == [.expired: 2])
    }

    @Test func whatIsTooOldOrHasNoWayIsDropped() throws {
        var forwarder = forwarder(to: [])
        let frame = try frame(1)
        #expect(offer(frame, &forwarder) == .dropped(.noRoute))
        let later = WallTime(millisecondsSince1970: wallNow.millisecondsSince1970 + 60_001)
        #expect(forwarder.offer(frame, from: .own, now: start, wallNow: later) == .dropped(.expired))
    }

    @Test func theWayBackIsKnownForAWhile() throws {
        var forwarder = forwarder(to: [])
        forwarder.heard(of: Self.dave, via: Self.carol, now: start)
        #expect(offer(try frame(1), &forwarder, at: .seconds(59)) == .queued(Self.carol))
        #expect(offer(try frame(2), &forwarder, from: Self.carol, at: .seconds(59)) == .dropped(.noRoute))
        #expect(offer(try frame(3), &forwarder, at: .seconds(60)) == .dropped(.noRoute))
    }

    @Test func whatWaitsIsLimitedByNeighbourAndByOrigin() throws {
        var limits = Forwarder.Limits()
        limits.queueByteCountMax = 3000
        limits.originByteCountMax = 2000
        var forwarder = forwarder(limits, to: [Self.carol])
        for number in UInt8(1)...2 {
            #expect(offer(try frame(number, byteCount: 1000), &forwarder) == .queued(Self.carol))
        }
        #expect(offer(try frame(3), &forwarder) == .full, "Bob has his share")
        #expect(forwarder.takes(to: Self.dave, from: .neighbour(Self.bob), now: start) == false)
        #expect(forwarder.takes(to: Self.dave, from: .own, now: start) == true)
        let own = try frame(4, hopCount: 0, byteCount: 1000)
        #expect(forwarder.offer(own, from: .own, now: start, wallNow: wallNow) == .queued(Self.carol))
        #expect(forwarder.takes(to: Self.dave, from: .own, now: start) == false, "Carol's queue is full")
        _ = take(&forwarder, for: Self.carol)
        #expect(offer(try frame(3), &forwarder) == .queued(Self.carol))
    }

    @Test func whereMuchWaitsForTheBestOthersTakeTheirShare() throws {
        var limits = Forwarder.Limits()
        (limits.spreadByteCountMin, limits.queueByteCountMax) = (2000, 3000)
        var forwarder = forwarder(limits, to: [Self.bob, Self.carol])
        var ways: [PeerID] = []
        for number in UInt8(1)...6 {
            let own = try frame(number, hopCount: 0, byteCount: 1000)
            guard case .queued(let way) = forwarder.offer(own, from: .own, now: start, wallNow: wallNow)
            else {
                Issue.record("frame \(number) has no way")
                return
            }
            ways.append(way)
        }
        #expect(ways == [Self.bob, Self.bob, Self.carol, Self.carol, Self.bob, Self.carol])
        #expect(forwarder.takes(to: Self.dave, from: .own, now: start) == false)
        _ = take(&forwarder, for: Self.carol)
        #expect(forwarder.takes(to: Self.dave, from: .own, now: start) == true)
        // Nothing goes back to where it came from.
        #expect(offer(try frame(7), &forwarder, from: Self.carol) == .full)
        #expect(offer(try frame(7), &forwarder, from: Self.bob) == .queued(Self.carol))
    }

    @Test func aBadLinkIsNoHelpWhereTheWayAroundItIsBusy() throws {
        var limits = Forwarder.Limits()
        (limits.spreadByteCountMin, limits.queueByteCountMax) = (1000, 3000)
        var forwarder = forwarder(limits, to: [])
        forwarder.linkUp(Self.dave, now: start)
        forwarder.setRoute(to: Self.dave, [Self.carol, Self.dave], linkCount: 1, bestLinkCount: 2)
        for number in UInt8(1)...3 {
            #expect(offer(try frame(number, byteCount: 1000), &forwarder) == .queued(Self.carol))
        }
        #expect(offer(try frame(4), &forwarder) == .queued(Self.dave), "the last resort")
    }

    @Test func aNeighbourThatTakesNothingIsDoubtedAndHoldsUpOneFrameASecond() throws {
        var limits = Forwarder.Limits()
        limits.queueByteCountMax = 1000
        var forwarder = forwarder(limits, to: [Self.carol])
        #expect(offer(try frame(1, byteCount: 1000), &forwarder) == .queued(Self.carol))
        #expect(offer(try frame(2), &forwarder) == .full)
        #expect(forwarder.nextDoubt() == nil)
        forwarder.gaveUp(try frame(2), from: .neighbour(Self.bob), now: start + .seconds(1))
        let doubt = forwarder.nextDoubt()
        #expect(doubt?.to == Self.dave && doubt?.via == Self.carol)
        #expect(offer(try frame(3), &forwarder, at: .milliseconds(1999)) == .dropped(.noRoom))
        #expect(offer(try frame(3), &forwarder, at: .seconds(2)) == .full)
        _ = take(&forwarder, for: Self.carol)
        #expect(offer(try frame(3), &forwarder, at: .milliseconds(1999)) == .queued(Self.carol))
    }

    @Test func aNeighbourHandsOverSoManyFramesInASecond() throws {
        var limits = Forwarder.Limits()
        limits.framesPerSecond = 10
        var forwarder = forwarder(limits, to: [Self.carol])
        for number in UInt8(1)...10 {
            #expect(offer(try frame(number), &forwarder) == .queued(Self.carol))
        }
        let until = start + .milliseconds(100)
        #expect(offer(try frame(11), &forwarder) == .tooFast(until: until))
        #expect(offer(try frame(11), &forwarder, at: .milliseconds(100)) == .queued(Self.carol))
        #expect(offer(try frame(12), &forwarder, from: Self.carol) == .dropped(.noRoute))
    }

    @Test func whoComesAgainHandsOverNoMoreThanBefore() throws {
        var limits = Forwarder.Limits()
        limits.framesPerSecond = 3
        var forwarder = forwarder(limits, to: [Self.carol])
        for number in UInt8(1)...3 { #expect(offer(try frame(number), &forwarder) == .queued(Self.carol)) }
        forwarder.linkDown(Self.bob, wallNow: wallNow)
        forwarder.linkUp(Self.bob, now: start)
        guard case .tooFast = offer(try frame(4), &forwarder) else {
            Issue.record("a fourth frame within a second")
            return
        }
    }

    @Test func whatWaitedForALinkThatEndsTakesNoMoreThanTheRoomOfOthers() throws {
        var limits = Forwarder.Limits()
        limits.queueByteCountMax = 1000
        let frank = Self.peer(6)
        var forwarder = forwarder(limits, to: [Self.carol])
        var number = UInt8(0)
        for _ in 0..<5 {
            forwarder.linkUp(Self.carol, now: start)
            forwarder.linkUp(frank, now: start)
            forwarder.setRoute(
                to: Self.dave,
                [Self.carol, frank].map { RouteHop(peer: $0, metric: .zero, hops: 2) }
            )
            number += 1
            _ = offer(try frame(number, byteCount: 1000), &forwarder)
            number += 1
            _ = offer(try frame(number, byteCount: 1000), &forwarder)
            forwarder.linkDown(Self.carol, wallNow: wallNow)
        }
        let fill = try #require(forwarder.tableFills.first { $0.name == "forwarder queue bytes" })
        #expect((1000..<2000).contains(fill.count), "one frame has room where any is left")
        #expect(forwarder.droppedCounts[.noRoom] ?? 0 > 0)
    }

    @Test func whatWouldBeTooLongForTheNextOneIsDropped() throws {
        var forwarder = forwarder(to: [Self.carol])
        for spare in [2, 1] {
            // What later versions may say in a receipt goes on with the rest.
            let id = MessageID(random: [UInt8](repeating: 1, count: 16))
            var body = Receipt(
                for: [.init(id: id, outcome: .delivered)],
                to: Self.dave,
                created: MessageKit.created,
                from: Self.key(1)
            ).bodyBytes
            let byteCount = MessageFrame.byteCountMax - 8 - 66 - spare
            let padding = byteCount - body.count - 4
            body += [15 << 3 | 2, UInt8(padding & 127) | 128, UInt8(padding >> 7 & 127) | 128]
            body += [UInt8(padding >> 14)] + [UInt8](repeating: 0, count: padding)
            var signed = ProtobufWriter()
            signed.bytes(1, body)
            signed.bytes(2, [UInt8](repeating: 1, count: 64))
            #expect(signed.bytes.count + 4 == MessageFrame.byteCountMax - spare, "its neighbour reads it")
            let frame = TransitFrame(try Receipt(parsing: signed.bytes.span), crossed: 1)
            #expect(offer(frame, &forwarder) == (spare == 2 ? .queued(Self.carol) : .dropped(.tooLong)))
        }
    }

    @Test func noSignatureIsLongerThanOneCanBe() throws {
        let header = MessageHeader(
            id: MessageID(random: [UInt8](repeating: 1, count: 16)),
            from: Self.alice,
            to: Self.dave,
            created: MessageKit.created,
            lifetimeMilliseconds: 60_000,
            place: .init(series: 1, number: 1, floor: 1)
        )
        for (byteCount, isRead) in [(72, true), (73, false)] {
            var writer = ProtobufWriter()
            writer.bytes(1, header.encoded)
            writer.bytes(3, [UInt8](repeating: 1, count: byteCount))
            let envelope = try? Envelope(parsing: writer.bytes.span)
            #expect((envelope != nil) == isRead)
        }
    }

    @Test func alsoThoseThatAreDroppedCount() throws {
        var limits = Forwarder.Limits()
        limits.framesPerSecond = 3
        var forwarder = forwarder(limits, to: [Self.carol])
        let frame = try frame(1)
        #expect(offer(frame, &forwarder) == .queued(Self.carol))
        #expect(offer(frame, &forwarder) == .dropped(.repeated))
        #expect(offer(try self.frame(2, hopCount: 5), &forwarder) == .dropped(.hopLimit))
        guard case .tooFast = offer(try self.frame(3), &forwarder) else {
            Issue.record("a fourth frame within a second")
            return
        }
    }

    @Test func nobodyMayAskForMoreLinksThanTen() throws {
        var forwarder = forwarder(to: [Self.carol])
        #expect(offer(try frame(1, hopCount: 9, hopLimit: 255), &forwarder) == .queued(Self.carol))
        #expect(offer(try frame(2, hopCount: 10, hopLimit: 255), &forwarder) == .dropped(.hopLimit))
    }

    @Test func aFrameTakesTheBestOfTheWaysThatAreNotTooLongForIt() throws {
        var forwarder = forwarder(to: [])
        let frank = Self.peer(6)
        forwarder.linkUp(frank, now: start)
        func ways(_ linkCounts: (Int, Int)) -> [RouteHop] {
            [(Self.carol, linkCounts.0), (frank, linkCounts.1)].map {
                RouteHop(peer: $0.0, metric: .zero, hops: $0.1)
            }
        }
        forwarder.setRoute(to: Self.dave, ways((4, 2)))
        #expect(offer(try frame(1, hopCount: 1), &forwarder) == .queued(Self.carol), "four are left to it")
        #expect(offer(try frame(2, hopCount: 2), &forwarder) == .queued(frank))
        #expect(offer(try frame(3, hopCount: 4), &forwarder) == .queued(Self.carol), "that may not be so")
        #expect(forwarder.linkCount(to: Self.dave) == 2)
        // What comes again does not take one that is too long instead.
        #expect(offer(try frame(2, hopCount: 2), &forwarder, at: .seconds(1)) == .queued(frank))
        let own = TransitFrame(own: [1], from: Self.erin, to: Self.dave, priority: .normal, hopLimit: 3)
        #expect(forwarder.offer(own, from: .own, now: start, wallNow: wallNow) == .queued(frank))
        forwarder.linkDown(frank, wallNow: wallNow)
        #expect(forwarder.linkCount(to: Self.dave) == 4)
        #expect(forwarder.hasRoute(to: Self.dave, linkCountMax: 3, now: start) == false)
        forwarder.setRoute(to: Self.dave, [])
        #expect(forwarder.linkCount(to: Self.dave) == nil)
    }

    @Test func whereMuchWaitsForTheBestNoneTakesAShareWhoseWayIsTooLong() throws {
        var limits = Forwarder.Limits()
        (limits.spreadByteCountMin, limits.queueByteCountMax) = (1000, 100_000)
        var forwarder = forwarder(limits, to: [])
        for (linkCount, expected) in [(5, Self.carol), (6, Self.bob)] {
            let ways = [(Self.bob, 2), (Self.carol, linkCount)]
            forwarder.setRoute(
                to: Self.dave,
                ways.map { RouteHop(peer: $0.0, metric: .zero, hops: $0.1) }
            )
            var way: Forwarder.Verdict?
            for number in UInt8(1)...2 {
                let own = try frame(number, hopCount: 0, byteCount: 1000)
                way = forwarder.offer(own, from: .own, now: start, wallNow: wallNow)
            }
            #expect(way == .queued(expected), "\(linkCount) links of five")
            for neighbour in [Self.bob, Self.carol] { _ = take(&forwarder, for: neighbour) }
        }
    }

    /// Whoever it is handed to in place of the neighbour would be taken to have it from somebody else.
    @Test func aMessageToEverybodyGoesToItsNeighbourOverItsLinkHoweverBad() throws {
        var forwarder = forwarder(to: [])
        forwarder.linkUp(Self.dave, now: start)
        forwarder.setRoute(to: Self.dave, [Self.carol, Self.dave], linkCount: 1, bestLinkCount: 2)
        let flood = TransitFrame(flood: [1], to: Self.dave, priority: .normal, expires: wallNow)
        #expect(forwarder.offer(flood, from: .flood, now: start, wallNow: wallNow) == .queued(Self.dave))
        let own = TransitFrame(own: [1], from: Self.erin, to: Self.dave, priority: .normal, hopLimit: 1)
        #expect(forwarder.offer(own, from: .own, now: start, wallNow: wallNow) == .queued(Self.dave))
    }

    @Test func whatIsForANeighbourWithAWorseLinkGoesOverOthers() throws {
        var forwarder = forwarder(to: [])
        forwarder.linkUp(Self.dave, now: start)
        forwarder.setRoute(to: Self.dave, [Self.dave, Self.carol], linkCount: 1, bestLinkCount: 1)
        #expect(offer(try frame(1), &forwarder) == .queued(Self.dave))
        forwarder.setRoute(to: Self.dave, [Self.carol, Self.dave], linkCount: 1, bestLinkCount: 2)
        let isDetoured = forwarder.isDetoured(Self.dave)
        #expect(isDetoured)
        #expect(offer(try frame(2), &forwarder) == .queued(Self.carol))
        // Not what may cross no more than one link, nor back.
        #expect(offer(try frame(3, hopCount: 4), &forwarder) == .queued(Self.dave))
        #expect(offer(try frame(4), &forwarder, from: Self.carol) == .queued(Self.dave))
        // What is to everybody comes to each neighbour itself.
        let flood = TransitFrame(flood: [7], to: Self.dave, priority: .normal, expires: wallNow)
        #expect(forwarder.offer(flood, from: .flood, now: start, wallNow: wallNow) == .queued(Self.dave))
        forwarder.endDetour(to: Self.dave)
        #expect(offer(try frame(5), &forwarder) == .queued(Self.dave))
        forwarder.setRoute(to: Self.dave, [Self.carol, Self.dave], linkCount: 1, bestLinkCount: 2)
        forwarder.linkDown(Self.carol, wallNow: wallNow)
        #expect(offer(try frame(6), &forwarder) == .queued(Self.dave))
    }

    @Test func whatWaitsForANeighbourThatGoesTakesAnotherWay() throws {
        var forwarder = forwarder(to: [Self.bob, Self.carol])
        let own = try frame(1, hopCount: 0)
        #expect(forwarder.offer(own, from: .own, now: start, wallNow: wallNow) == .queued(Self.bob))
        #expect(offer(try frame(2), &forwarder, from: Self.carol) == .queued(Self.bob))
        forwarder.linkDown(Self.bob, wallNow: wallNow)
        #expect(take(&forwarder, for: Self.carol) == own.wire)
        #expect(forwarder.droppedCounts == [.noRoute: 1], "Carol's frame is not sent back to her")
        #expect(forwarder.hasRoute(to: Self.dave, linkCountMax: 2, now: start) == true)
        forwarder.linkDown(Self.carol, wallNow: wallNow)
        #expect(forwarder.hasRoute(to: Self.dave, linkCountMax: 2, now: start) == false)
    }

    @Test func theUrgentStreamTakesTheUrgentFrames() throws {
        var forwarder = forwarder(to: [Self.carol])
        _ = offer(try frame(1, priority: .low), &forwarder)
        let urgent = try frame(2, priority: .emergency)
        _ = offer(urgent, &forwarder)
        #expect(take(&forwarder, for: Self.carol, .emergency) == urgent.wire)
        #expect(forwarder.waitingPriorities(for: Self.carol) == PrioritySet(.low))
    }
}

extension Forwarder {
    /// Says over which neighbours a peer is reached: over the best of them by so many links, and else by others.
    fileprivate mutating func setRoute(
        to peer: PeerID,
        _ hops: [PeerID],
        linkCount: Int,
        bestLinkCount: Int? = nil
    ) {
        setRoute(
            to: peer,
            hops.enumerated().map { place, hop in
                RouteHop(
                    peer: hop,
                    metric: .zero,
                    hops: place == 0 ? bestLinkCount ?? linkCount : linkCount
                )
            }
        )
    }
}

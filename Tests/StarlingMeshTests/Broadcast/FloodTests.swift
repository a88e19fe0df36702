import StarlingCore
import StarlingCrypto
import StarlingMesh
import Testing

@Suite struct FloodTests {
    static let alice = MessageKit.alice.peerID
    static let bob = MessageKit.bob.peerID
    static let carol = MessageKit.key(3).peerID
    static let dave = MessageKit.key(4).peerID
    static let start = Instant(nanosecondsSinceOrigin: 0)

    static func envelope(
        _ number: UInt8,
        from sender: IdentityKey = MessageKit.alice,
        lifetime: Duration = .seconds(60),
        created: WallTime = MessageKit.created,
        hopLimit: UInt8 = 16,
        payload: [UInt8] = [1]
    ) throws -> Envelope {
        var header = MessageHeader(
            id: MessageID(random: [UInt8](repeating: number, count: 16)),
            from: sender.peerID,
            to: nil,
            created: created,
            lifetimeMilliseconds: lifetime.milliseconds,
            place: nil
        )
        header.hopLimit = hopLimit
        return try Envelope(header, content: MessageContent(type: .data, payload: payload), from: sender)
    }

    /// A node with neighbours.
    private struct Kit {
        var flood: Flood
        var now = start

        init(_ neighbours: [PeerID], limits: Flood.Limits = Flood.Limits()) {
            flood = Flood(seed: 7, limits: limits)
            for neighbour in neighbours { flood.linkUp(neighbour, now: now) }
        }

        mutating func receive(_ envelope: Envelope, from neighbour: PeerID) -> Flood.Verdict {
            flood.receive(envelope, from: neighbour, now: now, wallNow: wallNow)
        }

        var wallNow: WallTime {
            WallTime(
                millisecondsSince1970: MessageKit.created.millisecondsSince1970
                    + start.duration(to: now).milliseconds
            )
        }

        mutating func advance(_ duration: Duration) {
            now = now + duration
            flood.advance(to: now)
        }

        /// To whom messages go.
        mutating func sent() -> [[PeerID]] {
            var sent: [[PeerID]] = []
            while case .send(_, let to)? = flood.nextAction() { sent.append(to) }
            return sent
        }
    }

    @Test func aMessageGoesOnOnceToThoseThatDoNotHaveIt() throws {
        var kit = Kit([Self.alice, Self.bob, Self.carol, Self.dave])
        let message = try Self.envelope(1)
        #expect(kit.receive(message, from: Self.bob) == .new)
        #expect(kit.receive(message, from: Self.carol) == .known)
        kit.advance(.milliseconds(30))
        let sent = kit.sent()
        #expect(sent == [[Self.dave]], "its sender, and those who sent it, have it")
        #expect(kit.receive(message, from: Self.dave) == .known)
        kit.advance(.seconds(1))
        let more = kit.sent()
        #expect(more.isEmpty)
    }

    @Test func theFrameCountsTheLinkThatItCrossed() throws {
        var kit = Kit([Self.bob, Self.carol])
        let message = try Self.envelope(1, hopLimit: 2)
        _ = kit.receive(message, from: Self.bob)
        let wire = try #require(
            kit.flood.frame(of: MessageName(message.header), for: Self.carol)?.wire
        )
        var offset = 0
        _ = try Varint.read(wire.span, at: &offset)
        let body = Array(wire[offset...])
        let parsed = try MessageFrame.parse(body.span)
        let frame = try #require(parsed)
        let read = try Envelope(verifying: frame.bytes.span)
        #expect(read.hopCount == 1)
        // One that has crossed all links that it may is taken, and stays.
        var last = read
        last.hopCount = 1
        var other = Kit([Self.bob, Self.carol])
        #expect(other.receive(last, from: Self.bob) == .new)
        other.advance(.seconds(1))
        let sent = other.sent()
        #expect(sent.isEmpty)
    }

    @Test func nobodySpreadsAMessageOverMoreThanTenLinksWhateverItsSenderAllows() throws {
        var kit = Kit([Self.bob, Self.carol])
        for (hopCount, sent) in [(8, [[Self.carol]]), (9, []), (15, [])] as [(UInt32, [[PeerID]])] {
            var message = try Self.envelope(UInt8(hopCount), hopLimit: 255)
            message.hopCount = hopCount
            #expect(kit.receive(message, from: Self.bob) == .new, "after \(hopCount + 1) links")
            kit.advance(.milliseconds(30))
            let found = kit.sent()
            #expect(found == sent, "after \(hopCount + 1) links")
        }
    }

    @Test func aNewNeighbourGetsWhatIsKeptUntilItsLifetimeIsOver() throws {
        var kit = Kit([Self.bob])
        _ = kit.receive(try Self.envelope(1, lifetime: .seconds(60)), from: Self.bob)
        kit.advance(.seconds(1))
        kit.flood.linkUp(Self.carol, now: kit.now)
        kit.advance(.milliseconds(30))
        var sent = kit.sent()
        #expect(sent == [[Self.carol]])
        kit.advance(.seconds(60))
        kit.flood.linkUp(Self.dave, now: kit.now)
        kit.advance(.seconds(1))
        sent = kit.sent()
        #expect(sent.isEmpty)
        #expect(kit.flood.nextDeadline == nil)
    }

    @Test func aNeighbourWithoutRoomIsTriedAgain() throws {
        var kit = Kit([Self.bob, Self.carol])
        let message = try Self.envelope(1)
        _ = kit.receive(message, from: Self.bob)
        kit.advance(.milliseconds(30))
        var sent = kit.sent()
        #expect(sent == [[Self.carol]])
        kit.flood.missed(MessageName(message.header), by: Self.carol, now: kit.now)
        kit.advance(.seconds(1))
        sent = kit.sent()
        #expect(sent == [[Self.carol]])
    }

    @Test func whatIsOverOrLivesTooLongIsRefused() throws {
        var kit = Kit([Self.bob])
        let old = WallTime(millisecondsSince1970: MessageKit.created.millisecondsSince1970 - 1_000_000)
        #expect(kit.receive(try Self.envelope(1, created: old), from: Self.bob) == .refused(.expired))
        let long = try Self.envelope(2, lifetime: .seconds(3601))
        #expect(kit.receive(long, from: Self.bob) == .refused(.lifetime))
        let ahead = WallTime(millisecondsSince1970: MessageKit.created.millisecondsSince1970 + 5_000_000)
        #expect(kit.receive(try Self.envelope(3, created: ahead), from: Self.bob) == .refused(.lifetime))
        let large = try Self.envelope(4, payload: [UInt8](repeating: 1, count: 80_000))
        #expect(kit.receive(large, from: Self.bob) == .refused(.tooLarge))
        #expect(kit.flood.refusedCounts == [.expired: 1, .lifetime: 2, .tooLarge: 1])
    }

    @Test func aNeighbourThatFloodsIsHeldBackAndNobodyElse() throws {
        var limits = Flood.Limits()
        limits.takenRate = RouteRate(perSecond: 32, atOnce: 2)
        var kit = Kit([Self.bob, Self.carol], limits: limits)
        #expect(kit.receive(try Self.envelope(1), from: Self.bob) == .new)
        #expect(kit.receive(try Self.envelope(2), from: Self.bob) == .new)
        let third = try Self.envelope(3)
        #expect(kit.receive(third, from: Self.bob) == .refused(.tooFast))
        #expect(kit.receive(third, from: Self.carol) == .new)
        kit.advance(.seconds(1))
        #expect(kit.receive(try Self.envelope(4), from: Self.bob) == .new)
    }

    @Test func whoGoesAndComesAgainMayHandOverNoMore() throws {
        var limits = Flood.Limits()
        limits.takenRate = RouteRate(perSecond: 1, atOnce: 1)
        var kit = Kit([Self.bob], limits: limits)
        #expect(kit.receive(try Self.envelope(1), from: Self.bob) == .new)
        kit.flood.linkDown(Self.bob)
        kit.flood.linkUp(Self.bob, now: kit.now)
        #expect(kit.receive(try Self.envelope(2), from: Self.bob) == .refused(.tooFast))
    }

    @Test func moreThanANeighbourTakesAtOnceWaitsAndIsNotLost() throws {
        var limits = Flood.Limits()
        limits.sentRate = RouteRate(perSecond: 10, atOnce: 2)
        var kit = Kit([Self.bob, Self.carol], limits: limits)
        for number in 0..<5 as Range<UInt8> { _ = kit.receive(try Self.envelope(number), from: Self.bob) }
        kit.advance(.milliseconds(30))
        var count = kit.sent().count
        #expect(count == 2)
        for _ in 0..<10 {
            kit.advance(.milliseconds(100))
            count += kit.sent().count
        }
        #expect(count == 5)
    }

    @Test func anotherSendersMessageOfTheSameIdIsAnotherOne() throws {
        var kit = Kit([Self.bob, Self.carol])
        #expect(kit.receive(try Self.envelope(1, from: MessageKit.key(9)), from: Self.carol) == .new)
        #expect(kit.receive(try Self.envelope(1), from: Self.bob) == .new)
    }

    @Test func theTablesKeepTheirLimits() throws {
        var limits = Flood.Limits()
        (limits.keptCountMax, limits.senderKeptCountMax, limits.seenCountMax) = (4, 2, 5)
        var kit = Kit([Self.bob], limits: limits)
        for number in 0..<20 as Range<UInt8> {
            let sender = MessageKit.key(10 + number % 5)
            #expect(kit.receive(try Self.envelope(number, from: sender), from: Self.bob) == .new)
            #expect(kit.flood.tableFills.allSatisfy { !$0.isOverfull })
        }
        func isKept(_ number: UInt8, of sender: UInt8) throws -> Bool {
            let header = try Self.envelope(number, from: MessageKit.key(sender)).header
            return kit.flood.frame(of: MessageName(header), for: Self.bob) != nil
        }
        #expect(try !isKept(0, of: 10), "the oldest gave way")
        #expect(try isKept(19, of: 14))
    }
}

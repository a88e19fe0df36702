import StarlingCore
import StarlingCrypto
import StarlingMesh
import Testing

/// Digests, proofs and numbers between a table and its neighbours.
@Suite struct RouteExchangeTests {
    typealias Kit = RouteTableKit

    private static let own = MessageKit.alice

    // MARK: Digests

    @Test func aDigestOfAllThatWasToldComesEveryThirtySeconds() throws {
        let kit = try Kit()
        kit.up(1)
        kit.up(2)
        for destination in UInt8(10)...20 { try kit.hear(1, destination, 5000) }
        // They wait for company for a while.
        kit.pass(.seconds(115))
        var digest = RouteDigest()
        var digests: [RouteDigest] = []
        for frame in kit.frames(to: 2) {
            for update in frame.updates { digest.add(update) }
            guard let told = frame.digest else { continue }
            digests.append(told)
            #expect(told == digest)
        }
        #expect(digests.count == 3 && digests.last?.count == 12)
    }

    @Test func aDigestGoesAlongWithAnythingElseThatIsSent() throws {
        let kit = try Kit()
        kit.up(1)
        kit.up(2)
        try kit.hear(1, 9, 5000)
        kit.pass(.seconds(31))
        #expect(kit.frames(to: 2).allSatisfy { $0.digest == nil })
        let isFree = kit.frame(to: 2, isSentAnyway: false) == nil
        let along = kit.frame(to: 2, isSentAnyway: true)
        let again = kit.frame(to: 2, isSentAnyway: true)
        #expect(isFree && along?.digest?.count == 2 && along?.updates == [] && again == nil)
        // The other neighbour is told of it with news.
        kit.forgetTold()
        try kit.hear(2, 8, 5000)
        #expect(kit.frames(to: 1).compactMap(\.digest).map(\.count) == [2])
        // Both have theirs: nothing follows until the next ones are due.
        kit.pass(.seconds(20))
        #expect(kit.frames(to: 1).isEmpty && kit.frames(to: 2).isEmpty)
    }

    @Test func anotherDigestThanWhatWasReadBreaksTheStream() throws {
        let kit = try Kit()
        kit.up(1)
        try kit.hear(1, 9, 5000)
        try kit.hearDigest(1)
        #expect(kit.hops(to: 9) == [1])
        var frame = RouteFrame()
        frame.digest = RouteDigest()
        #expect(throws: RouteBreach.digestDiffers) { try kit.hear(1, frame) }
        #expect(kit.hops(to: 9) == [] && kit.hops(to: 1) == [1])
        // The next stream begins anew.
        kit.act { $0.incomingReset(Kit.peer(1), now: $1, wallNow: $2) }
        try kit.hear(1, frame)
    }

    @Test func whatIsNotRepeatedForFiveMinutesIsVoid() throws {
        let kit = try Kit()
        kit.up(1)
        try kit.hear(1, 9, 5000)
        kit.pass(.seconds(290))
        try kit.hearDigest(1)
        kit.pass(.seconds(299))
        #expect(kit.hops(to: 9) == [1])
        kit.pass(.seconds(31))
        #expect(kit.hops(to: 9) == [] && kit.hops(to: 1) == [1])
    }

    @Test func aStreamThatBeginsAnewIsToldEverything() throws {
        let kit = try Kit()
        kit.up(1)
        kit.up(2)
        try kit.hear(1, 9, 5000)
        kit.pass(.seconds(31))
        kit.forgetTold()
        kit.act { $0.outgoingReset(Kit.peer(2), now: $1, wallNow: $2) }
        kit.pass(.seconds(50))
        let frames = kit.frames(to: 2)
        let updates = frames.flatMap(\.updates)
        #expect(Set(updates.map(\.destination)) == [Self.own.peerID, Kit.peer(9)])
        #expect(updates.allSatisfy { $0.proof != nil })
        #expect(frames.compactMap(\.digest).map(\.count) == [2])
    }

    /// What changes again and again is told ever less often, and at once after a rest.
    @Test func updatesWaitTheLongerTheMoreOftenThereAreSome() throws {
        let kit = try Kit()
        kit.up(1)
        kit.up(2)
        kit.pass(.seconds(1))
        kit.forgetTold()
        /// When 2 is told a route that changes every 10 ms.
        func times() throws -> [Int64] {
            var (times, metric, start): ([Int64], UInt64, Instant) = ([], 5000, kit.now)
            while start.duration(to: kit.now) < .seconds(5) {
                metric = metric == 5000 ? 50_000 : 5000
                try kit.hear(1, 9, metric)
                if !kit.updates(to: 2).isEmpty { times.append(start.duration(to: kit.now).milliseconds) }
                kit.pass(.milliseconds(10))
                if !kit.updates(to: 2).isEmpty { times.append(start.duration(to: kit.now).milliseconds) }
            }
            return times
        }
        let expected: [Int64] = [0, 50, 150, 350, 750, 1550, 3150, 4750]
        let first = try times()
        #expect(first == expected)
        kit.pass(.seconds(5))
        let second = try times()
        #expect(second == expected)
    }

    /// What is gone is told soon: others send there as long as they have not heard.
    @Test func aWithdrawalDoesNotWaitForWhatChangesAgainAndAgain() throws {
        let kit = try Kit()
        kit.up(1)
        kit.up(2)
        for destination in UInt8(20)...21 { try kit.hear(1, destination, 5000) }
        kit.pass(.seconds(5))
        for number in 0..<100 {
            try kit.hear(1, 9, number % 2 == 0 ? 50_000 : 5000)
            kit.pass(.milliseconds(10))
        }
        kit.forgetTold()
        try kit.hear(1, withdraws: 20)
        kit.pass(.milliseconds(50))
        #expect(kit.updates(to: 2) == [RouteUpdate(withdrawing: Kit.peer(20))])
        // One that comes again meanwhile is no withdrawal, and has its turn with the others.
        let again = RouteUpdate(RouteKit.way(6000, hops: 1), proof: Kit.proof(21))
        try kit.hear(1, [RouteUpdate(withdrawing: Kit.peer(21)), again])
        kit.pass(.milliseconds(50))
        #expect(kit.updates(to: 2).isEmpty)
        kit.pass(.seconds(2))
        let told = kit.updates(to: 2)
        #expect(!told.isEmpty && told.allSatisfy { $0.way != nil })
        // The digest counts all of it.
        kit.pass(.seconds(51))
        #expect(kit.frames(to: 2).contains { $0.digest != nil })
    }

    // MARK: Proofs

    @Test func aForgedProofBreaksTheStreamAndIsNotForgotten() throws {
        let kit = try Kit()
        kit.up(1)
        kit.up(2)
        try kit.hear(1, 9, 5000)
        let forged = try #require(
            try RouteKit.parse(
                MessageKit.field(
                    1,
                    MessageKit.field(1, Kit.peer(8).multihash)
                        + MessageKit.field(
                            2,
                            MessageKit.field(1, 1) + MessageKit.field(2, 1) + MessageKit.field(3, [1, 2])
                        ) + MessageKit.field(3, 9) + MessageKit.field(4, 1)
                )
            ).updates.first
        )
        #expect(throws: RouteBreach.invalidProof(.wrongSignature)) { try kit.hear(1, [forged]) }
        #expect(kit.hops(to: 9) == [] && kit.hops(to: 8) == [])
        // What it says later is believed last.
        kit.down(1)
        kit.up(1)
        try kit.hear(1, 9, 1, number: 2)
        try kit.hear(2, 9, 500_000, number: 2)
        #expect(kit.hops(to: 9).first == 2)
    }

    @Test func nobodyIsWhatItIsNot() throws {
        let kit = try Kit()
        kit.up(1)
        let update = RouteUpdate(.init(metric: .zero, hops: 0), proof: Kit.proof(9))
        #expect(throws: RouteBreach.notTheDestination) { try kit.hear(1, [update]) }
        #expect(kit.hops(to: 9) == [])
    }

    @Test func aProofThatIsOverIsNotTaken() throws {
        let kit = try Kit()
        kit.up(1)
        let ends = { (milliseconds: Int64) in
            RouteProof(
                number: 1,
                expires: WallTime(millisecondsSince1970: Kit.wall.millisecondsSince1970 + milliseconds),
                from: Kit.key(9)
            )
        }
        let tolerance = RouteProof.clockTolerance.milliseconds
        try kit.hear(1, [RouteUpdate(RouteKit.way(5000, hops: 1), proof: ends(-tolerance))])
        #expect(kit.hops(to: 9) == [])
        try kit.hear(1, [RouteUpdate(RouteKit.way(5000, hops: 1), proof: ends(60_000 - tolerance))])
        #expect(kit.hops(to: 9) == [1])
        kit.pass(.seconds(91))
        #expect(kit.hops(to: 9) == [])
    }

    @Test func aSignatureIsCheckedOnceHoweverManyTellIt() throws {
        let kit = try Kit()
        for neighbour in UInt8(1)...5 {
            kit.up(neighbour)
            try kit.hear(neighbour, 9, 5000)
        }
        #expect(kit.verificationCount == 1)
    }

    // MARK: Own numbers

    @Test func theProofIsRenewedEveryHourWithTheNextNumber() throws {
        let kit = try Kit()
        kit.up(1)
        let first = kit.number
        kit.pass(.seconds(1))
        kit.forgetTold()
        kit.pass(.seconds(3598))
        #expect(kit.number == first)
        kit.pass(.seconds(3602))
        #expect(kit.number == first + 2)
        kit.pass(.seconds(51))
        let proofs = kit.updates(to: 1).compactMap(\.proof)
        #expect(proofs.map(\.number) == [first + 1, first + 2])
        #expect(proofs.allSatisfy { $0.end(now: kit.now, wallNow: kit.wallNow) != nil })
    }

    @Test func aNumberIsUsedOnceItIsReservedAndNeverAgain() throws {
        var kit = try Kit()
        var used: Set<UInt64> = []
        for _ in 0..<5 {
            #expect(used.insert(kit.number).inserted)
            kit.up(1)
            try kit.ask(
                1,
                NumberRequest(destination: Self.own.peerID, number: kit.number + 1, hopLimit: 1)
            )
            #expect(used.insert(kit.number).inserted)
            kit = try Kit(memory: .kept, disk: kit.disk)
        }
        let silent = try Kit()
        silent.writes = false
        let other = RouteTable(identity: Self.own, now: silent.now)
        silent.table = other
        silent.act { $0.begin(.fresh, now: $1, wallNow: $2) }
        silent.up(1)
        silent.pass(.seconds(5))
        #expect(silent.number == 0)
        #expect(silent.update(to: 1, of: 9) == nil && silent.updates(to: 1) == [])
        silent.write()
        silent.settle()
        #expect(silent.number == 1 && silent.updates(to: 1).count == 1)
    }

    @Test func aHigherNumberIsHadByAskingForTheNext() throws {
        let kit = try Kit()
        kit.up(1)
        let number = kit.number
        kit.pass(.seconds(1))
        kit.forgetTold()
        try kit.ask(1, NumberRequest(destination: Self.own.peerID, number: number, hopLimit: 1))
        #expect(kit.updates(to: 1).map(\.proof?.number) == [number])
        kit.pass(.seconds(1))
        try kit.ask(1, NumberRequest(destination: Self.own.peerID, number: number + 1, hopLimit: 1))
        #expect(kit.number == number + 1)
        #expect(kit.updates(to: 1).map(\.proof?.number) == [number + 1])
        // Nobody can have it skip numbers.
        try kit.ask(1, NumberRequest(destination: Self.own.peerID, number: 1 << 40, hopLimit: 1))
        let other = RouteProof(number: 1 << 40, expires: RouteKit.expires, from: MessageKit.bob)
        let request = NumberRequest(destination: Self.own.peerID, number: 1 << 40, hopLimit: 1, proof: other)
        try kit.ask(1, request)
        #expect(kit.number == number + 1)
    }

    @Test func whoHasLostItsCountGoesOnBehindItsOwnProof() throws {
        let kit = try Kit(memory: .lost)
        kit.up(1)
        #expect(kit.number == 1)
        let proof = RouteProof(number: 500, expires: RouteKit.expires, from: Self.own)
        let request = NumberRequest(destination: Self.own.peerID, number: 501, hopLimit: 1, proof: proof)
        try kit.ask(1, request)
        #expect(kit.number == 501)
        // Also when a neighbour tells what it knows of this node.
        let later = RouteProof(number: 700, expires: RouteKit.expires, from: Self.own)
        try kit.hear(1, [RouteUpdate(RouteKit.way(5000, hops: 2), proof: later)])
        #expect(kit.number == 701)
    }
}

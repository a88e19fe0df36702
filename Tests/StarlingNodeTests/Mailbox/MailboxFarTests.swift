import StarlingCore
import StarlingCrypto
import StarlingMesh
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Synchronization
import Testing

@testable import StarlingNode

/// Mailboxes over others that refuse, or break rules, and what a mailbox grants to those that ask over others.
@Suite struct MailboxFarTests {
    private typealias Fleet = MailboxFleet
    private static let mailbox = Fleet.rowMailbox

    private final class Record<Element: Sendable>: Sendable {
        private let elements = Mutex<[Element]>([])

        func append(_ element: Element) { elements.withLock { $0.append(element) } }
        var all: [Element] { elements.withLock { $0 } }
    }

    // MARK: Asking

    /// Alice writes to Bob, who is away, and whose mailbox behind two others does as `serve` says.
    private func writing(_ serve: @escaping @Sendable (Stream) async -> Void) throws -> MailboxFleet {
        var fleet = try Fleet.row([Fleet.alice, 3, 4, Self.mailbox, Fleet.bob])
        try fleet.run(.seconds(5))
        for (one, other) in [(Fleet.alice, 3), (3, 4), (4, Self.mailbox)] { try fleet.connect(one, other) }
        try fleet.run(.seconds(30))
        fleet.takeAway(Fleet.bob)
        try fleet.at(Self.mailbox) { $0.tunnels.serve(MailboxProtocol.id, serve) }
        try fleet.run(.seconds(60))
        try fleet.send(["far"])
        return fleet
    }

    @Test func aMailboxOverOthersThatIsFullIsOfferedTheSameSeldom() throws {
        let offered = Record<MessageID>()
        let fleet = try writing { stream in
            var frames = FrameStream(stream, frameByteCountMax: MailboxProtocol.askByteCountMax)
            while let bytes = try? await frames.next(), let ask = try? MailboxAsk.parse(bytes.span) {
                let answer: MailboxAnswer
                switch ask {
                case .offer(let envelope):
                    guard let id = (try? Envelope(parsing: envelope.span))?.header.id else { return }
                    offered.append(id)
                    answer = .verdicts([.init(id: id, verdict: .refusedFull)])
                case .fetch: answer = .page(.init())
                case .erase(let ids): answer = .erased(ids)
                case .status: answer = .status(.init())
                case .receipt, .list, .told, .waiting: continue
                }
                try? await stream.write(answer.encoded)
            }
            try? await stream.closeWrite()
        }
        try fleet.run(.seconds(1800))
        let count = offered.all.count
        #expect(count > 2 && count < 30, "\(count) times")
        #expect(try fleet.failedWayCount(Fleet.alice) == 0)
    }

    /// What it says, and that it has ended the stream, nobody on the way can make up.
    @Test func aMailboxThatAnswersWhatNobodyAskedIsAskedLaterAndLaterAndNoWayIsBlamed() throws {
        let ended = Record<Void>()
        let fleet = try writing { stream in
            ended.append(())
            try? await stream.write(MailboxAnswer.status(.init()).encoded)
            try? await stream.closeWrite()
            while let bytes = try? await stream.read(), !bytes.isEmpty {}
        }
        try fleet.run(.seconds(1200))
        let before = ended.all.count
        #expect(before > 2)
        try fleet.run(.seconds(900))
        let count = ended.all.count - before
        #expect(count > 0 && count < 7, "\(count) times")
        #expect(try fleet.failedWayCount(Fleet.alice) == 0)
    }

    @Test func onlyACutIsOfTheWay() {
        let ofTheWay: [MailboxStreamError] = [
            .stream(.reset), .frames(.stream(.ended)), .frames(.stream(.forged)),
        ]
        let own: [MailboxStreamError] = [
            .ended, .outOfTurn, .forged(.wrongSignature), .stream(.closed), .noTunnel(.timedOut),
        ]
        #expect(ofTheWay.allSatisfy { $0.isOfTheWay })
        #expect(!own.contains { $0.isOfTheWay })
    }

    @Test func howLongAMailboxRestsIsForgottenLastOfThoseThatRestForLongest() throws {
        let fleet = try MailboxFleet(mailboxCount: 0) { _, configuration in
            configuration.mailbox.limits.farCountMax = 2
        }
        let peers = try (10..<14).map { try fleet.peer($0) }
        func rest(_ resting: [Int]) throws -> [PeerID: Duration] {
            try fleet.at(Fleet.alice) { node in
                for number in resting { await node.mailboxes.rest(peers[number]) }
                return await node.mailboxes.rests.mapValues(\.wait)
            }
        }
        #expect(try rest([0, 1, 0]) == [peers[0]: .seconds(2), peers[1]: .seconds(1)])
        #expect(try rest([2]) == [peers[0]: .seconds(2), peers[2]: .seconds(1)])
        try fleet.run(.milliseconds(1500))
        #expect(try rest([3]) == [peers[0]: .seconds(2), peers[3]: .seconds(1)])
        #expect(try rest([0]) == [peers[0]: .seconds(4), peers[3]: .seconds(1)])
    }

    @Test func aNodesOwnMailboxesHaveTheirPlacesBesidesThoseOfOthers() throws {
        let fleet = try Fleet.row([Fleet.alice, Self.mailbox, 3, 4, Fleet.bob]) { number, configuration in
            if number == Fleet.bob { configuration.mailbox.limits.farCountMax = 0 }
        }
        try fleet.run(.seconds(5))
        for (one, other) in [(Self.mailbox, 3), (3, 4), (4, Fleet.bob)] { try fleet.connect(one, other) }
        try fleet.run(.seconds(120))
        #expect(try fleet.at(Fleet.bob) { await $0.mailboxes.far } == [try fleet.peer(Self.mailbox)])
        #expect(try fleet.overfullTables() == [])
    }

    // MARK: Searching

    /// How many peers node 3 has looked for when each of these was asked for by one of its neighbours.
    private func sought(_ numbers: Range<Int>, by asker: Int, in fleet: MailboxFleet) throws -> Int? {
        let (peers, asker) = (try numbers.map { try fleet.peer($0) }, try fleet.peer(asker))
        return try fleet.at(3) { node in
            for peer in peers { _ = await node.mailboxes.encodedList(of: peer, for: asker, hopLimit: 2) }
            return await node.mailboxes.tableFills.first { $0.name == "lists looked for" }?.count
        }
    }

    private func searching(
        _ change: @escaping (inout NodeConfiguration) -> Void = { _ in }
    ) throws -> MailboxFleet {
        let fleet = try Fleet.row([Fleet.alice, 3, 4, Self.mailbox, Fleet.bob]) { number, configuration in
            if number == 3 { change(&configuration) }
        }
        try fleet.run(.seconds(5))
        for (one, other) in [(Fleet.alice, 3), (3, 4)] { try fleet.connect(one, other) }
        try fleet.run(.seconds(30))
        return fleet
    }

    @Test func oneNeighbourLeavesSearchesToTheOthers() throws {
        let fleet = try searching()
        #expect(try sought(100..<120, by: Fleet.alice, in: fleet) == 4)
        #expect(try sought(120..<121, by: 4, in: fleet) == 5)
        try fleet.run(.seconds(8))
        #expect(try sought(130..<140, by: Fleet.alice, in: fleet) == 6)
        #expect(try fleet.overfullTables() == [])
    }

    @Test func aSearchThatAllTogetherHaveNoneLeftForIsNotTheAskers() throws {
        let fleet = try searching { configuration in
            configuration.mailbox.limits.searchCountAtOnceOfAll = 1
            configuration.mailbox.limits.searchPauseOfAll = .seconds(60)
            configuration.mailbox.limits.searchCountAtOnce = 1
            configuration.mailbox.limits.searchPause = .seconds(3600)
        }
        #expect(try sought(100..<101, by: Fleet.alice, in: fleet) == 1)
        #expect(try sought(101..<102, by: 4, in: fleet) == 1)
        try fleet.run(.seconds(60))
        #expect(try sought(101..<102, by: 4, in: fleet) == 2)
    }

    // MARK: Serving

    /// Has a node's mailbox take the streams that are opened from here on for those of peers that are no neighbours.
    private func serveAsFar(in fleet: MailboxFleet) throws {
        try fleet.at(Self.mailbox) { node in
            let shelf = node.shelf
            node.swarm.protocols.set(MailboxProtocol.id) { stream in
                await shelf.serve(stream, isFar: true)
            }
        }
    }

    /// Has a node say something to the mailbox, and do something with that stream.
    private func say(
        _ ask: MailboxAsk,
        as number: Int,
        in fleet: MailboxFleet,
        _ body: @escaping @Sendable (Stream, any EventLoop) async -> Void
    ) throws {
        let mailbox = try fleet.peer(Self.mailbox)
        try fleet.at(number) { node in
            let loop = node.world.loops[0]
            let stream = try await node.swarm.openStream(to: mailbox, [MailboxProtocol.id])
            try await stream.write(ask.encoded)
            loop.startTask { await body(stream, loop) }
        }
    }

    @Test func aStreamOverOthersThatBringsNothingEnds() throws {
        let fleet = try MailboxFleet(mailboxCount: 1)
        try fleet.run(.seconds(2))
        try serveAsFar(in: fleet)
        try fleet.connect(Fleet.alice, Self.mailbox)
        try fleet.run(.seconds(2))
        let ended = Record<Instant>()
        try say(.status([]), as: Fleet.alice, in: fleet) { stream, loop in
            while let bytes = try? await stream.read(), !bytes.isEmpty {}
            ended.append(loop.now)
        }
        try fleet.run(.seconds(119))
        #expect(ended.all.isEmpty)
        try fleet.run(.seconds(2))
        #expect(ended.all.count == 1)
    }

    @Test func aPageOverOthersMayTakeLongToRead() throws {
        var isNamed = true
        var fleet = try MailboxFleet.absence(mailboxCount: 1) { number, configuration in
            // When he comes again, nobody but the test fetches for him.
            if number == MailboxFleet.bob, !isNamed { configuration.mailbox.addresses = [] }
        }
        var random = SplitMix64(seed: 1)
        let letters = (0..<900_000).map { _ in UInt8(97 + random.number(below: 26)) }
        try fleet.send([String(decoding: letters, as: UTF8.self)])
        try fleet.run(.seconds(60))
        #expect(try fleet.keptCount(Self.mailbox) == 1)
        fleet.takeAway(Fleet.alice)
        try serveAsFar(in: fleet)
        isNamed = false
        try fleet.bringBack(Fleet.bob)
        try fleet.connect(Fleet.bob, Self.mailbox)
        try fleet.run(.seconds(2))
        let fetched = Record<Int>()
        try say(.fetch(.init()), as: Fleet.bob, in: fleet) { stream, loop in
            try? await loop.sleep(for: .seconds(250))
            var frames = FrameStream(stream, frameByteCountMax: MailboxProtocol.answerByteCountMax)
            if let bytes = try? await frames.next(), let answer = try? MailboxAnswer.parse(bytes.span),
                case .page(let page) = answer
            {
                fetched.append(page.envelopes.count)
            }
            await stream.reset()
        }
        try fleet.run(.seconds(260))
        #expect(fetched.all == [1])
    }

    @Test func listsThatAreToldOverOthersAreTakenInModeration() throws {
        let fleet = try MailboxFleet(mailboxCount: 1)
        // The stream on which Bob has told his own list has ended.
        try fleet.run(.seconds(20))
        try serveAsFar(in: fleet)
        try say(.status([]), as: Fleet.bob, in: fleet) { stream, _ in
            while let bytes = try? await stream.read(), !bytes.isEmpty {}
        }
        try fleet.run(.seconds(1))
        let (key, bob) = (try Fleet.key(Fleet.bob), try fleet.peer(Fleet.bob))
        func takenCount() throws -> Int {
            try fleet.at(Self.mailbox) { node in
                let list = MailboxList(
                    of: [],
                    sequence: 1,
                    created: node.world.wallClock.now,
                    lifetime: .seconds(3600),
                    from: key
                )
                var count = 0
                for _ in 0..<40 { if await node.shelf.takes(list, from: bob) { count += 1 } }
                return count
            }
        }
        #expect(try takenCount() == 32)
        try fleet.run(.seconds(1))
        #expect(try takenCount() == 1)
    }
}

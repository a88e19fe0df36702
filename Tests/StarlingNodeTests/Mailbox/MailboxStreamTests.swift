import StarlingCore
import StarlingCrypto
import StarlingMesh
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Synchronization
import Testing

@testable import StarlingNode

/// Streams to mailboxes that do not read, or do not answer, and what is told to whoever asks on them.
@Suite struct MailboxStreamTests {
    private typealias Fleet = MailboxFleet

    /// What one node was asked or told, in order.
    private final class Record<Element: Sendable>: Sendable {
        private let elements = Mutex<[Element]>([])

        func append(_ element: Element) { elements.withLock { $0.append(element) } }
        var all: [Element] { elements.withLock { $0 } }
    }

    /// Has a node do as `serve` says with the streams on which its mailbox is asked.
    private func replaceShelf(
        of number: Int,
        in fleet: MailboxFleet,
        _ serve: @escaping @Sendable (Stream, any EventLoop) async -> Void
    ) throws {
        try fleet.at(number) { node in
            await node.shelf.stop()
            let loop = node.world.loops[0]
            node.swarm.protocols.set(MailboxProtocol.id) { stream in
                await serve(stream, loop)
                await stream.reset()
            }
        }
    }

    @Test func aMailboxThatStopsReadingHoldsOneStream() throws {
        let fleet = try MailboxFleet.absence(mailboxCount: 1)
        let opened = Record<Instant>()
        try replaceShelf(of: 2, in: fleet) { stream, loop in
            opened.append(loop.now)
            try? await loop.sleep(for: .seconds(86_400))
        }
        func streamCount() throws -> Int {
            try fleet.at(Fleet.alice) { $0.swarm.protocols.withLedger { $0.outboundStreamCount } }
        }
        let before = try streamCount()
        var random = SplitMix64(seed: 1)
        // More than a stream's window holds.
        let text = String(
            decoding: (0..<400_000).map { _ in UInt8(97 + random.number(below: 26)) },
            as: UTF8.self
        )
        try fleet.send((0..<6).map { "\($0) " + text })
        for _ in 0..<20 {
            try fleet.run(.seconds(180))
            #expect(try streamCount() <= before + 2, "the stream before the last is let go of")
        }
        #expect(opened.all.count >= 4, "it is tried again all the same")
        #expect(try fleet.overfullTables() == [])
    }

    @Test func aPageThatComesByASlowLinkIsWaitedForAndNobodyIsBlamed() throws {
        var fleet = try MailboxFleet.absence(mailboxCount: 1)
        let kept = Record<[UInt8]>()
        try replaceShelf(of: 2, in: fleet) { stream, loop in
            var frames = FrameStream(stream, frameByteCountMax: MailboxProtocol.askByteCountMax)
            while let bytes = try? await frames.next(), let ask = try? MailboxAsk.parse(bytes.span) {
                switch ask {
                case .offer(let envelope):
                    if !kept.all.contains(envelope) { kept.append(envelope) }
                    guard let id = (try? Envelope(parsing: envelope.span))?.header.id else { return }
                    try? await stream.write(
                        MailboxAnswer.verdicts([.init(id: id, verdict: .stored)]).encoded
                    )
                case .fetch:
                    let page = MailboxAnswer.page(.init(envelopes: kept.all)).encoded
                    for first in stride(from: 0, to: page.count, by: page.count / 5 + 1) {
                        let piece = page[first..<min(first + page.count / 5 + 1, page.count)]
                        try? await stream.write(Array(piece))
                        try? await loop.sleep(for: .seconds(25))
                    }
                case .erase(let ids): try? await stream.write(MailboxAnswer.erased(ids).encoded)
                case .status: try? await stream.write(MailboxAnswer.status(.init()).encoded)
                case .receipt, .list, .told, .waiting: break
                }
            }
        }
        try fleet.send(["slow"])
        try fleet.run(.seconds(180))
        #expect(kept.all.count == 1)
        fleet.takeAway(Fleet.alice)
        try fleet.bringBack(Fleet.bob)
        try fleet.run(.seconds(90))
        #expect(try fleet.inboxTexts() == [])
        try fleet.run(.seconds(40))
        #expect(try fleet.inboxTexts() == ["slow"])
        let breaches = fleet.hosts[Fleet.bob].log.lines.filter { $0.message.contains("breaks a rule") }
        #expect(breaches.isEmpty)
    }

    @Test func aNeighbourThatTellsNoListsIsGivenUpHoweverOftenItIsAsked() throws {
        let fleet = try MailboxFleet(mailboxCount: 1) { _, configuration in
            configuration.mailbox.limits.listCountMax = 4
        }
        try fleet.run(.seconds(2))
        let asked = Record<[PeerID]>()
        try replaceShelf(of: 2, in: fleet) { stream, _ in
            var frames = FrameStream(stream, frameByteCountMax: MailboxProtocol.askByteCountMax)
            var peers: [PeerID] = []
            while let bytes = try? await frames.next(), let ask = try? MailboxAsk.parse(bytes.span) {
                if case .list(let peer, _) = ask { peers.append(peer) }
            }
            // Bob tells of his own list on his stream.
            if !peers.isEmpty { asked.append(peers) }
        }
        try fleet.connect(Fleet.alice, 2)
        try fleet.run(.seconds(2))
        for number in 10..<60 {
            let to = try fleet.peer(number)
            try fleet.at(Fleet.alice) { node in
                let content = MessageContent(type: .data, payload: [1])
                var draft = MessageDraft(to: to, content: content)
                draft.privacy = .private
                _ = try await node.delivery.accept(draft)
            }
            try fleet.run(.seconds(15))
            #expect(try fleet.overfullTables() == [])
        }
        // One list is asked for on each stream, and the stream given up when it does not come.
        #expect(asked.all.allSatisfy { $0.count == 1 })
        #expect(asked.all.count >= 5)
    }

    @Test func aPeerThatTellsListAfterListIsHeardSeldom() throws {
        let fleet = try MailboxFleet(mailboxCount: 1)
        try fleet.run(.seconds(2))
        try fleet.connect(2, Fleet.alice)
        try fleet.run(.seconds(2))
        let (key, alice) = (try Fleet.key(2), try fleet.peer(Fleet.alice))
        let invented = try (0..<8).map { number in
            MailboxList.Mailbox(
                peer: try Fleet.key(100 + number).peerID,
                addresses: [try Multiaddr("/ip4/10.9.9.9/tcp/\(1 + number)")]
            )
        }
        func tell(_ sequences: ClosedRange<UInt64>) throws -> UInt64? {
            try fleet.at(2) { node in
                for sequence in sequences {
                    let list = MailboxList(
                        of: invented,
                        sequence: sequence,
                        created: node.world.wallClock.now,
                        lifetime: .seconds(3600),
                        from: key
                    )
                    await node.mailboxes.ask(.told(list.encoded), of: alice)
                }
            }
            try fleet.run(.seconds(1))
            return try fleet.at(Fleet.alice) { node in
                let known = await node.mailboxes.encodedList(of: key.peerID)
                return try? MailboxList(verifying: known.span).sequence
            }
        }
        #expect(try tell(1...20) == 4)
        try fleet.run(.seconds(60))
        #expect(try tell(21...40) == 21)
        let known = try fleet.at(Fleet.alice) { await $0.swarm.peerBook.peers }
        #expect(!invented.contains { known.contains($0.peer) }, "there is nothing to leave there")
        #expect(try fleet.overfullTables() == [])
    }

    @Test func listsAreAskedForOnceEachUpToALimit() throws {
        let fleet = try MailboxFleet(mailboxCount: 1) { _, configuration in
            configuration.mailbox.limits.listCountMax = 3
        }
        try fleet.run(.seconds(2))
        let asked = Record<PeerID>()
        try replaceShelf(of: 2, in: fleet) { stream, loop in
            var frames = FrameStream(stream, frameByteCountMax: MailboxProtocol.askByteCountMax)
            while let bytes = try? await frames.next(), let ask = try? MailboxAsk.parse(bytes.span) {
                guard case .list(let peer, _) = ask else { continue }
                asked.append(peer)
                try? await loop.sleep(for: .seconds(1))
                try? await stream.write(MailboxAnswer.list([]).encoded)
            }
        }
        try fleet.connect(Fleet.alice, 2)
        try fleet.run(.seconds(2))
        let peers = try (10..<16).map { try fleet.peer($0) }
        let neighbour = try fleet.peer(2)
        try fleet.at(Fleet.alice) { node in
            for peer in peers.prefix(2) + peers.prefix(2) + peers {
                await node.mailboxes.ask(.list(peer), of: neighbour)
            }
        }
        try fleet.run(.seconds(30))
        #expect(asked.all == Array(peers.prefix(4)))
    }

    @Test func whoeverObservesTheOutboxHearsOfWhatIsOwedBeforeAnythingElse() throws {
        let fleet = try MailboxFleet(mailboxCount: 0)
        let ids = try fleet.send(["one", "two"])
        let told = Record<MessageID>()
        let toldAtOnce = try fleet.at(Fleet.alice) { node in
            await node.delivery.observeOutbox { event in
                switch event {
                case .accepted(let message, isPresent: false): told.append(message.id)
                case .accepted, .ended, .present, .absent: Issue.record("\(event)")
                }
            }
            return told.all
        }
        #expect(toldAtOnce == ids)
        let more = try fleet.send(["three"])
        #expect(told.all == ids + more)
    }
}

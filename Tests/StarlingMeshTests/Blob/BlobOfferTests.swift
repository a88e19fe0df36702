import StarlingCore
import StarlingMesh
import Testing

@Suite struct BlobOfferTests {
    private let kit: BlobKit
    private let start = BlobKit.start

    init() throws { kit = try BlobKit(20_000) }

    private func feed(
        _ offer: inout BlobOffer,
        _ asks: BlobAsk...,
        at now: Instant = BlobKit.start
    ) -> [BlobOffer.Action] {
        let bytes = asks.flatMap { $0.encoded }
        offer.receive(bytes.span, now: now)
        return offer.actions()
    }

    private func answer(_ run: Range<Int>) -> [BlobOffer.Action] { [.sendChunks(run, kit.wire(run))] }

    @Test func looksForTheBlobThenSendsLeavesAndChunksInOrder() {
        var limits = BlobOffer.Limits()
        limits.readAheadCount = 2
        limits.runCountMax = 1
        var offer = BlobOffer(limits: limits, now: start)
        let opened = feed(&offer, .open(kit.id, wantsLeaves: true), .want(1..<4))
        #expect(opened == [.open(kit.id, wantsLeaves: true)])
        #expect(offer.id == kit.id)
        offer.accept(leaves: kit.leaves, now: start)
        #expect(
            offer.actions() == [.send(BlobAnswer.leaves(kit.leaves).encoded), .read(1..<2), .read(2..<3)]
        )
        // The disk may answer in any order.
        offer.read(2..<3, kit.wire(2..<3))
        #expect(offer.actions().isEmpty)
        offer.read(1..<2, kit.wire(1..<2))
        #expect(offer.actions() == answer(1..<2) + answer(2..<3))
        #expect(feed(&offer, .want(0..<1)).isEmpty, "no further ahead than the stream takes")
        offer.sent(now: start)
        #expect(offer.actions() == [.read(3..<4)])
        offer.sent(now: start)
        #expect(offer.actions() == [.read(0..<1)])
        offer.read(3..<4, kit.wire(3..<4))
        offer.read(0..<1, kit.wire(0..<1))
        #expect(offer.actions() == answer(3..<4) + answer(0..<1))
        offer.receiveEnd()
        offer.sent(now: start)
        #expect(offer.actions().isEmpty)
        offer.sent(now: start)
        #expect(offer.actions() == [.end])
        #expect(offer.nextDeadline == start + .seconds(60), "the peer has not taken it yet")
    }

    @Test func chunksGoTogetherAsLongAsTheStreamTakesThemQuickly() throws {
        var limits = BlobOffer.Limits()
        limits.readAheadCount = 8
        limits.runCountMax = 4
        limits.runTime = .seconds(1)
        let id = try #require(BlobID(root: kit.id.root, byteCount: 200 * 4096, chunkByteCount: 4096))
        var offer = BlobOffer(limits: limits, now: start)
        _ = feed(&offer, .open(id, wantsLeaves: false), .want(0..<100))
        offer.accept(leaves: [], now: start)
        let first = offer.actions()
        #expect(first == (0..<4).map { .read($0..<$0 + 1) }, "nobody knows yet how quick it is")
        var now = start
        var reading = first
        func aheadCount() -> Int {
            reading.reduce(0) { if case .read(let run) = $1 { $0 + run.count } else { $0 } }
        }
        /// The stream takes the next run, after a while.
        func take(after pause: Duration) -> [BlobOffer.Action] {
            guard case .read(let run)? = reading.first else { return [] }
            reading.removeFirst()
            offer.read(run, kit.wire(0..<1))
            #expect(offer.actions() == [.sendChunks(run, kit.wire(0..<1))])
            now = now + pause
            offer.sent(now: now)
            let actions = offer.actions()
            reading += actions
            return actions
        }
        // A run begins once there is room for all of it.
        #expect(take(after: .milliseconds(10)).isEmpty)
        #expect(take(after: .milliseconds(10)) == [.read(4..<8)])
        #expect(take(after: .milliseconds(10)).isEmpty)
        #expect(take(after: .milliseconds(10)) == [.read(8..<12)])
        #expect(aheadCount() == 8)
        // A slow stream has less read ahead, in shorter runs.
        for _ in 0..<8 { _ = take(after: .milliseconds(1001)) }
        #expect(aheadCount() == 4)
        #expect(reading.allSatisfy { if case .read(let run) = $0 { run.count == 1 } else { false } })
        for _ in 0..<8 { _ = take(after: .seconds(1)) }
        #expect(aheadCount() == 8)
        #expect(reading.allSatisfy { if case .read(let run) = $0 { run.count == 4 } else { false } })
    }

    @Test func eachChunkOfARunHasItsTime() throws {
        var offer = BlobOffer(now: start)
        _ = feed(&offer, .open(kit.id, wantsLeaves: false), .want(0..<1))
        offer.accept(leaves: [], now: start)
        offer.read(0..<1, kit.wire(0..<1))
        offer.sent(now: start)
        _ = feed(&offer, .want(1..<3))
        #expect(offer.nextDeadline == start + .seconds(60), "nothing is being written")
        offer.read(1..<3, kit.wire(1..<3))
        #expect(offer.actions() == answer(1..<3))
        #expect(offer.nextDeadline == start + .seconds(120))
        offer.advance(to: start + .seconds(119))
        #expect(offer.actions().isEmpty)
        offer.advance(to: start + .seconds(120))
        #expect(offer.actions() == [.fail(.idle)])
    }

    @Test func whatIsOwedGoesOutBeforeTheEnd() throws {
        var offer = BlobOffer(now: start)
        _ = feed(&offer, .open(kit.id, wantsLeaves: true))
        offer.receiveEnd()
        offer.accept(leaves: kit.leaves, now: start)
        #expect(offer.actions() == [.send(BlobAnswer.leaves(kit.leaves).encoded), .end])
        offer.sentFrame(now: start + .seconds(50))
        offer.advance(to: start + .seconds(109))
        #expect(offer.actions().isEmpty)
        offer.advance(to: start + .seconds(110))
        #expect(offer.actions() == [.fail(.idle)], "whoever takes nothing of it is reset")
        #expect(offer.nextDeadline == nil)
    }

    @Test func framesThatMeanNothingBuyNoTime() throws {
        var offer = BlobOffer(now: start)
        _ = feed(&offer, .open(kit.id, wantsLeaves: false))
        // A frame with a field that nobody knows.
        let unknown: [UInt8] = [2, 0x78, 1]
        offer.receive(unknown.span, now: start + .seconds(50))
        #expect(offer.nextDeadline == start + .seconds(60))
    }

    @Test func aRunEndsWithTheWish() {
        var offer = BlobOffer(now: start)
        _ = feed(&offer, .open(kit.id, wantsLeaves: false), .want(0..<1))
        offer.accept(leaves: [], now: start)
        #expect(offer.actions() == [.read(0..<1)])
        offer.read(0..<1, kit.wire(0..<1))
        offer.sent(now: start)
        _ = offer.actions()
        #expect(feed(&offer, .want(1..<3), .want(4..<5)) == [.read(1..<3), .read(4..<5)])
    }

    @Test func leavesOfALargeBlobTravelInPieces() throws {
        var offer = BlobOffer(now: start)
        let id = try #require(BlobID(root: kit.id.root, byteCount: 4 << 30, chunkByteCount: 262_144))
        _ = feed(&offer, .open(id, wantsLeaves: true))
        let leaves = [UInt8](repeating: 3, count: id.leavesByteCount)
        offer.accept(leaves: leaves, now: start)
        let actions = offer.actions()
        #expect(actions.count == 8)
        #expect(actions.allSatisfy { $0 == .send(BlobAnswer.leaves(Array(leaves.prefix(65_536))).encoded) })
    }

    @Test func aRefusalEndsTheStream() {
        var offer = BlobOffer(now: start)
        _ = feed(&offer, .open(kit.id, wantsLeaves: false), .want(0..<5))
        offer.refuse(.unknown)
        #expect(offer.actions() == [.send(BlobAnswer.refusal(.unknown).encoded), .end])
        #expect(feed(&offer, .want(0..<5)).isEmpty)
        offer.read(0..<1, kit.wire(0..<1))
        #expect(offer.actions().isEmpty)
    }

    @Test func aPeerThatEndsWithoutAWordGetsAnEnd() {
        var offer = BlobOffer(now: start)
        offer.receiveEnd()
        #expect(offer.actions() == [.end])
        var opened = BlobOffer(now: start)
        _ = feed(&opened, .open(kit.id, wantsLeaves: true))
        opened.receiveEnd()
        #expect(opened.actions().isEmpty)
        opened.accept(leaves: [], now: start)
        #expect(opened.actions() == [.end])
    }

    @Test func whoeverBreaksARuleIsReset() {
        func failure(_ bytes: [UInt8]) -> BlobOffer.Action? {
            var offer = BlobOffer(now: start)
            offer.receive(bytes.span, now: start)
            return offer.actions().last
        }
        let open = BlobAsk.open(kit.id, wantsLeaves: false).encoded
        #expect(failure(BlobAsk.want(0..<1).encoded) == .fail(.outOfOrder))
        #expect(failure(open + open) == .fail(.outOfOrder))
        #expect(failure(open + BlobAsk.want(4..<6).encoded) == .fail(.noSuchChunk(5)))
        #expect(failure([0xff, 0xff, 3]) == .fail(.invalidLength(.tooLong)))
        #expect(failure([4, 0x12, 2, 8, 1]) == .fail(.malformed(.invalidValue(fieldNumber: 2))))
        #expect(failure([2, 0x0a, 0]) == .fail(.malformed(.invalidValue(fieldNumber: 1))))
        let all = BlobAsk.want(0..<5).encoded
        #expect(failure(open + all + all) == .open(kit.id, wantsLeaves: false))
        #expect(failure(open + all + all + BlobAsk.want(0..<1).encoded) == .fail(.tooMuch), "three times all")
    }

    @Test func wishesThatAreOpenAreBounded() throws {
        let id = try #require(BlobID(root: kit.id.root, byteCount: 8_000_000, chunkByteCount: 4096))
        var offer = BlobOffer(now: start)
        _ = feed(&offer, .open(id, wantsLeaves: false))
        #expect(feed(&offer, .want(0..<1024)).isEmpty)
        #expect(feed(&offer, .want(1024..<1025)) == [.fail(.tooMuch)])
    }

    @Test func sleepersAreReset() {
        var offer = BlobOffer(now: start)
        #expect(offer.nextDeadline == start + .seconds(60))
        _ = feed(&offer, .open(kit.id, wantsLeaves: false), at: start + .seconds(50))
        offer.advance(to: start + .seconds(60))
        #expect(offer.actions().isEmpty)
        offer.advance(to: start + .seconds(110))
        #expect(offer.actions() == [.fail(.idle)])
    }
}

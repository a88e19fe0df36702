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

    private func answer(_ index: Int) -> [BlobOffer.Action] {
        [.send(BlobAnswer.chunk(index).encoded), .sendChunk(kit.slice(index))]
    }

    @Test func looksForTheBlobThenSendsLeavesAndChunksInOrder() {
        var limits = BlobOffer.Limits()
        limits.readAheadCount = 2
        var offer = BlobOffer(limits: limits, now: start)
        let opened = feed(&offer, .open(kit.id, wantsLeaves: true), .want(1..<4))
        #expect(opened == [.open(kit.id, wantsLeaves: true)])
        #expect(offer.id == kit.id)
        offer.accept(leaves: kit.leaves, now: start)
        #expect(offer.actions() == [.send(BlobAnswer.leaves(kit.leaves).encoded), .read(1), .read(2)])
        // The disk may answer in any order.
        offer.read(2, kit.slice(2))
        #expect(offer.actions().isEmpty)
        offer.read(1, kit.slice(1))
        #expect(offer.actions() == answer(1) + answer(2))
        #expect(feed(&offer, .want(0..<1)).isEmpty, "no further ahead than the stream takes")
        offer.sent(now: start)
        #expect(offer.actions() == [.read(3)])
        offer.sent(now: start)
        #expect(offer.actions() == [.read(0)])
        offer.read(3, kit.slice(3))
        offer.read(0, kit.slice(0))
        #expect(offer.actions() == answer(3) + answer(0))
        offer.receiveEnd()
        offer.sent(now: start)
        #expect(offer.actions().isEmpty)
        offer.sent(now: start)
        #expect(offer.actions() == [.end])
        #expect(offer.nextDeadline == nil)
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
        offer.read(0, kit.slice(0))
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

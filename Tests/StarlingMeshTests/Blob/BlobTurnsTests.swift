import StarlingCore
import StarlingCrypto
import StarlingMesh
import Testing

/// Whose turn it is to fetch, and for how long.
@Suite struct BlobTurnsTests {
    private let start = BlobKit.start
    private let peers = (1...6).map { MessageKit.key(UInt8($0 + 40)).peerID }

    private func blob(_ number: Int) throws -> BlobID {
        let root = [UInt8](repeating: UInt8(number), count: 32)
        return try #require(BlobID(root: root, byteCount: 1 << 30, chunkByteCount: 262_144))
    }

    private func later(_ seconds: Int64) -> Instant { start + .seconds(seconds) }

    /// Two peers fill all places, each with two fetches: blobs 0 and 1 of the first, 2 and 3 of the second.
    private func fullTurns() throws -> BlobTurns {
        var turns = BlobTurns()
        for number in 0..<4 {
            let (id, peer) = (try blob(number), peers[number / 2])
            #expect(turns.canGo(id, peer))
            turns.begin(id, peer)
            turns.started(id, byteCount: 1000, now: start)
        }
        return turns
    }

    @Test func soManyRunAndSoManyOfOnePeer() throws {
        var turns = BlobTurns()
        turns.begin(try blob(0), peers[0])
        #expect(!turns.canGo(try blob(0), peers[1]), "it is in somebody's hand")
        #expect(!turns.canGo(try blob(0), nil))
        turns.begin(try blob(1), peers[0])
        #expect(!turns.canGo(try blob(2), peers[0]))
        turns.begin(try blob(2), peers[1])
        turns.begin(try blob(3), peers[2])
        #expect(!turns.canGo(try blob(4), peers[3]))
        #expect(turns.canGo(try blob(4), nil), "to remove a blob takes no place")
        turns.end(try blob(3))
        #expect(turns.canGo(try blob(4), peers[3]))
    }

    @Test func whoHasTheSameContentIsAskedAfterATurn() throws {
        var turns = BlobTurns()
        let (id, wait) = (try blob(0), UInt64(1))
        turns.begin(id, peers[0])
        turns.started(id, byteCount: 0, now: start)
        turns.wait(wait, for: id, peers[1])
        let early = turns.advance(to: later(59))
        #expect(early == [])
        let ending = turns.advance(to: try #require(turns.nextDeadline))
        #expect(ending == [id])
        let again = turns.advance(to: later(120))
        #expect(again == [], "it is told once")
        turns.end(id)
        turns.wait(2, for: id, peers[0])
        #expect(turns.order == [wait, 2] && turns.canGo(id, peers[1]))
    }

    @Test func whileNobodyWaitsATurnHasNoEnd() throws {
        var turns = try fullTurns()
        #expect(turns.nextDeadline == nil)
        let ending = turns.advance(to: later(10_000))
        #expect(ending == [])
    }

    @Test func theSlowestGivesItsPlaceToAPeerThatHasNone() throws {
        var turns = try fullTurns()
        for (number, byteCount) in [(0, 90_000), (1, 9000), (2, 8000), (3, 70_000)] {
            turns.moved(try blob(number), byteCount: UInt64(byteCount))
        }
        turns.wait(1, for: try blob(4), peers[2])
        #expect(turns.nextDeadline == later(60))
        let early = turns.advance(to: later(59))
        #expect(early == [])
        #expect(turns.nextDeadline == later(60))
        let ending = turns.advance(to: later(60))
        #expect(ending == [try blob(2)])
        let again = turns.advance(to: later(61))
        #expect(again == [], "one place is enough")
        #expect(turns.nextDeadline == nil)
    }

    @Test func eachOneThatWaitsGetsAPlaceAndNoMoreThanItMayHave() throws {
        var turns = try fullTurns()
        for number in 4..<8 { turns.wait(UInt64(number), for: try blob(number), peers[2]) }
        turns.wait(8, for: try blob(4), peers[3])
        let ending = turns.advance(to: later(60))
        #expect(
            ending == [try blob(0)],
            "one of the others has two still, and whoever waits for the same needs no place"
        )
        turns.end(try blob(0))
        turns.endWait(4)
        turns.begin(try blob(4), peers[2])
        turns.started(try blob(4), byteCount: 0, now: later(60))
        let early = turns.advance(to: later(119))
        #expect(early == [], "one and two are as good as alike")
        let more = turns.advance(to: later(120))
        #expect(more == [try blob(4)], "somebody else has the same")
    }

    @Test func aPeerThatHasTwoFewerGetsAPlace() throws {
        var limits = BlobTurns.Limits()
        (limits.fetchCountMax, limits.peerFetchCountMax) = (5, 4)
        var turns = BlobTurns(limits)
        for number in 0..<5 {
            turns.begin(try blob(number), peers[number / 4])
            turns.started(try blob(number), byteCount: 0, now: start)
        }
        for number in 5..<8 { turns.wait(UInt64(number), for: try blob(number), peers[1]) }
        let ending = turns.advance(to: later(60))
        #expect(ending == [try blob(0)], "three and two")
    }

    @Test func peersThatHaveOneEachTakeTurnsWithOneThatHasNone() throws {
        var turns = BlobTurns()
        for number in 0..<4 {
            turns.begin(try blob(number), peers[number])
            turns.started(try blob(number), byteCount: 0, now: start)
        }
        turns.moved(try blob(0), byteCount: 1)
        for number in 4..<6 { turns.wait(UInt64(number), for: try blob(number), peers[4]) }
        let ending = turns.advance(to: later(60))
        #expect(ending == [try blob(1)])
    }

    @Test func onesOwnFilesWaitForEachOther() throws {
        var turns = try fullTurns()
        turns.wait(1, for: try blob(4), peers[0])
        turns.wait(2, for: try blob(5), peers[1])
        let ending = turns.advance(to: later(600))
        #expect(ending == [])
    }

    @Test func whoHasJustBegunOrCannotBeAskedYetStays() throws {
        var turns = BlobTurns()
        for number in 0..<4 { turns.begin(try blob(number), peers[number / 2]) }
        turns.wait(1, for: try blob(4), peers[2])
        #expect(turns.nextDeadline == nil)
        var ending = turns.advance(to: later(600))
        #expect(ending == [], "no peer was asked yet")
        turns.started(try blob(3), byteCount: 0, now: later(600))
        #expect(turns.nextDeadline == later(660))
        ending = turns.advance(to: later(660))
        #expect(ending == [try blob(3)])
    }

    @Test func aPlaceGoesToThePeerThatHasTheFewest() throws {
        var turns = try fullTurns()
        for number in 4..<7 { turns.wait(UInt64(number), for: try blob(number), peers[0]) }
        turns.wait(7, for: try blob(7), peers[2])
        turns.wait(8, for: try blob(8), nil)
        turns.wait(9, for: try blob(9), peers[2])
        #expect(turns.order == [7, 8, 9, 4, 5, 6])
        turns.end(try blob(0))
        #expect(turns.order == [7, 8, 4, 9, 5, 6])
        turns.endWait(7)
        #expect(turns.order == [8, 9, 4, 5, 6])
    }
}

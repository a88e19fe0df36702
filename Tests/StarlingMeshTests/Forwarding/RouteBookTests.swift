import StarlingCore
import Testing

@testable import StarlingMesh

struct RouteBookTests {
    private func peer(_ number: Int) -> PeerID {
        var key = [UInt8](repeating: 7, count: 32)
        (key[0], key[1]) = (UInt8(number & 255), UInt8(number >> 8))
        return PeerID(checkedMultihash: [0, 32] + key)
    }

    @Test func aRouteSaysItsNeighboursInTheirOrder() {
        var book = RouteBook()
        #expect(book.hops(to: peer(1)).isEmpty)
        let hops = [peer(4), peer(2), peer(3)]
        let isOther = book.set(hops, linkCount: 3, for: peer(1))
        #expect(isOther)
        #expect(book.hops(to: peer(1)) == hops)
        #expect(book.linkCount(to: peer(1)) == 3)
        #expect(book.first(to: peer(1)) { $0 != peer(4) } == peer(2))
        #expect(book.first(to: peer(1)) { $0 == peer(9) } == nil)
    }

    @Test func theBestOfMoreNeighboursThanHaveAPlaceAreKept() {
        var book = RouteBook()
        for count in RouteHops.countMax - 1...RouteHops.countMax + 2 {
            let hops = (0..<count).map { peer(100 + $0) }
            _ = book.set(hops, linkCount: 2, for: peer(1))
            #expect(book.hops(to: peer(1)) == Array(hops.prefix(RouteHops.countMax)))
        }
    }

    @Test func onlyAnotherBestNeighbourCountsAsAnotherRoute() {
        var book = RouteBook()
        var isOther = [book.set([peer(2), peer(3)], linkCount: 2, for: peer(1))]
        isOther.append(book.set([peer(2)], linkCount: 2, for: peer(1)))
        isOther.append(book.set([peer(3), peer(2)], linkCount: 2, for: peer(1)))
        isOther.append(book.set([], linkCount: 0, for: peer(1)))
        isOther.append(book.set([], linkCount: 0, for: peer(1)))
        #expect(isOther == [true, false, true, true, false])
        #expect(book.linkCount(to: peer(1)) == nil)
    }

    /// Neighbours come and go for years: those over which no route goes give their numbers back.
    @Test func neighboursThatAreGoneGiveTheirNumbersBack() {
        var book = RouteBook()
        let lasting = [peer(1), peer(2)]
        _ = book.set(lasting, linkCount: 2, for: peer(0))
        for number in 3...(3 * RouteBook.nameCountMax) {
            let isOther = book.set([peer(number)], linkCount: 1, for: peer(20_000))
            #expect(isOther)
            #expect(book.hops(to: peer(20_000)) == [peer(number)])
        }
        #expect(book.hops(to: peer(0)) == lasting)
    }
}

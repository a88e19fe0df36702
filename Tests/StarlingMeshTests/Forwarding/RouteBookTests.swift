import StarlingCore
import Testing

@testable import StarlingMesh

struct RouteBookTests {
    private func peer(_ number: Int) -> PeerID {
        var key = [UInt8](repeating: 7, count: 32)
        (key[0], key[1]) = (UInt8(number & 255), UInt8(number >> 8))
        return PeerID(checkedMultihash: [0, 32] + key)
    }

    private func ways(_ hops: [PeerID], _ linkCount: Int) -> [RouteHop] {
        hops.map { RouteHop(peer: $0, metric: .zero, hops: linkCount) }
    }

    @Test func aRouteSaysItsNeighboursInTheirOrder() {
        var book = RouteBook()
        #expect(book.hops(to: peer(1)).isEmpty)
        let hops = [peer(4), peer(2), peer(3)]
        let isOther = book.set(ways(hops, 3), for: peer(1))
        #expect(isOther)
        #expect(book.hops(to: peer(1)) == hops)
        #expect(book.first(to: peer(1)) { $0 != peer(4) } == peer(2))
        #expect(book.first(to: peer(1)) { $0 == peer(9) } == nil)
    }

    @Test func aWayIsKnownByItsLength() {
        var book = RouteBook()
        let ways = [(4, 5), (2, 3), (3, 4)].map { RouteHop(peer: peer($0.0), metric: .zero, hops: $0.1) }
        _ = book.set(ways, for: peer(1))
        #expect(book.linkCount(to: peer(1)) { _ in true } == 3)
        #expect(book.linkCount(to: peer(1)) { $0 != peer(2) } == 4)
        #expect(book.linkCount(to: peer(1)) { $0 == peer(9) } == nil)
        #expect(book.first(to: peer(1), linkCountMax: 4) { _ in true } == peer(2))
        #expect(book.first(to: peer(1), linkCountMax: 2) { _ in true } == nil)
        #expect(book.hops(to: peer(1), linkCountMax: 4) == [peer(2), peer(3)])
        // A count that no route has fills its place and no more.
        _ = book.set([RouteHop(peer: peer(2), metric: .zero, hops: 1000)], for: peer(1))
        #expect(book.linkCount(to: peer(1)) { _ in true } == 255)
    }

    @Test func theBestOfMoreNeighboursThanHaveAPlaceAreKept() {
        var book = RouteBook()
        for count in RouteHops.countMax - 1...RouteHops.countMax + 2 {
            let hops = (0..<count).map { peer(100 + $0) }
            _ = book.set(ways(hops, 2), for: peer(1))
            #expect(book.hops(to: peer(1)) == Array(hops.prefix(RouteHops.countMax)))
        }
    }

    @Test func onlyAnotherBestNeighbourCountsAsAnotherRoute() {
        var book = RouteBook()
        var isOther = [book.set(ways([peer(2), peer(3)], 2), for: peer(1))]
        isOther.append(book.set(ways([peer(2)], 3), for: peer(1)))
        isOther.append(book.set(ways([peer(3), peer(2)], 2), for: peer(1)))
        isOther.append(book.set([], for: peer(1)))
        isOther.append(book.set([], for: peer(1)))
        #expect(isOther == [true, false, true, true, false])
        #expect(book.linkCount(to: peer(1)) { _ in true } == nil)
    }

    /// Neighbours come and go for years: those over which no route goes give their numbers back.
    @Test func neighboursThatAreGoneGiveTheirNumbersBack() {
        var book = RouteBook()
        let lasting = [peer(1), peer(2)]
        _ = book.set(ways(lasting, 2), for: peer(0))
        for number in 3...(3 * RouteBook.nameCountMax) {
            let isOther = book.set(ways([peer(number)], 1), for: peer(20_000))
            #expect(isOther)
            #expect(book.hops(to: peer(20_000)) == [peer(number)])
        }
        #expect(book.hops(to: peer(0)) == lasting)
        #expect(book.linkCount(to: peer(0)) { _ in true } == 2)
    }
}

import StarlingCore
import StarlingCrypto
import StarlingSimulator
import Testing

@Suite struct RouteWatchTests {
    private static func peers(_ count: Int) throws -> [PeerID] {
        try (0..<count).map { number in
            try IdentityKey(seed: [UInt8(number)] + [UInt8](repeating: 7, count: 31)).peerID
        }
    }

    @Test func aCircleIsFoundWhenItCloses() throws {
        let peers = try Self.peers(5)
        let watch = try #require(RouteWatch(peers))
        #expect(watch.changed(0, peers[4], [peers[1]]) == nil)
        #expect(watch.changed(1, peers[4], [peers[2]]) == nil)
        #expect(watch.changed(2, peers[4], [peers[4], peers[3]]) == nil)
        // Another destination is another matter.
        #expect(watch.changed(2, peers[3], [peers[0]]) == nil)
        // A spare way closes it as well.
        #expect(watch.changed(3, peers[4], [peers[4], peers[0]]) == [3, 0, 1, 2])
        #expect(watch.changeCount == 5)
    }

    @Test func whatIsDownHasNoWays() throws {
        let peers = try Self.peers(3)
        let watch = try #require(RouteWatch(peers))
        #expect(watch.changed(0, peers[2], [peers[1]]) == nil)
        watch.forget(0)
        #expect(watch.changed(1, peers[2], [peers[0]]) == nil)
        #expect(watch.changed(0, peers[2], [peers[1]]) == [0, 1])
    }

    @Test func aFleetIsWholeWhenTheFirstWaysOfAllArriveAtAll() throws {
        let peers = try Self.peers(3)
        let watch = try #require(RouteWatch(peers))
        for (node, other, next) in [(0, 1, 1), (0, 2, 1), (1, 0, 0), (1, 2, 2), (2, 1, 1)] {
            _ = watch.changed(node, peers[other], [peers[next]])
            #expect(!watch.isWhole)
        }
        _ = watch.changed(2, peers[0], [peers[1]])
        #expect(watch.isWhole)
        let other = try #require(RouteWatch(peers))
        for (node, to, next) in [(0, 1, 1), (0, 2, 1), (1, 0, 0), (1, 2, 2), (2, 0, 1), (2, 1, 1)] {
            _ = other.changed(node, peers[to], [peers[next]])
        }
        other.cut(0, 2)
        #expect(other.isWhole, "nobody goes there")
        other.cut(2, 1)
        #expect(!other.isWhole, "all would go there, and nothing arrives")
        // In a circle nothing arrives.
        _ = watch.changed(1, peers[0], [peers[2]])
        #expect(!watch.isWhole)
        _ = watch.changed(1, peers[0], [])
        #expect(!watch.isWhole)
    }

    /// Ranks spare most walks: they must find what walking everything finds, and no more.
    @Test(arguments: 1...40) func aCircleIsFoundWhereOneIs(seed: UInt64) throws {
        let peers = try Self.peers(12)
        let watch = try #require(RouteWatch(peers))
        var random = SplitMix64(seed: seed)
        var ways = [[Int]](repeating: [], count: peers.count)
        // Ways mostly lead down, as routes do, so that it takes a while until one leads up.
        for _ in 0..<400 {
            let node = random.number(below: 11)
            let hops = Set(
                (0..<2).map { _ in
                    random.number(below: 10) < 9
                        ? min(11, node + 1 + random.number(below: 4)) : random.number(below: 11)
                }
            )
            .subtracting([node])
            ways[node] = hops.sorted()
            let circle = watch.changed(node, peers[11], ways[node].map { peers[$0] })
            #expect((circle != nil) == Self.isReached(node, from: ways[node], ways))
            guard let circle else { continue }
            for (place, next) in circle.enumerated() {
                #expect(ways[next].contains(circle[(place + 1) % circle.count]))
            }
            return
        }
    }

    private static func isReached(_ node: Int, from starts: [Int], _ ways: [[Int]]) -> Bool {
        var (seen, open) = (Set(starts), starts)
        while let next = open.popLast(), next != node {
            for hop in ways[next] where seen.insert(hop).inserted { open.append(hop) }
        }
        return seen.contains(node)
    }
}

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
}

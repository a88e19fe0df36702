import StarlingCore
import StarlingCrypto
import StarlingMesh
import Testing

@Suite struct NeighbourAllowancesTests {
    private let start = Instant(nanosecondsSinceOrigin: 0)
    private let bob = MessageKit.bob.peerID
    private let carol = MessageKit.key(3).peerID

    private func allowances(goneCountMax: Int = 2) -> NeighbourAllowances {
        NeighbourAllowances(RouteRate(perSecond: 1, atOnce: 2), goneCountMax: goneCountMax)
    }

    /// How many of so many a neighbour gets.
    private func taken(
        _ count: Int,
        _ peer: PeerID,
        of allowances: inout NeighbourAllowances,
        at time: Duration = .zero
    ) -> Int {
        (0..<count).reduce(0) { sum, _ in sum + (allowances.take(peer, now: start + time) ? 1 : 0) }
    }

    @Test func eachNeighbourHasItsOwn() {
        var allowances = allowances()
        let counts = [
            taken(3, bob, of: &allowances), taken(3, carol, of: &allowances),
            taken(3, bob, of: &allowances, at: .seconds(1)),
        ]
        #expect(counts == [2, 2, 1])
    }

    @Test func whatIsRareHasAnInterval() {
        var allowances = NeighbourAllowances(interval: .seconds(60), atOnce: 2, goneCountMax: 2)
        let counts = [
            taken(3, bob, of: &allowances), taken(1, bob, of: &allowances, at: .seconds(59)),
            taken(2, bob, of: &allowances, at: .seconds(60)),
        ]
        #expect(counts == [2, 0, 1])
    }

    @Test func whoComesAgainHasNoMoreThanBefore() {
        var allowances = allowances()
        allowances.came(bob, now: start)
        var counts = [taken(2, bob, of: &allowances)]
        for _ in 0..<3 {
            allowances.left(bob)
            allowances.came(bob, now: start)
            counts.append(taken(1, bob, of: &allowances))
        }
        allowances.left(bob)
        counts.append(taken(2, bob, of: &allowances, at: .seconds(1)))
        #expect(counts == [2, 0, 0, 0, 1])
    }

    /// An answer is worked on when whoever asked has gone: nothing is kept of it for ever.
    @Test func whoHangsUpWhileItAsksIsAmongThoseWhoHaveGone() {
        var allowances = allowances(goneCountMax: 1)
        allowances.came(bob, now: start)
        allowances.left(bob)
        #expect(taken(3, bob, of: &allowances) == 2)
        allowances.came(bob, now: start)
        #expect(taken(1, bob, of: &allowances) == 0, "it comes again with what it went with")
        allowances.left(bob)
        for number in UInt8(10)..<30 { _ = taken(1, MessageKit.key(number).peerID, of: &allowances) }
        #expect(allowances.tableFill("gone").count == 1)
        #expect(taken(2, bob, of: &allowances) == 2, "it is forgotten")
    }

    @Test func thoseWhoWentFirstAreForgotten() {
        var allowances = allowances(goneCountMax: 1)
        for peer in [bob, carol] {
            allowances.came(peer, now: start)
            _ = taken(2, peer, of: &allowances)
            allowances.left(peer)
        }
        #expect(!allowances.tableFill("gone").isOverfull)
        let counts = [taken(1, carol, of: &allowances), taken(1, bob, of: &allowances)]
        #expect(counts == [0, 1])
    }
}

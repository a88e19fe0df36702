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

    @Test func whoComesAgainHasNoMoreThanBefore() {
        var allowances = allowances()
        var counts = [taken(2, bob, of: &allowances)]
        for _ in 0..<3 {
            allowances.left(bob)
            counts.append(taken(1, bob, of: &allowances))
        }
        allowances.left(bob)
        counts.append(taken(2, bob, of: &allowances, at: .seconds(1)))
        #expect(counts == [2, 0, 0, 0, 1])
    }

    @Test func thoseWhoWentFirstAreForgotten() {
        var allowances = allowances(goneCountMax: 1)
        for peer in [bob, carol] {
            _ = taken(2, peer, of: &allowances)
            allowances.left(peer)
        }
        #expect(!allowances.tableFill("gone").isOverfull)
        let counts = [taken(1, carol, of: &allowances), taken(1, bob, of: &allowances)]
        #expect(counts == [0, 1])
    }
}

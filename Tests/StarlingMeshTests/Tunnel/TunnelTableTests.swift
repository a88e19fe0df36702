import StarlingCore
import StarlingMesh
import Testing

@Suite struct TunnelTableTests {
    private let now = Instant(nanosecondsSinceOrigin: 0)
    private let own = peer(1)

    private static func peer(_ number: UInt8) -> PeerID { PeerID(checkedMultihash: [0, 1, number]) }

    private func request(
        _ number: UInt8,
        from: UInt8 = 9,
        to: UInt8 = 2,
        hopCount: UInt32 = 0,
        hopLimit: UInt32 = 10
    ) throws -> TunnelRequest {
        TunnelRequest(
            to: Self.peer(to),
            from: Self.peer(from),
            protocolID: "/p/1",
            id: try #require(TunnelID([UInt8](repeating: number, count: 16))),
            hopCount: hopCount,
            hopLimit: hopLimit
        )
    }

    @Test func aRequestEndsHereOrGoesOnOrIsRefused() throws {
        var table = TunnelTable(own: own)
        let (neighbour, next) = (Self.peer(3), Self.peer(4))
        #expect(table.admit(try request(1, to: 1), from: neighbour, hops: [], now: now) == .end)
        #expect(table.admit(try request(2), from: neighbour, hops: [next], now: now) == .relay(next))
        #expect(table.admit(try request(3), from: neighbour, hops: [], now: now) == .refuse(.noRoute))
        #expect(
            table.admit(try request(4), from: neighbour, hops: [neighbour], now: now) == .refuse(.noRoute),
            "never back to where it came from"
        )
        #expect(
            table.admit(try request(5), from: neighbour, hops: [Self.peer(9)], now: now)
                == .refuse(.noRoute),
            "nor to where it began"
        )
        #expect(table.admit(try request(2), from: next, hops: [next], now: now) == .refuse(.circle))
        #expect(
            table.admit(try request(6, from: 1), from: neighbour, hops: [next], now: now)
                == .refuse(.circle)
        )
        #expect(table.refusedCounts[.noRoute] == 3 && table.refusedCounts[.circle] == 2)
        #expect(table.carriedCount == 1)
    }

    @Test func aRequestCrossesAsManyLinksAsItMay() throws {
        var table = TunnelTable(own: own)
        let (neighbour, next) = (Self.peer(3), Self.peer(4))
        let last = try request(1, hopCount: 1, hopLimit: 3)
        #expect(table.admit(last, from: neighbour, hops: [next], now: now) == .relay(next))
        let beyond = try request(2, hopCount: 2, hopLimit: 3)
        #expect(table.admit(beyond, from: neighbour, hops: [next], now: now) == .refuse(.tooFar))
        let boundless = try request(3, hopCount: 9, hopLimit: 200)
        #expect(table.admit(boundless, from: neighbour, hops: [next], now: now) == .refuse(.tooFar))
    }

    @Test func oneNeighbourAndAllTogetherHaveTheirShare() throws {
        var limits = TunnelTable.Limits()
        (limits.neighbourCountMax, limits.relayedCountMax, limits.endedCountMax) = (2, 3, 1)
        var table = TunnelTable(own: own, limits: limits)
        let (one, other, next) = (Self.peer(3), Self.peer(5), Self.peer(4))
        #expect(table.admit(try request(1), from: one, hops: [next], now: now) == .relay(next))
        #expect(table.admit(try request(2), from: one, hops: [next], now: now) == .relay(next))
        #expect(table.admit(try request(3), from: one, hops: [next], now: now) == .refuse(.busy))
        #expect(table.admit(try request(4), from: other, hops: [next], now: now) == .relay(next))
        #expect(table.admit(try request(5), from: other, hops: [next], now: now) == .refuse(.busy))
        #expect(table.admit(try request(6, to: 1), from: other, hops: [], now: now) == .end)
        #expect(
            table.admit(try request(7, to: 1), from: Self.peer(6), hops: [], now: now) == .refuse(.busy)
        )
        #expect(table.tableFills.allSatisfy { !$0.isOverfull })
        for number in UInt8(1)...7 { table.ended(try request(number).id) }
        table.ended(try request(1).id)
        #expect(table.tableFills.allSatisfy { $0.count == 0 })
        #expect(table.admit(try request(1), from: one, hops: [next], now: now) == .relay(next))
    }

    @Test func onePeerHasItsShareOfTheTunnelsThatEndHere() {
        var limits = TunnelTable.Limits()
        limits.peerCountMax = 2
        var table = TunnelTable(own: own, limits: limits)
        let (one, other) = (Self.peer(3), Self.peer(5))
        let begun = [table.begin(one), table.begin(one), table.begin(one), table.begin(other)]
        #expect(begun == [true, true, false, true])
        table.end(one)
        let again = [table.begin(one), table.begin(one)]
        #expect(again == [true, false])
    }

    @Test func waysThatFailedAreTriedLastForAWhile() {
        var table = TunnelTable(own: own)
        let (to, hops) = (Self.peer(2), [Self.peer(3), Self.peer(4), Self.peer(5)])
        table.failed(to: to, via: hops[0], now: now)
        table.failed(to: to, via: hops[1], now: now + .seconds(1))
        let later = now + .seconds(2)
        #expect(table.ordered(hops, to: to, now: later) == [hops[2], hops[0], hops[1]])
        #expect(table.ordered(hops, to: Self.peer(6), now: later) == hops, "other peers are not concerned")
        table.failed(to: to, via: hops[0], now: later)
        #expect(table.ordered(hops, to: to, now: later) == [hops[2], hops[1], hops[0]])
        #expect(table.ordered(hops, to: to, now: now + .seconds(100)) == hops)
    }

    @Test func failuresAreForgottenInTheirOrder() {
        var limits = TunnelTable.Limits()
        limits.failureCountMax = 2
        var table = TunnelTable(own: own, limits: limits)
        let hops = (3...5).map { Self.peer($0) }
        for hop in hops { table.failed(to: Self.peer(2), via: hop, now: now) }
        #expect(table.ordered(hops, to: Self.peer(2), now: now).first == hops[0])
        #expect(table.tableFills.allSatisfy { !$0.isOverfull })
    }
}

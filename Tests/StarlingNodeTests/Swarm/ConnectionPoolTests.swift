import StarlingCore
import StarlingCrypto
import StarlingNode
import StarlingTransports
import Testing

@Suite struct ConnectionPoolTests {
    private let now = Instant(nanosecondsSinceOrigin: 0) + .seconds(1000)

    private func member(_ number: UInt64, age: Int = 100, streams: Int = 0) throws -> ConnectionPool.Member {
        let seed = [UInt8](repeating: UInt8(number), count: 32)
        return ConnectionPool.Member(
            id: ConnectionID(number: number),
            peer: try IdentityKey(seed: seed).peerID,
            openedAt: now - .seconds(age),
            streamCount: streams
        )
    }

    private let pool = ConnectionPool(limits: .init(lowWaterCount: 2, highWaterCount: 4))

    @Test func upToTheHighWaterMarkNothingIsClosed() throws {
        #expect(!pool.isOverfull(4))
        #expect(pool.surplus(of: try (1...4).map { try member($0) }, now: now).isEmpty)
    }

    @Test func aboveItTheIdleThenTheYoungestGo() throws {
        let members = [
            try member(1, age: 500, streams: 1), try member(2, age: 50, streams: 1), try member(3, age: 400),
            try member(4, age: 30), try member(5, age: 300, streams: 2),
        ]
        #expect(pool.isOverfull(5))
        #expect(pool.surplus(of: members, now: now).map(\.number) == [4, 3, 2])
    }

    @Test func protectedPeersAndYoungConnectionsStay() throws {
        var pool = pool
        let members = try (1...6).map { try member($0, age: $0 <= 2 ? 19 : 20 + Int($0)) }
        pool.protect(members[5].peer, reason: "a")
        pool.protect(members[5].peer, reason: "b")
        #expect(pool.surplus(of: members, now: now).map(\.number) == [3, 4, 5])
        pool.unprotect(members[5].peer, reason: "a")
        #expect(pool.isProtected(members[5].peer))
        pool.unprotect(members[5].peer, reason: "b")
        #expect(!pool.isProtected(members[5].peer))
        #expect(pool.surplus(of: members, now: now).map(\.number) == [3, 4, 5, 6])
    }

    @Test(arguments: 1...4) func fewConnectionsAreAllKept(count: Int) throws {
        let pool = ConnectionPool(limits: .init(connectionCountMax: count))
        let members = try (0..<count).map { try member(UInt64($0)) }
        #expect(pool.surplus(of: members, now: now).isEmpty)
    }
}

import StarlingCore
import StarlingNode
import Testing

@Suite struct DialBackoffTests {
    private let start = Instant(nanosecondsSinceOrigin: 0)

    private func key(_ port: Int) throws -> DialBackoff.Key {
        .address(nil, try Multiaddr("/ip4/1.1.1.1/tcp/\(port)"))
    }

    @Test func waitsDoubleUpToTheLongest() throws {
        var backoff = DialBackoff()
        let key = try key(1)
        #expect(backoff.waitsUntil(key, now: start) == nil)
        for seconds in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            backoff.failed(key, now: start)
            #expect(backoff.waitsUntil(key, now: start) == start + .seconds(seconds))
            #expect(backoff.waitsUntil(key, now: start + .seconds(seconds)) == nil, "it ends in time")
        }
        for _ in 0..<100 { backoff.failed(key, now: start) }
        #expect(backoff.waitsUntil(key, now: start) == start + .seconds(300))
    }

    @Test func aSuccessForgets() throws {
        var backoff = DialBackoff()
        backoff.failed(try key(1), now: start)
        backoff.failed(try key(1), now: start)
        backoff.succeeded(try key(1))
        #expect(backoff.waitsUntil(try key(1), now: start) == nil)
        backoff.failed(try key(1), now: start)
        #expect(backoff.waitsUntil(try key(1), now: start) == start + .seconds(1))
        #expect(backoff.waitsUntil(try key(2), now: start) == nil)
    }

    @Test func atTheLimitTheOneThatEndsFirstIsForgottenAndAmongEqualsTheOldest() throws {
        var limits = DialBackoff.Limits()
        limits.entryCountMax = 16
        var backoff = DialBackoff(limits: limits)
        for port in 1...16 { backoff.failed(try key(port), now: start) }
        #expect(backoff.entryCount == 16)
        for port in 17...24 { backoff.failed(try key(port), now: start) }
        #expect(backoff.entryCount == 16)
        for port in 1...24 {
            #expect((backoff.waitsUntil(try key(port), now: start) == nil) == (port <= 8), "port \(port)")
        }
    }
}

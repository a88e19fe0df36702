import StarlingCore
import StarlingNode
import Testing

@Suite struct DialPlanTests {
    private let start = Instant(nanosecondsSinceOrigin: 0)

    private func addresses(_ texts: String...) throws -> [Multiaddr] { try texts.map { try Multiaddr($0) } }

    /// What is started at which millisecond, when nothing ever answers.
    private func starts(_ plan: inout DialPlan) -> [Int: [Int]] {
        var starts: [Int: [Int]] = [:]
        for millisecond in 0..<10_000 {
            plan.advance(to: start + .milliseconds(millisecond))
            while case .start(let index)? = plan.nextAction() {
                starts[millisecond, default: []].append(index)
            }
        }
        return starts
    }

    @Test func attemptsStartAQuarterOfASecondApart() throws {
        let candidates = try addresses("/ip4/1.1.1.1/tcp/1", "/ip4/1.1.1.1/tcp/2", "/ip4/1.1.1.1/tcp/3")
        var plan = DialPlan(addresses: candidates, now: start)
        #expect(starts(&plan) == [0: [0], 250: [1], 500: [2]])
        #expect(plan.addresses == candidates)
        #expect(!plan.isExhausted)
    }

    @Test func nearBeforeFarBeforeNamesBeforeRelays() throws {
        let relayed =
            "/ip4/9.9.9.9/tcp/1/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA/p2p-circuit"
        let plan = DialPlan(
            addresses: try addresses(
                relayed,
                "/dns4/a.example/tcp/1",
                "/ip4/8.8.8.8/tcp/1",
                "/ip6/2001:db8::1/tcp/1",
                "/ip4/192.168.1.2/tcp/1",
                "/ip4/127.0.0.1/tcp/1"
            ),
            now: start
        )
        #expect(
            plan.addresses.map(\.description) == [
                "/ip4/127.0.0.1/tcp/1", "/ip4/192.168.1.2/tcp/1", "/ip6/2001:db8::1/tcp/1",
                "/ip4/8.8.8.8/tcp/1", "/dns4/a.example/tcp/1", relayed,
            ]
        )
    }

    @Test func aFailureOfTheOnlyAttemptStartsTheNextAtOnce() throws {
        var plan = DialPlan(addresses: try addresses("/ip4/1.1.1.1/tcp/1", "/ip4/1.1.1.1/tcp/2"), now: start)
        #expect(plan.nextAction() == .start(0))
        plan.attemptFailed(now: start + .milliseconds(10))
        #expect(plan.nextAction() == .start(1))
        #expect(!plan.isExhausted)
        plan.attemptFailed(now: start + .milliseconds(20))
        #expect(plan.isExhausted)
        #expect(plan.nextDeadline == nil)
    }

    @Test func aFailureWhileAnotherRunsKeepsTheInterval() throws {
        var plan = DialPlan(
            addresses: try addresses("/ip4/1.1.1.1/tcp/1", "/ip4/1.1.1.1/tcp/2", "/ip4/1.1.1.1/tcp/3"),
            now: start
        )
        plan.advance(to: start + .milliseconds(250))
        #expect(plan.nextAction() == .start(0))
        #expect(plan.nextAction() == .start(1))
        plan.attemptFailed(now: start + .milliseconds(300))
        #expect(plan.nextAction() == nil)
        #expect(plan.nextDeadline == start + .milliseconds(500))
    }

    @Test func aSuccessStopsAllStarts() throws {
        var plan = DialPlan(addresses: try addresses("/ip4/1.1.1.1/tcp/1", "/ip4/1.1.1.1/tcp/2"), now: start)
        #expect(plan.nextAction() == .start(0))
        plan.attemptSucceeded()
        #expect(plan.nextDeadline == nil)
        plan.advance(to: start + .seconds(1))
        #expect(plan.nextAction() == nil)
        #expect(!plan.isExhausted)
    }

    @Test func theNumbersOfAttemptsAreBounded() throws {
        var limits = DialPlan.Limits()
        limits.parallelCountMax = 3
        limits.addressCountMax = 5
        let many = try (1...9).map { try Multiaddr("/ip4/1.1.1.1/tcp/\($0)") }
        var plan = DialPlan(addresses: many + many, limits: limits, now: start)
        #expect(plan.addresses == Array(many.prefix(5)), "the same address counts once")
        #expect(starts(&plan).values.flatMap(\.self).sorted() == [0, 1, 2])
        #expect(plan.nextDeadline == nil)
        plan.attemptFailed(now: start + .seconds(11))
        #expect(plan.nextAction() == .start(3))
    }

    @Test func withoutAddressesItIsExhausted() {
        #expect(DialPlan(addresses: [], now: start).isExhausted)
    }
}

import StarlingCore
import StarlingCrypto
import Testing

@testable import StarlingMesh

/// Messages between two peers that never meet, through mailboxes.
@Suite struct MailboxRigTests {
    private static let start = Instant(nanosecondsSinceOrigin: 0)

    private static func hour(_ count: Double) -> Instant { start + .milliseconds(Int64(count * 3_600_000)) }

    private static func expectNothingLeft(
        _ rig: MailboxRig,
        _ comment: Comment,
        at location: SourceLocation = #_sourceLocation
    ) {
        #expect(rig.delivered == rig.accepted, comment, sourceLocation: location)
        #expect(rig.nodes[0].outbox.count == 0, comment, sourceLocation: location)
        for (index, node) in rig.nodes.enumerated() {
            #expect(node.shelf.count == 0, "\(comment), node \(index)", sourceLocation: location)
            #expect(
                node.disk.rows(of: MailboxTables.copies).isEmpty,
                "\(comment), node \(index)",
                sourceLocation: location
            )
        }
    }

    /// A day away: the sender leaves before the recipient returns, and comes back when the recipient has gone again.
    private static func day(_ seed: UInt64, lies: [Int: MailboxRig.Lie] = [:], mailboxCount: Int = 6) throws
        -> MailboxRig
    {
        var rig = MailboxRig(seed: seed, mailboxCount: mailboxCount, lies: lies)
        rig.schedule(.down(1), in: .zero)
        for index in 0..<30 { rig.schedule(.send, in: .seconds(Int64(60 * index + 1))) }
        // One that is being handed out when the sender goes for good need not be with anyone.
        rig.schedule(.down(0), in: .seconds(3600))
        for node in 2..<mailboxCount + 2 {
            // They crash while messages are left, and each is away for a part of the day.
            for hour in [0.1, 0.3, 12.0] {
                let time = hour + 0.05 * Double(rig.draws.below(10))
                rig.schedule(.crash(node), in: .milliseconds(Int64(time * 3_600_000)))
                rig.schedule(
                    .up(node),
                    in: .milliseconds(Int64(time * 3_600_000) + Int64(5000 + rig.draws.below(120_000)))
                )
            }
        }
        rig.schedule(.crash(0), in: .seconds(Int64(600 + rig.draws.below(600))))
        rig.schedule(.up(0), in: .seconds(1210))
        rig.schedule(.up(1), in: .seconds(24 * 3600))
        rig.schedule(.crash(1), in: .seconds(24 * 3600 + Int64(rig.draws.below(20))))
        rig.schedule(.up(1), in: .seconds(24 * 3600 + 60))
        try rig.run(until: hour(26))
        return rig
    }

    @Test(arguments: 1...3) func aPeerThatIsAwayForADayGetsAllThoughItsSenderIsOffline(seed: UInt64) throws {
        var rig = try Self.day(seed)
        #expect(rig.violations == [], "seed \(seed)")
        #expect(rig.accepted.count >= 18, "seed \(seed)")
        #expect(
            rig.nodes[1].disk.entries.count == rig.accepted.count,
            "seed \(seed): all of them, with the sender offline"
        )
        #expect(
            rig.nodes[0].outbox.count == rig.accepted.count,
            "seed \(seed): stored by others is not settled"
        )
        #expect(rig.copyCountMax == MailboxProtocol.copyCountMax, "seed \(seed)")
        #expect(rig.breaches.isEmpty, "seed \(seed): nobody honest is blamed")
        rig.schedule(.down(1), in: .zero)
        rig.schedule(.up(0), in: .seconds(3600))
        try rig.run(until: Self.hour(30))
        #expect(rig.violations == [], "seed \(seed)")
        Self.expectNothingLeft(rig, "seed \(seed): the receipts waited for the sender, and all is erased")
    }

    @Test(arguments: [
        MailboxRig.Lie.silent, .dropping, .withholding, .garbage, .foreign, .forging, .endless,
    ])
    func mailboxesThatLieStopNobody(lie: MailboxRig.Lie) throws {
        let seed: UInt64 = 101
        // Two of six, the first that are asked among them.
        let rig = try Self.day(seed, lies: [2: lie, 5: lie])
        #expect(rig.violations == [], "seed \(seed)")
        #expect(rig.nodes[1].disk.entries.count == rig.accepted.count, "seed \(seed), \(lie)")
        #expect(rig.breaches.allSatisfy { [2, 5].contains($0.by) }, "seed \(seed): \(rig.breaches)")
        switch lie {
        case .dropping, .withholding:
            // Nobody can tell; all that it had came from the others.
            #expect(rig.nodes[2].missedCount > 0, "seed \(seed), \(lie)")
        case .silent, .garbage, .foreign, .forging, .endless:
            #expect(!rig.breaches.isEmpty, "seed \(seed), \(lie): it is noticed")
        }
    }

    @Test(arguments: 1...4) func whateverCrashesNoMessageHasMoreThanFourCopies(seed: UInt64) throws {
        var rig = MailboxRig(seed: seed, mailboxCount: 8)
        rig.commitFailureRatio = 0.1
        for _ in 0..<25 { rig.schedule(.send, in: .seconds(Int64(rig.draws.below(3600)))) }
        for node in rig.nodes.indices {
            for _ in 0..<12 {
                let time = Int64(rig.draws.below(7200))
                let away = Int64(1 + rig.draws.below(300))
                rig.schedule(rig.draws.happens(0.5) ? .crash(node) : .down(node), in: .seconds(time))
                rig.schedule(.up(node), in: .seconds(time + away))
            }
        }
        try rig.run(until: Self.start + .seconds(7500))
        for node in rig.nodes.indices { rig.schedule(.up(node), in: .zero) }
        rig.commitFailureRatio = 0
        try rig.run(until: Self.hour(6))
        #expect(rig.violations == [], "seed \(seed)")
        #expect(rig.accepted.count > 10, "seed \(seed)")
        Self.expectNothingLeft(rig, "seed \(seed)")
    }

    @Test func aSeedGivesTheSameRunTwice() throws {
        let runs = try (0..<2).map { _ in try Self.day(7) }
        #expect(runs[0].trace == runs[1].trace && runs[0].steps == runs[1].steps)
        #expect(runs[0].trace != (try Self.day(8).trace))
    }
}

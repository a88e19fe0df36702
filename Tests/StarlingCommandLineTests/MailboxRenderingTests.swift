import StarlingCore
import StarlingNode
import Testing

@testable import StarlingCommandLine

@Suite struct MailboxRenderingTests {
    private let peerID: PeerID

    init() throws {
        peerID = try #require(PeerID("12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"))
    }

    private var empty: MailboxSummary {
        MailboxSummary(
            policy: .nobody,
            served: [],
            kept: Occupancy(count: 0, countMax: 10, byteCount: 0, byteCountMax: 1024),
            senderQuota: .init(messageCount: 5, byteCount: 512),
            recipientQuota: .init(messageCount: 8, byteCount: 1000),
            ageMax: .seconds(30 * 86_400),
            displacedCount: 0,
            holdings: [],
            moreHoldingCount: 0,
            mailboxes: [],
            copies: [],
            moreCopyCount: 0
        )
    }

    @Test func aNodeWithoutMailboxesTellsHowToHaveSome() {
        #expect(
            empty.render(.plain, flags: "") == """
                keeps mail for  nobody: start it with --keeps-mail-for to change that
                kept            0 messages of at most 10, 0 B of at most 1 KiB
                mailboxes       none: start it with --mailbox to name some

                """
        )
    }

    @Test func whatIsKeptStandsWithItsSenderSizeAndAge() {
        var summary = empty
        (summary.policy, summary.served) = (.named, [peerID])
        summary.kept.count = 2
        summary.displacedCount = 1
        summary.holdings = [
            .init(
                recipient: peerID,
                sender: peerID,
                messageCount: 2,
                byteCount: 2048,
                oldestAge: .seconds(250),
                longestRest: .seconds(86_150)
            )
        ]
        summary.mailboxes = [.init(peerID: peerID, addresses: [], isConnected: false)]
        let id = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
        let since = WallTime(millisecondsSince1970: 0)
        summary.copies = [
            .init(messageID: id, to: peerID, mailbox: peerID, stored: since, isEnded: false),
            .init(messageID: id, to: peerID, mailbox: peerID, stored: nil, isEnded: false),
            .init(messageID: id, to: peerID, mailbox: peerID, stored: since, isEnded: true),
        ]
        let lines = summary.render(.plain, flags: "").split(separator: "\n").map(String.init)
        #expect(lines[0] == "keeps mail for  \(peerID)")
        #expect(lines[2] == "of one sender   at most 5 messages, 512 B")
        #expect(lines[3] == "for one peer    at most 8 messages, 1000 B")
        #expect(lines[4] == "kept for        at most 30d")
        #expect(lines[5] == "gave way        1 message")
        #expect(lines[6] == "mailboxes       \(peerID), not connected")
        #expect(lines[8] == "\(peerID)  \(peerID)         2  2 KiB  4m 10s  23h 55m")
        #expect(lines[10] == "\(id)  \(peerID)  \(peerID)  1970-01-01T00:00:00.000Z")
        #expect(lines[11].hasSuffix("  not confirmed"))
        #expect(lines[12].hasSuffix("  to be erased"))
        #expect(lines.count == 13)
    }

    @Test func whatIsNotListedIsCounted() {
        var summary = empty
        summary.holdings = [
            .init(
                recipient: peerID,
                sender: peerID,
                messageCount: 1,
                byteCount: 1,
                oldestAge: .zero,
                longestRest: .zero
            )
        ]
        summary.copies = [
            .init(messageID: "0f", to: peerID, mailbox: peerID, stored: nil, isEnded: false)
        ]
        (summary.moreHoldingCount, summary.moreCopyCount) = (7, 1)
        let lines = summary.render(.plain, flags: "").split(separator: "\n").map(String.init)
        #expect(lines.filter { $0.hasPrefix("and ") } == ["and 7 more", "and 1 more"])
    }

    @Test func aMailboxThatBrokeARuleIsSeenToPayForIt() {
        var summary = empty
        let end = WallTime(millisecondsSince1970: 600_000)
        summary.mailboxes = [
            .init(peerID: peerID, addresses: [], isConnected: true, penaltyEnd: end),
            .init(peerID: peerID, addresses: [], isConnected: true),
        ]
        let lines = summary.render(.plain, flags: "").split(separator: "\n").map(String.init)
        #expect(lines[2].hasSuffix("\(peerID), connected, under penalty until 1970-01-01T00:10:00.000Z"))
        #expect(lines[3].hasSuffix("\(peerID), connected"))
    }
}

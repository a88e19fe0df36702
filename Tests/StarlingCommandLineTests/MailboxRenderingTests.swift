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
            displacedCount: 0,
            holdings: [],
            mailboxes: [],
            copies: []
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
                oldestAge: .seconds(250)
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
        #expect(lines[2] == "gave way        1 message")
        #expect(lines[3] == "mailboxes       \(peerID), not connected")
        #expect(lines[5] == "\(peerID)  \(peerID)         2  2 KiB  4m 10s")
        #expect(lines[7] == "\(id)  \(peerID)  \(peerID)  1970-01-01T00:00:00.000Z")
        #expect(lines[8].hasSuffix("  not confirmed"))
        #expect(lines[9].hasSuffix("  to be erased"))
    }
}

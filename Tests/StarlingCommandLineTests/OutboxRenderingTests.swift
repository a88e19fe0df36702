import StarlingCore
import StarlingNode
import Testing

@testable import StarlingCommandLine

@Suite struct OutboxRenderingTests {
    private let peerID: PeerID
    private let id = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
    private let obstacle = NodeFailure(.unreachable, "Nobody\u{1B} answers.", nextStep: "Wait.")

    init() throws {
        peerID = try #require(PeerID("12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"))
    }

    private func message(_ state: MessageStatus.State) -> MessageStatus {
        MessageStatus(
            messageID: id,
            to: peerID,
            state: state,
            priority: .high,
            privacy: .private,
            byteCount: 2048,
            attemptCount: 0,
            accepted: WallTime(millisecondsSince1970: 0),
            age: .seconds(250),
            sent: nil,
            expires: WallTime(millisecondsSince1970: 86_400_000),
            ended: nil,
            obstacle: nil
        )
    }

    @Test func aMessageThatWaitsTellsItsObstacleAndTheNextStep() {
        var message = message(.queued)
        message.obstacle = obstacle
        #expect(
            message.render(.plain) == """
                message    \(id)
                to         \(peerID)
                state      queued on this node's disk
                priority   high
                privacy    private
                size       2 KiB
                queued     1970-01-01T00:00:00.000Z, 4m 10s ago
                expires    1970-01-02T00:00:00.000Z
                obstacle   Nobody\u{FFFD} answers.
                next step  Wait.

                """
        )
    }

    @Test func aMessageThatEndedTellsWhenAndHow() {
        var message = message(.delivered)
        message.attemptCount = 2
        message.sent = WallTime(millisecondsSince1970: 1000)
        message.ended = WallTime(millisecondsSince1970: 1500)
        let delivered = message.render(.plain)
        #expect(delivered.contains("sent       2 times, last 1970-01-01T00:00:01.000Z\n"))
        #expect(
            delivered.contains("delivered  1970-01-01T00:00:01.500Z, by the recipient's signed receipt\n")
        )
        #expect(!delivered.contains("expires"))
        message.state = .expired
        #expect(message.render(.plain).contains("expired   1970-01-01T00:00:01.500Z\n"))
    }

    @Test func aMessageThatMailboxesKeepTellsWhichAndSinceWhen() {
        var message = message(.stored)
        message.storedBy = [StoredCopy(mailbox: peerID, stored: WallTime(millisecondsSince1970: 10_000))]
        let text = message.render(.plain)
        #expect(text.contains("state      queued on this node's disk, with copies in mailboxes\n"))
        #expect(text.contains("stored by  \(peerID), 1970-01-01T00:00:10.000Z\n"))
        #expect(text.contains("expires"), "it is still this node's to deliver")
        #expect(OutboxPage(messages: [message], hasMore: false).render(.plain).contains("  stored  "))
    }

    @Test func aMessageThatAskedForItsWayTellsIt() {
        var message = message(.delivered)
        #expect(!message.render(.plain).contains("path"))
        message.path = []
        #expect(message.render(.plain).contains("path      not known\n"))
        let times = [10_000, 10_004].map { WallTime(millisecondsSince1970: $0) }
        message.path = times.map { PathHop(peerID: peerID, arrived: $0) }
        let text = message.render(.plain)
        #expect(text.contains("path      from \(peerID), arrived 1970-01-01T00:00:10.000Z\n"))
        #expect(text.contains("          from \(peerID), arrived 1970-01-01T00:00:10.004Z\n"))
    }

    @Test func theOutboxNamesEachObstacleOnce() {
        var stopped = message(.queued)
        stopped.obstacle = obstacle
        let page = OutboxPage(messages: [stopped, message(.sent), stopped], hasMore: true)
        let lines = page.render(.plain).split(separator: "\n")
        #expect(lines.count == 6)
        #expect(lines[0].hasPrefix("MESSAGE"))
        #expect(lines[1] == "\(id)  \(peerID)  queued  high      4m 10s  2 KiB    0x")
        #expect(lines[2].contains("  sent    high"))
        #expect(lines[4] == "Nobody\u{FFFD} answers.")
        #expect(lines[5] == "Wait.")
        #expect(
            page.moreHint(flags: " --ended --home x")?.contains("outbox --ended --home x --after \(id)")
                == true
        )
        #expect(OutboxPage(messages: [stopped], hasMore: false).moreHint(flags: "") == nil)
        #expect(OutboxPage.emptyHint(flags: " --home x").hasSuffix("starling outbox --ended --home x\n"))
    }

    @Test func theStatusTellsWhatWaitsForWhomAndWhatIsStuck() {
        let fill = OutboxStatus.Fill(
            priority: .low,
            queuedCount: 2,
            queuedByteCount: 20,
            sentCount: 1,
            sentByteCount: 10
        )
        var status = OutboxStatus(
            messages: Occupancy(count: 3, countMax: 10_000, byteCount: 30, byteCountMax: 1 << 30),
            fills: [fill],
            backlogs: [
                .init(
                    to: peerID,
                    messageCount: 3,
                    byteCount: 30,
                    oldestID: id,
                    oldestAge: .seconds(61),
                    obstacle: obstacle
                )
            ],
            stalls: [],
            stallCount: 0
        )
        var facts = FactList()
        status.append(to: &facts)
        #expect(
            facts.render(.plain) == """
                outbox       3 messages of at most 10000, 30 B of at most 1 GiB
                             low: 2 queued (20 B), 1 sent (10 B)
                waiting for  \(peerID): 3 messages, the oldest 1m 1s
                             Nobody\u{FFFD} answers.
                             Wait.

                """
        )
        status.stalls = [
            .init(
                to: peerID,
                priority: .low,
                messageCount: 1,
                oldestID: id,
                duration: .seconds(75),
                reason: obstacle
            )
        ]
        status.stallCount = 2
        facts = FactList()
        status.append(to: &facts)
        let text = facts.render(.plain)
        #expect(
            text.contains("stuck          1 message of priority low to \(peerID) for 1m 15s, first \(id)\n")
        )
        #expect(text.contains("stalls so far  2\n"))
    }
}

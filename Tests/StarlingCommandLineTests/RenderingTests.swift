import StarlingAPI
import StarlingCore
import StarlingNode
import Testing

@testable import StarlingCommandLine

@Suite struct RenderingTests {
    private let peerID: PeerID
    private let connection: ConnectionSummary

    init() throws {
        peerID = try #require(PeerID("12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"))
        connection = ConnectionSummary(
            id: "c7",
            direction: .outbound,
            remote: try Multiaddr("/ip4/192.0.2.7/tcp/4001"),
            security: "/noise",
            muxer: "/yamux/1.0.0",
            age: .seconds(12),
            streamCount: 1,
            roundTrip: .nanoseconds(412_345)
        )
    }

    @Test func peersAreAlignedAndHostileNamesHarmless() throws {
        let known = PeerSummary(
            peerID: peerID,
            name: "a\u{1B}[31m\nb",
            agentVersion: nil,
            addresses: [try Multiaddr("/ip4/192.0.2.9/tcp/1")],
            connections: []
        )
        var connected = known
        (connected.name, connected.agentVersion, connected.connections) = (nil, "go-libp2p", [connection])
        connected.membership = Membership(
            state: .suspect,
            age: .seconds(70),
            uptime: .seconds(3600),
            capacity: 4
        )
        let text = PeerList(peers: [connected, known]).render(.plain)
        let lines = text.split(separator: "\n")
        #expect(lines.count == 3)
        #expect(lines[1].contains("outbound  suspect 1m 10s  412 µs  /ip4/192.0.2.7/tcp/4001  go-libp2p"))
        #expect(lines[2].contains("a\u{FFFD}[31m\u{FFFD}b"))
        #expect(lines[2].hasSuffix("known                             /ip4/192.0.2.9/tcp/1"))
    }

    @Test func routesAreListedWithWhoIsUsedFirst() throws {
        let relay = try #require(PeerID("12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5"))
        let far = try #require(PeerID("12D3KooWJWoaqZhDaoEFshF7Rh1bpY9ohihFhzcW6d69Lr2NASuq"))
        let best = RouteSummary.Hop(
            peerID: relay,
            metric: .milliseconds(3),
            linkCost: .milliseconds(2),
            penalty: .zero,
            hopCount: 2,
            age: .seconds(61),
            reason: .first
        )
        var other = best
        (other.peerID, other.metric, other.reason) = (far, nil, .unfeasible)
        other.penalty = .seconds(1)
        let routes = RouteList(routes: [RouteSummary(peerID: far, hops: [best, other], age: .seconds(5))])
        let lines = routes.render(.plain).split(separator: "\n")
        #expect(lines.count == 3)
        #expect(lines[1].hasPrefix("\(far)  \(relay)     2  3.00 ms") && lines[1].hasSuffix("the best"))
        #expect(
            lines[2].contains("its link")
                && lines[2].hasSuffix("not used: might lead back here, 1.00 s for what it did not deliver")
        )
    }

    @Test func eachReasonOfARouteIsSaidWithWhatWasAdded() {
        let words: [RouteSummary.Reason: String] = [
            .first: "the best", .direct: "its own link goes first", .detour: "its own link is much worse",
            .kept: "in use, and no other is clearly better",
            .balanced: "as good, or nearly: takes messages when the first is busy", .spare: "in reserve",
            .unfeasible: "not used: might lead back here",
            .waiting: "not used yet: what this node told before its start is not void",
        ]
        let taken: [RouteSummary.Reason] = [.first, .direct, .detour, .kept]
        #expect(RouteSummary.Reason.allCases.filter(\.isTaken) == taken)
        for reason in RouteSummary.Reason.allCases {
            let hop = RouteSummary.Hop(
                peerID: peerID,
                metric: .seconds(3),
                linkCost: .milliseconds(2),
                penalty: .zero,
                suspicion: .seconds(1),
                hopCount: 2,
                age: .seconds(61),
                reason: reason
            )
            let list = RouteList(routes: [RouteSummary(peerID: peerID, hops: [hop], age: .seconds(5))])
            let line = list.render(.plain).split(separator: "\n").last
            let said = words[reason].map { $0 + ", 1.00 s because it does not answer" } ?? "nothing"
            #expect(line?.hasSuffix("  " + said) == true, "\(reason)")
        }
    }

    @Test func aPingReportGivesFiguresAndPath() {
        let report = PingReport(
            peerID: peerID,
            path: connection,
            roundTrips: [.microseconds(90), .microseconds(95), .milliseconds(2)],
            lostCount: 1
        )
        #expect(
            report.render(.plain)
                == "3 of 4 pings to \(peerID) came back through /ip4/192.0.2.7/tcp/4001 (noise, yamux)\n"
                + "min 90.0 µs   median 95.0 µs   p99 2.00 ms   max 2.00 ms\n"
        )
        let lost = PingReport(peerID: peerID, path: connection, roundTrips: [], lostCount: 2)
        #expect(lost.render(.plain).hasPrefix("0 of 2 pings"))
    }

    @Test func aSentMessageIsDeliveredOrQueuedWithItsReason() {
        let delivered = SendReport(messageID: "0a0b", state: .delivered, roundTrip: .microseconds(900))
        #expect(delivered.render(.plain, to: "X") == "delivered to X in 900 µs (message 0a0b)\n")
        let obstacle = NodeFailure(.unreachable, "nobody answers.", nextStep: "")
        let queued = SendReport(messageID: "0a0b", state: .queued, roundTrip: nil, obstacle: obstacle)
        #expect(queued.render(.plain, to: "X") == "queued for X (message 0a0b): nobody answers.\n")
    }

    @Test func theInboxShowsWhatIsDamagedWithTheNextStep() {
        let damaged = DamagedMessage(
            position: 8,
            messageID: "0a0b",
            from: peerID,
            type: "DATA_MESSAGE\u{7}",
            created: WallTime(millisecondsSince1970: 0),
            received: WallTime(millisecondsSince1970: 1500)
        )
        let page = InboxPage(messages: [], damaged: [damaged], last: 8, hasMore: false)
        let text = page.render(.plain, flags: "")
        #expect(
            text.hasPrefix("#8  1970-01-01T00:00:01.500Z  from \(peerID)  damaged DATA_MESSAGE\u{FFFD}\n")
        )
        #expect(text.contains("0a0b") && text.hasSuffix("starling inbox --take\n"))
        #expect(!page.isEmpty && page.lastShown == 8)
    }

    @Test func theInboxShowsTextsAndMeasuresTheRest() {
        var message = InboxMessage(
            position: 9,
            messageID: "0a0b",
            from: peerID,
            type: "DATA_MESSAGE",
            contentType: "text/plain",
            priority: .normal,
            privacy: .private,
            payload: Array("two\nlines\u{7}".utf8),
            created: WallTime(millisecondsSince1970: 0),
            received: WallTime(millisecondsSince1970: 1500)
        )
        let head = "#9  1970-01-01T00:00:01.500Z  from \(peerID)  DATA_MESSAGE\n"
        #expect(message.render(.plain, flags: "") == head + "  two\n  lines\u{FFFD}\n")
        message.payload = [0xFF, 0xFE]
        #expect(message.render(.plain, flags: "") == head + "  2 B of text/plain, not a text\n")
        #expect(InboxPage(messages: [message], last: 9, hasMore: false).moreHint(flags: "") == nil)
        let more = InboxPage(messages: [message], last: 12, hasMore: true).moreHint(flags: " --home x")
        #expect(more?.hasSuffix("starling inbox --after 12 --home x\n") == true)
        message.file = FileStatus(name: "kettle.jpg", byteCount: 1024, arrivedByteCount: 1024)
        let withFile = InboxPage(messages: [message], last: 9, hasMore: false)
        #expect(
            withFile.render(.plain, flags: " --home x").hasSuffix(
                "  kettle.jpg, 1 KiB: starling save 9 --home x\n"
            )
        )
        message.file = nil
        (message.priority, message.contentType) = (.emergency, "")
        #expect(message.render(.plain, flags: "").hasSuffix("DATA_MESSAGE emergency\n  2 B, not a text\n"))
    }
}

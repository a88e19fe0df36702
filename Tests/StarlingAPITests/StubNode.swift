import StarlingAPI
import StarlingCore
import StarlingNode
import Synchronization

/// A node that answers with fixed values, and remembers what it was asked.
final class StubNode: NodeOperations {
    private let seen = Mutex<[String]>([])
    let failure: NodeFailure?
    /// What keeps whoever waits for a message, in place of time.
    private let gate: Gate?

    init(failure: NodeFailure? = nil, gate: Gate? = nil) {
        self.failure = failure
        self.gate = gate
    }

    var calls: [String] { seen.withLock { $0 } }

    private func enter(_ call: String) throws(NodeFailure) {
        seen.withLock { $0.append(call) }
        if let failure { throw failure }
    }

    func identity() async throws(NodeFailure) -> NodeIdentity {
        try enter("identity")
        return Sample.identity
    }

    func status() async throws(NodeFailure) -> NodeStatus {
        try enter("status")
        return Sample.status
    }

    func peers() async throws(NodeFailure) -> [PeerSummary] {
        try enter("peers")
        return [Sample.peer]
    }

    func routes() async throws(NodeFailure) -> [RouteSummary] {
        try enter("routes")
        return [Sample.route]
    }

    func trace(_ request: TraceRequest) async throws(NodeFailure) -> TraceReport {
        try enter("trace \(request.hopLimit) \(request.timeout)")
        return Sample.traceReport
    }

    func broadcast(_ message: OutgoingBroadcast) async throws(NodeFailure) -> BroadcastReport {
        let text = String(decoding: message.payload, as: UTF8.self)
        try enter("broadcast \(message.type) \(message.contentType) \(text) \(message.lifetime)")
        return Sample.broadcastReport
    }

    func mailbox() async throws(NodeFailure) -> MailboxSummary {
        try enter("mailbox")
        return Sample.mailbox
    }

    func connect(_ request: ConnectRequest) async throws(NodeFailure) -> PeerSummary {
        try enter("connect \(request.address) \(request.timeout)")
        return Sample.peer
    }

    func ping(_ request: PingRequest) async throws(NodeFailure) -> PingReport {
        try enter("ping \(request.count) \(request.interval) \(request.timeout)")
        return Sample.pingReport
    }

    func send(_ message: OutgoingMessage) async throws(NodeFailure) -> SendReport {
        let text = String(decoding: message.payload, as: UTF8.self)
        var call = "send \(message.type) \(text) \(message.receiptTimeout)"
        if message.priority != .normal || message.privacy != .private || message.key != nil {
            call += " \(message.priority) \(message.privacy) \(message.lifetime) \(message.key ?? "-")"
        }
        if message.contentType != "text/plain" { call += " as \(message.contentType)" }
        if message.hopLimit != 10 { call += " over \(message.hopLimit)" }
        try enter(call)
        guard message.receiptTimeout > .zero else {
            return SendReport(messageID: "0a0b", state: .queued, roundTrip: nil)
        }
        return SendReport(messageID: "0a0b", state: .delivered, roundTrip: .microseconds(900))
    }

    func message(_ id: String, settledWithin timeout: Duration) async throws(NodeFailure) -> MessageStatus {
        try enter("message \(id) \(timeout)")
        return Sample.messageStatus
    }

    func outbox(_ query: OutboxQuery) async throws(NodeFailure) -> OutboxPage {
        try enter("outbox \(query.part) \(query.after ?? "-") \(query.messageCountMax)")
        return Sample.outboxPage
    }

    func inbox(_ query: InboxQuery) async throws(NodeFailure) -> InboxPage {
        let wait = query.arrivalTimeout == .zero ? "" : " \(query.arrivalTimeout)"
        try enter("inbox \(query.after) \(query.messageCountMax)" + wait)
        if query.arrivalTimeout > .zero { await gate?.pass() }
        return Sample.inboxPage
    }

    func takeInbox(_ take: InboxTake) async throws(NodeFailure) -> Int {
        switch take {
        case .through(let position): try enter("take \(position)")
        case .only(let positions): try enter("take only \(positions)")
        }
        return 2
    }

    func saveFile(_ request: FileSaveRequest) async throws(NodeFailure) -> FileSaved {
        try enter("save \(request.position) \(request.path ?? "-") \(request.isTaken)")
        return FileSaved(path: request.path, byteCount: 12)
    }

    func shutdown() async throws(NodeFailure) { try enter("shutdown") }
}

/// Values with every field filled.
enum Sample {
    static let peerID = parsedPeer("12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp")
    static let address = parsedAddress("/ip4/192.0.2.7/tcp/4001")

    static let messageID = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
    static let obstacle = NodeFailure(.unreachable, "Nobody answers.", nextStep: "Wait.")

    static func parsedPeer(_ text: String) -> PeerID {
        guard let peer = PeerID(text) else { preconditionFailure("\(text) is no PeerID") }
        return peer
    }

    static func parsedAddress(_ text: String) -> Multiaddr {
        guard let address = try? Multiaddr(text) else { preconditionFailure("\(text) is no multiaddr") }
        return address
    }

    static let identity = NodeIdentity(
        peerID: peerID,
        name: "kitchen",
        agentVersion: "starling/0.1.0",
        addresses: [address]
    )

    static let status = NodeStatus(
        identity: identity,
        version: "0.1.0",
        uptime: .milliseconds(61_500),
        loopCount: 2,
        securities: ["noise", "tls"],
        isMDNSOn: true,
        knownPeerCount: 3,
        connectionCount: 2,
        connectionCountMax: 400,
        streamCount: 5,
        reservedByteCount: 1 << 20,
        reservedByteCountMax: 1 << 28,
        receivedByteCount: 1 << 33,
        sentByteCount: 12,
        inbox: InboxStatus(
            messages: Occupancy(count: 1, countMax: 10_000, byteCount: 16, byteCountMax: 1 << 30),
            incoming: Occupancy(count: 2, countMax: 1000, byteCount: 1 << 32, byteCountMax: 14 << 30),
            unconfirmedReceiptCount: 1
        ),
        outbox: OutboxStatus(
            messages: Occupancy(count: 3, countMax: 10_000, byteCount: 300, byteCountMax: 1 << 30),
            fills: [
                .init(
                    priority: .emergency,
                    queuedCount: 1,
                    queuedByteCount: 100,
                    sentCount: 2,
                    sentByteCount: 200
                )
            ],
            backlogs: [
                .init(
                    to: peerID,
                    messageCount: 3,
                    byteCount: 300,
                    oldestID: messageID,
                    oldestAge: .seconds(70),
                    obstacle: obstacle
                )
            ],
            stalls: [
                .init(
                    to: peerID,
                    priority: .emergency,
                    messageCount: 2,
                    oldestID: messageID,
                    duration: .seconds(65),
                    reason: obstacle
                )
            ],
            stallCount: 4
        ),
        mesh: MeshStatus(
            topology: "mesh",
            neighbourCount: 7,
            aliveCount: 19,
            suspectCount: 1,
            deadCount: 2,
            leftCount: 3,
            isSuperPeer: true,
            capacity: 12,
            selfDoubt: 4,
            tunnelCount: 2,
            tunnelCountMax: 64,
            carriedTunnelCount: 31
        ),
        files: Occupancy(count: 5, countMax: 10_000, byteCount: 1 << 33, byteCountMax: 16 << 30),
        store: StoreHealth(
            losses: [
                .init(table: "inbox_entry", rowCount: 2, reason: "the checksum is wrong"),
                .init(table: nil, rowCount: nil, reason: "file is not a database"),
            ],
            asidePaths: ["/var/lib/starling/starling.db.damaged-20260501T120000Z"]
        )
    )

    static let connection = ConnectionSummary(
        id: "c7",
        direction: .outbound,
        remote: address,
        security: "/noise",
        muxer: "/yamux/1.0.0",
        age: .seconds(12),
        streamCount: 1,
        roundTrip: .nanoseconds(412_345)
    )

    static let peer = PeerSummary(
        peerID: peerID,
        name: "kitchen",
        agentVersion: "go-libp2p/0.32.1",
        addresses: [address],
        connections: [connection],
        membership: Membership(
            state: .suspect,
            age: .milliseconds(1500),
            uptime: .seconds(3600),
            capacity: 8
        )
    )

    static let route = RouteSummary(
        peerID: peerID,
        hops: [
            .init(
                peerID: peerID,
                metric: .milliseconds(3),
                linkCost: .milliseconds(2),
                penalty: .zero,
                hopCount: 2,
                age: .seconds(5),
                reason: .first
            ),
            .init(
                peerID: peerID,
                metric: nil,
                linkCost: .milliseconds(9),
                penalty: .seconds(1),
                suspicion: .seconds(60),
                hopCount: 3,
                age: .seconds(1),
                reason: .unfeasible
            ),
        ],
        age: .seconds(4)
    )

    static let traceReport = TraceReport(
        peerID: peerID,
        hops: [
            .init(peerID: peerID, standing: .passedOn, next: peerID, roundTrip: .microseconds(410)),
            .init(peerID: peerID, standing: .noRoute, next: nil, roundTrip: .milliseconds(3)),
        ]
    )

    static let broadcastReport = BroadcastReport(messageID: messageID, neighbourCount: 3)

    static let pingReport = PingReport(
        peerID: peerID,
        path: connection,
        roundTrips: [.microseconds(120), .nanoseconds(99_500), .milliseconds(2)],
        lostCount: 1
    )

    static let message = InboxMessage(
        position: 9,
        messageID: "0a0b",
        kind: .request,
        from: peerID,
        type: "DATA_MESSAGE",
        contentType: "text/plain",
        priority: .high,
        privacy: .standard,
        payload: Array("the kettle is on".utf8),
        file: FileStatus(name: "kettle.jpg", byteCount: 1 << 20, arrivedByteCount: 1 << 20),
        created: WallTime(millisecondsSince1970: 1_800_000_000_000),
        received: WallTime(millisecondsSince1970: 1_800_000_000_250)
    )

    static let file = FileStatus(
        name: "film.mp4",
        byteCount: 1 << 30,
        arrivedByteCount: 1 << 29,
        bytesPerSecond: 1 << 28,
        obstacle: obstacle
    )

    static let incoming = IncomingMessage(
        messageID: messageID,
        from: peerID,
        type: "DATA_MESSAGE",
        created: WallTime(millisecondsSince1970: 1_800_000_000_000),
        received: WallTime(millisecondsSince1970: 1_800_000_000_250),
        file: file
    )

    static let damaged = DamagedMessage(
        position: 8,
        messageID: messageID,
        from: peerID,
        type: "DATA_MESSAGE",
        created: WallTime(millisecondsSince1970: 1_800_000_000_000),
        received: WallTime(millisecondsSince1970: 1_800_000_000_250)
    )

    static let inboxPage = InboxPage(
        messages: [message],
        damaged: [damaged],
        last: 9,
        hasMore: true,
        incoming: [incoming]
    )

    static let messageStatus = MessageStatus(
        messageID: messageID,
        to: peerID,
        state: .sent,
        priority: .low,
        privacy: .private,
        byteCount: 120,
        attemptCount: 2,
        accepted: WallTime(millisecondsSince1970: 1_800_000_000_000),
        age: .seconds(90),
        sent: WallTime(millisecondsSince1970: 1_800_000_060_000),
        expires: WallTime(millisecondsSince1970: 1_800_086_400_000),
        ended: nil,
        obstacle: obstacle,
        file: file,
        storedBy: [StoredCopy(mailbox: peerID, stored: WallTime(millisecondsSince1970: 1_800_000_030_000))],
        path: [PathHop(peerID: peerID, arrived: WallTime(millisecondsSince1970: 1_800_000_060_004))]
    )

    static let mailbox = MailboxSummary(
        policy: .named,
        served: [peerID],
        kept: Occupancy(count: 3, countMax: 10, byteCount: 900, byteCountMax: 10_000),
        senderQuota: .init(messageCount: 4, byteCount: 1000),
        recipientQuota: .init(messageCount: 5, byteCount: 2000),
        ageMax: .seconds(7 * 86_400),
        displacedCount: 2,
        holdings: [
            .init(
                recipient: peerID,
                sender: peerID,
                messageCount: 3,
                byteCount: 900,
                oldestAge: .seconds(60),
                longestRest: .seconds(600)
            )
        ],
        moreHoldingCount: 6,
        mailboxes: [
            .init(peerID: peerID, addresses: [address], isConnected: true),
            .init(
                peerID: peerID,
                addresses: [address],
                isConnected: true,
                penaltyEnd: WallTime(millisecondsSince1970: 1_800_000_090_000)
            ),
        ],
        copies: [
            .init(
                messageID: messageID,
                to: peerID,
                mailbox: peerID,
                stored: WallTime(millisecondsSince1970: 1_800_000_030_000),
                isEnded: false
            ),
            .init(messageID: messageID, to: peerID, mailbox: peerID, stored: nil, isEnded: true),
        ],
        moreCopyCount: 7
    )

    static let outboxPage = OutboxPage(messages: [messageStatus], hasMore: true)
}

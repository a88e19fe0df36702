import StarlingCore
import StarlingNode
import Testing

@testable import StarlingAPI

@Suite struct WireTests {
    private func roundTrip<Value: APIValue & Equatable>(_ value: Value) throws {
        let text = value.json.text
        #expect(try Value(json: JSON(parsing: text)) == value, "\(text)")
    }

    @Test func everyValueReadsBackFromItsJSON() throws {
        try roundTrip(Sample.identity)
        try roundTrip(Sample.status)
        try roundTrip(Sample.connection)
        try roundTrip(Sample.peer)
        try roundTrip(PeerList(peers: [Sample.peer, Sample.peer]))
        try roundTrip(RouteList(routes: [Sample.route]))
        try roundTrip(Sample.pingReport)
        try roundTrip(Sample.mailbox)
        try roundTrip(Sample.traceReport)
        try roundTrip(Sample.broadcastReport)
        try roundTrip(OutgoingBroadcast(type: "ALERT", payload: [1, 2]))
        try roundTrip(Sample.inboxPage)
        try roundTrip(InboxTake.through(3))
        try roundTrip(InboxTake.only([3, 1, .max]))
        try roundTrip(NodeFailure(.unreachable, "No.", nextStep: "Wait."))
        try roundTrip(ConnectRequest(address: Sample.address, timeout: .seconds(3)))
        for target in [PingRequest.Target.peer(Sample.peerID), .address(Sample.address)] {
            try roundTrip(PingRequest(target: target, count: 2, interval: .zero, timeout: .seconds(1)))
        }
        try roundTrip(
            OutgoingMessage(to: Sample.peerID, type: "a", payload: [0, 255], receiptTimeout: .zero)
        )
        var outgoing = OutgoingMessage(to: Sample.peerID, type: "a", payload: [], receiptTimeout: .zero)
        (outgoing.priority, outgoing.privacy) = (.emergency, .standard)
        (outgoing.lifetime, outgoing.key, outgoing.contentType) = (.seconds(30 * 86_400), "k", "a/b")
        (outgoing.hopLimit, outgoing.recordsPath) = (3, true)
        try roundTrip(outgoing)
        try roundTrip(Sample.outboxPage)
        for obstacle in [nil, NodeFailure(.unreachable, "No.", nextStep: "Wait.")] {
            try roundTrip(SendReport(messageID: "0a", state: .queued, roundTrip: nil, obstacle: obstacle))
        }
    }

    @Test func valuesThatAreMissingReadBackToo() throws {
        var connection = Sample.connection
        (connection.remote, connection.roundTrip) = (nil, nil)
        var peer = Sample.peer
        (peer.name, peer.agentVersion, peer.connections) = (nil, nil, [connection])
        try roundTrip(peer)
        var report = Sample.pingReport
        report.roundTrips = []
        try roundTrip(report)
        var message = Sample.messageStatus
        for path in [nil, []] as [[PathHop]?] {
            message.path = path
            try roundTrip(message)
        }
        for state in MessageStatus.State.allCases {
            (message.state, message.sent, message.ended, message.obstacle) = (state, nil, message.sent, nil)
            try roundTrip(message)
        }
    }

    @Test func aPayloadIsTextWhereItIsUTF8AndBase64Elsewhere() throws {
        var message = Sample.message
        #expect(message.json["text"]?.string == "the kettle is on")
        #expect(message.json["payload_base64"] == nil)
        message.payload = [0xFF, 0xFE, 0x00]
        #expect(message.json["text"] == nil)
        #expect(message.json["payload_base64"]?.string == "//4A")
        try roundTrip(InboxPage(messages: [message], last: 9, hasMore: false))
    }

    @Test func theShapesDescribeEveryMemberOfTheValues() {
        let pairs: [(JSON, APISchema)] = [
            (Sample.identity.json, .identity), (Sample.status.json, .status), (Sample.peer.json, .peer),
            (PeerList(peers: [Sample.peer]).json, .peerList),
            (RouteList(routes: [Sample.route]).json, .routeList), (Sample.pingReport.json, .pingReport),
            (Sample.traceReport.json, .traceReport), (Sample.broadcastReport.json, .broadcastReport),
            (OutgoingBroadcast(type: "a", payload: []).json, .broadcast),
            (TraceRequest(peer: Sample.peerID, hopLimit: 3, timeout: .zero).json, .traceRequest),
            (Sample.mailbox.json, .mailbox), (Sample.outboxPage.json, .outboxPage),
            (Sample.inboxPage.json, .inboxPage),
            (InboxTake.through(1).json, .inboxTake), (InboxTake.only([1]).json, .inboxTake),
            (NodeFailure(.refused, "No.").json, .failure),
            (ConnectRequest(address: Sample.address, timeout: .zero).json, .connectRequest),
            (
                PingRequest(target: .peer(Sample.peerID), count: 1, interval: .zero, timeout: .zero).json,
                .pingRequest
            ),
            (
                OutgoingMessage(to: Sample.peerID, type: "a", payload: [], receiptTimeout: .zero).json,
                .message
            ),
            (
                SendReport(
                    messageID: "a",
                    state: .queued,
                    roundTrip: nil,
                    obstacle: NodeFailure(.refused, "No.")
                )
                .json, .sendReport
            ),
        ]
        for (json, schema) in pairs { conforms(json, schema, "") }
    }

    private func conforms(_ json: JSON, _ schema: APISchema, _ path: String) {
        switch schema {
        case .text: #expect(json.string != nil, "\(path)")
        case .word(let words): #expect(words.contains(json.string ?? ""), "\(path)")
        case .integer(let minimum, let maximum):
            let number = json.integer ?? .min
            #expect(number >= Int64(minimum ?? .min) && number <= Int64(maximum ?? .max), "\(path)")
        case .number: #expect(json.double != nil, "\(path)")
        case .boolean: #expect(json.bool != nil, "\(path)")
        case .list(let element):
            for json in json.array ?? [] { conforms(json, element, path + "[]") }
        case .object(let fields, _):
            let names = fields.map(\.name)
            for key in json.object?.keys ?? [] { #expect(names.contains(key), "\(path).\(key)") }
            for field in fields {
                guard let value = json[field.name] else {
                    #expect(!field.isRequired, "\(path).\(field.name)")
                    continue
                }
                if value.isNull && field.isNullable { continue }
                conforms(value, field.schema, path + "." + field.name)
            }
        }
    }

    @Test func percentilesAreByNearestRank() {
        var report = Sample.pingReport
        report.roundTrips = (1...100).reversed().map { Duration.microseconds($0) }
        #expect(report.percentile(0) == .microseconds(1))
        #expect(report.percentile(50) == .microseconds(50))
        #expect(report.percentile(99) == .microseconds(99))
        #expect(report.percentile(100) == .microseconds(100))
        report.roundTrips = [.microseconds(7)]
        #expect(report.percentile(50) == .microseconds(7))
        report.roundTrips = []
        #expect(report.percentile(50) == nil)
    }
}

import StarlingCore
import StarlingNode
import Testing

@testable import StarlingAPI

@Suite struct APIRouterTests {
    private let node = StubNode()
    private var router: APIRouter { APIRouter(node: node, version: "0.1.0") }
    private let peer = Sample.peerID.base58

    private func get(_ path: String, _ query: [(name: String, value: String)] = []) async throws -> (
        Int, JSON
    ) {
        try await answer(APIRequest(method: "GET", path: path, query: query))
    }

    private func post(_ path: String, _ body: String, type: String? = "application/json") async throws -> (
        Int, JSON
    ) {
        try await answer(APIRequest(method: "POST", path: path, contentType: type, body: Array(body.utf8)))
    }

    private func answer(_ request: APIRequest) async throws -> (Int, JSON) {
        let response = await router.respond(to: request)
        #expect(response.contentType == "application/json")
        return (response.status, try JSON(parsing: response.body.span))
    }

    @Test func readingRoutesAnswerWithTheNodesValues() async throws {
        #expect(try await get("/v1/status") == (200, Sample.status.json))
        #expect(try await get("/v1/id") == (200, Sample.identity.json))
        #expect(try await get("/v1/peers") == (200, PeerList(peers: [Sample.peer]).json))
        #expect(try await get("/v1/routes") == (200, RouteList(routes: [Sample.route]).json))
        #expect(try await get("/v1/mailbox") == (200, Sample.mailbox.json))
        #expect(try await get("/v1/inbox") == (200, Sample.inboxPage.json))
        #expect(try await get("/v1/outbox") == (200, Sample.outboxPage.json))
        #expect(try await get("/v1/messages/0a") == (200, Sample.messageStatus.json))
        #expect(
            node.calls == [
                "status", "identity", "peers", "routes", "mailbox", "inbox 0 100", "outbox waiting - 100",
                "message 0a 0.0 seconds",
            ]
        )
    }

    @Test func actingRoutesHandTheBodyToTheNode() async throws {
        let (connected, _) = try await post("/v1/connect", #"{"multiaddr":"/ip4/192.0.2.7/tcp/4001"}"#)
        let (pinged, report) = try await post("/v1/ping", #"{"peer":"\#(peer)","count":3,"interval_ms":20}"#)
        let (sent, receipt) = try await post("/v1/messages", #"{"to":"\#(peer)","payload":"hi"}"#)
        let (taken, count) = try await post("/v1/inbox/take", #"{"through":9}"#)
        _ = try await post("/v1/inbox/take", #"{"positions":[4,2]}"#)
        let (stopped, state) = try await answer(APIRequest(method: "POST", path: "/v1/shutdown"))
        #expect([connected, pinged, sent, taken, stopped] == [200, 200, 200, 200, 202])
        #expect(report["median_us"] == 120)
        #expect(report["min_us"] == 99.5)
        #expect(receipt["state"] == "delivered")
        #expect(count["taken"] == 2)
        #expect(state["state"] == "stopping")
        #expect(
            node.calls == [
                "connect /ip4/192.0.2.7/tcp/4001 30.0 seconds", "ping 3 0.02 seconds 10.0 seconds",
                "send DATA_MESSAGE hi 5.0 seconds", "take 9", "take only [4, 2]", "shutdown",
            ]
        )
    }

    @Test func aPayloadMayComeInBase64AndWithItsOwnType() async throws {
        _ = try await post(
            "/v1/messages",
            #"{"to":"\#(peer)","type":"a/b","content_type":"c/d","payload_base64":"aGk=","wait_ms":0}"#
        )
        #expect(node.calls == ["send a/b hi 0.0 seconds as c/d"])
    }

    @Test func aMessageHasItsPriorityPrivacyLifetimeAndKey() async throws {
        _ = try await post(
            "/v1/messages",
            #"{"to":"\#(peer)","payload":"hi","priority":"emergency","privacy":"standard","lifetime_ms":1,"#
                + #""key":"k"}"#
        )
        #expect(
            node.calls == ["send DATA_MESSAGE hi 5.0 seconds emergency standard 0.001 seconds k"]
        )
    }

    @Test func aMessageMayCrossOneToTenLinks() async throws {
        for count in [1, 10] {
            _ = try await post("/v1/messages", #"{"to":"\#(peer)","payload":"hi","hop_limit":\#(count)}"#)
        }
        #expect(
            node.calls == ["send DATA_MESSAGE hi 5.0 seconds over 1", "send DATA_MESSAGE hi 5.0 seconds"]
        )
    }

    @Test func whoAsksMayWaitForAMinuteAtMost() async throws {
        _ = try await get("/v1/inbox", [("wait_ms", "60000")])
        _ = try await get("/v1/messages/0a", [("wait_ms", "59999")])
        #expect(node.calls == ["inbox 0 100 60.0 seconds", "message 0a 59.999 seconds"])
        for path in ["/v1/inbox", "/v1/messages/0a"] {
            for value in ["60001", "-1", "x"] {
                let (status, json) = try await get(path, [("wait_ms", value)])
                #expect(status == 400, "\(path) \(value)")
                #expect(json["error"]?["message"]?.string?.contains("'wait_ms'") == true)
            }
        }
    }

    /// Else those who follow the inbox could take all connections from everybody else.
    @Test func onlySoManyMayWaitAndTheOthersAreAnswered() async throws {
        let gate = Gate()
        let node = StubNode(gate: gate)
        let router = APIRouter(node: node, version: "0", waitingCountMax: 2)
        let waiting = APIRequest(method: "GET", path: "/v1/inbox", query: [("wait_ms", "60000")])
        async let first = router.respond(to: waiting)
        async let second = router.respond(to: waiting)
        await gate.waitFor(count: 2)
        let message = APIRequest(method: "GET", path: "/v1/messages/0a", query: [("wait_ms", "1")])
        let ping = APIRequest(
            method: "POST",
            path: "/v1/ping",
            contentType: "application/json",
            body: Array(#"{"peer":"\#(peer)"}"#.utf8)
        )
        for request in [waiting, message, ping] {
            let refused = await router.respond(to: request)
            #expect(refused.status == 429, "\(request.path)")
            #expect(try JSON(parsing: refused.body.span)["error"]?["next_step"]?.string?.isEmpty == false)
        }
        #expect(await router.respond(to: APIRequest(method: "GET", path: "/v1/inbox")).status == 200)
        #expect(await router.respond(to: APIRequest(method: "GET", path: "/v1/messages/0a")).status == 200)
        let send = APIRequest(
            method: "POST",
            path: "/v1/messages",
            contentType: "application/json",
            body: Array(#"{"to":"\#(peer)","payload":"hi"}"#.utf8)
        )
        let accepted = await router.respond(to: send)
        #expect(accepted.status == 200)
        let report = try SendReport(json: JSON(parsing: accepted.body.span))
        #expect(report.state == .queued && report.obstacle?.code == .limitReached)
        #expect(node.calls.last == "send DATA_MESSAGE hi 0.0 seconds")
        gate.open()
        #expect(await [first.status, second.status] == [200, 200])
        for request in [waiting, message, ping, send] {
            #expect(await router.respond(to: request).status == 200, "the places are free again")
        }
        #expect(node.calls.last == "send DATA_MESSAGE hi 5.0 seconds")
    }

    @Test func theOutboxTakesItsPartAndItsPlaceFromTheQuery() async throws {
        _ = try await get("/v1/outbox", [("part", "ended"), ("after", "0a"), ("limit", "7")])
        #expect(node.calls == ["outbox ended 0a 7"])
        for (name, value) in [("part", "all"), ("limit", "1001"), ("wait_ms", "1")] {
            let (status, json) = try await get("/v1/outbox", [(name, value)])
            #expect(status == 400, "\(name)=\(value)")
            #expect(json["error"]?["next_step"]?.string?.isEmpty == false)
        }
    }

    @Test func theInboxTakesItsLimitsFromTheQuery() async throws {
        _ = try await get("/v1/inbox", [("after", "7"), ("limit", "1000")])
        #expect(node.calls == ["inbox 7 1000"])
        for (name, value) in [
            ("limit", "0"), ("limit", "1001"), ("limit", "x"), ("after", "-1"), ("affter", "1"),
        ] {
            let (status, json) = try await get("/v1/inbox", [(name, value)])
            #expect(status == 400, "\(name)=\(value)")
            #expect(json["error"]?["code"] == "invalid_request")
        }
    }

    @Test func wrongBodiesAreRefusedWithTheFieldsName() async throws {
        let tooMany = repeatElement("7", count: 1001).joined(separator: ",")
        let cases = [
            ("/v1/messages", "", "JSON"), ("/v1/messages", "[]", "an object"), ("/v1/messages", "{}", "'to'"),
            ("/v1/messages", #"{"to":"x","payload":"a"}"#, "'to'"),
            ("/v1/messages", #"{"to":"\#(peer)"}"#, "'payload'"),
            ("/v1/messages", #"{"to":"\#(peer)","payload":"a","payload_base64":"YQ=="}"#, "'payload'"),
            ("/v1/messages", #"{"to":"\#(peer)","payload_base64":"Y"}"#, "'payload_base64'"),
            ("/v1/messages", #"{"to":"\#(peer)","payload":"a","wait":1}"#, "'wait'"),
            ("/v1/messages", #"{"to":"\#(peer)","payload":"a","type":""}"#, "'type'"),
            ("/v1/messages", #"{"to":"\#(peer)","payload":"a","wait_ms":-1}"#, "'wait_ms'"),
            ("/v1/messages", #"{"to":"\#(peer)","payload":"a","priority":"urgent"}"#, "emergency, high"),
            ("/v1/messages", #"{"to":"\#(peer)","payload":"a","privacy":"none"}"#, "'privacy'"),
            ("/v1/messages", #"{"to":"\#(peer)","payload":"a","lifetime_ms":0}"#, "'lifetime_ms'"),
            ("/v1/messages", #"{"to":"\#(peer)","payload":"a","lifetime_ms":2592000001}"#, "'lifetime_ms'"),
            ("/v1/messages", #"{"to":"\#(peer)","payload":"a","hop_limit":0}"#, "'hop_limit'"),
            ("/v1/messages", #"{"to":"\#(peer)","payload":"a","hop_limit":11}"#, "'hop_limit'"),
            ("/v1/messages", #"{"to":"\#(peer)","payload":"a","key":""}"#, "'key'"),
            ("/v1/connect", #"{"multiaddr":"ip4"}"#, "'multiaddr'"),
            ("/v1/connect", #"{"multiaddr":7}"#, "'multiaddr'"),
            ("/v1/ping", #"{"peer":"\#(peer)","count":0}"#, "'count'"),
            ("/v1/ping", #"{"peer":"\#(peer)","count":100001}"#, "'count'"),
            ("/v1/ping", #"{"peer":"/nope"}"#, "'peer'"),
            ("/v1/inbox/take", #"{"through":0}"#, "'through'"),
            ("/v1/inbox/take", "{}", "'positions'"),
            ("/v1/inbox/take", #"{"positions":[]}"#, "'positions'"),
            ("/v1/inbox/take", #"{"positions":[1,0]}"#, "'positions'"),
            ("/v1/inbox/take", #"{"positions":[1,"2"]}"#, "'positions'"),
            ("/v1/inbox/take", #"{"positions":[\#(tooMany)]}"#, "1 to 1000"),
            ("/v1/inbox/take", #"{"through":1,"positions":[2]}"#, "'positions'"),
        ]
        for (path, body, word) in cases {
            let (status, json) = try await post(path, body)
            #expect(status == 400, "\(body)")
            let message = json["error"]?["message"]?.string ?? ""
            #expect(message.contains(word), "\(message)")
            #expect(json["error"]?["code"] == "invalid_request")
        }
        #expect(node.calls.isEmpty)
    }

    @Test func aTextIsTakenUpToItsLimit() async throws {
        for (name, limit) in [("type", 128), ("content_type", 128), ("key", 64)] {
            for (count, expected) in [(limit - 1, 200), (limit, 200), (limit + 1, 400)] {
                let text = String(repeating: "t", count: count)
                let (status, _) = try await post(
                    "/v1/messages",
                    #"{"to":"\#(peer)","payload":"a","\#(name)":"\#(text)"}"#
                )
                #expect(status == expected, "\(name) \(count)")
            }
        }
    }

    @Test func aBodyThatABrowsersFormCouldSendIsRefused() async throws {
        for type in [
            nil, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
        ] {
            let (status, _) = try await post("/v1/inbox/take", #"{"through":1}"#, type: type)
            #expect(status == 400)
        }
        let (status, _) = try await post(
            "/v1/inbox/take",
            #"{"through":1}"#,
            type: "Application/JSON; charset=utf-8"
        )
        #expect(status == 200)
    }

    @Test func unknownPathsAndMethodsHaveTheirOwnCodes() async throws {
        let (status, json) = try await get("/v1/nope")
        #expect(status == 404)
        #expect(json["error"]?["code"] == "unknown_path")
        let response = await router.respond(to: APIRequest(method: "DELETE", path: "/v1/inbox"))
        #expect(response.status == 405)
        #expect(response.allowedMethods == ["GET"])
        #expect(await router.respond(to: APIRequest(method: "get", path: "/v1/inbox")).status == 405)
        let message = await router.respond(to: APIRequest(method: "POST", path: "/v1/messages/0a"))
        #expect(message.status == 405 && message.allowedMethods == ["GET"])
        for path in ["/v1/messages/0a/b", "/v1/messages/0a/", "/v1/message/0a"] {
            #expect(try await get(path).0 == 404, "\(path)")
        }
    }

    @Test func everyFailureHasItsStatusAndSaysWhatToDo() async throws {
        var statuses: [Int] = []
        for code in NodeFailure.Code.allCases {
            let failure = NodeFailure(code, "It did not work.", nextStep: "Try again.")
            let router = APIRouter(node: StubNode(failure: failure), version: "0")
            let response = await router.respond(to: APIRequest(method: "GET", path: "/v1/status"))
            #expect(try NodeFailure(json: JSON(parsing: response.body.span)) == failure)
            #expect((400...599).contains(response.status))
            statuses.append(response.status)
        }
        #expect(statuses == [400, 404, 405, 413, 404, 404, 502, 502, 409, 504, 504, 429, 507, 503, 500])
    }

    @Test func theDocumentNamesEveryRouteOnce() async throws {
        let (status, json) = try await get("/v1/openapi.json")
        #expect(status == 200)
        #expect(json["openapi"] == "3.1.0")
        #expect(json["info"]?["version"] == "0.1.0")
        var operations: [String] = []
        for route in APIRoute.all {
            let operation = json["paths"]?[route.path]?[route.method.rawValue.lowercased()]
            operations.append(operation?["operationId"]?.string ?? "missing")
            #expect(operation?["responses"]?["\(route.status)"] != nil)
            #expect((operation?["requestBody"] != nil) == (route.body != nil))
            // OpenAPI demands a parameter for each part in braces.
            let parameters = operation?["parameters"]?.array ?? []
            let names = parameters.filter { $0["in"] == "path" }.compactMap { $0["name"]?.string }
            #expect(names.map { "{\($0)}" } == route.path.split(separator: "/").filter { $0.first == "{" })
            #expect(parameters.count == names.count + route.query.count)
        }
        #expect(operations.sorted() == APIOperation.allCases.map(\.rawValue).sorted())
    }
}

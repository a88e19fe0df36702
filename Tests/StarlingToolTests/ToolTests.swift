import Foundation
import StarlingAPI
import StarlingCommandLine
import StarlingCore
import StarlingNode
import Testing

@Suite struct ToolTests {
    private static let peer = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"
    private static let connection: JSON = [
        "id": "c1", "direction": "outbound", "remote_addr": "/ip4/192.0.2.7/tcp/4001", "security": "/noise",
        "muxer": "/yamux/1.0.0", "age_ms": 100, "streams": 0, "round_trip_us": 412,
    ]

    @Test func helpAndVersionAreDataAndMisuseIsTalk() async throws {
        let help = try await ToolRun.run(["help"])
        #expect(help.status == 0)
        #expect(help.output.contains("Usage: starling COMMAND"))
        #expect(help.talk.isEmpty)
        let version = try await ToolRun.run(["version", "--json"])
        #expect(try JSON(parsing: version.output)["version"]?.string != nil)
        for words in [[], ["sned"], ["up", "--lisen", "x"], ["send"], ["ping", "x"]] {
            let run = try await ToolRun.run(words)
            #expect(run.status == 2, "\(words)")
            #expect(run.output.isEmpty)
            #expect(!run.talk.isEmpty)
        }
        #expect(try await ToolRun.run(["sned"]).talk.contains("Did you mean 'send'?"))
    }

    @Test func nothingIsColouredInAPipe() async throws {
        let run = try await ToolRun.run(["help"], environment: ["TERM": "xterm-256color"])
        #expect(!run.output.contains("\u{1B}"))
    }

    @Test func withoutANodeTheNextStepIsNamed() async throws {
        let home = try FixedNode.makeFolder()
        defer { try? FileManager.default.removeItem(atPath: home) }
        for command in ["status", "peers", "inbox", "outbox", "id"] {
            let run = try await ToolRun.run([command], home: home)
            #expect(run.status == 1)
            #expect(run.output.isEmpty)
            #expect(
                run.talk
                    == "starling: no node is running in \(home). Start one with: starling up --home \(home)\n"
            )
        }
        let run = try await ToolRun.run(["status", "--json"], home: home)
        #expect(try JSON(parsing: run.talk)["error"]?["code"] == "no_node")
    }

    @Test func theHomeFollowsTheEnvironment() async throws {
        let cases = [
            ["XDG_STATE_HOME": "/nowhere/state", "HOME": "/nowhere/me"],
            ["XDG_STATE_HOME": "relative", "HOME": "/nowhere/me"],
        ]
        let homes = ["/nowhere/state/starling", "~/.local/state/starling"]
        for (environment, home) in zip(cases, homes) {
            let run = try await ToolRun.run(["status"], environment: environment)
            #expect(run.talk.contains("no node is running in \(home)."), "\(run.talk)")
        }
        let run = try await ToolRun.run(["status"])
        #expect(run.status == 1)
        #expect(run.talk.contains("--home"))
    }

    @Test func theIDIsThatOfTheKeyWhereNoNodeRuns() async throws {
        let home = try FixedNode.makeFolder()
        defer { try? FileManager.default.removeItem(atPath: home) }
        // The first vector of RFC 8032: seed and public key, in libp2p's message.
        let hex =
            "08011240" + "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
            + "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        let bytes = stride(from: 0, to: hex.count, by: 2).compactMap { offset in
            UInt8(hex.dropFirst(offset).prefix(2), radix: 16)
        }
        let path = home + "/identity.key"
        _ = FileManager.default.createFile(
            atPath: path,
            contents: Data(bytes),
            attributes: [.posixPermissions: 0o600]
        )
        let run = try await ToolRun.run(["id", "--json"], home: home)
        #expect(run.status == 0)
        #expect(try JSON(parsing: run.output)["peer_id"]?.string?.hasPrefix("12D3KooW") == true)
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
        let open = try await ToolRun.run(["id"], home: home)
        #expect(open.status == 1)
        #expect(open.talk.contains("chmod 600"))
    }

    @Test func peersAreATableOrJSON() async throws {
        let list: JSON = [
            "peers": [
                [
                    "peer_id": .string(Self.peer), "name": "kitchen", "agent_version": "x",
                    "addrs": [], "connections": [Self.connection],
                ]
            ]
        ]
        try await FixedNode.with(["GET /v1/peers": (200, list)]) { node in
            let table = try await node.run("peers")
            #expect(table.status == 0)
            #expect(table.output.contains("\(Self.peer)  kitchen  outbound  "))
            #expect(table.output.contains("  412 µs  /ip4/192.0.2.7/tcp/4001  x"))
            let json = try await node.run("peers", "--json")
            #expect(try JSON(parsing: json.output) == list)
        }
        try await FixedNode.with(["GET /v1/peers": (200, ["peers": []])]) { node in
            let run = try await node.run("peers")
            #expect(run.status == 0)
            #expect(run.output.isEmpty)
            #expect(run.talk.contains("starling connect"))
        }
    }

    @Test func sendSaysDeliveredOrQueuedAndWaitDemandsTheReceipt() async throws {
        let delivered: JSON = ["id": "0a", "state": "delivered", "round_trip_us": 900, "obstacle": nil]
        try await FixedNode.with(["POST /v1/messages": (200, delivered)]) { node in
            let run = try await node.run(
                "send",
                Self.peer,
                "hi",
                "--wait",
                "--type",
                "a/b",
                "--timeout",
                "2s"
            )
            #expect(run.status == 0)
            #expect(run.output == "delivered to \(Self.peer) in 900 µs (message 0a)\n")
            let piped = try await node.run("send", Self.peer, "-", input: "from\na pipe")
            #expect(piped.status == 0)
            let bodies = try node.responder.requests.map { request in try JSON(parsing: request.body.span) }
            #expect(bodies.map { $0["wait_ms"] } == [2000, 5000])
            #expect(bodies.map { $0["type"] } == ["a/b", "DATA_MESSAGE"])
            #expect(bodies.map { $0["payload_base64"] } == ["aGk=", "ZnJvbQphIHBpcGU="])
        }
        let queued: JSON = ["id": "0a", "state": "queued", "round_trip_us": nil, "obstacle": nil]
        try await FixedNode.with(["POST /v1/messages": (200, queued)]) { node in
            let run = try await node.run("send", Self.peer, "hi")
            #expect(run.status == 0)
            #expect(run.output.hasPrefix("queued for \(Self.peer)"))
            #expect(run.talk.contains("starling message 0a --home \(node.home)"))
            #expect(try await node.run("send", Self.peer, "hi", "--json").talk.isEmpty)
            #expect(try await node.run("send", Self.peer, "hi", "--wait").status == 1)
        }
    }

    @Test func aFailureOfTheNodeIsToldWithItsNextStep() async throws {
        let failure = NodeFailure(.unreachable, "nobody answers.", nextStep: "Check the port.")
        try await FixedNode.with(["POST /v1/connect": (502, failure.json)]) { node in
            let run = try await node.run("connect", "/ip4/192.0.2.7/tcp/4001/p2p/\(Self.peer)")
            #expect(run.status == 1)
            #expect(run.talk == "starling: nobody answers. Check the port.\n")
            let json = try await node.run("connect", "/ip4/192.0.2.7/tcp/4001/p2p/\(Self.peer)", "--json")
            #expect(try NodeFailure(json: JSON(parsing: json.talk)) == failure)
            let wrong = try await node.run("connect", "/ip4/nope/tcp/1")
            #expect(wrong.status == 2)
            #expect(wrong.talk.contains("not a multiaddr"))
        }
    }

    @Test func pingPrintsFiguresAndFailsWhenAllAreLost() async throws {
        let report: (JSON, JSON) -> JSON = { trips, lost in
            [
                "peer_id": .string(Self.peer), "lost": lost, "path": Self.connection, "round_trips_us": trips,
            ]
        }
        try await FixedNode.with(["POST /v1/ping": (200, report([90, 95.5], 0))]) { node in
            let run = try await node.run("ping", Self.peer, "-c", "2", "--interval", "10ms")
            #expect(run.status == 0)
            #expect(run.output.contains("min 90.0 µs   median 90.0 µs   p99 95.5 µs"))
            let request = try #require(node.responder.requests.first)
            let body = try JSON(parsing: request.body.span)
            #expect(body["count"] == 2)
            #expect(body["interval_ms"] == 10)
        }
        try await FixedNode.with(["POST /v1/ping": (200, report([], 5))]) { node in
            let run = try await node.run("ping", "/ip4/192.0.2.7/tcp/4001")
            #expect(run.status == 1)
        }
    }

    @Test func theInboxIsTakenOnlyWhenAsked() async throws {
        let page: JSON = [
            "messages": [
                [
                    "position": 7, "id": "0a", "from": .string(Self.peer), "type": "DATA_MESSAGE",
                    "kind": "message", "broadcast": false, "content_type": "text/plain", "priority": "normal",
                    "privacy": "private",
                    "created_ms": 0,
                    "received_ms": 1000, "file": .null, "text": "hello",
                ]
            ], "next_after": 7, "has_more": true, "incoming": [],
            "damaged": [],
        ]
        try await FixedNode.with(["GET /v1/inbox": (200, page), "POST /v1/inbox/take": (200, ["taken": 1])]) {
            node in
            let run = try await node.run("inbox", "--limit", "1", "--after", "6")
            #expect(run.output.contains("#7  1970-01-01T00:00:01.000Z"))
            #expect(run.output.contains("  hello\n"))
            #expect(run.talk.contains("--after 7"))
            #expect(node.responder.requests.map(\.path) == ["/v1/inbox"])
            #expect(node.responder.requests.first?.query.map(\.value) == ["1", "6"])
            let taken = try await node.run("inbox", "--take", "--json")
            #expect(try JSON(parsing: taken.output) == page)
            #expect(node.responder.requests.map(\.path) == ["/v1/inbox", "/v1/inbox", "/v1/inbox/take"])
        }
    }

    /// The node forgets what is taken: what nobody could read must not be.
    @Test func whatCouldNotBeShownIsNotTaken() async throws {
        let page: JSON = [
            "messages": [
                [
                    "position": 7, "id": "0a", "from": .string(Self.peer), "type": "DATA_MESSAGE",
                    "kind": "message", "broadcast": false, "content_type": "text/plain", "priority": "normal",
                    "privacy": "private",
                    "created_ms": 0, "received_ms": 1000, "file": .null, "text": "hello",
                ]
            ], "next_after": 7, "has_more": false, "incoming": [],
            "damaged": [],
        ]
        try await FixedNode.with(["GET /v1/inbox": (200, page), "POST /v1/inbox/take": (200, ["taken": 1])]) {
            node in
            let variants = [[], ["--json"], ["--follow"], ["--follow", "--json"]]
            for flags in variants {
                let run = try await ToolRun.run(
                    ["inbox", "--take"] + flags,
                    home: node.home,
                    outputPath: "/dev/full"
                )
                #expect(run.status == 1)
                #expect(run.talk.contains("standard output takes no more"))
            }
            #expect(node.responder.requests.map(\.path) == variants.map { _ in "/v1/inbox" })
        }
    }

    @Test func aWrongAddressOrNameIsMisuse() async throws {
        let home = try FixedNode.makeFolder()
        defer { try? FileManager.default.removeItem(atPath: home) }
        let misuses = [
            ["broadcast", "--lifetime", "3600001ms", "hello"],
            ["connect", "/ip4/300.0.0.1/tcp/1"], ["ping", "/foo/bar"], ["up", "--listen", "/ip4/x/tcp/1"],
            ["up", "--bootstrap", "/ip4/192.0.2.7/tcp/4001"], ["up", "--capacity", "0"],
            ["send", Self.peer.replacing("K", with: "0"), "hi"],
            ["bench", "ping", "--target", "/ip4/x/tcp/1"], ["peers", "--timeout", "25h"],
            ["peers", "--timeout", "999us"], ["inbox", "--take", "--after", "5"], ["message", "0a"],
            ["outbox", "--after", "7"],
            ["send", Self.peer, "hi", "--priority", "urgent"],
            ["send", Self.peer, "hi", "--lifetime", "31d"],
            ["send", Self.peer, "hi", "--hops", "0"], ["send", Self.peer, "hi", "--hops", "11"],
            ["send", Self.peer, "hi", "--key", String(repeating: "k", count: 65)],
            ["up", "--mail-lifetime", "59s"], ["up", "--mail-lifetime", "721h"],
            ["up", "--mail-lifetime", "1h"], ["up", "--mail-space", "1MiB"],
            ["up", "--no-routes", "--topology", "ring"], ["up", "--no-routes", "--max-routes", "16"],
            ["up", "--no-routes", "--capacity", "2"],
            ["up", "--name", String(repeating: "n", count: 65)],
            ["sim", "no-such-scenario"], ["sim", "soak", "--seeds", "5..1"], ["sim", "pings", "--routes"],
            ["sim", "soak", "--seeds", "1..2", "--seed", "1"],
            ["sim", "pings", "--max-routes", "16"], ["sim", "delivery", "--max-routes", "16"],
            ["sim", "pings", "--svg", "picture.svg"], ["sim", "absence", "--svg", "picture.svg"],
            ["sim", "members", "--routes", "--svg", "picture.svg"],
            ["sim", "members", "--nodes", "33"], ["sim", "members", "--minutes", "11"],
        ]
        for words in misuses {
            let run = try await ToolRun.run(words + ["--json"], home: home)
            #expect(run.status == 2, "\(words)")
            #expect(run.output.isEmpty)
            #expect(try JSON(parsing: run.talk)["error"]?["next_step"]?.string?.isEmpty == false, "\(words)")
        }
    }

    @Test func aNodeIsStoppedByACommandAndItsFolderFreeAtOnce() async throws {
        let home = try FixedNode.makeFolder()
        defer { try? FileManager.default.removeItem(atPath: home) }
        let none = try await ToolRun.run(["down", "--json"], home: home)
        #expect(none.status == 1)
        #expect(try JSON(parsing: none.talk)["error"]?["code"] == "no_node")
        for isJSON in [true, false] {
            let node = try RunningNode(home: home)
            let run = try await ToolRun.run(["down"] + (isJSON ? ["--json"] : []), home: home)
            #expect(run.status == 0, "\(run.talk)")
            if isJSON {
                #expect(try JSON(parsing: run.output) == ["state": "stopping"])
            } else {
                #expect(run.output.contains("has stopped"))
            }
            #expect(node.end().status == 0)
        }
    }

    @Test func theHelpTellsTheExitStatuses() async throws {
        let help = try await ToolRun.run(["help"]).output
        #expect(help.contains("Exit status"))
        #expect(help.contains("down"))
    }

    @Test func withJSONThereIsNothingElse() async throws {
        #expect(try JSON(parsing: await ToolRun.run(["--json"]).talk)["error"]?["code"] == "misused")
        #expect(try await ToolRun.run(["--json", "--help"]).status == 0)
        let help = try JSON(parsing: await ToolRun.run(["help", "--json"]).output)
        let names = Set(help["commands"]?.array?.compactMap { $0["name"]?.string } ?? [])
        #expect(names.isSuperset(of: ["up", "send", "trace", "help"]))
        #expect(names.isDisjoint(with: ["peer", "lab-node"]), "hidden ones stay hidden")
        let ping = try JSON(parsing: await ToolRun.run(["help", "ping", "--json"]).output)
        #expect(ping["flags"]?.array?.contains { $0["short"] == "-c" } == true)
        let script = try JSON(parsing: await ToolRun.run(["completions", "fish", "--json"]).output)
        #expect(script["script"]?.string?.hasPrefix("complete -c starling") == true)
    }

    @Test func aSimulationIsGivenUpInTime() async throws {
        let run = try await ToolRun.run(["sim", "--nodes", "1000", "--minutes", "10000", "--timeout", "1ms"])
        #expect(run.status == 1)
        #expect(run.talk.contains("--timeout"))
    }

    @Test func theScenariosOfTheSimulatorAreListedWithTheirTexts() async throws {
        let list = try JSON(parsing: await ToolRun.run(["sim", "--list", "--json"]).output)
        let scenarios = try #require(list["scenarios"]?.array)
        #expect(scenarios.map { $0["name"]?.string } == SimScenarioName.allCases.map(\.rawValue))
        #expect(scenarios.last?["scenario"]?["hostile"]?["share"] == 0.2)
        #expect(try await ToolRun.run(["sim", "--list"]).output.contains("soak"))
    }

    @Test func aScenarioFileIsRunForEachSeedAndDrawn() async throws {
        let home = try FixedNode.makeFolder()
        defer { try? FileManager.default.removeItem(atPath: home) }
        let (file, picture) = (home + "/a pair.json", home + "/pair.svg")
        let text = """
            {"nodes": 2, "minutes": 3, "quiet_minutes": 1, "topology": {"shape": "line"},
             "traffic": {"messages_per_hour": 300}}
            """
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        let run = try await ToolRun.run(["sim", file, "--seeds", "1..2", "--runs", "2", "--json"])
        #expect(run.status == 0, "\(run.talk)")
        let report = try JSON(parsing: run.output)
        #expect(report["passed"] == true && report["failed_seeds"] == 0)
        #expect(report["seeds"]?.array?.map { $0["seed"] } == [1, 2])
        #expect(report["seeds"]?[0]?["trace_hash"] != report["seeds"]?[1]?["trace_hash"])
        #expect(run.talk.contains("seed 1, ") && run.talk.contains(": passed"))
        let drawn = try await ToolRun.run(["sim", file, "--svg", picture])
        #expect(drawn.status == 0 && drawn.output.contains("2 nodes, 180 virtual seconds"))
        #expect(drawn.output.hasPrefix("starling sim '\(file)' --nodes 2 --seed 1 --minutes 3 --runs 1\n"))
        let routed = try await ToolRun.run(["sim", file, "--routes", "--max-routes", "16"])
        #expect(routed.status == 0, "\(routed.talk)")
        #expect(routed.output.contains("--minutes 3 --routes --max-routes 16 --runs 1\n"))
        #expect(routed.output.contains("changes of routes watched"))
        #expect(try String(contentsOfFile: picture, encoding: .utf8).hasPrefix("<svg"))
        // Nothing is simulated for a picture that nobody will see.
        let lost = try await ToolRun.run(["sim", file, "--svg", home + "/no-such-folder/pair.svg"])
        #expect(lost.status == 1 && lost.output.isEmpty && lost.talk.contains("cannot be written"))
        let folder = try await ToolRun.run(["sim", home])
        #expect(folder.status == 2 && folder.talk.contains("is a folder"), "\(folder.talk)")

        try "{\n\"nodes\": 0}".write(toFile: file, atomically: true, encoding: .utf8)
        let refused = try await ToolRun.run(["sim", file])
        #expect(refused.status == 2 && refused.talk.contains("the field 'nodes' must be a whole number"))
        #expect(refused.talk.contains("docs/scenarios.md"))
    }

    /// No partition heals as soon as that.
    @Test func aSimulationThatFailedTellsItsStepAndLastEventsAsJSON() async throws {
        let home = try FixedNode.makeFolder()
        defer { try? FileManager.default.removeItem(atPath: home) }
        let file = home + "/heals-at-once.json"
        let text = """
            {"nodes": 4, "minutes": 4, "quiet_minutes": 2, "topology": {"shape": "full"},
             "traffic": {"messages_per_hour": 600}, "heals_within_s": 0.01,
             "events": [{"what": "partition", "share": 0.5, "at_s": 20, "for_s": 60}]}
            """
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        let run = try await ToolRun.run(["sim", file, "--json"])
        #expect(run.status == 1)
        let report = try JSON(parsing: run.output)
        #expect(report["passed"] == false && report["partitions"] == 1)
        let step = try #require(report["step"]?.integer)
        #expect(step > 0 && report["at_s"]?.double == 240)
        let violation = try #require(report["violations"]?[0]?.string)
        #expect(violation.hasPrefix("at 240.0 s, step \(step): what waited for the end of a partition"))
        let events = report["last_events"]?.array?.compactMap { $0.string } ?? []
        let first = try #require(events.first)
        #expect(events.contains { $0.contains(" has accepted ") } && events.count <= 480)
        #expect(run.talk.contains("broken: \(violation)\n  \(first)\n"))
        #expect(report["replay"]?.string?.hasPrefix("starling sim ") == true)
    }

    @Test func aHomeThatCannotBeIsToldWithTheNextStep() async throws {
        let home = try FixedNode.makeFolder()
        defer { try? FileManager.default.removeItem(atPath: home) }
        _ = FileManager.default.createFile(atPath: home + "/file", contents: Data())
        let under = try await ToolRun.run(["up"], home: home + "/file/home")
        #expect(under.status == 1)
        #expect(under.talk.contains("cannot be made there. Check"))
        _ = FileManager.default.createFile(
            atPath: home + "/identity.key",
            contents: Data("garbage".utf8),
            attributes: [.posixPermissions: 0o600]
        )
        let damaged = try await ToolRun.run(["up"], home: home)
        #expect(damaged.status == 1)
        #expect(damaged.talk.contains("is damaged: it does not hold libp2p's PrivateKey message."))
    }

    @Test func anAnswerThatIsNoneIsAFailureAndNoCrash() async throws {
        for (status, json) in [
            (200, JSON.null), (200, []), (200, ["peers": 7]), (500, nil), (404, ["error": nil]),
        ] {
            try await FixedNode.with(["GET /v1/peers": (status, json)]) { node in
                let run = try await node.run("peers")
                #expect(run.status == 1)
                #expect(run.talk.hasPrefix("starling: what the node answered is not"))
            }
        }
    }
}

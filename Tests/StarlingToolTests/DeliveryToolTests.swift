import Foundation
import StarlingCore
import Testing

/// Messages from one terminal to another, between real nodes.
@Suite struct DeliveryToolTests {
    /// Two homes, whose folders are gone afterwards.
    private func withHomes(_ body: (String, String) async throws -> Void) async throws {
        let homes = try [FixedNode.makeFolder(), FixedNode.makeFolder()]
        defer { for home in homes { try? FileManager.default.removeItem(atPath: home) } }
        try await body(homes[0], homes[1])
    }

    @Test func aMessageToWhoIsAwayIsQueuedWithItsObstacleAndDeliveredWhenTheyAreBack() async throws {
        try await withHomes { aliceHome, bobHome in
            let alice = try RunningNode(home: aliceHome)
            defer { alice.stop() }
            var bob = try RunningNode(home: bobHome)
            defer { bob.stop() }
            _ = try await alice.json("connect", bob.address)
            bob.stop()

            let sent = try await alice.json(
                "send",
                bob.peerID,
                "the kettle is on",
                "--timeout",
                "2s",
                "--priority",
                "high",
                "--privacy",
                "standard",
                "--lifetime",
                "2h",
                "--key",
                "kettle"
            )
            #expect(sent["state"] == "queued")
            let id = try #require(sent["id"]?.string)
            let again = try await alice.json(
                "send",
                bob.peerID,
                "the kettle is on",
                "--timeout",
                "1ms",
                "--key",
                "kettle"
            )
            #expect(again["id"]?.string == id, "the same key is the same message")

            let queued = try await alice.json("message", id)
            #expect(queued["state"] == "queued")
            #expect(queued["priority"] == "high" && queued["privacy"] == "standard")
            #expect(queued["ended_ms"]?.isNull == true)
            #expect(queued["obstacle"]?["code"] == "unreachable")
            #expect(queued["obstacle"]?["next_step"]?.string?.isEmpty == false)
            let (accepted, expires) = (queued["accepted_ms"]?.integer, queued["expires_ms"]?.integer)
            #expect(try #require(expires) == #require(accepted) + 7_200_000)
            let waiting = try await alice.json("outbox")
            #expect(waiting["messages"]?.array?.compactMap { $0["id"]?.string } == [id])
            let status = try await alice.json("status")
            #expect(status["outbox"]?["messages"] == 1)
            #expect(status["outbox"]?["recipients"]?[0]?["to"]?.string == bob.peerID)

            bob = try RunningNode(home: bobHome, bootstrap: alice.address)
            let delivered = try await alice.json("message", id, "--wait", "--timeout", "60s")
            #expect(delivered["state"] == "delivered")
            #expect(delivered["obstacle"]?.isNull == true)
            #expect(try #require(delivered["ended_ms"]?.integer) >= #require(delivered["sent_ms"]?.integer))
            let shown = try await alice.run("message", id)
            #expect(shown.output.contains("by the recipient's signed receipt"))
            #expect(try await alice.json("outbox")["messages"]?.array?.isEmpty == true)
            let ended = try await alice.json("outbox", "--ended")
            #expect(ended["messages"]?.array?.compactMap { $0["id"]?.string } == [id])

            let inbox = try await bob.json("inbox", "--take")
            #expect(inbox["messages"]?.array?.compactMap { $0["text"]?.string } == ["the kettle is on"])
            #expect(inbox["messages"]?[0]?["priority"] == "high")
            #expect(inbox["messages"]?[0]?["kind"] == "message")
            #expect(inbox["messages"]?[0]?["content_type"] == "text/plain")
            #expect(try await bob.json("inbox")["messages"]?.array?.isEmpty == true)
        }
    }

    @Test func aNodeTellsHowMuchItCanCarry() async throws {
        try await withHomes { aliceHome, bobHome in
            let alice = try RunningNode(home: aliceHome, words: ["--capacity", "300"])
            defer { alice.stop() }
            #expect(try await alice.json("status")["mesh"]?["capacity"] == 300)
            #expect(try await alice.run("status").output.contains("topology mesh, capacity 300"))
            let bob = try RunningNode(home: bobHome)
            defer { bob.stop() }
            let capacity = try #require(try await bob.json("status")["mesh"]?["capacity"]?.integer)
            #expect((1...16).contains(capacity), "what suits the machine")
        }
    }

    @Test func theInboxIsFollowedAndWhatWasWrittenOutIsAcknowledged() async throws {
        try await withHomes { aliceHome, bobHome in
            let alice = try RunningNode(home: aliceHome)
            defer { alice.stop() }
            let bob = try RunningNode(home: bobHome, bootstrap: alice.address)
            defer { bob.stop() }
            _ = try await alice.json("connect", bob.address)
            _ = try await alice.json("send", bob.peerID, "before", "--wait")
            let words = ["inbox", "--follow", "--take", "--json", "--limit", "3"]
            let follower = try RunningTool(words, home: bobHome)
            #expect(try JSON(parsing: follower.nextLine())["text"] == "before")
            for text in ["one", "two"] {
                _ = try await alice.json("send", bob.peerID, text, "--wait")
                #expect(try JSON(parsing: follower.nextLine())["text"]?.string == text)
            }
            #expect(follower.end().status == 0)
            #expect(try await bob.json("inbox")["messages"]?.array?.isEmpty == true)
        }
    }

    @Test func aFollowerEndsOnCtrlCAndTellsThatTheNodeHasGone() async throws {
        try await withHomes { aliceHome, bobHome in
            let alice = try RunningNode(home: aliceHome)
            defer { alice.stop() }
            let bob = try RunningNode(home: bobHome, bootstrap: alice.address)
            defer { bob.stop() }
            _ = try await alice.json("connect", bob.address)
            _ = try await alice.json("send", bob.peerID, "hello", "--wait")
            for isInterrupted in [true, false] {
                let follower = try RunningTool(["inbox", "-f", "--json"], home: bobHome)
                #expect(try JSON(parsing: follower.nextLine())["text"] == "hello")
                if isInterrupted { follower.interrupt() } else { bob.stop() }
                let run = follower.end()
                #expect(run.output.isEmpty)
                #expect(run.status == (isInterrupted ? 0 : 1), "\(run.talk)")
                if isInterrupted { continue }
                let error = try JSON(parsing: run.talk)["error"]
                #expect(error?["code"] == "node_gone")
                #expect(error?["next_step"]?.string?.contains("starling up --home \(bobHome)") == true)
            }
            let never = try await bob.run("inbox", "--follow")
            #expect(never.status == 1 && never.talk.contains("no node is running"))
        }
    }

    @Test func aFollowersTimeEndsItAsCtrlCDoes() async throws {
        try await withHomes { home, _ in
            let node = try RunningNode(home: home)
            defer { node.stop() }
            let run = try await node.run("inbox", "--follow", "--timeout", "50ms")
            #expect(run.status == 0)
            #expect(run.output.isEmpty && run.talk.isEmpty)
        }
    }

    @Test func aMessageWhoseLifetimeEndedSaysSo() async throws {
        try await withHomes { home, _ in
            let node = try RunningNode(home: home)
            defer { node.stop() }
            let nobody = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"
            let words = ["send", nobody, "hello", "--lifetime", "1ms", "--timeout", "60s", "--json"]
            let run = try await ToolRun.run(words, home: home)
            #expect(run.status == 1)
            #expect(try JSON(parsing: run.talk)["error"]?["code"] == "expired")
        }
    }

    @Test func idsThatAreNoneOrUnknownAreRefusedClearly() async throws {
        try await withHomes { home, _ in
            let node = try RunningNode(home: home)
            defer { node.stop() }
            let unknown = String(repeating: "0a", count: 16)
            for words in [["message", unknown], ["outbox", "--after", unknown]] {
                let run = try await ToolRun.run(words + ["--json"], home: home)
                #expect(run.status == 1)
                let error = try JSON(parsing: run.talk)["error"]
                #expect(error?["code"] == "unknown_message", "\(words)")
                #expect(error?["next_step"]?.string?.contains("starling outbox --ended") == true)
            }
            #expect(try await node.run("outbox").talk.contains("Nothing waits"))
            #expect(try await node.run("outbox", "--ended").talk.contains("No message"))
        }
    }
}

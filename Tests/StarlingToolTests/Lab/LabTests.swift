import Foundation
import StarlingCore
import Testing

@Suite struct LabTests {
    @Test func aLabCountsWhatTheInboxesHold() async throws {
        let folder = try FixedNode.makeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let run = try await ToolRun.run(
            ["lab", "--nodes", "2", "--json", "--scenario", "connectivity", "--scenario", "one-to-all"],
            environment: ["TMPDIR": folder]
        )
        #expect(run.status == 0, "\(run.talk) \(run.output)")
        let report = try JSON(parsing: run.output)
        #expect(report["passed"] == true)
        let (pairs, messages) = (report["scenarios"]?[0], report["scenarios"]?[1])
        #expect(pairs?["name"] == "connectivity")
        #expect(pairs?["sent"] == 2 && pairs?["delivered"] == 2)
        #expect(messages?["name"] == "one-to-all")
        let sent = try #require(messages?["sent"]?.integer)
        #expect(sent > 0)
        #expect(messages?["delivered"]?.integer == sent)
        #expect(messages?["duplicated"] == 0)
        #expect(try #require(messages?["p99_ms"]?.double) > 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [], "the homes are gone")
    }

    @Test func messagesCrossHopsThatAreForced() async throws {
        let folder = try FixedNode.makeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let run = try await ToolRun.run(
            ["lab", "--json", "--nodes", "4", "--scenario", "grid", "--scenario", "relay-killed"],
            environment: ["TMPDIR": folder]
        )
        #expect(run.status == 0, "\(run.talk) \(run.output)")
        let report = try JSON(parsing: run.output)
        let (grid, killed) = (report["scenarios"]?[0], report["scenarios"]?[1])
        #expect(grid?["sent"] == 36 && grid?["delivered"] == 36 && grid?["nodes"] == 4)
        #expect(killed?["nodes"] == 6)
        #expect(killed?["sent"] == killed?["delivered"] && killed?["duplicated"] == 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [], "the homes are gone")
    }

    @Test func messagesReachTheirRecipientThroughMailboxesAfterTheirSenderIsKilled() async throws {
        let folder = try FixedNode.makeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let run = try await ToolRun.run(
            ["lab", "--json", "--scenario", "mailbox"],
            environment: ["TMPDIR": folder]
        )
        #expect(run.status == 0, "\(run.talk) \(run.output)")
        let result = try JSON(parsing: run.output)["scenarios"]?[0]
        #expect(result?["sent"] == 100 && result?["delivered"] == 100 && result?["duplicated"] == 0)
    }

    /// What `--scenario high-load` asks of each node, with fewer tasks.
    @Test func everyTaskIsWorkedOnOnceAndAnswered() throws {
        let folder = try TestFolder()
        let worker = try Daemon.start(folder.path + "/worker", command: "lab-node")
        let giver = try Daemon.start(folder.path + "/giver", bootstrap: [worker], command: "lab-node")
        let order: JSON = [
            "peers": [.string(worker.peerID)], "tasks": 100, "label": "all at once", "timeout_ms": 60_000,
        ]
        let report = try giver.call("POST", "/lab/order", order).json
        #expect(report["failures"] == [])
        #expect(report["round_trips_us"]?.array?.count == 100)
        let work = try worker.call("GET", "/lab/work").json
        #expect(work == ["tasks": 100, "repetitions": 0, "attempt_max": 1])
        for node in [worker, giver] { #expect(try node.poll({ try $0.inboxTexts() }) { $0.isEmpty } == []) }
        #expect(
            try giver.call("POST", "/lab/order", ["peers": [], "label": "", "timeout_ms": 1]).status == 400
        )
    }

    @Test func homesThatAreToBeKeptStay() async throws {
        let folder = try FixedNode.makeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let run = try await ToolRun.run(
            ["lab", "--nodes", "2", "--keep", "--scenario", "connectivity"],
            environment: ["TMPDIR": folder]
        )
        #expect(run.status == 0, "\(run.talk)")
        #expect(run.output.contains("connectivity") && run.output.contains("passed"))
        let lab = try #require(try FileManager.default.contentsOfDirectory(atPath: folder).first)
        let homes = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(lab)").sorted()
        #expect(homes == ["0", "1"])
        #expect(run.talk.contains("\(folder)/\(lab)"))
        for home in homes {
            let descriptor = open("\(folder)/\(lab)/\(home)/node.lock", O_RDWR)
            defer { _ = close(descriptor) }
            #expect(descriptor >= 0)
            #expect(flock(descriptor, LOCK_EX | LOCK_NB) == 0, "node \(home) has ended")
        }
    }

    @Test func aScenarioThatDoesNotExistIsRefused() async throws {
        let run = try await ToolRun.run(["lab", "--scenario", "peace"])
        #expect(run.status == 2)
        #expect(run.talk.contains("ping-pong"))
    }

    @Test func aSizeOfFilesThatThereAreNoneOfIsRefused() async throws {
        let run = try await ToolRun.run(["lab", "--scenario", "mailbox", "--file-size", "1GiB"])
        #expect(run.status == 2 && run.talk.contains("--file-size"))
    }
}

import Foundation
import StarlingCore
import Testing

/// Files from one terminal to another, between real nodes.
@Suite struct FileToolTests {
    private func withPair(_ body: (RunningNode, RunningNode, String) async throws -> Void) async throws {
        let folders = try [FixedNode.makeFolder(), FixedNode.makeFolder(), FixedNode.makeFolder()]
        defer { for folder in folders { try? FileManager.default.removeItem(atPath: folder) } }
        let alice = try RunningNode(home: folders[0])
        defer { alice.stop() }
        let bob = try RunningNode(home: folders[1])
        defer { bob.stop() }
        _ = try await alice.json("connect", bob.address)
        try await body(alice, bob, folders[2])
    }

    private func blobs(_ node: RunningNode) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: node.home + "/blobs")
    }

    /// Erasing goes on behind the command that caused it.
    private func expectNoBlobs(_ node: RunningNode) async throws {
        for _ in 0..<600 where try !blobs(node).isEmpty { _ = try await node.json("status") }
        #expect(try blobs(node) == [])
    }

    @Test func aFileIsSentShownAndSaved() async throws {
        try await withPair { alice, bob, folder in
            let content = Data((0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 9) })
            try content.write(to: URL(fileURLWithPath: folder + "/film.mp4"))
            let sent = try await alice.json(
                "send",
                bob.peerID,
                "watch this",
                "--file",
                folder + "/film.mp4",
                "--wait",
                "--timeout",
                "60s"
            )
            #expect(sent["state"] == "delivered")
            let id = try #require(sent["id"]?.string)
            let status = try await alice.json("message", id)
            #expect(status["file"]?["bytes"] == 3_000_000 && status["file"]?["arrived_bytes"] == 3_000_000)
            try await expectNoBlobs(alice)

            let inbox = try await bob.json("inbox")
            #expect(inbox["messages"]?[0]?["file"]?["name"] == "film.mp4")
            #expect(inbox["messages"]?[0]?["file"]?["bytes"] == 3_000_000)
            #expect(inbox["incoming"]?.array?.isEmpty == true)
            let stored = try await bob.json("status")
            #expect(stored["files"]?["files"] == 1 && stored["inbox"]?["incoming"]?["messages"] == 0)
            #expect(try await bob.run("status").output.contains("1 file of at most 10000, "))
            let shown = try await bob.run("inbox", "--take")
            #expect(shown.output.contains("film.mp4") && shown.output.contains("starling save 1"))
            #expect(try await bob.json("inbox")["messages"]?.array?.count == 1, "what has a file stays")

            let saved = try await bob.json("save", "1", folder + "/copy", "--keep")
            #expect(saved["bytes"] == 3_000_000)
            #expect(try Data(contentsOf: URL(fileURLWithPath: folder + "/copy")) == content)
            let again = try await bob.run("save", "1", folder + "/copy")
            #expect(again.status == 1 && again.talk.contains("exists already"))
            let nowhere = try await bob.run("save", "1", folder + "/none/copy")
            #expect(
                nowhere.status == 1 && nowhere.talk.contains(": There is no folder \(folder)/none."),
                "\(nowhere.talk)"
            )
            try FileManager.default.createDirectory(
                atPath: folder + "/sub",
                withIntermediateDirectories: true
            )
            _ = try await bob.json("save", "1", folder + "/sub/")
            #expect(try Data(contentsOf: URL(fileURLWithPath: folder + "/sub/film.mp4")) == content)
            #expect(try await bob.json("inbox")["messages"]?.array?.isEmpty == true)
            try await expectNoBlobs(bob)
            let gone = try await bob.run("save", "1", folder + "/other")
            #expect(
                gone.status == 1 && gone.talk.contains("starling inbox --home \(bob.home)"),
                "\(gone.talk)"
            )
        }
    }

    @Test func aFileThatIsNotWantedIsErased() async throws {
        try await withPair { alice, bob, folder in
            try Data(repeating: 7, count: 1000).write(to: URL(fileURLWithPath: folder + "/a"))
            _ = try await alice.json(
                "send",
                bob.peerID,
                "--file",
                folder + "/a",
                "--wait",
                "--timeout",
                "60s"
            )
            let erased = try await bob.json("save", "1", "--discard")
            #expect(erased["path"]?.isNull == true)
            try await expectNoBlobs(bob)
        }
    }

    @Test func aFileThatIsNotDeliveredYetTellsHowToAskAfterIt() async throws {
        let folder = try FixedNode.makeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let alice = try RunningNode(home: folder + "/home")
        defer { alice.stop() }
        try Data(repeating: 7, count: 1000).write(to: URL(fileURLWithPath: folder + "/a"))
        let away = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"
        let run = try await alice.run("send", away, "--file", folder + "/a", "--timeout", "50ms")
        #expect(run.status == 0 && run.output.hasPrefix("queued for \(away)"), "\(run)")
        #expect(run.talk.contains("starling message ") && run.talk.contains(" --home \(alice.home)\n"))
    }

    @Test func whatIsNoFileIsRefusedWithItsNextStep() async throws {
        try await withPair { alice, bob, folder in
            let run = try await alice.run("send", bob.peerID, "--file", folder + "/none")
            #expect(run.status == 1 && run.talk.contains("is not there"))
            let whole = try await alice.run("send", bob.peerID, "--file", folder)
            #expect(
                whole.status == 1 && whole.talk.contains("\(folder) is a folder. Name a file"),
                "\(whole.talk)"
            )
            let nothing = try await alice.run("send", bob.peerID)
            #expect(nothing.status == 2 && nothing.talk.contains("--file"), "\(nothing.talk)")
        }
    }
}

import Foundation
import StarlingCore
import StarlingIO
import StarlingStore
import StarlingWorld
import Testing

/// Homes in which no node may start, and what the user hears.
@Suite struct RefusedStartTests {
    private struct Refusal {
        let code: String
        let message: String
        let nextStep: String
    }

    /// How `starling up` refuses to start.
    private func refusal(_ home: String, isAllPowerful: Bool = true) async throws -> Refusal {
        let run = try await ToolRun.run(
            ["up", "--json", "--no-mdns"],
            home: home,
            isAllPowerful: isAllPowerful
        )
        #expect(run.status == 1)
        #expect(run.output.isEmpty)
        // The log may have lines of its own before.
        let line = try #require(run.talk.split(separator: "\n").last)
        let error = try #require(try JSON(parsing: String(line))["error"])
        return Refusal(
            code: try #require(error["code"]?.string),
            message: try #require(error["message"]?.string),
            nextStep: try #require(error["next_step"]?.string)
        )
    }

    @Test func aStoreOfANewerReleaseIsLeftAlone() async throws {
        let folder = try TestFolder()
        let home = folder.path + "/home"
        let daemon = try Daemon.start(home)
        daemon.stop()
        let real = try RealWorld.make(loopCount: 1, log: Log(levelMin: .error, sink: SilentLog()))
        let store = try SQLiteStore.open(
            path: daemon.storePath,
            loop: real.world.loops[0],
            wallClock: real.world.wallClock
        )
        var batch = StoreBatch()
        let version = StoreKey(StoreTable(onDisk: "_meta", .names), Array("version".utf8))
        batch.put(version, [99, 0, 0, 0, 0, 0, 0, 0])
        let failure = await withCheckedContinuation { done in
            store.commit(batch) { done.resume(returning: $0) }
        }
        #expect(failure == nil)
        await withCheckedContinuation { done in store.close { done.resume() } }
        let before = try #require(FileManager.default.contents(atPath: daemon.storePath))
        let refusal = try await refusal(home)
        #expect(refusal.code == "store_failed")
        #expect(refusal.message.contains("newer release: its version is 99"))
        #expect(refusal.nextStep.contains("Run the newer release"))
        #expect(FileManager.default.contents(atPath: daemon.storePath) == before)
        await withCheckedContinuation { done in
            Thread.detachNewThread {
                real.stop()
                done.resume()
            }
        }
    }

    @Test func aSecondNodeInOneHomeIsRefusedAndTheFirstGoesOn() async throws {
        let folder = try TestFolder()
        let home = folder.path + "/home"
        let first = try Daemon.start(home)
        let refusal = try await refusal(home)
        #expect(refusal.code == "already_running")
        #expect(refusal.nextStep.contains("starling status"))
        #expect(try first.status()["identity"]?["peer_id"]?.string == first.peerID)
        first.stop()
        let again = try Daemon.start(home)
        #expect(again.peerID == first.peerID)
    }

    @Test func whatTheUserMayNotUseIsToldAndLeftAsItIs() async throws {
        let folder = try TestFolder()
        let home = folder.path + "/home"
        let daemon = try Daemon.start(home)
        daemon.stop()
        let files = FileManager.default
        for (path, mode) in [
            (home, 0o000), (home, 0o500), (home + "/node.lock", 0o000), (home + "/identity.key", 0o000),
            (daemon.storePath, 0o000), (daemon.storePath, 0o400),
        ] {
            let before = try files.attributesOfItem(atPath: path)[.posixPermissions]
            try files.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
            let refusal = try await refusal(home, isAllPowerful: false)
            let comment: Comment = "\(path) with mode \(String(mode, radix: 8)): \(refusal)"
            #expect(["not_permitted", "store_failed"].contains(refusal.code), comment)
            #expect(refusal.nextStep.contains("owner and mode"), comment)
            try files.setAttributes([.posixPermissions: before ?? 0o600], ofItemAtPath: path)
        }
        #expect(try Daemon.start(home).peerID == daemon.peerID)
    }
}

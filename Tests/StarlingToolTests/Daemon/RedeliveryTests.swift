import Foundation
import StarlingCore
import Testing

/// A node whose worker hangs with a task when it is killed: `lab-node` is a `starling up` with a worker.
@Suite struct RedeliveryTests {
    private struct Work: Equatable {
        var taskCount: Int64?
        var attemptMax: Int64?

        init(_ worker: Daemon) throws {
            let json = try worker.call("GET", "/lab/work").json
            taskCount = json["tasks"]?.integer
            attemptMax = json["attempt_max"]?.integer
        }
    }

    @Test func aTaskWhoseWorkerDiedIsHandedOutAgainWithTheNextAttempt() throws {
        let folder = try TestFolder()
        let home = folder.path + "/worker"
        var worker = try Daemon.start(home, command: "lab-node")
        let giver = try Daemon.start(folder.path + "/giver", bootstrap: [worker])
        try giver.send("hang on", to: worker.peerID, type: "AGENT_TASK", wait: .seconds(30))
        let first = try worker.poll({ try Work($0) }) { $0.taskCount == 1 }
        #expect(first.attemptMax == 1)
        #expect(try worker.inboxTexts() == ["hang on"], "nobody has acknowledged it")

        worker.kill()
        worker = try Daemon.start(home, command: "lab-node")
        let second = try worker.poll({ try Work($0) }) { $0.taskCount == 1 }
        #expect(second.attemptMax == 2)
        #expect(try worker.poll({ try $0.inboxTexts() }) { $0.isEmpty } == [], "now it is done")

        // A kill may come before the disk knows: then it is handed out once more, as it should be.
        worker.stop()
        worker = try Daemon.start(home, command: "lab-node")
        let next = try Daemon.start(folder.path + "/giver2", bootstrap: [worker])
        try next.send("another", to: worker.peerID, type: "AGENT_TASK", wait: .seconds(30))
        let third = try worker.poll({ try Work($0) }) { $0.taskCount == 1 }
        #expect(third.attemptMax == 1, "what was done comes no more")
        #expect(try worker.poll({ try $0.inboxTexts() }) { $0.isEmpty } == [])
    }
}

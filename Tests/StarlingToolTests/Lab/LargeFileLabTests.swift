import Foundation
import StarlingCore
import Testing

@Suite struct LargeFileLabTests {
    /// As small a one as tells whether a node starts over: the lab's own is of a gibibyte.
    @Test func aFileArrivesThoughBothSidesAreKilled() async throws {
        let folder = try FixedNode.makeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let run = try await ToolRun.run(
            [
                "lab", "--nodes", "2", "--json", "--scenario", "large-file", "--file-size", "320MiB",
                "--timeout", "120s",
            ],
            environment: ["TMPDIR": folder]
        )
        #expect(run.status == 0, "\(run.talk) \(run.output)")
        let report = try JSON(parsing: run.output)
        #expect(report["scenarios"]?[0]?["name"] == "large-file")
        #expect(report["scenarios"]?[0]?["delivered"] == 1 && report["scenarios"]?[0]?["duplicated"] == 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [], "the files are gone")
    }

    @Test func aFileThatTellsNothingIsRefused() async throws {
        let run = try await ToolRun.run([
            "lab", "--scenario", "large-file", "--file-size", "192MiB", "--json",
        ])
        #expect(run.status == 2)
        #expect(try JSON(parsing: run.talk)["error"]?["code"] == "misused", "\(run.talk)")
    }
}

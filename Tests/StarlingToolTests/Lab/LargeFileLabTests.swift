import Foundation
import StarlingCore
import Testing

@Suite struct LargeFileLabTests {
    /// A small one: the lab's own is of a gibibyte.
    @Test func aFileArrivesThoughBothSidesAreKilled() async throws {
        let folder = try FixedNode.makeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let run = try await ToolRun.run(
            [
                "lab", "--nodes", "2", "--json", "--scenario", "large-file", "--file-size", "192MiB",
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
}

import Foundation
import StarlingFuzz
import Testing

/// The inputs that fuzzing has kept, once through the decoder that they are for.
@Suite("Fuzz corpora")
struct CorpusTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "fuzz/corpus")

    private static func inputs(_ name: String) throws -> [(file: String, bytes: [UInt8])] {
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/" + name).sorted()
        return try files.map { file in
            (file, Array(try Data(contentsOf: folder.appending(path: name + "/" + file))))
        }
    }

    @Test("each committed input keeps the promises of its decoder", arguments: FuzzTarget.all.map(\.name))
    func replay(name: String) throws {
        let target = try #require(FuzzTarget.all.first { $0.name == name })
        let inputs = try Self.inputs(name)
        #expect(!inputs.isEmpty, "a target without a corpus starts from nothing")
        for input in inputs {
            do {
                try target.run(input.bytes)
            } catch {
                Issue.record("fuzz/corpus/\(name)/\(input.file): \(error)")
            }
        }
    }

    @Test(
        "each input, cut anywhere or with one bit turned, keeps them too",
        arguments: FuzzTarget.all.map(\.name)
    )
    func mutations(name: String) throws {
        let target = try #require(FuzzTarget.all.first { $0.name == name })
        for input in try Self.inputs(name) {
            let count = input.bytes.count
            for index in stride(from: 0, to: count, by: max(1, count / 32)) {
                var turned = input.bytes
                turned[index] ^= 1 << UInt8(index % 8)
                do {
                    try target.run(turned)
                    try target.run(Array(input.bytes[..<index]))
                } catch {
                    Issue.record("fuzz/corpus/\(name)/\(input.file), byte \(index): \(error)")
                }
            }
        }
    }

    @Test("each folder of inputs belongs to a target")
    func folders() throws {
        let folders = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
        #expect(Set(folders) == Set(FuzzTarget.all.map(\.name)))
    }
}

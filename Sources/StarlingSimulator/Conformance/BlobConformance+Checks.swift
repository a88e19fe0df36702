internal import StarlingCore
internal import StarlingWorld

extension BlobConformanceCheck {
    /// All checks.
    package static let all: [BlobConformanceCheck] = ofFiles + ofChunks + ofStarts

    // MARK: Files in and out

    private static let ofFiles: [BlobConformanceCheck] = [
        BlobConformanceCheck("a file goes in and comes out as it was") { stage in
            let store = try stage.probe(BlobLimits())
            for byteCount in [0, 1, 262_144, 262_145, 1_000_000] {
                let content = pattern(byteCount)
                let path = try stage.place("in-\(byteCount)", content)
                let id = try await store.pass { folder throws(BlobError) in
                    try folder.importing(path, cipher: nil)
                }
                try expect(id.byteCount == UInt64(byteCount), "the blob has \(id.byteCount) bytes")
                let out = stage.freePath("out-\(byteCount)")
                _ = try await store.pass { folder throws(BlobError) in
                    try folder.exporting(id, to: out, cipher: nil)
                }
                try expect(try stage.content(out) == content, "\(byteCount) bytes came out otherwise")
                try expect(try stage.content(path) == content, "the user's file was changed")
            }
        },
        BlobConformanceCheck("a sealed file stands nowhere in the store and comes out with its key only") {
            stage in
            let store = try stage.probe(BlobLimits())
            let content = Array(repeating: Array("a secret that a disk must not hold. ".utf8), count: 20_000)
                .flatMap { $0 }
            let path = try stage.place("secret", content)
            let id = try await store.pass { folder throws(BlobError) in
                try folder.importing(path, cipher: TurningCipher(key: 0x55))
            }
            try expect(id.byteCount == UInt64(content.count) + 16 * UInt64(id.chunkCount), "no room for tags")
            for index in 0..<id.chunkCount {
                let chunk = try await store.perform { folder throws(BlobError) in
                    try folder.read(id, chunk: index)
                }
                let isPlain = chunk.array().starts(with: content[(index * 262_128)...].prefix(36))
                try expect(!isPlain, "the store holds the content")
            }
            let out = stage.freePath("out")
            try await expectError(.wrongKey, "another key opened it") {
                _ = try await store.pass { folder throws(BlobError) in
                    try folder.exporting(id, to: out, cipher: TurningCipher(key: 0x56))
                }
            }
            try expect(try stage.content(out) == nil, "a file stayed of what could not be opened")
            _ = try await store.pass { folder throws(BlobError) in
                try folder.exporting(id, to: out, cipher: TurningCipher(key: 0x55))
            }
            try expect(try stage.content(out) == content, "it came out otherwise")
        },
        BlobConformanceCheck("the same file twice is one blob") { stage in
            let store = try stage.probe(BlobLimits())
            let path = try stage.place("twice", pattern(300_000))
            var ids: Set<BlobID> = []
            for _ in 0..<2 {
                ids.insert(
                    try await store.pass { folder throws(BlobError) in
                        try folder.importing(path, cipher: nil)
                    }
                )
            }
            let usage = try await store.perform { folder throws(BlobError) in try folder.usage() }
            try expect(ids.count == 1 && usage.blobCount == 1, "there are \(usage.blobCount)")
            try expect(usage.byteCount < 400_000, "both are counted: \(usage.byteCount)")
        },
        BlobConformanceCheck("a file that is not there, and a target that is, are errors") { stage in
            let store = try stage.probe(BlobLimits())
            let nowhere = stage.freePath("nowhere")
            try await expectError(.fileNotFound(path: nowhere), "a file that is not there went in") {
                _ = try await store.pass { folder throws(BlobError) in
                    try folder.importing(nowhere, cipher: nil)
                }
            }
            let path = try stage.place("file", pattern(10))
            let id = try await store.pass { folder throws(BlobError) in
                try folder.importing(path, cipher: nil)
            }
            try await expectError(.fileExists(path: path), "a file of the user's was replaced") {
                _ = try await store.pass { folder throws(BlobError) in
                    try folder.exporting(id, to: path, cipher: nil)
                }
            }
            try expect(try stage.content(path) == pattern(10), "a file of the user's was changed")
        },
        BlobConformanceCheck("a cancelled import leaves nothing") { stage in
            let store = try stage.probe(BlobLimits())
            let path = try stage.place("large", pattern(400_000))
            let imported = try await store.perform { folder throws(BlobError) in
                try folder.importing(path, cipher: nil)
            }
            _ = try await store.perform { _ in imported.abandon() }
            let usage = try await store.perform { folder throws(BlobError) in try folder.usage() }
            try expect(usage.byteCount == 0 && usage.blobCount == 0, "it is counted")
            try expect(try stage.storeFiles().isEmpty, "files stayed")
        },
    ]

    // MARK: Chunks

    private static let ofChunks: [BlobConformanceCheck] = [
        BlobConformanceCheck("chunks come in any order, and all of them make the blob") { stage in
            let store = try stage.probe(BlobLimits())
            let blob = try PatternBlob(30_000, stage.digest)
            _ = try await store.perform { folder throws(BlobError) in
                try folder.begin(blob.id, leaves: blob.leaves)
            }
            try await expectError(.incomplete(missingChunkCount: 8), "an empty blob was finished") {
                try await store.perform { folder throws(BlobError) in try folder.finish(blob.id) }
            }
            for index in [7, 0, 3, 3, 1, 2, 6, 5, 4] {
                try await store.perform { folder throws(BlobError) in
                    try folder.write(blob.id, chunk: index, blob.chunk(index))
                }
            }
            try await store.perform { folder throws(BlobError) in try folder.finish(blob.id) }
            for index in 0..<8 {
                let chunk = try await store.perform { folder throws(BlobError) in
                    try folder.read(blob.id, chunk: index)
                }
                try expect(chunk.array() == blob.chunk(index).array(), "chunk \(index) is another")
            }
            let files = try stage.storeFiles()
            try expect(files == ["\(blob.id).blob", "\(blob.id).leaves"], "the files are \(files)")
        },
        BlobConformanceCheck("wrong leaves, wrong chunks and unknown blobs are refused") { stage in
            let store = try stage.probe(BlobLimits())
            let blob = try PatternBlob(30_000, stage.digest)
            var leaves = blob.leaves
            leaves[40] ^= 1
            let wrong = leaves
            try await expectError(.wrongLeaves, "wrong leaves were taken") {
                _ = try await store.perform { folder throws(BlobError) in
                    try folder.begin(blob.id, leaves: wrong)
                }
            }
            try await expectError(.wrongLeaves, "too few leaves were taken") {
                _ = try await store.perform { folder throws(BlobError) in
                    try folder.begin(blob.id, leaves: Array(blob.leaves.dropLast(32)))
                }
            }
            try await expectError(.notFound, "a chunk of no blob was taken") {
                try await store.perform { folder throws(BlobError) in
                    try folder.write(blob.id, chunk: 0, blob.chunk(0))
                }
            }
            _ = try await store.perform { folder throws(BlobError) in
                try folder.begin(blob.id, leaves: blob.leaves)
            }
            for (index, chunk) in [(0, blob.chunk(1)), (7, blob.chunk(0)), (8, blob.chunk(0))] {
                try await expectError(.wrongChunk(index: index), "a wrong chunk was taken") {
                    try await store.perform { folder throws(BlobError) in
                        try folder.write(blob.id, chunk: index, chunk)
                    }
                }
            }
            try await expectError(.notFound, "a chunk was read that is not there") {
                _ = try await store.perform { folder throws(BlobError) in
                    try folder.read(blob.id, chunk: 0)
                }
            }
        },
        BlobConformanceCheck("many chunks at once are written where they belong, beside a wrong one too") {
            stage in
            let store = try stage.probe(BlobLimits())
            let blob = try PatternBlob(30 * PatternBlob.chunkByteCount + 10, stage.digest)
            _ = try await store.perform { folder throws(BlobError) in
                try folder.begin(blob.id, leaves: blob.leaves)
            }
            let first = [4, 5, 6, 0, 1, 30].map { ($0, blob.chunk($0)) }
            try await store.perform { folder throws(BlobError) in try folder.write(blob.id, first) }
            try await expectError(.wrongChunk(index: 12), "a wrong chunk was taken") {
                let second = (2..<30).map { ($0, blob.chunk($0 == 12 ? 13 : $0)) }
                try await store.perform { folder throws(BlobError) in try folder.write(blob.id, second) }
            }
            try await expectError(.incomplete(missingChunkCount: 1), "a wrong chunk was written") {
                try await store.perform { folder throws(BlobError) in try folder.finish(blob.id) }
            }
            try await write(store, blob, 12)
            try await store.perform { folder throws(BlobError) in try folder.finish(blob.id) }
            for index in 0..<31 {
                let chunk = try await store.perform { folder throws(BlobError) in
                    try folder.read(blob.id, chunk: index)
                }
                try expect(chunk.array() == blob.chunk(index).array(), "chunk \(index) is another")
            }
        },
        BlobConformanceCheck("chunks that are read together stand behind what their reader wants there") {
            stage in
            let store = try stage.probe(BlobLimits())
            // One size of which memory is used again, and one of which it is not.
            for chunkByteCount in [262_144, 4096] {
                let blob = try PatternBlob(
                    5 * chunkByteCount + 10,
                    stage.digest,
                    chunkByteCount: chunkByteCount
                )
                _ = try await store.perform { folder throws(BlobError) in
                    try folder.begin(blob.id, leaves: blob.leaves)
                }
                let present = [0, 1, 3, 4, 5].map { ($0, blob.chunk($0)) }
                try await store.perform { folder throws(BlobError) in try folder.write(blob.id, present) }
                for run in [[0], [0, 1], [3, 4, 5], [5, 0, 3, 4], [1], [5]] {
                    let wishes = run.map { (index: $0, prefix: [UInt8](repeating: UInt8($0), count: $0)) }
                    let found = try await store.perform { folder throws(BlobError) in
                        try folder.read(blob.id, wishes)
                    }
                    let wanted = wishes.flatMap { $0.prefix + blob.chunk($0.index).array() }
                    try expect(found.array() == wanted, "chunks \(run) of \(chunkByteCount) bytes are others")
                }
                try await expectError(.notFound, "a chunk was read that is not there") {
                    _ = try await store.perform { folder throws(BlobError) in
                        try folder.read(blob.id, [(1, []), (2, []), (3, [])])
                    }
                }
                _ = try await store.perform { folder throws(BlobError) in try folder.sync(blob.id) }
                let part = "\(blob.id).part"
                let content = try stage.storeContent(part) ?? []
                try stage.damage(part, Array(content.dropLast(5)))
                try await expectError(.wrongChunk(index: 5), "a file that was cut off went unseen") {
                    _ = try await store.perform { folder throws(BlobError) in
                        try folder.read(blob.id, [(4, []), (5, [])])
                    }
                }
            }
        },
        BlobConformanceCheck("the limits hold, and what is deleted makes room") { stage in
            var limits = BlobLimits()
            limits.byteCountMax = 40_000
            limits.blobCountMax = 3
            let store = try stage.probe(limits)
            let (one, other) = (try PatternBlob(30_000, stage.digest), try PatternBlob(20_000, stage.digest))
            _ = try await store.perform { folder throws(BlobError) in
                try folder.begin(one.id, leaves: one.leaves)
            }
            let left = UInt64(40_000 - 30_000 - 8 * 32)
            try await expectError(
                .full(wantedByteCount: 20_000 + 5 * 32, leftByteCount: left),
                "more was taken than fits"
            ) {
                _ = try await store.perform { folder throws(BlobError) in
                    try folder.begin(other.id, leaves: other.leaves)
                }
            }
            try await store.perform { folder throws(BlobError) in try folder.delete(one.id) }
            try expect(try stage.storeFiles().isEmpty, "files stayed")
            for byteCount in [1, 2, 3] {
                let blob = try PatternBlob(byteCount, stage.digest)
                _ = try await store.perform { folder throws(BlobError) in
                    try folder.begin(blob.id, leaves: blob.leaves)
                }
            }
            let path = try stage.place("fourth", pattern(4))
            try await expectError(.tooManyBlobs, "a fourth blob was taken") {
                _ = try await store.pass { folder throws(BlobError) in
                    try folder.importing(path, cipher: nil)
                }
            }
        },
        BlobConformanceCheck("what arrives for a blob that was deleted is refused") { stage in
            let store = try stage.probe(BlobLimits())
            let blob = try PatternBlob(30_000, stage.digest)
            _ = try await store.perform { folder throws(BlobError) in
                try folder.begin(blob.id, leaves: blob.leaves)
            }
            try await store.perform { folder throws(BlobError) in try folder.delete(blob.id) }
            try await expectError(.notFound, "a chunk was taken") {
                try await store.perform { folder throws(BlobError) in
                    try folder.write(blob.id, chunk: 0, blob.chunk(0))
                }
            }
            try await expectError(.notFound, "it was synced") {
                _ = try await store.perform { folder throws(BlobError) in try folder.sync(blob.id) }
            }
            try expect(try stage.storeFiles().isEmpty, "files came back")
        },
    ]

    // MARK: Starts

    private static let ofStarts: [BlobConformanceCheck] = [
        BlobConformanceCheck("after a start, what was synced is there and what was not is asked for again") {
            stage in
            let blob = try PatternBlob(30_000, stage.digest)
            let store = try stage.probe(BlobLimits())
            _ = try await store.perform { folder throws(BlobError) in
                try folder.begin(blob.id, leaves: blob.leaves)
            }
            for index in [1, 2, 5] { try await write(store, blob, index) }
            let synced = try await store.perform { folder throws(BlobError) in try folder.sync(blob.id) }
            try expect(synced.durable.ranges == [1..<3, 5..<6], "durable are \(synced.durable.ranges)")
            try await write(store, blob, 7)
            try await write(store, blob, 0)
            _ = try await store.perform { folder throws(BlobError) in try folder.sync(blob.id) }
            try await write(store, blob, 3)

            let again = try stage.probe(BlobLimits())
            let holding = try unwrap(try await again.perform { $0.holding(blob.id) }, "the blob is gone")
            try expect(
                holding.written.ranges == [0..<3, 5..<6, 7..<8],
                "there are \(holding.written.ranges)"
            )
            try expect(holding.durable == holding.written && !holding.isFinished, "they are not durable")
            for index in [3, 4, 6] { try await write(again, blob, index) }
            try await again.perform { folder throws(BlobError) in try folder.finish(blob.id) }

            let third = try stage.probe(BlobLimits())
            let finished = try unwrap(try await third.perform { $0.holding(blob.id) }, "the blob is gone")
            try expect(finished.isFinished, "it is not finished")
            for index in 0..<8 {
                let chunk = try await third.perform { folder throws(BlobError) in
                    try folder.read(blob.id, chunk: index)
                }
                try expect(chunk.array() == blob.chunk(index).array(), "chunk \(index) is another")
            }
        },
        BlobConformanceCheck("records that were torn, and chunks that were cut off, do not count") { stage in
            let blob = try PatternBlob(30_000, stage.digest)
            let store = try stage.probe(BlobLimits())
            _ = try await store.perform { folder throws(BlobError) in
                try folder.begin(blob.id, leaves: blob.leaves)
            }
            for index in [0, 2, 4] {
                try await write(store, blob, index)
                _ = try await store.perform { folder throws(BlobError) in try folder.sync(blob.id) }
            }
            // Three records; the second is torn, and a piece of a fourth stands behind them.
            let name = "\(blob.id).progress"
            var records = try unwrap(try stage.storeContent(name), "there is no progress")
            try expect(records.count == 48, "there are \(records.count) bytes of progress")
            records[20] ^= 4
            try stage.damage(name, records + [0, 0, 0, 1, 0])
            let again = try stage.probe(BlobLimits())
            let holding = try unwrap(try await again.perform { $0.holding(blob.id) }, "the blob is gone")
            try expect(holding.durable.ranges == [0..<1, 4..<5], "durable are \(holding.durable.ranges)")
            // What is synced from here on is found again behind the debris.
            try await write(again, blob, 6)
            _ = try await again.perform { folder throws(BlobError) in try folder.sync(blob.id) }
            let third = try stage.probe(BlobLimits())
            let more = try unwrap(try await third.perform { $0.holding(blob.id) }, "the blob is gone")
            try expect(more.durable.ranges == [0..<1, 4..<5, 6..<7], "durable are \(more.durable.ranges)")
            // A part file that is shorter than it was.
            try stage.damage("\(blob.id).part", Array(blob.content.prefix(4 * 4096)))
            let fourth = try stage.probe(BlobLimits())
            let less = try unwrap(try await fourth.perform { $0.holding(blob.id) }, "the blob is gone")
            try expect(less.durable.ranges == [0..<1], "durable are \(less.durable.ranges)")
        },
        BlobConformanceCheck("files without good leaves, and those of broken-off imports, are removed") {
            stage in
            let blob = try PatternBlob(30_000, stage.digest)
            let store = try stage.probe(BlobLimits())
            _ = try await store.perform { folder throws(BlobError) in
                try folder.begin(blob.id, leaves: blob.leaves)
            }
            var leaves = blob.leaves
            leaves[0] ^= 1
            try stage.damage("\(blob.id).leaves", leaves)
            try stage.damage("import-7.tmp", [1, 2, 3])
            try stage.damage("\(try PatternBlob(9, stage.digest).id).part", [1])
            let again = try stage.probe(BlobLimits())
            let usage = try await again.perform { folder throws(BlobError) in try folder.usage() }
            try expect(usage.blobCount == 0 && usage.byteCount == 0, "something is counted")
            try expect(try stage.storeFiles().isEmpty, "files stayed")
        },
        BlobConformanceCheck("a chunk that the disk changed does not leave the store as a file") { stage in
            let store = try stage.probe(BlobLimits())
            let path = try stage.place("file", pattern(600_000))
            let id = try await store.pass { folder throws(BlobError) in
                try folder.importing(path, cipher: nil)
            }
            var content = pattern(600_000)
            content[300_000] ^= 1
            try stage.damage("\(id).blob", content)
            let out = stage.freePath("out")
            try await expectError(.wrongChunk(index: 1), "it came out") {
                _ = try await store.pass { folder throws(BlobError) in
                    try folder.exporting(id, to: out, cipher: nil)
                }
            }
            try expect(try stage.content(out) == nil, "a file stayed")
        },
    ]

    private static func write(_ store: BlobProbe, _ blob: PatternBlob, _ index: Int) async throws {
        try await store.perform { folder throws(BlobError) in
            try folder.write(blob.id, chunk: index, blob.chunk(index))
        }
    }

    private static func pattern(_ byteCount: Int) -> [UInt8] {
        (0..<byteCount).map { UInt8(truncatingIfNeeded: $0 &* 13 &+ $0 >> 7) }
    }
}

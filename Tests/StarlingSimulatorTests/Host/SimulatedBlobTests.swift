import StarlingCore
import StarlingNode
import StarlingSimulator
import StarlingWorld
import Testing

@Suite struct SimulatedBlobTests {
    @Test(arguments: BlobConformanceCheck.all)
    func holdsOnASimulatedDisk(_ check: BlobConformanceCheck) throws {
        for canClone in [true, false] {
            let simulation = Simulation(seed: 1)
            let host = simulation.host()
            let disk = SimulatedBlobDisk()
            disk.canClone = canClone
            let stage = Self.stage(host, disk)
            try simulation.complete(on: host) { try await check.run(stage) }
        }
    }

    private static func stage(_ host: SimulatedHost, _ disk: SimulatedBlobDisk) -> BlobStage {
        let loop = host.loop
        return BlobStage(
            open: { limits throws(BlobError) in
                let folder = try BlobFolder("/blobs", disk: disk, digest: .chunkTree, limits: limits)
                return SimulatedBlobStore(folder, loop: loop)
            },
            place: { name, content in
                disk.place("/user/\(name)", content)
                return "/user/\(name)"
            },
            freePath: { "/user/\($0)" },
            content: { disk.content(of: $0) },
            storeFiles: { try disk.files(in: "/blobs").keys.sorted() },
            storeContent: { disk.content(of: "/blobs/\($0)") },
            damage: { disk.place("/blobs/\($0)", $1) },
            digest: .chunkTree,
            loop: loop
        )
    }

    // MARK: Crashes and full disks

    /// Sixteen parts of one write, each of four pages, that the power cut meets before they are synced.
    @Test func aPowerCutKeepsOrTearsOrLosesEachPartOfAWriteForItself() throws {
        enum Fate { case whole, torn, lost }
        let partByteCount = 4 * 4096
        func content(after seed: UInt64) throws -> [UInt8] {
            let disk = SimulatedBlobDisk()
            disk.place("/a", [UInt8](repeating: 0, count: 16 * partByteCount))
            let parts = (1...16).map { number in
                BufferSlice(copying: [UInt8](repeating: UInt8(number), count: partByteCount).span)
            }
            try disk.write(parts, to: "/a", at: 0, keeps: false)
            var random = SplitMix64(seed: seed)
            disk.losePower(&random)
            return disk.content(of: "/a") ?? []
        }
        var (outOfOrder, pagesOutOfOrder) = (0, 0)
        for seed in UInt64(1)...20 {
            let bytes = try content(after: seed)
            #expect(try content(after: seed) == bytes, "a seed says all")
            let fates = (0..<16).map { part -> Fate in
                let range = part * partByteCount..<(part + 1) * partByteCount
                let written = bytes[range].count { $0 == UInt8(part + 1) }
                #expect(written + bytes[range].count { $0 == 0 } == partByteCount)
                // A page that is there behind one that is not.
                let pages = stride(from: range.lowerBound, to: range.upperBound, by: 4096).map { bytes[$0] }
                if pages.first == 0, pages.last != 0 { pagesOutOfOrder += 1 }
                return written == 0 ? .lost : written < partByteCount ? .torn : .whole
            }
            #expect(fates.contains(.whole))
            if let lost = fates.firstIndex(of: .lost), fates[lost...].contains(.whole) { outOfOrder += 1 }
        }
        #expect(outOfOrder > 0 && pagesOutOfOrder > 0)
    }

    @Test func aDiskThatFillsUpTakesWhatIsInFront() throws {
        let disk = SimulatedBlobDisk()
        try disk.create("/a")
        disk.byteCountMax = 250
        let parts = (1...3).map { BufferSlice(copying: [UInt8](repeating: $0, count: 100).span) }
        #expect(throws: FileError.noSpace(path: "/a")) {
            try disk.write(parts, to: "/a", at: 0, keeps: false)
        }
        let taken = [1, 2].flatMap { [UInt8](repeating: $0, count: 100) } + [UInt8](repeating: 3, count: 50)
        #expect(disk.content(of: "/a") == taken && disk.counts.writtenBytes == 250)
        // What is there already takes no room.
        try disk.write(Array(parts[..<2]), to: "/a", at: 50, keeps: false)
        #expect(disk.content(of: "/a")?.count == 250 && disk.counts.writtenBytes == 450)
    }

    /// A blob of 40 chunks that is written in groups while the power fails over and over.
    @Test func whatAPowerCutLeavesIsTrue() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var random = SplitMix64(seed: seed)
        for _ in 0..<30 {
            let disk = SimulatedBlobDisk()
            let content = (0..<40 * 4096 - 100).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            let leaves = Self.leaves(content)
            let root = BlobDigest.chunkTree.root(leaves.span)
            let id = try #require(BlobID(root: root, byteCount: UInt64(content.count), chunkByteCount: 4096))
            var synced = ChunkSet(of: 40)
            for _ in 0..<200 {
                let folder = try BlobFolder("/blobs", disk: disk, digest: .chunkTree)
                if let holding = folder.holding(id) {
                    // Never less than was promised, and never a chunk that is not right.
                    for index in 0..<40 where synced.contains(index) {
                        #expect(holding.durable.contains(index))
                    }
                    for index in 0..<40 where holding.durable.contains(index) {
                        #expect(try folder.read(id, chunk: index).array() == Self.chunk(content, index))
                    }
                    if holding.isFinished { break }
                    synced = holding.durable
                } else {
                    #expect(synced.isEmpty)
                    _ = try? folder.begin(id, leaves: leaves)
                }
                for _ in 0..<random.number(below: 12) {
                    let first = random.number(below: 40)
                    let group = (first..<min(40, first + 1 + random.number(below: 4))).map { index in
                        (index: index, bytes: BufferSlice(copying: Self.chunk(content, index).span))
                    }
                    if folder.holding(id) != nil { try folder.write(id, group) }
                    if random.chance(0.2), folder.holding(id) != nil { synced = try folder.sync(id).durable }
                    if folder.holding(id)?.written.isComplete == true { try folder.finish(id) }
                }
                disk.losePower(&random)
            }
            let folder = try BlobFolder("/blobs", disk: disk, digest: .chunkTree)
            #expect(folder.holding(id)?.isFinished == true, "it never came to an end")
        }
    }

    @Test func anImportThatAPowerCutMeetsIsWholeOrAbsent() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var random = SplitMix64(seed: seed)
        for round in 0..<40 {
            let disk = SimulatedBlobDisk()
            disk.canClone = round % 2 == 0
            let content = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* round) }
            disk.place("/user/file", content)
            let folder = try BlobFolder("/blobs", disk: disk, digest: .chunkTree)
            let passage = try folder.importing("/user/file", cipher: nil)
            var id: BlobID?
            // The power fails before, or after the last step was answered.
            if round % 4 < 2 { while id == nil { id = try passage.step() } }
            disk.losePower(&random)
            let again = try BlobFolder("/blobs", disk: disk, digest: .chunkTree)
            if let id {
                #expect(again.holding(id)?.isFinished == true, "what was answered stays")
                let export = try again.exporting(id, to: "/user/out", cipher: nil)
                while try export.step() == nil {}
                #expect(disk.content(of: "/user/out") == content)
            } else {
                #expect(again.holdings().isEmpty)
                #expect(disk.paths.filter { $0.hasPrefix("/blobs") }.isEmpty)
            }
        }
    }

    @Test func aFullDiskRefusesAndLosesNothing() throws {
        let disk = SimulatedBlobDisk()
        var limits = BlobLimits()
        limits.freeByteCountMin = 0
        let content = (0..<40 * 4096).map { UInt8(truncatingIfNeeded: $0 &* 3) }
        let leaves = Self.leaves(content)
        let root = BlobDigest.chunkTree.root(leaves.span)
        let id = try #require(BlobID(root: root, byteCount: UInt64(content.count), chunkByteCount: 4096))
        let folder = try BlobFolder("/blobs", disk: disk, digest: .chunkTree, limits: limits)
        disk.byteCountMax = 1000
        #expect(throws: BlobError.noSpace) { try folder.begin(id, leaves: leaves) }
        #expect(folder.holdings().isEmpty)
        disk.byteCountMax = 1 << 30
        _ = try folder.begin(id, leaves: leaves)
        // Others take the space in the middle.
        disk.byteCountMax = leaves.count + 10 * 4096 + 100
        var refused: [Int] = []
        for index in 0..<40 {
            let bytes = BufferSlice(copying: Self.chunk(content, index).span)
            do { try folder.write(id, chunk: index, bytes) } catch {
                #expect(error == .noSpace)
                refused.append(index)
            }
        }
        #expect(refused == Array(10..<40))
        disk.failure = .noSpace(path: "/blobs")
        #expect(throws: BlobError.noSpace) { try folder.sync(id) }
        #expect(folder.holding(id)?.durable.isEmpty == true, "what could not be synced is not durable")
        disk.failure = nil
        disk.byteCountMax = 1 << 30
        #expect(try folder.sync(id).durable.ranges == [0..<10])
        for index in refused {
            try folder.write(id, chunk: index, BufferSlice(copying: Self.chunk(content, index).span))
        }
        try folder.finish(id)
        #expect(disk.content(of: "/blobs/\(id).blob") == content)
    }

    @Test func whatIsPromisedToOneIsNotGivenToAnother() throws {
        let disk = SimulatedBlobDisk()
        var limits = BlobLimits()
        limits.freeByteCountMin = 1000
        let folder = try BlobFolder("/blobs", disk: disk, digest: .chunkTree, limits: limits)
        let contents = (1...2).map { number in (0..<10 * 4096).map { UInt8(truncatingIfNeeded: $0 &* number) }
        }
        let blobs = try contents.map { content in
            let leaves = Self.leaves(content)
            let root = BlobDigest.chunkTree.root(leaves.span)
            return (try #require(BlobID(root: root, byteCount: 40_960, chunkByteCount: 4096)), leaves)
        }
        // Room for one and a half.
        disk.byteCountMax = 60_000
        _ = try folder.begin(blobs[0].0, leaves: blobs[0].1)
        #expect(throws: BlobError.noSpace) { try folder.begin(blobs[1].0, leaves: blobs[1].1) }
        disk.place("/user/file", [UInt8](repeating: 1, count: 1))
        disk.byteCountMax = 90_000
        _ = try folder.begin(blobs[1].0, leaves: blobs[1].1)
        // What is written is not promised any more, and is not free either.
        for index in 0..<10 {
            let bytes = BufferSlice(copying: Self.chunk(contents[0], index).span)
            try folder.write(blobs[0].0, chunk: index, bytes)
        }
        try folder.finish(blobs[0].0)
        disk.place("/user/file", [UInt8](repeating: 1, count: 20_000))
        disk.byteCountMax = 110_000
        #expect(throws: BlobError.noSpace) { try folder.importing("/user/file", cipher: nil) }
        try folder.delete(blobs[1].0)
        let passage = try folder.importing("/user/file", cipher: nil)
        #expect(throws: BlobError.noSpace) { try folder.begin(blobs[1].0, leaves: blobs[1].1) }
        passage.abandon()
        _ = try folder.begin(blobs[1].0, leaves: blobs[1].1)
    }

    @Test func aFileThatGrowsWhileItIsSharedGoesInAsItWasMeasured() throws {
        let disk = SimulatedBlobDisk()
        disk.growthBeforeClone = 5000
        let content = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        disk.place("/user/file", content)
        let passage = try BlobFolder("/blobs", disk: disk, digest: .chunkTree)
            .importing("/user/file", cipher: nil)
        var id: BlobID?
        while id == nil { id = try passage.step() }
        let again = try BlobFolder("/blobs", disk: disk, digest: .chunkTree)
        #expect(try again.holding(#require(id))?.isFinished == true, "a start keeps it")
        #expect(disk.content(of: "/blobs/\(try #require(id)).blob") == content)
    }

    @Test func theBooksSayWhatTheFilesDoAfterAnImportMetAnErasure() async throws {
        let disk = SimulatedBlobDisk()
        let content = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 13) }
        disk.place("/user/file", content)
        let folder = try BlobFolder("/blobs", disk: disk, digest: .chunkTree)
        for _ in 0..<100 {
            let id = try await withThrowingTaskGroup(of: BlobID?.self) { group in
                let first = try Self.take("/user/file", folder)
                group.addTask { try Self.take("/user/file", folder) }
                group.addTask {
                    try folder.delete(first)
                    return nil
                }
                try await group.waitForAll()
                return first
            }
            let file = disk.content(of: "/blobs/\(id).blob")
            #expect(file == (folder.holding(id)?.isFinished == true ? content : nil))
        }
    }

    private static func take(_ path: String, _ folder: BlobFolder) throws(BlobError) -> BlobID {
        let passage = try folder.importing(path, cipher: nil)
        while true { if let id = try passage.step() { return id } }
    }

    /// Four gibibytes in the books, without writing them.
    @Test func theBooksHoldFourGibibytes() throws {
        let leaves = [UInt8](repeating: 0, count: 16_384 * 32)
        let root = BlobDigest.chunkTree.root(leaves.span)
        let id = try #require(BlobID(root: root, byteCount: 4 << 30, chunkByteCount: 262_144))
        let folder = try BlobFolder("/blobs", disk: SimulatedBlobDisk(), digest: .chunkTree)
        let holding = try folder.begin(id, leaves: leaves)
        #expect(holding.written.chunkCount == 16_384)
        #expect(try folder.usage().byteCount == 4 << 30 + 524_288)
        for number in UInt8(1)...2 {
            var other = leaves
            other[0] = number
            let root = BlobDigest.chunkTree.root(other.span)
            let id = try #require(BlobID(root: root, byteCount: 4 << 30, chunkByteCount: 262_144))
            _ = try folder.begin(id, leaves: other)
        }
        var last = leaves
        last[0] = 3
        let lastRoot = BlobDigest.chunkTree.root(last.span)
        let fourth = try #require(BlobID(root: lastRoot, byteCount: 4 << 30, chunkByteCount: 262_144))
        let wanted = UInt64(4 << 30 + 524_288)
        #expect(throws: BlobError.full(wantedByteCount: wanted, leftByteCount: (4 << 30) - 3 * 524_288)) {
            try folder.begin(fourth, leaves: last)
        }
    }

    @Test func aDiskTellsWhatItsFilesTakeOfTheProcess() throws {
        let disk = SimulatedBlobDisk()
        #expect(disk.heldByteCount == 0)
        try disk.create("/a")
        try disk.write(
            BufferSlice(copying: [UInt8](repeating: 7, count: 100_000).span),
            to: "/a",
            at: 0,
            keeps: true
        )
        // What is read, and the write that a power cut may lose.
        #expect(disk.heldByteCount >= 200_000)
        try disk.sync("/a")
        #expect((100_000..<200_000).contains(disk.heldByteCount))
        try disk.remove("/a")
        #expect(disk.heldByteCount == 0)
    }

    private static func chunk(_ content: [UInt8], _ index: Int) -> [UInt8] {
        Array(content[index * 4096..<min(content.count, (index + 1) * 4096)])
    }

    private static func leaves(_ content: [UInt8]) -> [UInt8] {
        var leaves: [UInt8] = []
        for start in stride(from: 0, to: content.count, by: 4096) {
            let chunk = Array(content[start..<min(content.count, start + 4096)])
            leaves += BlobDigest.chunkTree.leaves([BufferSlice(copying: chunk.span)]).joined()
        }
        return leaves
    }
}

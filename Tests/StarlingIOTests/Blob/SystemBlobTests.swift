import Foundation
import StarlingCore
import StarlingIO
import StarlingNode
import StarlingSimulator
import StarlingWorld
import Testing

/// The checks that the simulated store passes too, on files of this machine.
@Suite struct SystemBlobTests {
    @Test(arguments: BlobConformanceCheck.all)
    func holdsOnFiles(_ check: BlobConformanceCheck) async throws {
        let real = try RealWorld.make(loopCount: 1, log: Log(sink: SilentLog()))
        let root = temporaryPath("blobs")
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: root) }
        let loop = real.loops[0]
        let stage = BlobStage(
            open: { limits throws(BlobError) in
                try SystemBlobStore.open("\(root)/store", digest: .chunkTree, limits: limits, loop: loop)
            },
            place: { name, content in
                try Data(content).write(to: URL(filePath: "\(root)/\(name)"))
                return "\(root)/\(name)"
            },
            freePath: { "\(root)/\($0)" },
            content: { FileManager.default.contents(atPath: $0).map { Array($0) } },
            storeFiles: { try FileManager.default.contentsOfDirectory(atPath: "\(root)/store").sorted() },
            storeContent: { FileManager.default.contents(atPath: "\(root)/store/\($0)").map { Array($0) } },
            damage: { try Data($1).write(to: URL(filePath: "\(root)/store/\($0)")) },
            digest: .chunkTree,
            loop: loop
        )
        let task = loop.startTask(returning: Void.self) { try await check.run(stage) }
        let result = await task.result
        real.stop()
        try result.get()
    }

    @Test func filesAreForTheirOwnerAlone() throws {
        let root = temporaryPath("blobs")
        defer { try? FileManager.default.removeItem(atPath: root) }
        let disk = SystemBlobDisk()
        try disk.createFolder(root)
        try disk.create("\(root)/a")
        #expect(throws: FileError.alreadyExists(path: "\(root)/a")) { try disk.create("\(root)/a") }
        let attributes = try FileManager.default.attributesOfItem(atPath: "\(root)/a")
        #expect(attributes[.posixPermissions] as? Int == 0o600)
    }

    /// A file of more than four gibibytes with a hole in it: offsets beyond 32 bits reach the system whole.
    @Test func offsetsBeyondFourGibibytesAreKept() throws {
        let root = temporaryPath("blobs")
        defer { try? FileManager.default.removeItem(atPath: root) }
        let disk = SystemBlobDisk()
        try disk.createFolder(root)
        let path = "\(root)/sparse"
        try disk.create(path)
        let bytes: [UInt8] = [1, 2, 3]
        try disk.write(BufferSlice(copying: bytes.span), to: path, at: (4 << 30) + 5, keeps: true)
        #expect(try disk.byteCount(of: path) == (4 << 30) + 8)
        let block = Buffer(byteCount: 10)
        #expect(try disk.read(path, at: (4 << 30) + 4, into: block, 0..<10) == 4)
        #expect(BufferSlice(block, 0..<4).array() == [0, 1, 2, 3])
        #expect(try disk.read(path, at: 5, into: block, 0..<3) == 3)
        #expect(BufferSlice(block, 0..<3).array() == [0, 0, 0])
    }

    /// A folder on the disk, and one in memory where the system has such.
    static var folders: [String] {
        [temporaryPath("blobs")]
            + ["/dev/shm"].filter { FileManager.default.fileExists(atPath: $0) }.map {
                "\($0)/blobs-\(getpid())"
            }
    }

    /// What is kept goes another way than what is not: both see what the other wrote.
    @Test(arguments: folders)
    func whatIsKeptAndWhatIsNotAreOneFile(root: String) throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        let disk = SystemBlobDisk()
        try disk.createFolder(root)
        let path = "\(root)/mixed"
        try disk.create(path)
        let block = Buffer(byteCount: 1 << 17)
        var expected = [UInt8](repeating: 0, count: (1 << 17) + 100)
        func write(_ range: Range<Int>, _ byte: UInt8, keeps: Bool) throws {
            for offset in 0..<range.count { block[offset] = byte }
            try disk.write(
                BufferSlice(block, 0..<range.count),
                to: path,
                at: UInt64(range.lowerBound),
                keeps: keeps
            )
            expected.replaceSubrange(range, with: [UInt8](repeating: byte, count: range.count))
        }
        try write(0..<(1 << 17), 1, keeps: false)
        try write(100..<5000, 2, keeps: true)
        try write(4096..<12_288, 3, keeps: false)
        try write(16_384..<20_480, 5, keeps: true)
        try write((1 << 17)..<(1 << 17) + 100, 4, keeps: false)
        // Parts of which some are pages, some are not, and one is nothing.
        for keeps in [true, false] {
            for offset in 0..<block.byteCount {
                block[offset] = UInt8(truncatingIfNeeded: offset &* 7 &+ offset >> 8)
            }
            let ranges = [8192..<12_288, 0..<4096, 0..<0, 40_000..<50_000, 4096..<16_384]
            let parts = ranges.map { BufferSlice(block, $0) }
            let place = keeps ? 20_480 : 61_440
            try disk.write(parts, to: path, at: UInt64(place), keeps: keeps)
            let bytes = parts.flatMap { $0.array() }
            expected.replaceSubrange(place..<place + bytes.count, with: bytes)
        }
        #expect(try disk.byteCount(of: path) == UInt64(expected.count))
        for range in [0..<(1 << 17), 1..<8193, 8192..<16_384, (1 << 17) - 10..<(1 << 17) + 100] {
            let count = try disk.read(path, at: UInt64(range.lowerBound), into: block, 0..<range.count)
            #expect(count == range.count)
            #expect(BufferSlice(block, 0..<range.count).array() == Array(expected[range]), "\(range)")
        }
        // The last pages end within the block that is asked for.
        let start = (1 << 17) - 4096
        #expect(try disk.read(path, at: UInt64(start), into: block, 0..<8192) == 4196)
        #expect(BufferSlice(block, 0..<4196).array() == Array(expected[start...]))
        try disk.sync(path)
    }

    @Test func theLimitIsHalfOfWhatTheDiskCouldGive() async throws {
        let real = try RealWorld.make(loopCount: 1, log: Log(sink: SilentLog()))
        defer { real.stop() }
        let root = temporaryPath("blobs")
        defer { try? FileManager.default.removeItem(atPath: root) }
        var limits = BlobLimits()
        limits.byteCountMax = .max
        let store = try SystemBlobStore.open(root, digest: .chunkTree, limits: limits, loop: real.loops[0])
        let usage = try store.folder.usage()
        #expect(usage.byteCountMax < usage.freeByteCount)
        #expect(usage.byteCountMax > 0)
        limits.byteCountMax = 1000
        let small = try SystemBlobStore.open(root, digest: .chunkTree, limits: limits, loop: real.loops[0])
        #expect(small.folder.limits.byteCountMax == 1000)
    }
}

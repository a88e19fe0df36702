import Foundation
import Starling
import Testing

/// Files between two nodes of the library, on the real disk and loopback.
@Suite struct FileTests {
    @Test func aFileIsSentWatchedAndSaved() async throws {
        let folder = NSTemporaryDirectory() + "starling-file-\(UInt64.random(in: 0...(.max)))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let quiet = Node.Configuration(listenAddresses: ["/ip4/127.0.0.1/tcp/0"], usesLANDiscovery: false)
        let kitchen = try await Node.start(quiet)
        let hall = try await Node.start(quiet)
        try await kitchen.connect(to: #require(await hall.addresses.first).description)

        let content = Data((0..<2_000_000).map { UInt8(truncatingIfNeeded: $0 &* 5 &+ $0 >> 7) })
        try content.write(to: URL(fileURLWithPath: folder + "/a.bin"))
        let sent = try await kitchen.send(file: folder + "/a.bin", name: "b.bin", to: hall.id)
        try FileManager.default.removeItem(atPath: folder + "/a.bin")
        var last: FileProgress?
        for await progress in sent.fileProgress { last = progress }
        #expect(last.map { $0.arrivedByteCount == $0.byteCount } == true)
        #expect(await sent.state == .delivered)

        var messages = hall.messages.makeAsyncIterator()
        let message = try #require(await messages.next())
        let file = try #require(message.file)
        #expect(file.name == "b.bin" && file.byteCount == 2_000_000)
        try await file.save(to: folder + "/out")
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder + "/out")) == content)
        await #expect(throws: NodeError.self) { try await file.save(to: folder + "/out") }
        try await message.acknowledge()
        await #expect(throws: NodeError.self) { try await file.save(to: folder + "/late") }
        var incoming = hall.incomingFiles.makeAsyncIterator()
        #expect(await incoming.next() == [])

        await #expect(throws: NodeError.self) { try await kitchen.send(file: folder + "/none", to: hall.id) }
        await kitchen.stop()
        await hall.stop()
    }
}

import Foundation
import Starling
import StarlingCore
import Testing

/// Where the text of a message can be found, by whoever has the sender's disk or the wire.
@Suite struct PlaintextTests {
    /// Too short to be compressed, and nowhere else in the world.
    private static let privatePhrase = "the heron stands where the two canals meet at a quarter past six"
    private static let standardPhrase = "a kingfisher was seen over the lower lock this very wet morning"
    /// What both ends of any link begin with, before it is encrypted.
    private static let wirePhrase = "/multistream/1.0.0"

    private static func start(_ home: String) async throws -> Node {
        try await Node.start(
            .init(home: home, listenAddresses: ["/ip4/127.0.0.1/tcp/0"], usesLANDiscovery: false)
        )
    }

    /// The files under a folder that hold the phrase.
    private func files(under folder: String, holding phrase: String) throws -> [String] {
        let names = try FileManager.default.subpathsOfDirectory(atPath: folder)
        return names.filter { name in
            let bytes = FileManager.default.contents(atPath: "\(folder)/\(name)") ?? Data()
            return !bytes.ranges(of: Data(phrase.utf8)).isEmpty
        }
    }

    @Test func aPrivateMessageIsReadableToItsRecipientOnly() async throws {
        var template = Array("/tmp/st-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { try? FileManager.default.removeItem(atPath: folder) }

        // The recipient is away: both messages wait in the sender's outbox.
        let away = try await Self.start(folder + "/bob")
        let bobID = away.id
        await away.stop()
        let alice = try await Self.start(folder + "/alice")
        var options = SendOptions()
        let sealed = try await alice.send(Self.privatePhrase, to: bobID, options: options)
        options.privacy = .standard
        let open = try await alice.send(Self.standardPhrase, to: bobID, options: options)
        #expect(try files(under: folder + "/alice", holding: Self.privatePhrase) == [])
        let found = try files(under: folder + "/alice", holding: Self.standardPhrase)
        #expect(found.contains { $0.hasPrefix("starling.db") }, "the search finds what is not sealed")

        // It comes back, behind somebody who records the wire.
        let bob = try await Self.start(folder + "/bob")
        let address = try #require(await bob.addresses.first).description
        let port = try #require(address.split(separator: "/").dropFirst(3).first.flatMap { UInt16($0) })
        let relay = try RecordingRelay(to: port)
        try await alice.connect(to: "/ip4/127.0.0.1/tcp/\(relay.port)/p2p/\(bobID)")
        for message in [sealed, open] { _ = try await message.receipt(within: .seconds(60)) }
        var texts: [String] = []
        var messages = bob.messages.makeAsyncIterator()
        while texts.count < 2 { texts.append(try #require(await messages.next()?.text)) }
        #expect(texts.sorted() == [Self.standardPhrase, Self.privatePhrase].sorted())

        let captured = Data(relay.captured)
        let byteCount = Self.privatePhrase.utf8.count + Self.standardPhrase.utf8.count
        #expect(captured.count > byteCount, "the messages took this way")
        #expect(
            !captured.ranges(of: Data(Self.wirePhrase.utf8)).isEmpty,
            "the search finds what is in the clear"
        )
        for phrase in [Self.privatePhrase, Self.standardPhrase] {
            #expect(captured.ranges(of: Data(phrase.utf8)).isEmpty, "the link is encrypted")
        }
        #expect(try files(under: folder + "/alice", holding: Self.privatePhrase) == [])
        await alice.stop()
        #expect(try files(under: folder + "/alice", holding: Self.privatePhrase) == [])
        await bob.stop()
        relay.stop()
    }
}

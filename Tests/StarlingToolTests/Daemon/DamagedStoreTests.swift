import Foundation
import StarlingCore
import Testing

/// What happens to the file of a store while its node is down.
struct Damage: CustomTestStringConvertible {
    enum Kind: CaseIterable { case flippedBit, tornWrite, truncation }

    enum Part: CaseIterable { case database, log }

    let kind: Kind
    let part: Part

    static let all = Part.allCases.flatMap { part in Kind.allCases.map { Damage(kind: $0, part: part) } }

    var testDescription: String { "\(kind) in the \(part)" }

    /// Whether bytes are missing that nothing tells from those of a commit that a power cut ended.
    var looksLikeAPowerCut: Bool { part == .log && kind == .truncation }

    func path(of daemon: Daemon) -> String { daemon.storePath + (part == .log ? "-wal" : "") }

    /// Does it where a message stands; the last place, if there are several.
    func strike(_ daemon: Daemon, messageID: String) throws {
        let path = path(of: daemon)
        var bytes = [UInt8](try #require(FileManager.default.contents(atPath: path)))
        let id = stride(from: 0, to: messageID.utf8.count, by: 2).compactMap {
            UInt8(messageID.dropFirst($0).prefix(2), radix: 16)
        }
        let place = try #require(bytes.ranges(of: id).last?.lowerBound, "the message stands in \(path)")
        switch kind {
        case .flippedBit: bytes[place] ^= 0x10
        case .tornWrite:
            let sector = place / 512 * 512
            for index in sector..<min(sector + 512, bytes.count) { bytes[index] = 0 }
        case .truncation: bytes.removeSubrange(place...)
        }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }
}

@Suite struct DamagedStoreTests {
    private static let messageCount = 40

    private static let texts = (0..<messageCount).map { number in
        // Nothing that shrinks: a page holds a message or two.
        "message \(number) " + (0..<90).map { String(($0 &* 2_654_435_761 ^ number) % 9973) }.joined()
    }

    /// Alice has accepted messages for Bob, who is away, and ended: as told, or by `kill -9` with a log left behind.
    private func accepted(_ folder: String, isKilled: Bool) throws -> (alice: Daemon, ids: [String]) {
        let bob = try Daemon.start(folder + "/bob")
        bob.stop()
        let alice = try Daemon.start(folder + "/alice")
        let ids = try Self.texts.map { try alice.send($0, to: bob.peerID) }
        if isKilled { alice.kill() } else { alice.stop() }
        return (alice, ids)
    }

    /// What it told others may still stand with them, and lead in a circle.
    @Test func aStoreThatIsGoneWhileTheKeyIsThereIsALossOfRoutes() throws {
        let folder = try TestFolder()
        let words = "the store has lost the routes"
        let first = try Daemon.start(folder.path + "/alice")
        first.stop()
        try Daemon.start(folder.path + "/alice").stop()
        #expect(!first.log.contains(words))
        for suffix in ["", "-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: first.storePath + suffix)
        }
        try Daemon.start(folder.path + "/alice").stop()
        #expect(first.log.contains(words))
    }

    @Test(arguments: Damage.all) func damageIsFoundAndWhatIsSoundIsDelivered(_ damage: Damage) throws {
        let folder = try TestFolder()
        let (before, ids) = try accepted(folder.path, isKilled: damage.part == .log)
        try damage.strike(before, messageID: ids[Self.messageCount / 2])

        let bob = try Daemon.start(folder.path + "/bob")
        let alice = try Daemon.start(folder.path + "/alice", bootstrap: [bob])
        let store = try #require(try alice.status()["store"])
        // What the node still knows goes out; what it lost it does not pretend to know.
        let ends = try ids.map { try alice.end(of: $0) }
        #expect(ends.allSatisfy { $0 == "delivered" || $0 == nil }, "\(ends)")
        let kept = zip(Self.texts, ends).filter { $0.1 != nil }.map(\.0)
        let arrived = try bob.inboxTexts()
        #expect(arrived.sorted() == kept.sorted(), "each arrives once, and as it was")
        let keptMin = damage.kind == .truncation ? Self.messageCount / 4 : Self.messageCount - 4
        #expect(kept.count >= keptMin, "\(kept.count) are sound")
        if damage.looksLikeAPowerCut {
            #expect(kept == Array(Self.texts.prefix(kept.count)), "what stood before the cut is sound")
        } else {
            #expect(store["damaged"]?.array?.isEmpty == false, "\(store.text)")
            #expect(alice.log.contains("the store is damaged"))
        }
        for path in store["put_aside"]?.array ?? [] {
            #expect(FileManager.default.fileExists(atPath: try #require(path.string)))
        }
        // It goes on as a node like any other.
        try alice.send("afterwards", to: bob.peerID, wait: .seconds(30))
        #expect(try bob.inboxTexts() == arrived + ["afterwards"])
    }

    /// The counterpart: the same without damage.
    @Test(arguments: [false, true]) func withoutDamageAllArriveAndNothingIsTold(isKilled: Bool) throws {
        let folder = try TestFolder()
        _ = try accepted(folder.path, isKilled: isKilled)
        let bob = try Daemon.start(folder.path + "/bob")
        let alice = try Daemon.start(folder.path + "/alice", bootstrap: [bob])
        let arrived = try bob.inboxTexts(atLeast: Self.messageCount)
        #expect(arrived.sorted() == Self.texts.sorted())
        #expect(try alice.status()["store"] == ["damaged": [], "put_aside": []])
        #expect(!alice.log.contains("damaged"))
    }
}

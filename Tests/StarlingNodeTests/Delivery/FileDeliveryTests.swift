import StarlingCore
import StarlingMesh
import StarlingNode
import StarlingSimulator
import StarlingWorld
import Testing

@Suite struct FileDeliveryTests {
    private typealias Pair = FilePair

    @Test(arguments: [MessageHeader.Privacy.private, .standard])
    func aFileArrivesWithItsMessage(privacy: MessageHeader.Privacy) throws {
        let pair = try Pair()
        let content = BlobPair.pattern(1_000_000)
        let id = try pair.send(content) { $0.privacy = privacy }
        #expect(try pair.wait { try pair.state(id) == .delivered })
        let entry = try #require(try pair.inbox.first)
        #expect(entry.entry.file?.name == "file.bin" && entry.entry.file?.byteCount == 1_000_000)
        #expect(String(decoding: entry.content.payload, as: UTF8.self) == "look")
        #expect(try pair.saved(entry) == content)
        #expect(pair.stored(Pair.alice) == [], "what is settled is erased")
        try pair.acknowledge(entry.entry.position)
        try pair.simulation.run(for: .seconds(2))
        #expect(pair.stored(Pair.bob) == [], "what is acknowledged is erased")
    }

    @Test func itIsDeliveredOnlyOnceTheFileIsWhole() throws {
        var link = LinkProfile()
        link.bytesPerSecond = 100_000
        let pair = try Pair(link: link)
        let id = try pair.send(BlobPair.pattern(1_000_000))
        #expect(try pair.wait { try pair.state(id) == .fetching })
        #expect(try pair.inbox.isEmpty)
        let plain = try pair.sendPlain()
        #expect(
            try pair.wait(upTo: .seconds(8)) { try pair.state(plain) == .delivered },
            "others overtake it"
        )
        #expect(try pair.state(id) == .fetching)
        let desk = NodeDesk(node: pair.nodes[Pair.bob], onShutdown: {})
        let status = try pair.simulation.complete(on: pair.hosts[Pair.bob]) { await desk.status() }
        #expect(status.inbox.incoming.count == 1 && status.inbox.incoming.byteCount >= 1_000_000)
        #expect(status.inbox.incoming.byteCountMax == 14 << 30)
        #expect(status.files?.count == 1 && status.files?.byteCountMax == 16 << 30)
        let progress = try #require(try pair.incoming.first).progress
        #expect(progress.byteCount > 0 && progress.byteCount < progress.totalByteCount)
        #expect(try pair.wait { try pair.state(id) == .delivered })
        #expect(try pair.incoming.isEmpty)
        #expect(try pair.inbox.map(\.entry.id) == [plain, id])
    }

    /// Both are killed, or lose their power, again and again while the file is on its way.
    @Test(arguments: UInt64(1)...8) func crashesOfBothSidesLoseNothing(seed: UInt64) throws {
        var link = LinkProfile()
        link.bytesPerSecond = 300_000
        let pair = try Pair(seed: seed, link: link)
        var random = SplitMix64(seed: seed)
        let content = BlobPair.pattern(3_000_000 + random.number(below: 500_000))
        let id = try pair.send(content) { $0.privacy = seed % 2 == 0 ? .private : .standard }
        for _ in 0..<6 {
            try pair.simulation.run(for: .milliseconds(300 + random.number(below: 3000)))
            try pair.crash(random.number(below: 2), random.chance(0.5) ? .power : .process)
        }
        #expect(try pair.wait { try pair.state(id) == .delivered }, "seed \(seed)")
        let entries = try pair.inbox
        #expect(entries.map(\.entry.id) == [id], "seed \(seed)")
        if let entry = entries.first {
            #expect(try pair.saved(entry) == content, "seed \(seed)")
            try pair.acknowledge(entry.entry.position)
        }
        try pair.simulation.run(for: .seconds(5))
        #expect(pair.stored(Pair.alice) == [] && pair.stored(Pair.bob) == [], "seed \(seed)")
    }

    @Test func aRestartGoesOnWhereItWas() throws {
        var link = LinkProfile()
        link.bytesPerSecond = 500_000
        let pair = try Pair(link: link)
        let id = try pair.send(BlobPair.pattern(8_000_000))
        #expect(try pair.wait { try pair.incoming.first?.progress.byteCount ?? 0 > 4_000_000 })
        try pair.crash(Pair.bob, .power)
        let rest = 8_000_000 - Int(try #require(try pair.incoming.first).progress.byteCount)
        #expect(rest < 6_000_000, "what was synced stays")
        let before = pair.hosts[Pair.bob].blobDisk.counts.writtenBytes
        #expect(try pair.wait { try pair.state(id) == .delivered })
        let written = pair.hosts[Pair.bob].blobDisk.counts.writtenBytes - before
        #expect(written < rest + 600_000)
    }

    @Test func aFileThatTheRecipientNeverHasRoomForIsRefused() throws {
        let pair = try Pair()
        pair.hosts[Pair.bob].blobLimits.byteCountMax = 500_000
        try pair.crash(Pair.bob, .process)
        let id = try pair.send(BlobPair.pattern(1_000_000))
        #expect(try pair.wait { try pair.state(id) == .refused(.refusedTooLarge) })
        try pair.simulation.run(for: .seconds(2))
        #expect(pair.stored(Pair.alice) == [] && pair.stored(Pair.bob) == [])
    }

    @Test func aFullStoreIsToldAndTheFileComesWhenThereIsRoom() throws {
        let pair = try Pair()
        pair.hosts[Pair.bob].blobLimits.byteCountMax = 1_500_000
        try pair.crash(Pair.bob, .process)
        let first = try pair.send(BlobPair.pattern(1_000_000), name: "one")
        #expect(try pair.wait { try pair.state(first) == .delivered })
        let second = try pair.send(BlobPair.pattern(900_000), name: "two")
        #expect(try pair.wait { try pair.report(second)?.message.lastRefusal == .refusedNoSpace })
        #expect(try pair.state(second) == .queued)
        try pair.acknowledge(try #require(try pair.inbox.first).entry.position)
        #expect(try pair.wait { try pair.state(second) == .delivered })
        #expect(try pair.inbox.map(\.entry.file?.name) == ["two"])
    }

    @Test func anExpiredMessageTakesItsFileAway() throws {
        var link = LinkProfile()
        link.bytesPerSecond = 50_000
        let pair = try Pair(link: link)
        let id = try pair.send(BlobPair.pattern(2_000_000)) { $0.lifetime = .seconds(10) }
        #expect(try pair.wait { try pair.state(id) == .fetching })
        #expect(try pair.wait { try pair.state(id) == .expired })
        #expect(try pair.wait(upTo: .seconds(60)) { try pair.incoming.isEmpty })
        try pair.simulation.run(for: .seconds(5))
        #expect(pair.stored(Pair.alice) == [] && pair.stored(Pair.bob) == [])
        #expect(try pair.inbox.isEmpty)
    }

    @Test func aFileThatIsNotThereIsNotAccepted() throws {
        let pair = try Pair()
        let (node, to) = (pair.nodes[Pair.alice], pair.nodes[Pair.bob].peerID)
        let draft = MessageDraft(to: to, content: MessageContent(type: .data, payload: []))
        #expect(throws: DeliveryError.file(.store(.fileNotFound(path: "/user/none")))) {
            try pair.simulation.complete(on: pair.hosts[Pair.alice]) {
                _ = try await node.delivery.accept(draft, file: "/user/none")
            }
        }
        #expect(pair.stored(Pair.alice) == [])
    }

    @Test func theSameContentTwiceIsKeptUntilBothAreSettled() throws {
        let pair = try Pair()
        let content = BlobPair.pattern(300_000)
        let ids = try (0..<3).map { try pair.send(content, name: "\($0)") { $0.privacy = .standard } }
        for id in ids { #expect(try pair.wait { try pair.state(id) == .delivered }) }
        let entries = try pair.inbox
        #expect(entries.count == 3)
        for entry in entries {
            #expect(try pair.saved(entry) == content)
            try pair.acknowledge(entry.entry.position)
        }
        try pair.simulation.run(for: .seconds(2))
        #expect(pair.stored(Pair.alice) == [] && pair.stored(Pair.bob) == [])
    }

    @Test func anAttachmentThatIsNoneIsRefused() throws {
        let pair = try Pair()
        let id = try pair.sendPlain { $0.content.attachment = [1, 2, 3] }
        #expect(try pair.wait { try pair.state(id) == .refused(.unreadable) })
    }

    @Test func aSeedGivesOneTrace() throws {
        let traces = try (0..<2).map { _ in
            let pair = try Pair(seed: 9)
            let id = try pair.send(BlobPair.pattern(700_000))
            try pair.crash(Pair.bob, .power)
            #expect(try pair.wait { try pair.state(id) == .delivered })
            return pair.simulation.traceHash
        }
        #expect(traces[0] == traces[1])
    }
}

extension FilePair {
    /// Has Alice send a message without a file.
    fileprivate func sendPlain(_ change: (inout MessageDraft) -> Void = { _ in }) throws -> MessageID {
        let (node, to) = (nodes[Self.alice], nodes[Self.bob].peerID)
        var draft = MessageDraft(to: to, content: MessageContent(type: .data, payload: Array("hello".utf8)))
        change(&draft)
        let fixed = draft
        return try simulation.complete(on: hosts[Self.alice]) { try await node.delivery.accept(fixed) }
    }

    fileprivate func report(_ id: MessageID) throws -> MessageReport? {
        let node = nodes[Self.alice]
        return try simulation.complete(on: hosts[Self.alice]) { await node.delivery.report(on: id) }
    }
}

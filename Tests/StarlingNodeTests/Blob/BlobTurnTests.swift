import StarlingCore
import StarlingCrypto
import StarlingMesh
import StarlingNode
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Synchronization
import Testing

/// Senders that trickle, seem to fail, or open more streams than they may.
@Suite struct BlobTurnTests {
    /// A node that takes a file in for Bob, and its blob.
    private func sender(_ key: UInt8, _ pair: BlobPair, fileCount: Int) throws -> (
        node: BlobPair.BlobNode, ids: [BlobID]
    ) {
        let (host, disk) = (pair.simulation.host("sender-\(key)"), SimulatedBlobDisk())
        let sender = try BlobPair.start(host, key, disk, pair.simulation)
        let bob = pair.bob.node
        var ids: [BlobID] = []
        for number in 0..<fileCount {
            disk.place("/user/file", BlobPair.pattern(1_000_000 + Int(key) * 1000 + number))
            let id = try pair.simulation.complete(on: host) {
                let id = try await sender.blobs.take("/user/file", isPrivate: false).id
                try sender.blobs.offer(id, to: bob.peerID)
                return id
            }
            ids.append(id)
        }
        let address = Multiaddr(try #require(host.address), tcpPort: 4001).with(peerID: sender.node.peerID)
        try pair.simulation.complete(on: pair.bobHost) { _ = try await bob.swarm.connect(to: address) }
        return (sender, ids)
    }

    /// Has a sender send all leaves, and then just enough of each chunk not to be taken for stalled.
    private func trickle(_ sender: BlobPair.BlobNode, _ simulation: Simulation) {
        let (store, loop) = (sender.store, sender.node.world.loops[0])
        sender.node.swarm.protocols.set(BlobProtocol.id) { stream in
            var frames = FrameStream(stream, frameByteCountMax: BlobProtocol.askByteCountMax)
            do {
                guard let frame = try await frames.next(),
                    case .open(let id, let wantsLeaves)? = try BlobAsk.parse(frame.span)
                else { return }
                if wantsLeaves {
                    try await stream.write(BlobAnswer.leaves(try store.folder.leaves(of: id)).encoded)
                }
                try await stream.write(BlobAnswer.chunk(0).encoded)
                for start in stride(from: 0, to: id.byteCount(ofChunk: 0), by: 4096) {
                    let end = min(start + 4096, id.byteCount(ofChunk: 0))
                    try await stream.write([UInt8](repeating: 1, count: end - start))
                    try await loop.sleep(for: .seconds(29))
                }
            } catch {
                await stream.reset()
            }
        }
    }

    private func fetch(_ ids: [BlobID], from sender: PeerID, _ pair: BlobPair) -> [Task<Void, any Error>] {
        let (blobs, loop) = (pair.bob.blobs, pair.bobHost.loop)
        return loop.perform {
            ids.map { id in loop.startTask(returning: Void.self) { try await blobs.fetch(id, from: sender) } }
        }
    }

    @Test func sendersThatTrickleKeepTheirOwnFilesWaiting() throws {
        let pair = try BlobPair()
        try pair.connect()
        let tricklers = try [7, 8].map { try sender($0, pair, fileCount: 6) }
        var tasks: [Task<Void, any Error>] = []
        for trickler in tricklers {
            trickle(trickler.node, pair.simulation)
            tasks += fetch(trickler.ids, from: trickler.node.node.peerID, pair)
        }
        try pair.simulation.run(for: .seconds(30))
        let content = BlobPair.pattern(3_000_000)
        let stored = try pair.offer(content)
        try pair.fetch(stored.id, within: .seconds(900))
        #expect(try pair.content(stored) == content)
        for task in tasks { task.cancel() }
        try pair.simulation.run(for: .seconds(1))
    }

    /// What has come of a file that gave its place away is not asked for again.
    @Test func aFetchThatGivesItsPlaceAwayGoesOnWhereItWas() throws {
        var limits = BlobDriver.Limits()
        limits.fetchCountMax = 1
        limits.turnDuration = .seconds(2)
        let pair = try BlobPair(
            link: LinkProfile(latency: .milliseconds(5), bytesPerSecond: 1_000_000),
            limits: limits
        )
        try pair.connect()
        let other = try sender(7, pair, fileCount: 1)
        let content = BlobPair.pattern(8_000_000)
        let stored = try pair.offer(content)
        let box = TransferBox()
        let blobs = pair.bob.blobs
        try pair.simulation.complete(on: pair.bobHost) { await blobs.observe { box.add($0) } }
        let first = fetch([stored.id], from: pair.alice.node.peerID, pair)
        try pair.simulation.run(for: .milliseconds(100))
        let second = fetch(other.ids, from: other.node.node.peerID, pair)
        try pair.simulation.run(for: .seconds(60))
        let yielded = BlobTransfer.State.waiting(.fetch(.yielded))
        #expect(box.all.contains { $0.id == stored.id && $0.state == yielded })
        let ends = box.all.filter { $0.state == .finished }
        #expect(ends.map(\.id) == other.ids + [stored.id])
        let written = pair.bobDisk.counts.writtenBytes
        #expect(written < 8_000_000 + 1_100_000 + 100_000, "\(written) bytes: nothing came twice")
        #expect(try pair.content(stored) == content)
        withExtendedLifetime(first + second) {}
    }

    @Test func onePeerHasAFewStreams() throws {
        let pair = try BlobPair()
        try pair.connect()
        let (bob, alice) = (pair.bob.node, pair.alice.node.peerID)
        let countMax = BlobDriver.Limits().inboundStreamCountMax
        let streams = try pair.simulation.complete(on: pair.bobHost) {
            var streams: [Stream] = []
            for _ in 0..<countMax + 4 {
                let stream = try await bob.swarm.openStream(to: alice, [BlobProtocol.id])
                // The length of a frame that does not come.
                try? await stream.write([16])
                streams.append(stream)
            }
            return streams
        }
        try pair.simulation.run(for: .seconds(5))
        let ledger = pair.alice.node.swarm.protocols.withLedger { $0 }
        #expect(ledger.streamCount == countMax)
        withExtendedLifetime(streams) {}
    }

    // MARK: Over others

    /// What a sender does to its own tunnels, those who carry it are not blamed for by what they carry for others.
    @Test(arguments: [true, false])
    func whatASenderStagesCountsForTheWayToItAlone(isCut: Bool) throws {
        let chain = try NodeChain(count: 3, hasRoutes: false)
        try chain.simulation.run(for: .seconds(3))
        let (sender, last, relay) = (chain.nodes[0], chain.nodes[2], chain.nodes[1].peerID)
        let asked = Mutex(0)
        sender.tunnels.serve(BlobProtocol.id) { stream in
            asked.withLock { $0 += 1 }
            _ = try? await stream.read()
            if isCut { return await stream.reset() }
            while let bytes = try? await stream.read(), !bytes.isEmpty {}
        }
        _ = try chain.sendFile(BlobPair.pattern(500_000), from: 0, to: 2)
        // Up to four seconds a sender may bring about, a minute only those who carry.
        var penalties: [UInt32] = []
        for _ in 0..<300 {
            try chain.simulation.run(for: .seconds(1))
            let reports = try chain.simulation.complete(on: chain.hosts[2]) { await last.routes.reports }
            for report in reports where report.destination == sender.peerID {
                penalties += report.candidates.filter { $0.peer == relay }.map(\.penalty)
            }
        }
        #expect(asked.withLock(\.self) > 3)
        #expect((penalties.max() ?? 0) > 0, "it counts")
        #expect((penalties.max() ?? 0) <= 4_000_000, "and for no more than a doubt")
    }
}

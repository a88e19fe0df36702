import StarlingCore
import StarlingMesh
import StarlingNode
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Testing

/// What breaks in the middle, and who does not keep to the protocol.
@Suite struct BlobFaultTests {
    private static let slow = LinkProfile(latency: .milliseconds(5), bytesPerSecond: 1_000_000)

    /// Bob fetches while somebody is killed, and the transfer goes on from what was durable.
    @Test(arguments: [SimulatedHost.Crash.process, .power], [true, false])
    func killsInTheMiddleDoNotStartItOver(_ crash: SimulatedHost.Crash, ofSender: Bool) throws {
        let seed = UInt64.random(in: 1...1000)
        print("seed \(seed)")
        let pair = try BlobPair(seed: seed, link: Self.slow)
        try pair.connect()
        let content = BlobPair.pattern(12_000_000)
        let stored = try pair.offer(content, isPrivate: true)
        let (id, peer, bob) = (stored.id, pair.alice.node.peerID, pair.bob.node.peerID)
        let blobs = pair.bob.blobs
        let fetching = pair.bobHost.loop
        let task = fetching.perform { fetching.startTask { try? await blobs.fetch(id, from: peer) } }
        defer { withExtendedLifetime(task) {} }
        try pair.simulation.run(for: .seconds(6))
        let held = try #require(pair.bob.store.folder.holding(id))
        #expect(held.durable.count > 8 && !held.isFinished)
        var random = SplitMix64(seed: seed)
        if ofSender {
            pair.aliceHost.crash(crash)
            if crash == .power { pair.aliceDisk.losePower(&random) }
            try pair.simulation.run(for: .seconds(20))
            pair.aliceHost.restart()
            pair.alice = try BlobPair.start(pair.aliceHost, 1, pair.aliceDisk, pair.simulation)
            try pair.alice.blobs.offer(id, to: bob)
        } else {
            pair.bobHost.crash(crash)
            if crash == .power { pair.bobDisk.losePower(&random) }
            try pair.simulation.run(for: .seconds(3))
            pair.bobHost.restart()
            pair.bob = try BlobPair.start(pair.bobHost, 2, pair.bobDisk, pair.simulation)
            let again = try #require(pair.bob.store.folder.holding(id))
            #expect(again.durable.count >= held.durable.count)
        }
        try pair.connect()
        let before = pair.bobDisk.counts.writtenBytes
        let there = try #require(pair.bob.store.folder.holding(id)).written.count
        try pair.fetch(id)
        let written = pair.bobDisk.counts.writtenBytes - before
        #expect(written <= (id.chunkCount - there) * 262_144 + 10_000, "\(written) bytes were written again")
        #expect(try pair.content(stored) == content)
    }

    @Test func aLostConnectionIsReplacedByAnother() throws {
        let pair = try BlobPair(link: Self.slow)
        try pair.connect()
        let content = BlobPair.pattern(8_000_000)
        let stored = try pair.offer(content)
        let (alice, bob) = (pair.alice.node, pair.bob.node)
        for second in [2, 4, 6] {
            pair.simulation.after(.seconds(second)) {
                let loop = pair.bobHost.loop
                _ = loop.perform { loop.startTask { await bob.swarm.disconnect(alice.peerID) } }
            }
        }
        try pair.fetch(stored.id)
        #expect(try pair.content(stored) == content)
        try pair.expectQuiet()
    }

    @Test func aDiskThatFillsUpEndsTheFetchAndTheNextOneGoesOn() throws {
        let pair = try BlobPair()
        try pair.connect()
        let content = BlobPair.pattern(5_000_000)
        let stored = try pair.offer(content)
        // Room for the leaves and some chunks; others have taken what was free when it began.
        pair.simulation.after(.milliseconds(40)) { pair.bobDisk.byteCountMax = 1_200_000 }
        #expect(throws: BlobFailure.store(.noSpace)) { try pair.fetch(stored.id) }
        let error = BlobFailure.store(.noSpace)
        #expect(error.nextStep.contains("Make room"))
        #expect(pair.bob.store.folder.holding(stored.id)?.isFinished == false)
        pair.bobDisk.byteCountMax = 1 << 40
        try pair.fetch(stored.id)
        #expect(try pair.content(stored) == content)
        try pair.expectQuiet()
    }

    @Test func aSenderWhoseDiskChangedAChunkIsFoundOut() throws {
        var limits = BlobDriver.Limits()
        limits.patienceCount = 2
        let pair = try BlobPair(limits: limits)
        try pair.connect()
        let stored = try pair.offer(BlobPair.pattern(1_000_000))
        let path = "/blobs/\(stored.id).blob"
        var bytes = try #require(pair.aliceDisk.content(of: path))
        bytes[600_000] ^= 0x10
        pair.aliceDisk.place(path, bytes)
        #expect(throws: BlobFailure.store(.wrongChunk(index: 2))) { try pair.fetch(stored.id) }
        bytes[600_000] ^= 0x10
        pair.aliceDisk.place(path, bytes)
        try pair.fetch(stored.id)
    }

    // MARK: Hostile senders

    /// Replaces Alice's protocol by something else, and returns how Bob's fetch ends.
    private func fetch(
        fromHostile action: @escaping @Sendable (Stream, BlobID, [UInt8]) async throws -> Void
    ) throws -> BlobFailure? {
        var limits = BlobDriver.Limits()
        limits.patienceCount = 1
        let pair = try BlobPair(limits: limits)
        try pair.connect()
        let stored = try pair.offer(BlobPair.pattern(1_000_000))
        let leaves = try pair.alice.store.folder.leaves(of: stored.id)
        pair.alice.node.swarm.protocols.set(BlobProtocol.id) { stream in
            try? await action(stream, stored.id, leaves)
        }
        do {
            try pair.fetch(stored.id)
        } catch let error as BlobFailure {
            // What a hostile peer did costs nothing that the honest one cannot bring.
            pair.alice.node.swarm.protocols.set(BlobProtocol.id, nil)
            let blobs = pair.alice.blobs
            try pair.simulation.complete(on: pair.aliceHost) { await blobs.start() }
            try pair.fetch(stored.id)
            #expect(try pair.content(stored) == BlobPair.pattern(1_000_000))
            try pair.expectQuiet()
            return error
        }
        return nil
    }

    @Test func aWrongLeafListEndsIt() throws {
        let failure = try fetch { stream, _, leaves in
            var leaves = leaves
            leaves[0] ^= 1
            try await stream.write(BlobAnswer.leaves(leaves).encoded)
            while try await stream.read() != nil {}
        }
        #expect(failure == .store(.wrongLeaves))
    }

    @Test func anEndlessLeafListEndsIt() throws {
        let failure = try fetch { stream, _, leaves in
            while true { try await stream.write(BlobAnswer.leaves(leaves).encoded) }
        }
        #expect(failure == .fetch(.unexpectedLeaves))
    }

    @Test func aWrongChunkEndsIt() throws {
        let failure = try fetch { stream, id, leaves in
            try await stream.write(BlobAnswer.leaves(leaves).encoded)
            try await stream.write(BlobAnswer.chunk(0).encoded)
            try await stream.write([UInt8](repeating: 6, count: id.byteCount(ofChunk: 0)))
            while try await stream.read() != nil {}
        }
        #expect(failure == .store(.wrongChunk(index: 0)))
    }

    @Test func endlessBytesEndIt() throws {
        let failure = try fetch { stream, _, _ in
            while true { try await stream.write([UInt8](repeating: 0xff, count: 65_536)) }
        }
        #expect(failure == .fetch(.invalidLength(.tooLong)))
    }

    @Test func theSameChunkOverAndOverEndsIt() throws {
        let failure = try fetch { stream, id, leaves in
            try await stream.write(BlobAnswer.leaves(leaves).encoded)
            let chunk = Array(BlobPair.pattern(1_000_000).prefix(id.byteCount(ofChunk: 0)))
            while true { try await stream.write(BlobAnswer.chunk(0).encoded + chunk) }
        }
        #expect(failure == .fetch(.unexpectedChunk(0)))
    }

    @Test func aSenderThatStallsIsLeftAndTriedAgain() throws {
        let pair = try BlobPair()
        try pair.connect()
        let stored = try pair.offer(BlobPair.pattern(1_000_000))
        let box = TransferBox()
        let blobs = pair.bob.blobs
        try pair.simulation.complete(on: pair.bobHost) { await blobs.observe { box.add($0) } }
        pair.alice.node.swarm.protocols.set(BlobProtocol.id) { stream in
            while let bytes = try? await stream.read(), !bytes.isEmpty {}
        }
        let alice = pair.alice.blobs
        pair.simulation.after(.seconds(35)) {
            let loop = pair.aliceHost.loop
            _ = loop.perform { loop.startTask { await alice.start() } }
        }
        try pair.fetch(stored.id)
        #expect(box.all.contains { $0.state == .waiting(.fetch(.stalled)) })
        #expect(box.all.last?.state == .finished)
    }

    @Test func aPeerThatDoesNotSpeakTheProtocolIsGivenUp() throws {
        var limits = BlobDriver.Limits()
        limits.patienceCount = 1
        let pair = try BlobPair(limits: limits)
        try pair.connect()
        let stored = try pair.offer(BlobPair.pattern(1_000))
        pair.alice.node.swarm.protocols.set(BlobProtocol.id, nil)
        // It refuses the protocol, and then cannot make sense of the request that came along.
        #expect(throws: BlobFailure.stream(.reset)) { try pair.fetch(stored.id) }
    }

    // MARK: Hostile recipients

    /// Opens a stream as Bob, and says what comes back after `bytes` until the stream ends.
    private func ask(_ pair: BlobPair, _ bytes: [UInt8]) throws -> Result<[UInt8], StreamError> {
        let (bob, alice) = (pair.bob.node, pair.alice.node.peerID)
        return try pair.simulation.complete(on: pair.bobHost, within: .seconds(300)) {
            let stream = try await bob.swarm.openStream(to: alice, [BlobProtocol.id])
            var answer: [UInt8] = []
            do throws(StreamError) {
                try await stream.write(bytes)
                while let bytes = try await stream.read() { answer += bytes.array() }
                return .success(answer)
            } catch {
                return .failure(error)
            }
        }
    }

    @Test func whoeverAsksAgainstTheRulesIsReset() throws {
        let pair = try BlobPair()
        try pair.connect()
        let stored = try pair.offer(BlobPair.pattern(1_000_000))
        let open = BlobAsk.open(stored.id, wantsLeaves: false).encoded
        for bytes in [
            [0xff, 0xff, 0xff], BlobAsk.want(0..<1).encoded, open + open, open + BlobAsk.want(0..<5).encoded,
            open + Array(repeating: BlobAsk.want(0..<4).encoded, count: 5).flatMap { $0 },
        ] as [[UInt8]] {
            #expect(try ask(pair, bytes) == .failure(.reset))
        }
        try pair.fetch(stored.id)
        try pair.expectQuiet()
    }

    @Test func aRecipientThatSleepsIsReset() throws {
        let pair = try BlobPair()
        try pair.connect()
        let stored = try pair.offer(BlobPair.pattern(1_000))
        #expect(try ask(pair, []) == .failure(.reset))
        #expect(try ask(pair, BlobAsk.open(stored.id, wantsLeaves: false).encoded) == .failure(.reset))
        try pair.expectQuiet()
    }

    @Test func moreStreamsThanAPeerMayHaveAreToldToComeLater() throws {
        let pair = try BlobPair()
        try pair.connect()
        let stored = try pair.offer(BlobPair.pattern(1_000))
        let (bob, alice) = (pair.bob.node, pair.alice.node.peerID)
        let answers = try pair.simulation.complete(on: pair.bobHost) {
            var streams: [Stream] = []
            for _ in 0..<5 {
                let stream = try await bob.swarm.openStream(to: alice, [BlobProtocol.id])
                try await stream.write(BlobAsk.open(stored.id, wantsLeaves: true).encoded)
                streams.append(stream)
            }
            var answers: [[UInt8]] = []
            for stream in streams { answers.append(try await stream.read()?.array() ?? []) }
            return answers
        }
        let busy = BlobAnswer.refusal(.busy).encoded
        #expect(answers.filter { $0 == busy }.count == 1)
        #expect(answers.last == busy)
        try pair.fetch(stored.id)
        try pair.expectQuiet()
    }
}

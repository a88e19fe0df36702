import Foundation
import StarlingCore
import StarlingCrypto
import StarlingMesh
import StarlingNode
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Synchronization
import Testing

@Suite struct BlobDriverTests {
    @Test(arguments: [0, 1, 262_144, 1_000_000, 6_000_000], [false, true])
    func aFileTravelsWhole(byteCount: Int, isPrivate: Bool) throws {
        let pair = try BlobPair()
        try pair.connect()
        let content = BlobPair.pattern(byteCount)
        let stored = try pair.offer(content, isPrivate: isPrivate)
        #expect(stored.contentByteCount == UInt64(byteCount))
        try pair.fetch(stored.id)
        #expect(try pair.content(stored) == content)
        try pair.fetch(stored.id)
        try pair.expectQuiet()
    }

    @Test func neitherDiskNorTheRecipientWithoutTheKeySeesAPrivateFile() throws {
        let pair = try BlobPair()
        try pair.connect()
        let content = Array("the plaintext that nobody may find ".utf8)
        let stored = try pair.offer(Array(repeating: content, count: 20_000).flatMap { $0 }, isPrivate: true)
        try pair.fetch(stored.id)
        for disk in [pair.aliceDisk, pair.bobDisk] {
            for path in disk.paths where path.hasPrefix("/blobs") {
                let bytes = Data(disk.content(of: path) ?? [])
                #expect(bytes.range(of: Data(content)) == nil, "\(path)")
            }
        }
        var wrong = stored
        wrong.key = [UInt8](repeating: 1, count: 32)
        #expect(throws: BlobFailure.store(.wrongKey)) { try pair.content(wrong) }
        wrong.key = [1]
        #expect(throws: BlobFailure.unusableKey) { try pair.content(wrong) }
    }

    @Test func aBlobIsForThePeersItWasOfferedTo() throws {
        var limits = BlobDriver.Limits()
        limits.patienceCount = 2
        let pair = try BlobPair(limits: limits)
        try pair.connect()
        let stored = try pair.offer(BlobPair.pattern(500_000))
        pair.alice.blobs.withdraw(stored.id, from: pair.bob.node.peerID)
        #expect(throws: BlobFailure.fetch(.refused(.unknown))) { try pair.fetch(stored.id) }
        // Of what is not there the same is said.
        let unknown = try #require(
            BlobID(root: [UInt8](repeating: 1, count: 32), byteCount: 5, chunkByteCount: 4096)
        )
        try pair.alice.blobs.offer(unknown, to: pair.bob.node.peerID)
        #expect(throws: BlobFailure.fetch(.refused(.unknown))) { try pair.fetch(unknown) }
        try pair.alice.blobs.offer(stored.id, to: pair.bob.node.peerID)
        try pair.fetch(stored.id)
        try pair.expectQuiet()
    }

    @Test func progressIsToldOnBothSides() throws {
        let pair = try BlobPair(link: LinkProfile(latency: .milliseconds(5), bytesPerSecond: 2_000_000))
        try pair.connect()
        let stored = try pair.offer(BlobPair.pattern(6_000_000))
        let (bob, alice) = (pair.bob.blobs, pair.alice.blobs)
        let box = TransferBox()
        try pair.simulation.complete(on: pair.bobHost) { await bob.observe { box.add($0) } }
        try pair.simulation.complete(on: pair.aliceHost) { await alice.observe { box.add($0) } }
        try pair.fetch(stored.id)
        try pair.simulation.run(for: .seconds(2))
        let receiving = box.all.filter { $0.course == .receiving }
        let sending = box.all.filter { $0.course == .sending }
        #expect(receiving.count > 10 && sending.count > 5, "a sender tells of runs")
        #expect(receiving.map(\.byteCount) == receiving.map(\.byteCount).sorted())
        #expect(receiving.last?.state == .finished && receiving.last?.byteCount == 6_000_000)
        #expect(receiving.last?.totalByteCount == 6_000_000)
        #expect(sending.last?.state == .finished && sending.last?.byteCount == 6_000_000)
        let rates = receiving.filter { $0.state == .running }.map(\.bytesPerSecond).suffix(10)
        #expect(rates.allSatisfy { $0 > 1_000_000 && $0 < 3_000_000 }, "\(rates)")
    }

    @Test func whoIsAwayKeepsNobodyFromFetching() throws {
        var limits = BlobDriver.Limits()
        limits.fetchCountMax = 1
        limits.peerFetchCountMax = 1
        let pair = try BlobPair(limits: limits)
        try pair.connect()
        let stored = try pair.offer(BlobPair.pattern(1_000_000))
        let (blobs, peer, id, host) = (pair.bob.blobs, pair.alice.node.peerID, stored.id, pair.bobHost)
        var seed = [UInt8](repeating: 9, count: 32)
        let away = try IdentityKey(wipingSeed: &seed).peerID
        let other = try #require(
            BlobID(root: [UInt8](repeating: 1, count: 32), byteCount: 5, chunkByteCount: 4096)
        )
        try pair.simulation.complete(on: host, within: .seconds(300)) {
            let loop = host.loop
            let same = loop.startTask(returning: Void.self) { try await blobs.fetch(id, from: away) }
            let another = loop.startTask(returning: Void.self) { try await blobs.fetch(other, from: away) }
            try await loop.sleep(for: .seconds(1))
            try await blobs.fetch(id, from: peer)
            // What another brought is there for whoever waits.
            try await same.value
            another.cancel()
            await #expect(throws: BlobFailure.cancelled) { try await another.value }
        }
        try pair.expectQuiet()
    }

    @Test func whatIsErasedRightAfterItsFetchWasCancelledIsGone() throws {
        for step in 1...40 {
            let pair = try BlobPair()
            try pair.connect()
            let id = try pair.offer(BlobPair.pattern(600_000)).id
            let (blobs, peer, host) = (pair.bob.blobs, pair.alice.node.peerID, pair.bobHost)
            try pair.simulation.complete(on: host) {
                let loop = host.loop
                let fetch = loop.startTask(returning: Void.self) { try await blobs.fetch(id, from: peer) }
                try await loop.sleep(for: .milliseconds(step * 2))
                fetch.cancel()
                try await blobs.remove(id)
                _ = await fetch.result
            }
            try pair.simulation.run(for: .seconds(1))
            #expect(pair.bob.store.folder.holding(id) == nil, "after \(step * 2) ms")
            #expect(pair.bobDisk.paths.isEmpty, "after \(step * 2) ms")
        }
    }

    @Test(arguments: [(2, 4), (4, 2)])
    func severalFilesComeAtATimeAndNoMoreThanTheLimit(altogether: Int, fromOne: Int) throws {
        var limits = BlobDriver.Limits()
        limits.fetchCountMax = altogether
        limits.peerFetchCountMax = fromOne
        let pair = try BlobPair(limits: limits)
        try pair.connect()
        var stored: [StoredBlob] = []
        for number in 1...6 { stored.append(try pair.offer(BlobPair.pattern(300_000 * number))) }
        let (blobs, peer) = (pair.bob.blobs, pair.alice.node.peerID)
        let (ids, host) = (stored.map(\.id), pair.bobHost)
        let box = TransferBox()
        try pair.simulation.complete(on: host, within: .seconds(300)) {
            await blobs.observe { box.add($0) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                // Each twice: callers that want the same wait for each other.
                for id in ids + ids { group.addTask { try await blobs.fetch(id, from: peer) } }
                try await group.waitForAll()
            }
        }
        var running: Set<BlobID> = []
        for transfer in box.all {
            if transfer.state == .running { running.insert(transfer.id) } else { running.remove(transfer.id) }
            #expect(running.count <= 2)
        }
        for blob in stored { #expect(pair.bob.store.folder.holding(blob.id)?.isFinished == true) }
        try pair.expectQuiet()
    }

    @Test func aCancelledFetchKeepsWhatItHasAndAnotherGoesOn() throws {
        let pair = try BlobPair(link: LinkProfile(latency: .milliseconds(5), bytesPerSecond: 1_000_000))
        try pair.connect()
        let content = BlobPair.pattern(8_000_000)
        let stored = try pair.offer(content)
        let (blobs, peer, id) = (pair.bob.blobs, pair.alice.node.peerID, stored.id)
        let host = pair.bobHost
        try pair.simulation.complete(on: host) {
            let loop = host.loop
            let fetch = loop.startTask(returning: Void.self) { try await blobs.fetch(id, from: peer) }
            try await loop.sleep(for: .seconds(4))
            fetch.cancel()
            await #expect(throws: BlobFailure.cancelled) { try await fetch.value }
        }
        let held = try #require(pair.bob.store.folder.holding(id)).written.count
        #expect(held > 5 && held < 20)
        let before = pair.bobDisk.counts.writtenBytes
        try pair.fetch(id)
        #expect(pair.bobDisk.counts.writtenBytes - before < (31 - held) * 262_144 + 10_000)
        #expect(try pair.content(stored) == content)
        try pair.expectQuiet()
    }
}

/// Collects what observers hear.
final class TransferBox: Sendable {
    private let transfers = Mutex<[BlobTransfer]>([])

    func add(_ transfer: BlobTransfer) { transfers.withLock { $0.append(transfer) } }

    var all: [BlobTransfer] { transfers.withLock { $0 } }
}

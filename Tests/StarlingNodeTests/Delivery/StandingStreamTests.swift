import StarlingCore
import StarlingCrypto
import StarlingMesh
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Synchronization
import Testing

@testable import StarlingNode

/// Streams of messages that a peer takes and does not read.
@Suite struct StandingStreamTests {
    private static func receipt(to sender: Node, from recipient: Node) -> Receipt {
        Receipt(
            for: [.init(id: MessageID(random: [UInt8](repeating: 1, count: 16)), outcome: .delivered)],
            to: sender.peerID,
            created: WallTime(millisecondsSince1970: 0),
            from: recipient.identity
        )
    }

    @Test func aStreamOfWhichNothingIsReadIsOpenedAnew() throws {
        let pair = try NodePair()
        let (alice, bob, address) = (pair.alice, pair.bob, try pair.bobAddress)
        let opened = Mutex<[Instant]>([])
        try pair.simulation.complete(on: pair.bobHost) { [loop = pair.bobHost.loop] in
            bob.swarm.protocols.set(MessageFrame.protocolID) { stream in
                opened.withLock { $0.append(loop.now) }
                try? await loop.sleep(for: .seconds(86_400))
                await stream.reset()
            }
        }
        // More than a stream's window holds.
        var random = SplitMix64(seed: 1)
        let payload = (0..<1_000_000).map { _ in UInt8(random.number(below: 256)) }
        let content = MessageContent(type: .data, payload: payload)
        try pair.simulation.complete(on: pair.aliceHost) {
            _ = try await alice.swarm.connect(to: address)
            for _ in 0..<4 {
                _ = try await alice.delivery.accept(MessageDraft(to: bob.peerID, content: content))
            }
        }
        let patience = alice.configuration.deliveryLimits.writePatience
        try pair.simulation.run(for: patience - .seconds(1))
        #expect(opened.withLock { $0.count } == 1, "it may be a slow link")
        try pair.simulation.run(for: .seconds(3))
        #expect(opened.withLock { $0.count } == 2)
        let streamCount = alice.swarm.protocols.withLedger { $0.outboundStreamCount }
        try pair.simulation.run(for: .seconds(1000))
        #expect(opened.withLock { $0.count } >= 4, "however often it happens")
        #expect(alice.swarm.protocols.withLedger { $0.outboundStreamCount } == streamCount)
    }

    /// What counts is whether anything moves: a message may take longer than that.
    @Test func aMessageThatTakesLongerThanThePatienceArrives() throws {
        let pair = try NodePair { $0.deliveryLimits.writePatience = .seconds(10) }
        let (alice, bob, address) = (pair.alice, pair.bob, try pair.bobAddress)
        pair.simulation.network.link = LinkProfile(latency: .milliseconds(5), bytesPerSecond: 50_000)
        var random = SplitMix64(seed: 1)
        let payload = (0..<1_000_000).map { _ in UInt8(random.number(below: 256)) }
        var draft = MessageDraft(to: bob.peerID, content: MessageContent(type: .data, payload: payload))
        draft.priority = .low
        let id = try pair.simulation.complete(on: pair.aliceHost) { [draft] in
            _ = try await alice.swarm.connect(to: address)
            return try await alice.delivery.accept(draft)
        }
        try pair.simulation.run(for: .seconds(60))
        let report = try pair.simulation.complete(on: pair.aliceHost) { await alice.delivery.report(on: id) }
        #expect(report?.message.state == .delivered)
    }

    /// A peer that reads no answers holds neither the task that writes them nor what it has not read.
    @Test func answersThatNobodyReadsEndTheStream() throws {
        let pair = try NodePair()
        let (alice, bob, address) = (pair.alice, pair.bob, try pair.bobAddress)
        let owner = LongAnswers()
        let failure = Mutex<(error: MessageChannelError, at: Instant)?>(nil)
        let bobKeys = try MessageKeys(identity: bob.identity, loops: [pair.bobHost.loop])
        let receipt = Self.receipt(to: bob, from: alice)
        try pair.simulation.complete(on: pair.bobHost) {
            [host = pair.bobHost, wallClock = pair.bobHost.wallClock] in
            bob.swarm.protocols.set("/answers/1") { stream in
                let channel = MessageChannel(stream, own: bob.peerID, keys: bobKeys, wallClock: wallClock)
                do throws(MessageChannelError) {
                    try await channel.serve(owner, MessageHolds(bob.swarm.protocols, of: stream.peer))
                } catch {
                    failure.withLock { $0 = (error, host.loop.now) }
                }
            }
        }
        let stream = try pair.simulation.complete(on: pair.aliceHost) {
            let stream = try await alice.swarm.connect(to: address).openStream(["/answers/1"])
            try await stream.write(MessageFrame(.receipt, receipt.encoded).encoded)
            return stream
        }
        let begin = pair.simulation.now
        let patience = MessageChannel.Limits().writePatience
        try pair.simulation.run(for: patience - .seconds(1))
        #expect(owner.takenCount == 1 && failure.withLock { $0 == nil }, "it may be a slow link")
        try pair.simulation.run(for: .seconds(3))
        let end = try #require(failure.withLock { $0 })
        #expect(end.error == .unread && end.at >= begin + patience)
        try pair.simulation.complete(on: pair.aliceHost) {
            await #expect(throws: StreamError.self) { while try await stream.read() != nil {} }
        }
    }

    /// A peer may send messages on the stream on which it gets some: its answers are not put between the pieces of one.
    @Test func answersAreNotWrittenIntoTheMidstOfAMessage() throws {
        let pair = try NodePair()
        let (alice, bob, address) = (pair.alice, pair.bob, try pair.bobAddress)
        let owner = TwoWriters(loop: pair.bobHost.loop)
        let bobKeys = try MessageKeys(identity: bob.identity, loops: [pair.bobHost.loop])
        let receipt = Self.receipt(to: bob, from: alice)
        let received = Mutex<[UInt8]>([])
        try pair.simulation.complete(on: pair.aliceHost) {
            alice.swarm.protocols.set("/both/1") { stream in
                try? await stream.write(MessageFrame(.receipt, receipt.encoded).encoded)
                while let bytes = try? await stream.read() { received.withLock { $0 += bytes.array() } }
                try? await stream.closeWrite()
            }
            _ = try await alice.swarm.connect(to: address)
        }
        try pair.simulation.run(for: .seconds(1))
        try pair.simulation.complete(on: pair.bobHost) { [wallClock = pair.bobHost.wallClock] in
            let stream = try await bob.swarm.openStream(to: alice.peerID, ["/both/1"], priority: .normal)
            let channel = MessageChannel(stream, own: bob.peerID, keys: bobKeys, wallClock: wallClock)
            let writer = MessageWriter(peer: alice.peerID, priority: .normal, session: 1)
            try await channel.run(owner, MessageHolds(bob.swarm.protocols, of: alice.peerID), writer)
        }
        let bytes = received.withLock { $0 }
        let kinds: [UInt8] = bytes.first == 1 ? [1, 2] : [2, 1]
        let whole = kinds.map { [UInt8](repeating: $0, count: TwoWriters.byteCount) }
        #expect(bytes == whole[0] + whole[1])
    }
}

/// Has a message to write, and answers what comes meanwhile, each with more than a stream's window holds.
private final class TwoWriters: MessageChannelOwner {
    static let byteCount = 1 << 20

    private let loop: SimulatedLoop
    private let messageCount = Mutex(0)

    init(loop: SimulatedLoop) { self.loop = loop }

    func take(_ arrivals: [MessageArrival], from peer: PeerID) async -> [UInt8] {
        [UInt8](repeating: 1, count: Self.byteCount)
    }

    func next(for writer: MessageWriter) async -> [UInt8]? {
        let isFirst = messageCount.withLock { count in
            count += 1
            return count == 1
        }
        guard !isFirst else { return [UInt8](repeating: 2, count: Self.byteCount) }
        // The answer has the time that it takes.
        try? await loop.sleep(for: .seconds(20))
        return nil
    }
}

/// Answers with more than a stream's window holds.
private final class LongAnswers: MessageChannelOwner {
    private let taken = Mutex(0)
    var takenCount: Int { taken.withLock { $0 } }

    func take(_ arrivals: [MessageArrival], from peer: PeerID) async -> [UInt8] {
        taken.withLock { $0 += arrivals.count }
        return [UInt8](repeating: 0, count: 1 << 20)
    }

    func next(for writer: MessageWriter) async -> [UInt8]? { nil }
}

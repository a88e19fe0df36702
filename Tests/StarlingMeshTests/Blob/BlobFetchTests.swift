import StarlingCore
import StarlingMesh
import Testing

@Suite struct BlobFetchTests {
    private let kit: BlobKit
    private let start = BlobKit.start

    init() throws { kit = try BlobKit(20_000) }

    private func limits(window: Int = 2) -> BlobFetch.Limits {
        var limits = BlobFetch.Limits()
        limits.windowByteCount = window * BlobKit.chunkByteCount
        return limits
    }

    private func feed(_ fetch: inout BlobFetch, _ bytes: [UInt8], at now: Instant = BlobKit.start)
        -> [BlobFetch.Action]
    {
        fetch.receive(bytes.span, now: now)
        return fetch.actions()
    }

    @Test func asksForLeavesAndChunksAtOnceAndForMoreWhenSomeAreWritten() {
        var fetch = BlobFetch(kit.id, held: nil, limits: limits(), now: start)
        #expect(
            fetch.actions() == [
                .send(BlobAsk.open(kit.id, wantsLeaves: true).encoded), .send(BlobAsk.want(0..<2).encoded),
            ]
        )
        let leaves = feed(&fetch, BlobAnswer.leaves(kit.leaves).encoded)
        #expect(leaves == [.begin(leaves: kit.leaves)])
        // What comes before the store is ready waits for it.
        #expect(feed(&fetch, kit.wire(0)).isEmpty)
        fetch.begun(now: start)
        #expect(fetch.actions() == [.write(kit.arrivals(0))])
        #expect(feed(&fetch, kit.wire(1)) == [.write(kit.arrivals(1))])
        // Nothing more is asked for while the window is full of what is not written.
        fetch.wrote(0, now: start)
        #expect(fetch.actions() == [.send(BlobAsk.want(2..<3).encoded)])
        fetch.wrote(1, now: start)
        #expect(fetch.actions() == [.send(BlobAsk.want(3..<4).encoded)])
        for index in 2...3 { #expect(feed(&fetch, kit.wire(index)) == [.write(kit.arrivals(index))]) }
        #expect(fetch.wantsBytes)
        fetch.wrote(3, now: start)
        #expect(fetch.actions() == [.send(BlobAsk.want(4..<5).encoded)])
        #expect(feed(&fetch, kit.wire(4)) == [.write(kit.arrivals(4))])
        #expect(!fetch.wantsBytes)
        fetch.wrote(2, now: start)
        #expect(fetch.actions().isEmpty)
        fetch.wrote(4, now: start)
        #expect(fetch.actions() == [.finish])
        #expect(fetch.nextDeadline == nil)
    }

    @Test func goesOnWithWhatIsMissing() {
        var held = ChunkSet(of: 5)
        for index in [0, 2] { held.insert(index) }
        var fetch = BlobFetch(kit.id, held: held, limits: limits(window: 3), now: start)
        #expect(
            fetch.actions() == [
                .send(BlobAsk.open(kit.id, wantsLeaves: false).encoded), .send(BlobAsk.want(1..<2).encoded),
                .send(BlobAsk.want(3..<5).encoded),
            ]
        )
        #expect(
            feed(&fetch, kit.wire(4) + kit.wire(1)) == [.write(kit.arrivals(4)), .write(kit.arrivals(1))]
        )
    }

    @Test func aBlobThatIsAllThereNeedsNobody() throws {
        var held = ChunkSet(of: 5)
        for index in 0..<5 { held.insert(index) }
        var fetch = BlobFetch(kit.id, held: held, now: start)
        #expect(fetch.actions() == [.finish])
        var empty = BlobFetch(try BlobKit(0).id, held: nil, now: start)
        #expect(empty.actions() == [.begin(leaves: [])])
        empty.begun(now: start)
        #expect(empty.actions() == [.finish])
    }

    @Test func bytesMayBeCutAnywhere() {
        let wire = BlobAnswer.leaves(kit.leaves).encoded + (0..<5).flatMap { kit.wire($0) }
        for size in [1, 2, 3, 31, 4096, 4099, 100_000] {
            var fetch = BlobFetch(kit.id, held: nil, limits: limits(window: 5), now: start)
            _ = fetch.actions()
            var actions: [BlobFetch.Action] = []
            for first in stride(from: 0, to: wire.count, by: size) {
                fetch.receive(wire.span.extracting(first..<min(wire.count, first + size)), now: start)
                while let action = fetch.nextAction() {
                    actions.append(action)
                    if case .begin = action { fetch.begun(now: start) }
                }
            }
            let expected =
                [.begin(leaves: kit.leaves)] + (0..<5).map { BlobFetch.Action.write(kit.arrivals($0)) }
            #expect(actions == expected, "pieces of \(size)")
        }
    }

    @Test func whatWasNotAskedForEndsTheAttempt() {
        func failure(_ bytes: [UInt8], held: Bool = false) -> BlobFetch.Action? {
            var fetch = BlobFetch(kit.id, held: held ? ChunkSet(of: 5) : nil, limits: limits(), now: start)
            _ = fetch.actions()
            let last = feed(&fetch, bytes).last
            if last != nil { #expect(feed(&fetch, kit.wire(0)).isEmpty, "nothing happens after the end") }
            return last
        }
        #expect(failure(kit.wire(0)) == .fail(.unexpectedChunk(0)), "leaves come first")
        #expect(failure(kit.wire(3), held: true) == .fail(.unexpectedChunk(3)), "beyond the window")
        #expect(failure(BlobAnswer.chunk(60_000).encoded, held: true) == .fail(.unexpectedChunk(60_000)))
        #expect(failure(kit.wire(0) + kit.wire(0), held: true) == .fail(.unexpectedChunk(0)), "a second time")
        let leaves = BlobAnswer.leaves(kit.leaves).encoded
        #expect(failure(leaves, held: true) == .fail(.unexpectedLeaves))
        #expect(failure(leaves + leaves) == .fail(.unexpectedLeaves))
        #expect(failure(BlobAnswer.leaves(kit.leaves + [1]).encoded) == .fail(.unexpectedLeaves))
        #expect(failure(BlobAnswer.leaves([]).encoded) == .fail(.unexpectedLeaves))
        #expect(failure(BlobAnswer.refusal(.unknown).encoded) == .fail(.refused(.unknown)))
        #expect(failure([0x80, 0x80, 0x10]) == .fail(.invalidLength(.tooLong)))
        #expect(failure([0x80, 0]) == .fail(.invalidLength(.notMinimal)))
        #expect(failure([2, 0x0a, 5]) == .fail(.malformed(.lengthOutOfBounds)))
        #expect(failure([3, 0x3a, 1, 0]) == nil, "a frame of an unknown kind is skipped")
    }

    @Test func aStreamThatEndsEarlyEndsTheAttempt() {
        var fetch = BlobFetch(kit.id, held: nil, limits: limits(), now: start)
        _ = fetch.actions()
        fetch.receiveEnd()
        #expect(fetch.actions() == [.fail(.ended)])
    }

    @Test func silenceAndATrickleAreAStallAndATransferIsNot() throws {
        var fetch = BlobFetch(kit.id, held: ChunkSet(of: 5), limits: limits(), now: start)
        _ = fetch.actions()
        let wire = kit.wire(0) + kit.wire(1)
        // A byte in each of ten thousand seconds would be for ever.
        var now = start
        for byte in wire.prefix(29) {
            now = now + .seconds(1)
            #expect(feed(&fetch, [byte], at: now).isEmpty)
        }
        #expect(fetch.nextDeadline == start + .seconds(30))
        fetch.advance(to: start + .seconds(30))
        #expect(fetch.actions() == [.fail(.stalled)])

        var slow = BlobFetch(kit.id, held: ChunkSet(of: 5), limits: limits(), now: start)
        _ = slow.actions()
        slow.receive(kit.wire(0).span, now: start + .seconds(29))
        #expect(slow.nextDeadline == start + .seconds(59))
    }

    @Test func nobodyStallsWhileTheStoreIsBusy() {
        var fetch = BlobFetch(kit.id, held: ChunkSet(of: 5), limits: limits(), now: start)
        _ = fetch.actions()
        _ = feed(&fetch, kit.wire(0) + kit.wire(1))
        #expect(fetch.nextDeadline == nil)
        fetch.advance(to: start + .seconds(1000))
        #expect(fetch.actions().isEmpty)
    }

    @Test func whatIsWrittenIsMadeDurableByBytesAndByTime() {
        var limits = limits(window: 5)
        limits.syncByteCount = 8192
        var fetch = BlobFetch(kit.id, held: ChunkSet(of: 5), limits: limits, now: start)
        _ = fetch.actions()
        _ = feed(&fetch, (0..<5).flatMap { kit.wire($0) })
        fetch.wrote(0, now: start)
        #expect(fetch.actions().isEmpty)
        fetch.wrote(1, now: start)
        #expect(fetch.actions() == [.sync])
        fetch.wrote(2, now: start)
        fetch.wrote(3, now: start)
        #expect(fetch.actions().isEmpty, "one sync at a time")
        fetch.synced(now: start)
        #expect(fetch.actions() == [.sync])
        fetch.synced(now: start)

        var timed = BlobFetch(kit.id, held: ChunkSet(of: 5), limits: self.limits(), now: start)
        _ = timed.actions()
        _ = feed(&timed, kit.wire(0), at: start)
        timed.wrote(0, now: start)
        _ = timed.actions()
        #expect(timed.nextDeadline == start + .seconds(2))
        timed.advance(to: start + .seconds(2))
        #expect(timed.actions() == [.sync])
    }

    @Test func chunksGoToTheStoreTogetherAndNoneWaitsLong() throws {
        let large = try BlobKit(40 * BlobKit.chunkByteCount)
        var limits = limits(window: 32)
        limits.groupChunkCountMax = 4
        limits.groupDelay = .milliseconds(20)
        var fetch = BlobFetch(large.id, held: ChunkSet(of: 40), limits: limits, now: start)
        _ = fetch.actions()
        for index in 0..<3 { #expect(feed(&fetch, large.wire(index)).isEmpty) }
        #expect(feed(&fetch, large.wire(3)) == [.write(large.arrivals(0, 1, 2, 3))])
        // Those that are too few go when the first of them has waited.
        let later = start + .seconds(1)
        #expect(feed(&fetch, large.wire(4), at: later).isEmpty)
        #expect(feed(&fetch, large.wire(5), at: later + .milliseconds(19)).isEmpty)
        #expect(fetch.nextDeadline == later + .milliseconds(20))
        fetch.advance(to: later + .milliseconds(19))
        #expect(fetch.actions().isEmpty)
        fetch.advance(to: later + .milliseconds(20))
        #expect(fetch.actions() == [.write(large.arrivals(4, 5))])
        #expect(fetch.nextDeadline == later + .milliseconds(19) + .seconds(30), "silence is all that ends it")
        // After the last that was asked for there is nothing to wait for.
        for index in 6..<29 { _ = feed(&fetch, large.wire(index), at: later) }
        #expect(feed(&fetch, large.wire(29), at: later) == [.write(large.arrivals(26, 27, 28, 29))])
        #expect(feed(&fetch, large.wire(30), at: later).isEmpty)
        #expect(feed(&fetch, large.wire(31), at: later) == [.write(large.arrivals(30, 31))])
        #expect(fetch.nextDeadline == nil)
    }

    /// The peer ends its direction, or the stream fails.
    @Test(arguments: [true, false]) func whatCameBeforeAnAttemptFailsIsWritten(_ isEnd: Bool) throws {
        let large = try BlobKit(40 * BlobKit.chunkByteCount)
        var limits = limits(window: 32)
        limits.groupChunkCountMax = 4
        var fetch = BlobFetch(large.id, held: ChunkSet(of: 40), limits: limits, now: start)
        _ = fetch.actions()
        #expect(feed(&fetch, large.wire(0) + large.wire(1) + large.wire(2).prefix(100)).isEmpty)
        if isEnd { fetch.receiveEnd() } else { fetch.giveUp() }
        #expect(fetch.actions() == [.write(large.arrivals(0, 1))] + (isEnd ? [.fail(.ended)] : []))
        fetch.giveUp()
        #expect(fetch.actions().isEmpty)
        #expect(fetch.nextDeadline == nil)
    }

    @Test func theWindowBoundsWhatIsAskedFor() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var random = SplitMix64(seed: seed)
        let large = try BlobKit(300_000)
        var fetch = BlobFetch(
            large.id,
            held: ChunkSet(of: large.id.chunkCount),
            limits: limits(window: 8),
            now: start
        )
        var (asked, writing): ([Int], [Int]) = ([], [])
        var isFinished = false
        while !isFinished {
            while let action = fetch.nextAction() {
                switch action {
                case .send(let frame):
                    guard case .want(let range)? = try BlobAsk.parse(frame.span.extracting(1..<frame.count))
                    else { continue }
                    asked += range
                case .write(let arrivals):
                    for arrival in arrivals {
                        #expect(arrival.chunk == large.slice(arrival.index))
                        writing.append(arrival.index)
                    }
                case .finish: isFinished = true
                case .begin, .sync: break
                case .fail(let error): Issue.record("\(error)"); return
                }
            }
            #expect(asked.count + writing.count <= 8)
            if !asked.isEmpty, writing.isEmpty || random.next() % 2 == 0 {
                fetch.receive(large.wire(asked.removeFirst()).span, now: start)
            } else if !writing.isEmpty {
                let place = Int(random.next() % UInt64(writing.count))
                fetch.wrote(writing.remove(at: place), now: start)
            }
        }
        #expect(fetch.written.isComplete)
    }

    // MARK: Turns

    @Test func anAttemptThatIsToEndDoesSoBetweenTwoChunks() {
        var fetch = BlobFetch(kit.id, held: ChunkSet(of: 5), limits: limits(window: 8), now: start)
        _ = fetch.actions()
        var between = fetch
        between.yield(now: start)
        #expect(between.actions() == [.fail(.yielded)])
        let wire = kit.wire(0)
        _ = feed(&fetch, Array(wire.prefix(1000)))
        fetch.yield(now: start)
        #expect(fetch.actions().isEmpty, "the chunk that is on its way comes whole")
        let rest = feed(&fetch, Array(wire.dropFirst(1000)) + kit.wire(1))
        #expect(rest == [.write(kit.arrivals(0)), .fail(.yielded)])
        #expect(fetch.nextDeadline == nil)
    }

    @Test func anAttemptThatIsToEndWaitsForItsLeavesAndForRoom() {
        var fetch = BlobFetch(kit.id, held: nil, limits: limits(window: 8), now: start)
        _ = fetch.actions()
        var fresh = fetch
        fresh.yield(now: start)
        #expect(fresh.actions() == [.fail(.yielded)])
        _ = feed(&fetch, BlobAnswer.leaves(Array(kit.leaves.prefix(64))).encoded)
        var early = fetch
        early.yield(now: start)
        #expect(early.actions().isEmpty)
        let leaves = BlobAnswer.leaves(Array(kit.leaves.dropFirst(64))).encoded
        #expect(feed(&early, leaves) == [.begin(leaves: kit.leaves), .fail(.yielded)])
        _ = feed(&fetch, leaves + kit.wire(0))
        fetch.yield(now: start)
        #expect(fetch.actions().isEmpty, "there is no room for the chunk yet")
        fetch.begun(now: start)
        #expect(fetch.actions() == [.write(kit.arrivals(0)), .fail(.yielded)])
    }

    @Test func anAttemptThatIsToEndDoesNotWaitForEver() {
        var limits = limits(window: 8)
        limits.trickleByteCount = 1
        var fetch = BlobFetch(kit.id, held: ChunkSet(of: 5), limits: limits, now: start)
        _ = fetch.actions()
        _ = feed(&fetch, Array(kit.wire(0).prefix(1000)))
        fetch.yield(now: start)
        let end = start + limits.yieldTimeout
        for second in stride(from: 29, to: 540, by: 29) as StrideTo<Int64> {
            fetch.yield(now: start + .seconds(second))
            fetch.receive([UInt8](repeating: 0, count: 100).span, now: start + .seconds(second))
        }
        fetch.advance(to: end)
        #expect(fetch.actions() == [.fail(.yielded)])
    }

    @Test func whatHasComeAsAWholeIsFinished() {
        var fetch = BlobFetch(kit.id, held: ChunkSet(of: 5), limits: limits(window: 8), now: start)
        _ = fetch.actions()
        _ = feed(&fetch, (0..<5).flatMap { kit.wire($0) })
        fetch.yield(now: start)
        #expect(fetch.actions().isEmpty)
        for index in 0..<5 { fetch.wrote(index, now: start) }
        #expect(fetch.actions() == [.finish])
    }
}

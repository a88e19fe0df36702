import StarlingCore
import StarlingProtocols
import Testing

/// What one end knows of a stream, kept by the test beside the session.
private struct Book {
    var written: UInt64 = 0
    var read: UInt64 = 0
    var unconsumed = 0
    var hasEnded = false
    var hasSeenEnd = false
    var isReading = true
    var mayWrite = true
}

/// The byte that stands at a position of a stream: both ends compute it, so that order and content are checked
/// without keeping data.
private func content(_ id: UInt32, _ sender: Int, _ position: UInt64) -> UInt8 {
    UInt8(truncatingIfNeeded: (position &* 31) ^ (position >> 8) ^ UInt64(id) ^ UInt64(sender) << 5)
}

/// Two sessions over a link that cuts anywhere.
private struct Pair {
    var random: SplitMix64
    var ends: [YamuxEnd]
    var books: [[UInt32: Book]] = [[:], [:]]
    /// Bytes on their way to an end.
    var wires: [[UInt8]] = [[], []]
    var deliveredByteCount = 0
    var endCount = 0
    var resetCount = 0
    let seed: UInt64

    init(seed: UInt64) {
        self.seed = seed
        random = SplitMix64(seed: seed)
        var limits = YamuxSession.Limits()
        limits.acceptBacklogMax = 8
        limits.inboundStreamCountMax = 12
        limits.frameByteCountMax = 5000
        limits.streamWindowByteCountMax = 1 << 20
        ends = [YamuxEnd(.dialer, limits: limits), YamuxEnd(.listener, limits: limits)]
    }

    func pick(_ count: Int, using random: inout SplitMix64) -> Int {
        Int.random(in: 0..<count, using: &random)
    }

    mutating func anyStream(of side: Int) -> UInt32? {
        let ids = books[side].keys.sorted()
        return ids.isEmpty ? nil : ids[pick(ids.count, using: &random)]
    }

    mutating func flush(_ side: Int) { wires[1 - side] += ends[side].control() }

    mutating func deliver(_ side: Int, atMost byteCount: Int) throws {
        let piece = Array(wires[side].prefix(byteCount))
        wires[side].removeFirst(piece.count)
        for happening in try ends[side].feed(piece) { note(happening, side) }
    }

    mutating func note(_ happening: Happening, _ side: Int) {
        switch happening {
        case .opened(let id):
            #expect(books[side][id] == nil, "seed \(seed)")
            books[side][id] = Book()
        case .data(let id, let bytes):
            guard var book = books[side][id] else {
                Issue.record("data of stream \(id), which is gone, seed \(seed)")
                return
            }
            #expect(!book.hasSeenEnd && book.isReading, "seed \(seed)")
            for byte in bytes {
                if byte != content(id, 1 - side, book.read) { Issue.record("stream \(id), seed \(seed)") }
                book.read += 1
            }
            book.unconsumed += bytes.count
            deliveredByteCount += bytes.count
            books[side][id] = book
        case .ended(let id):
            guard let book = books[side][id], !book.hasSeenEnd else {
                Issue.record("an end too many of stream \(id), seed \(seed)")
                return
            }
            // Reliable and in order: the end comes behind every byte.
            if book.isReading, let peer = books[1 - side][id] {
                #expect(book.read == peer.written, "seed \(seed)")
            }
            books[side][id]?.hasSeenEnd = true
            endCount += 1
        case .reset(let id):
            books[side][id] = nil
            resetCount += 1
        case .writable(let id):
            books[side][id]?.mayWrite = true
        case .goneAway:
            Issue.record("nobody said go-away, seed \(seed)")
        case .roundTrip:
            break
        }
    }

    mutating func write(_ side: Int, _ id: UInt32, byteCount: Int) throws {
        guard let book = books[side][id], !book.hasEnded else { return }
        let bytes = (0..<byteCount).map { content(id, side, book.written + UInt64($0)) }
        let window = ends[side].session.sendWindow(of: streamID(id))
        let (taken, wire) = try ends[side].write(bytes, on: streamID(id))
        #expect(taken <= window, "seed \(seed)")
        wires[1 - side] += wire
        books[side][id]?.written += UInt64(taken)
        if taken == window, taken < byteCount { books[side][id]?.mayWrite = false }
    }

    mutating func end(_ side: Int, _ id: UInt32) {
        ends[side].session.closeWrite(streamID(id))
        books[side][id]?.hasEnded = true
    }

    mutating func consume(_ side: Int, _ id: UInt32, atMost byteCount: Int) {
        guard let book = books[side][id], book.isReading else { return }
        let taken = min(byteCount, book.unconsumed)
        ends[side].consumed(taken, on: id)
        books[side][id]?.unconsumed -= taken
    }

    mutating func step() throws {
        let side = pick(2, using: &random)
        for index in 0..<2 { ends[index].now = ends[index].now + .microseconds(200) }
        switch pick(40, using: &random) {
        case 0...1:
            guard ends[side].session.mayOpen else { return }
            let id = try ends[side].session.open(now: ends[side].now)
            books[side][id.rawValue] = Book()
        case 2...11:
            guard let id = anyStream(of: side) else { return }
            try write(side, id, byteCount: pick(pick(2, using: &random) == 0 ? 40 : 9000, using: &random))
        case 12:
            guard let id = anyStream(of: side), pick(3, using: &random) == 0 else { return }
            end(side, id)
        case 13:
            guard let id = anyStream(of: side), pick(8, using: &random) == 0 else { return }
            ends[side].session.reset(streamID(id))
            books[side][id] = nil
        case 14:
            guard let id = anyStream(of: side), pick(10, using: &random) == 0 else { return }
            ends[side].session.stopReading(streamID(id), now: ends[side].now)
            books[side][id]?.isReading = false
        case 15:
            guard let id = anyStream(of: side) else { return }
            ends[side].session.announce(streamID(id))
        case 16: ends[side].session.measureRoundTrip(now: ends[side].now)
        case 17...22:
            guard let id = anyStream(of: side) else { return }
            consume(side, id, atMost: pick(200_000, using: &random))
        case 23...28: flush(side)
        default:
            try deliver(side, atMost: pick(pick(2, using: &random) == 0 ? 30 : 20_000, using: &random))
        }
    }

    /// Lets everything arrive, ends all streams, and reads to the end.
    mutating func settle() throws {
        for _ in 0..<50 {
            for side in 0..<2 {
                for id in books[side].keys.sorted() {
                    consume(side, id, atMost: .max)
                    if books[side][id]?.hasEnded == false { end(side, id) }
                }
                flush(side)
            }
            for side in 0..<2 { try deliver(side, atMost: .max) }
        }
    }
}

@Suite struct YamuxPropertyTests {
    /// Bytes arrive in order and whole, streams end once, and nothing is left behind.
    @Test(arguments: UInt64(0)..<12)
    func twoSessionsAgreeOverAnyCutting(seed: UInt64) throws {
        var pair = Pair(seed: seed)
        for _ in 0..<3000 { try pair.step() }
        try pair.settle()
        #expect(pair.deliveredByteCount > 0, "seed \(seed)")
        #expect(pair.endCount > 0, "seed \(seed)")
        for side in 0..<2 {
            #expect(pair.ends[side].session.streamCount == 0, "seed \(seed)")
            #expect(!pair.ends[side].session.hasControl, "seed \(seed)")
            #expect(pair.wires[side].isEmpty, "seed \(seed)")
            for _ in 0..<8 {
                _ = try pair.ends[side].session.open(now: pair.ends[side].now)
            }
        }
    }

    @Test func theSeedsTogetherSeeResets() throws {
        var resetCount = 0
        for seed in 0..<2 as Range<UInt64> {
            var pair = Pair(seed: seed)
            for _ in 0..<3000 { try pair.step() }
            resetCount += pair.resetCount
        }
        #expect(resetCount > 0)
    }

    @Test(arguments: UInt64(0)..<400)
    func garbageEndsTheSessionAndNeverTraps(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var listener = YamuxEnd(.listener)
        do {
            for _ in 0..<400 {
                // Half of it looks like frames, so that the deeper checks see some of it.
                let isFrame = UInt8.random(in: 0...255, using: &random) > 4
                let bytes =
                    isFrame
                    ? frame(
                        UInt8.random(in: 0...3, using: &random),
                        UInt16.random(in: 0...15, using: &random),
                        UInt32.random(in: 0...9, using: &random),
                        UInt32.random(in: 0...40, using: &random)
                    )
                    : (0..<Int.random(in: 0...40, using: &random)).map { _ in
                        .random(in: 0...255, using: &random)
                    }
                for happening in try listener.feed(bytes) {
                    guard case .opened(let id) = happening else { continue }
                    switch Int.random(in: 0...4, using: &random) {
                    case 0: listener.session.reset(streamID(id))
                    case 1: listener.session.closeWrite(streamID(id))
                    case 2: listener.session.stopReading(streamID(id), now: listener.now)
                    default: listener.session.announce(streamID(id))
                    }
                }
                _ = listener.control()
            }
        } catch {
            #expect(throws: error) { try listener.feed([0]) }
        }
    }
}

import StarlingCore
import StarlingCrypto
import StarlingMesh
import Testing

@Suite struct FragmentTests {
    private static let peer = MessageKit.alice.peerID
    private static let start = Instant(nanosecondsSinceOrigin: 0)

    private static func frame(_ byteCount: Int) -> MessageFrame {
        MessageFrame(.envelope, (0..<byteCount).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) })
    }

    /// All pieces of a frame, as a link carries them.
    private static func pieces(_ frame: MessageFrame, linkByteCount: Int, id: MessageID = MessageKit.id)
        throws
        -> [Fragment]
    {
        var fragmenter = try Fragmenter(linkByteCount: linkByteCount)
        try fragmenter.send(frame, id: id, now: start)
        var pieces: [Fragment] = []
        while let piece = fragmenter.next(now: start) {
            var wire: [UInt8] = []
            piece.appendWithoutLength(to: &wire)
            #expect(wire.count <= linkByteCount)
            pieces.append(try Fragment(parsing: piece.bytes.span))
        }
        return pieces
    }

    private static func drain(_ reassembly: inout Reassembly) -> [Reassembly.Action] {
        var actions: [Reassembly.Action] = []
        while let action = reassembly.nextAction() { actions.append(action) }
        return actions
    }

    @Test(arguments: [1, 44, 45, 86, 87, 88, 100, 1000, 65_536]) func aFrameComesTogetherInAnyOrder(
        byteCount: Int
    ) throws {
        let frame = Self.frame(byteCount)
        var draws = SeededDraws(seed: UInt64(byteCount))
        for linkByteCount in [128, 129, 500, 1400] {
            let pieces = try Self.pieces(frame, linkByteCount: linkByteCount).shuffled(using: &draws)
            #expect(pieces.count >= 2)
            var reassembly = Reassembly()
            for piece in pieces {
                #expect(reassembly.add(piece, from: Self.peer, now: Self.start) == .taken)
                let again = reassembly.add(piece, from: Self.peer, now: Self.start)
                #expect(again == .repeated)
            }
            let actions = Self.drain(&reassembly)
            #expect(actions.first == .complete(from: Self.peer, frame))
            #expect(
                actions.contains(.request(to: Self.peer, FragmentRequest(id: MessageKit.id, missing: [])))
            )
            #expect(reassembly.count == 0 && reassembly.byteCount == 0)
        }
    }

    @Test func thePairGetsEverythingThroughALossyLinkAndRepeatsOnlyWhatWasLost() throws {
        for seed in UInt64(1)...30 {
            var draws = SeededDraws(seed: seed)
            var fragmenter = try Fragmenter(linkByteCount: 300)
            var reassembly = Reassembly()
            var now = Self.start
            let frames = (0..<5).map { _ in Self.frame(4000 + draws.below(20_000)) }
            var (sent, lost, complete) = (0, 0, [MessageFrame]())
            for (index, frame) in frames.enumerated() {
                try fragmenter.send(
                    frame,
                    id: MessageID(random: [UInt8](repeating: UInt8(index), count: 16)),
                    now: now
                )
            }
            var air: [Fragment] = []
            while complete.count < frames.count, now < Self.start + .seconds(60) {
                var isAsked = true
                while isAsked {
                    isAsked = false
                    while let piece = fragmenter.next(now: now) {
                        sent += 1
                        if draws.happens(0.2) {
                            lost += 1
                        } else {
                            air.append(try Fragment(parsing: piece.bytes.span))
                        }
                    }
                    while !air.isEmpty {
                        let piece = air.remove(at: draws.below(min(air.count, 8)))
                        #expect(reassembly.add(piece, from: Self.peer, now: now) != .full)
                    }
                    for action in Self.drain(&reassembly) {
                        switch action {
                        case .complete(_, let frame): complete.append(frame)
                        case .request(_, let request):
                            if draws.happens(0.2) { continue }
                            fragmenter.request(try FragmentRequest(parsing: request.encoded.span), now: now)
                            isAsked = true
                        case .gaveUp(_, _, let reason): Issue.record("seed \(seed): \(reason)")
                        }
                    }
                }
                now = max(now + .milliseconds(100), reassembly.nextDeadline ?? now)
                reassembly.advance(to: now)
            }
            #expect(
                complete.count == frames.count && frames.allSatisfy { complete.contains($0) },
                "seed \(seed)"
            )
            let needed = try frames.reduce(0) { try $0 + Self.pieces($1, linkByteCount: 300).count }
            #expect(sent == needed + lost, "seed \(seed): only lost pieces go again")
        }
    }

    @Test func whatNeverComesIsGivenUp() throws {
        let pieces = try Self.pieces(Self.frame(5000), linkByteCount: 500)
        var reassembly = Reassembly()
        for piece in pieces.dropFirst() { _ = reassembly.add(piece, from: Self.peer, now: Self.start) }
        var (requests, last) = (0, Self.start)
        while let deadline = reassembly.nextDeadline {
            last = deadline
            reassembly.advance(to: deadline)
            for action in Self.drain(&reassembly) {
                switch action {
                case .request(_, let request):
                    requests += 1
                    #expect(request.missing == [0...0])
                case .gaveUp(_, let id, let reason): #expect(id == MessageKit.id && reason == .timedOut)
                case .complete: Issue.record("a piece is missing")
                }
            }
        }
        #expect(requests == Reassembly.Limits().requestCountMax)
        #expect(last <= Self.start + Reassembly.Limits().duration)
        #expect(reassembly.count == 0 && reassembly.byteCount == 0)
    }

    @Test func aPeerHasItsShareOfMemoryAndNoMore() throws {
        var limits = Reassembly.Limits()
        limits.peerFrameCountMax = 2
        limits.peerByteCountMax = 10_000
        limits.byteCountMax = 15_000
        var reassembly = Reassembly(limits: limits)
        func first(_ number: UInt8, _ byteCount: Int) throws -> Fragment {
            let id = MessageID(random: [UInt8](repeating: number, count: 16))
            return try Self.pieces(Self.frame(byteCount), linkByteCount: 500, id: id)[0]
        }
        #expect(reassembly.add(try first(1, 1000), from: Self.peer, now: Self.start) == .taken)
        #expect(reassembly.add(try first(2, 1000), from: Self.peer, now: Self.start) == .taken)
        #expect(reassembly.add(try first(3, 1000), from: Self.peer, now: Self.start) == .taken)
        let oldest = MessageID(random: [UInt8](repeating: 1, count: 16))
        #expect(Self.drain(&reassembly) == [.gaveUp(from: Self.peer, oldest, .displaced)])
        #expect(reassembly.count == 2)
        #expect(reassembly.add(try first(4, 8900), from: Self.peer, now: Self.start) == .taken)
        #expect(
            Self.drain(&reassembly).count == 1,
            "one of a thousand bytes stays beside it, within ten thousand"
        )
        #expect(
            reassembly.add(try first(5, 10_000), from: Self.peer, now: Self.start) == .full,
            "larger than a share"
        )
        let other = MessageKit.bob.peerID
        #expect(
            reassembly.add(try first(6, 6000), from: other, now: Self.start) == .full,
            "others lose nothing"
        )
        #expect(reassembly.add(try first(6, 4000), from: other, now: Self.start) == .taken)
        reassembly.forget(Self.peer)
        #expect(reassembly.count == 1)
    }

    @Test func piecesThatContradictEachOtherAreRefused() throws {
        let pieces = try Self.pieces(Self.frame(5000), linkByteCount: 500)
        let others = try Self.pieces(Self.frame(5001), linkByteCount: 500)
        let wider = try Self.pieces(Self.frame(5000), linkByteCount: 600)
        var reassembly = Reassembly()
        #expect(reassembly.add(pieces[0], from: Self.peer, now: Self.start) == .taken)
        #expect(reassembly.add(others[1], from: Self.peer, now: Self.start) == .inconsistent)
        #expect(reassembly.add(wider[1], from: Self.peer, now: Self.start) == .inconsistent)
        for piece in pieces.dropFirst(2) { _ = reassembly.add(piece, from: Self.peer, now: Self.start) }
        var wrong = pieces[1]
        wrong.bytes[0] ^= 1
        #expect(reassembly.add(wrong, from: Self.peer, now: Self.start) == .taken)
        #expect(Self.drain(&reassembly) == [.gaveUp(from: Self.peer, MessageKit.id, .wrongChecksum)])
    }

    @Test func theSenderKeepsFramesForAWhile() throws {
        var limits = Fragmenter.Limits()
        limits.frameCountMax = 2
        limits.byteCountMax = 5000
        var fragmenter = try Fragmenter(linkByteCount: 500, limits: limits)
        let ids = (0..<4).map { MessageID(random: [UInt8](repeating: UInt8($0), count: 16)) }
        try fragmenter.send(Self.frame(1000), id: ids[0], now: Self.start)
        try fragmenter.send(Self.frame(1000), id: ids[1], now: Self.start)
        #expect(throws: FragmentError.full) {
            try fragmenter.send(Self.frame(1000), id: ids[2], now: Self.start)
        }
        fragmenter.request(FragmentRequest(id: ids[0], missing: []), now: Self.start)
        #expect(fragmenter.count == 1, "all of it arrived")
        #expect(throws: FragmentError.full) {
            try fragmenter.send(Self.frame(4000), id: ids[2], now: Self.start)
        }
        try fragmenter.send(Self.frame(3900), id: ids[2], now: Self.start)
        let later = Self.start + .seconds(30)
        while fragmenter.next(now: later) != nil {}
        fragmenter.advance(to: later + .seconds(59))
        #expect(fragmenter.count == 2)
        fragmenter.request(
            FragmentRequest(id: ids[2], missing: [1...1, 3...1000]),
            now: later + .seconds(59)
        )
        #expect(fragmenter.next(now: later + .seconds(59)) != nil)
        fragmenter.advance(to: later + .seconds(60))
        #expect(fragmenter.count == 1, "what is asked for is kept longer")
        #expect(throws: FragmentError.linkTooNarrow(byteCountMin: 128)) { try Fragmenter(linkByteCount: 127) }
    }

    @Test func theNumbersOfAPieceFitOneAnother() throws {
        typealias Kit = MessageKit
        let checksum = Kit.field(5, [UInt8](repeating: 0, count: 32))
        func piece(_ index: UInt64, _ count: UInt64, _ total: UInt64, _ byteCount: Int) -> [UInt8] {
            Kit.field(1, Kit.id.bytes) + Kit.field(2, index) + Kit.field(3, count) + Kit.field(4, total)
                + (index == 0 ? checksum : []) + Kit.field(6, [UInt8](repeating: 1, count: byteCount))
        }
        for fine in [piece(0, 2, 10, 5), piece(1, 2, 10, 5), piece(1, 2, 9, 4), piece(2, 3, 11, 3)] {
            let fragment = try Fragment(parsing: fine.span)
            #expect(try Fragment(parsing: fragment.encoded.span) == fragment)
        }
        let wrong: [(Int, [UInt8])] = [
            (3, piece(0, 1, 5, 5)), (3, piece(0, 16_385, 16_385, 1)), (2, piece(2, 2, 10, 5)),
            (4, piece(0, 2, UInt64(MessageFrame.byteCountMax) + 1, 5)), (6, piece(0, 2, 10, 4)),
            (6, piece(0, 2, 10, 10)), (6, piece(0, 2, 10, 11)), (6, piece(1, 2, 10, 6)),
            (6, piece(2, 3, 10, 5)),
            (5, piece(1, 2, 10, 5) + checksum),
        ]
        for (number, bytes) in wrong {
            #expect(throws: ProtobufError.invalidValue(fieldNumber: number), "\(bytes)") {
                try Fragment(parsing: bytes.span)
            }
        }
        for range in [(2, 1), (0, 16_384)] {
            let bytes =
                Kit.field(1, Kit.id.bytes)
                + Kit.field(2, Kit.field(1, UInt64(range.0)) + Kit.field(2, UInt64(range.1)))
            #expect(throws: ProtobufError.invalidValue(fieldNumber: 2)) {
                try FragmentRequest(parsing: bytes.span)
            }
        }
        let most = (0..<64).map { 2 * $0...2 * $0 }
        let request = FragmentRequest(id: Kit.id, missing: most)
        #expect(try FragmentRequest(parsing: request.encoded.span) == request)
        let tooMany = FragmentRequest(id: Kit.id, missing: most + [200...200])
        #expect(throws: ProtobufError.tooManyEntries(fieldNumber: 2)) {
            try FragmentRequest(parsing: tooMany.encoded.span)
        }
    }
}

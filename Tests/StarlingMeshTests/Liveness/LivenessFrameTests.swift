import StarlingCore
import StarlingCrypto
import StarlingMesh
import Testing

@Suite struct LivenessFrameTests {
    private static let peer = MessageKit.alice.peerID
    private static let other = MessageKit.bob.peerID

    private static var full: LivenessFrame {
        var frame = LivenessFrame()
        frame.probe = 7
        frame.wantsTable = true
        frame.acks = [1, 300]
        frame.requests = [.init(8, peer)]
        frame.reports = [.init(9, .reached), .init(10, .silent), .init(11, .unable)]
        var suspect = LivenessClaim(peer, .suspect, incarnation: 5)
        (suspect.ageSeconds, suspect.uptimeSeconds, suspect.capacity) = (60, 3600, 12)
        suspect.accusers = [other]
        var high = LivenessClaim(other, incarnation: LivenessClaim.incarnationMax)
        high.proof = LivenessClaim.proof(of: high.incarnation, by: MessageKit.bob)
        frame.claims = [suspect, high, LivenessClaim(other, .dead, incarnation: 1)]
        return frame
    }

    private static func parse(_ bytes: [UInt8], _ limits: LivenessFrame.Limits = .init())
        throws(LivenessFrameError) -> LivenessFrame
    {
        try LivenessFrame(parsing: bytes.span, limits: limits)
    }

    private static func claim(_ fields: [UInt8]...) -> [UInt8] { MessageKit.field(5, fields.flatMap { $0 }) }

    @Test func aFrameReadsWhatItWrites() throws {
        #expect(try Self.parse(Self.full.encoded) == Self.full)
        #expect(try Self.parse([]).isEmpty)
        #expect(!Self.full.isEmpty)
    }

    @Test func unknownFieldsAreSkipped() throws {
        let bytes = MessageKit.field(9, [1, 2]) + Self.full.encoded + MessageKit.field(12, 3)
        #expect(try Self.parse(bytes) == Self.full)
    }

    @Test func aFrameWithinItsLimitsIsReadAndOneMoreIsNot() throws {
        var limits = LivenessFrame.Limits()
        (limits.ackCountMax, limits.requestCountMax, limits.claimCountMax) = (2, 3, 3)
        #expect(try Self.parse(Self.full.encoded, limits) == Self.full)
        limits.claimCountMax = 2
        #expect(throws: LivenessFrameError.malformed(.tooManyEntries(fieldNumber: 5))) {
            try Self.parse(Self.full.encoded, limits)
        }
        limits.requestCountMax = 2
        #expect(throws: LivenessFrameError.malformed(.tooManyEntries(fieldNumber: 4))) {
            try Self.parse(Self.full.encoded, limits)
        }
        limits.ackCountMax = 1
        #expect(throws: LivenessFrameError.malformed(.tooManyEntries(fieldNumber: 2))) {
            try Self.parse(Self.full.encoded, limits)
        }
        limits.byteCountMax = Self.full.encoded.count - 1
        #expect(throws: LivenessFrameError.tooLong(byteCountMax: limits.byteCountMax)) {
            try Self.parse(Self.full.encoded, limits)
        }
    }

    @Test func theLargestFrameFitsIntoItsBytes() throws {
        let limits = LivenessFrame.Limits()
        let longest = try PeerID(multihash: [0, 42] + [UInt8](repeating: 7, count: 42))
        var claim = LivenessClaim(longest, .suspect, incarnation: LivenessClaim.incarnationMax)
        (claim.ageSeconds, claim.uptimeSeconds, claim.capacity) = (.max, .max, .max)
        claim.accusers = Array(repeating: longest, count: LivenessClaim.accuserCountMax)
        claim.proof = [UInt8](repeating: 1, count: LivenessClaim.proofByteCountMax)
        var frame = LivenessFrame()
        frame.probe = .max
        frame.wantsTable = true
        frame.acks = Array(repeating: .max, count: limits.ackCountMax)
        frame.requests = Array(repeating: .init(.max, longest), count: limits.requestCountMax)
        frame.reports = Array(repeating: .init(.max, .unable), count: limits.requestCountMax)
        frame.claims = Array(repeating: claim, count: limits.claimCountMax)
        #expect(try Self.parse(frame.encoded) == frame)
    }

    @Test func whatIsMissingOrOutOfRangeIsNamed() {
        let peer = MessageKit.field(1, Self.peer.multihash)
        let incarnation = MessageKit.field(3, 1)
        let cases: [([UInt8], ProtobufError)] = [
            (Self.claim(incarnation), .missingField(fieldNumber: 1)),
            (Self.claim(peer), .missingField(fieldNumber: 3)),
            (Self.claim(peer, MessageKit.field(3, 0)), .invalidValue(fieldNumber: 3)),
            (
                Self.claim(peer, MessageKit.fixed64(3, 1)), .wrongWireType(fieldNumber: 3)
            ),
            (
                Self.claim(peer, MessageKit.field(3, 1 << 62), MessageKit.field(2, 4)),
                .invalidValue(fieldNumber: 2)
            ),
            (Self.claim(peer, incarnation, MessageKit.field(4, 1 << 32)), .invalidValue(fieldNumber: 4)),
            (Self.claim(peer, incarnation, MessageKit.field(5, 1 << 32)), .invalidValue(fieldNumber: 5)),
            (Self.claim(peer, incarnation, MessageKit.field(6, 1 << 16)), .invalidValue(fieldNumber: 6)),
            (
                Self.claim(peer, incarnation, MessageKit.field(7, Self.other.multihash)),
                .invalidValue(fieldNumber: 7)
            ),
            (
                Self.claim(peer, incarnation, MessageKit.field(8, [UInt8](repeating: 0, count: 73))),
                .invalidValue(fieldNumber: 8)
            ),
            (Self.claim(MessageKit.field(1, [1, 2])), .invalidValue(fieldNumber: 1)),
            (MessageKit.field(1, 0), .invalidValue(fieldNumber: 1)),
            (MessageKit.field(2, 1 << 32), .invalidValue(fieldNumber: 2)),
            (MessageKit.field(3, MessageKit.field(1, 4)), .missingField(fieldNumber: 2)),
            (MessageKit.field(3, MessageKit.field(2, Self.peer.multihash)), .missingField(fieldNumber: 1)),
            (MessageKit.field(4, MessageKit.field(1, 4)), .missingField(fieldNumber: 2)),
            (MessageKit.field(4, MessageKit.field(2, 1)), .missingField(fieldNumber: 1)),
        ]
        for (bytes, error) in cases {
            #expect(throws: LivenessFrameError.malformed(error)) { try Self.parse(bytes) }
        }
    }

    @Test func aFindingOfALaterVersionSaysNothing() throws {
        let report = MessageKit.field(4, MessageKit.field(1, 4) + MessageKit.field(2, 77))
        #expect(try Self.parse(report).reports == [.init(4, .unable)])
    }

    @Test func theHigherIncarnationHoldsAndThenTheWorseState() {
        func overrides(_ state: LivenessClaim.State, _ incarnation: UInt64) -> Bool {
            LivenessClaim(Self.peer, state, incarnation: incarnation).overrides(.suspect, 5)
        }
        #expect(overrides(.alive, 6) && overrides(.dead, 5) && overrides(.left, 5))
        #expect(!overrides(.alive, 5) && !overrides(.suspect, 5) && !overrides(.dead, 4))
    }

    @Test func onlyTheMemberProvesItsIncarnation() {
        var claim = LivenessClaim(Self.peer, incarnation: 70_000)
        #expect(!claim.isProven)
        claim.proof = LivenessClaim.proof(of: 70_000, by: MessageKit.bob)
        #expect(!claim.isProven)
        claim.proof = LivenessClaim.proof(of: 70_001, by: MessageKit.alice)
        #expect(!claim.isProven)
        claim.proof = LivenessClaim.proof(of: 70_000, by: MessageKit.alice)
        #expect(claim.isProven)
    }
}

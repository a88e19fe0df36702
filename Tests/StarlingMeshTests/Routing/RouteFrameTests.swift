import StarlingCore
import StarlingCrypto
import StarlingMesh
import Testing

@Suite struct RouteFrameTests {
    typealias Kit = MessageKit

    /// 2^63 as a varint, which is too long for those of multiformats.
    private static let twoToThe63 = [UInt8](repeating: 0x80, count: 9) + [1]
    private static let alice = Kit.field(1, Kit.alice.peerID.multihash)
    private static var proofFields: [(number: Int, bytes: [UInt8])] {
        [
            (1, Kit.field(1, RouteKit.proof.number)),
            (2, Kit.field(2, UInt64(RouteKit.expires.millisecondsSince1970))),
            (3, Kit.field(3, RouteKit.proof.signature)),
        ]
    }

    /// An update with a proof of which one field is another.
    private static func update(proof number: Int, _ bytes: [UInt8]) -> [UInt8] {
        let proof = proofFields.flatMap { $0.number == number ? bytes : $0.bytes }
        return Kit.field(1, alice + Kit.field(2, proof) + Kit.field(3, 9) + Kit.field(4, 1))
    }

    @Test func comesBackAsItWasWritten() throws {
        var frame = RouteFrame()
        #expect(frame.isEmpty)
        #expect(try RouteKit.parse(frame) == frame)
        frame.updates = [
            RouteUpdate(.init(metric: .zero, hops: 0), proof: RouteKit.proof),
            RouteUpdate(RouteKit.way(3_600_000_000, hops: 255), to: Kit.bob.peerID),
            RouteUpdate(withdrawing: Kit.bob.peerID),
        ]
        frame.digest = RouteDigest()
        frame.routeRequests = [
            RouteRequest(destination: nil), RouteRequest(destination: Kit.bob.peerID, hopLimit: 255),
        ]
        frame.numberRequests = [
            NumberRequest(destination: Kit.alice.peerID, number: 1, hopLimit: 1),
            NumberRequest(
                destination: Kit.alice.peerID,
                number: RouteProof.numberMax,
                hopLimit: 255,
                proof: RouteKit.proof
            ),
        ]
        frame.liveness = [7]
        #expect(!frame.isEmpty)
        #expect(try RouteKit.parse(frame) == frame)
    }

    @Test func fieldsOfLaterVersionsAreSkipped() throws {
        let update = Kit.field(1, Self.alice + Kit.field(3, 9) + Kit.field(4, 1) + Kit.field(9, [1]))
        let frame = try RouteKit.parse(Kit.field(100, 1) + update + Kit.field(101, [1, 2]))
        #expect(frame.updates == [RouteUpdate(RouteKit.way(9, hops: 1), to: Kit.alice.peerID)])
    }

    @Test func zeroIsTheDestinationsOwn() throws {
        for (metric, hops) in [(UInt64(0), UInt64(1)), (1, 0)] {
            let update = Kit.field(1, Self.alice + Kit.field(3, metric) + Kit.field(4, hops))
            #expect(throws: ProtobufError.invalidValue(fieldNumber: 4)) { try RouteKit.parse(update) }
        }
    }

    @Test func anUpdateHasAllOfARouteOrNothing() {
        let proof = Kit.field(2, Self.proofFields.flatMap(\.bytes))
        for (body, error) in [
            (Kit.field(3, 9) + Kit.field(4, 1), ProtobufError.missingField(fieldNumber: 1)),
            (Self.alice + Kit.field(4, 1), .missingField(fieldNumber: 3)),
            (Self.alice + proof, .missingField(fieldNumber: 3)),
            (Self.alice + Kit.field(3, 9), .missingField(fieldNumber: 4)),
            (Self.alice + Kit.field(3, 3_600_000_001) + Kit.field(4, 1), .invalidValue(fieldNumber: 3)),
            (Self.alice + Kit.field(3, 9) + Kit.field(4, 256), .invalidValue(fieldNumber: 4)),
            (Kit.field(1, [9, 9]) + Kit.field(3, 9) + Kit.field(4, 1), .invalidValue(fieldNumber: 1)),
        ] {
            #expect(throws: error) { try RouteKit.parse(Kit.field(1, body)) }
        }
    }

    @Test func aProofHasAllThatIsSigned() {
        for number in 1...3 {
            #expect(throws: ProtobufError.missingField(fieldNumber: number)) {
                try RouteKit.parse(Self.update(proof: number, []))
            }
        }
        for (number, bytes) in [
            (1, Kit.field(1, 0)), (1, Kit.field(1, RouteProof.numberMax + 1)),
            (2, [2 << 3] + Self.twoToThe63),
            (3, Kit.field(3, [UInt8](repeating: 0, count: 73))),
        ] {
            #expect(throws: ProtobufError.invalidValue(fieldNumber: number)) {
                try RouteKit.parse(Self.update(proof: number, bytes))
            }
        }
    }

    @Test func requestsCrossAtLeastOneLink() throws {
        for hopLimit in [UInt64(0), 256] {
            #expect(throws: ProtobufError.invalidValue(fieldNumber: 2)) {
                try RouteKit.parse(Kit.field(3, Self.alice + Kit.field(2, hopLimit)))
            }
            #expect(throws: ProtobufError.invalidValue(fieldNumber: 3)) {
                try RouteKit.parse(Kit.field(4, Self.alice + Kit.field(2, 1) + Kit.field(3, hopLimit)))
            }
        }
        #expect(throws: ProtobufError.missingField(fieldNumber: 2)) {
            try RouteKit.parse(Kit.field(3, Self.alice))
        }
        // Everything is asked of neighbours only.
        #expect(throws: ProtobufError.invalidValue(fieldNumber: 2)) {
            try RouteKit.parse(Kit.field(3, Kit.field(2, 2)))
        }
        #expect(throws: ProtobufError.invalidValue(fieldNumber: 2)) {
            try RouteKit.parse(Kit.field(4, Self.alice + Kit.field(2, 0) + Kit.field(3, 1)))
        }
    }

    @Test func eachPartIsLimited() throws {
        var limits = RouteFrame.Limits()
        (limits.updateCountMax, limits.requestCountMax, limits.livenessByteCountMax) = (2, 3, 4)
        var frame = RouteFrame()
        frame.updates = .init(repeating: RouteUpdate(withdrawing: Kit.bob.peerID), count: 2)
        frame.routeRequests = .init(repeating: RouteRequest(destination: nil), count: 3)
        let request = NumberRequest(destination: Kit.bob.peerID, number: 1, hopLimit: 1)
        frame.numberRequests = .init(repeating: request, count: 3)
        frame.liveness = [1, 2, 3, 4]
        #expect(try RouteKit.parse(frame, limits) == frame)
        for (number, change) in [
            (1, { $0.updates.append(RouteUpdate(withdrawing: Kit.bob.peerID)) }),
            (3, { $0.routeRequests.append(RouteRequest(destination: nil)) }),
            (4, { $0.numberRequests.append(request) }),
        ] as [(Int, (inout RouteFrame) -> Void)] {
            var larger = frame
            change(&larger)
            #expect(throws: ProtobufError.tooManyEntries(fieldNumber: number)) {
                try RouteKit.parse(larger, limits)
            }
        }
        frame.liveness.append(5)
        #expect(throws: ProtobufError.invalidValue(fieldNumber: 5)) { try RouteKit.parse(frame, limits) }
    }

    @Test func theLongestFrameIsWithinItsLimit() throws {
        let limits = RouteFrame.Limits()
        let name = try PeerID(multihash: [0, 42] + [UInt8](repeating: 1, count: 42))
        let signed =
            Kit.field(1, RouteProof.numberMax) + Kit.field(2, UInt64(Int64.max))
            + Kit.field(3, [UInt8](repeating: 1, count: 72))
        let update =
            Kit.field(1, name.multihash) + Kit.field(2, signed) + Kit.field(3, 3_600_000_000)
            + Kit.field(4, 255)
        let asked = Kit.field(1, name.multihash) + Kit.field(2, 255)
        let number =
            Kit.field(1, name.multihash) + Kit.field(2, RouteProof.numberMax) + Kit.field(3, 255)
            + Kit.field(4, signed)
        var frame: [UInt8] = []
        for _ in 0..<limits.updateCountMax { frame += Kit.field(1, update) }
        for _ in 0..<limits.requestCountMax { frame += Kit.field(3, asked) + Kit.field(4, number) }
        frame += Kit.field(2, [1 << 3] + Self.twoToThe63 + Kit.fixed64(2, .max))
        frame += Kit.field(5, [UInt8](repeating: 0, count: limits.livenessByteCountMax))
        #expect(try RouteKit.parse(frame).updates.count == limits.updateCountMax)
        #expect(frame.count <= RouteFrame.byteCountMax)
    }

    @Test func theDigestTellsWhatWasToldAndInWhichOrder() throws {
        let (one, other) = (
            RouteUpdate(withdrawing: Kit.alice.peerID), RouteUpdate(withdrawing: Kit.bob.peerID)
        )
        func digest(_ updates: RouteUpdate...) -> RouteDigest {
            var digest = RouteDigest()
            for update in updates { digest.add(update) }
            return digest
        }
        #expect(digest(one, other) == digest(one, other))
        #expect(digest(one, other) != digest(other, one))
        #expect(digest(one).count == 1)
        let way = RouteKit.way(9, hops: 1)
        let told = [
            digest(one), digest(one, one), digest(RouteUpdate(way, to: Kit.alice.peerID)),
            digest(RouteUpdate(way, proof: RouteKit.proof)),
            digest(RouteUpdate(RouteKit.way(9, hops: 2), to: Kit.alice.peerID)),
            digest(RouteUpdate(RouteKit.way(8, hops: 1), to: Kit.alice.peerID)),
        ]
        for (index, digest) in told.enumerated() { #expect(told.firstIndex(of: digest) == index) }
    }
}

import StarlingCore
import StarlingMesh
import Testing

/// Frames of tunnels, and the vectors of docs/specs/tunnel.md.
@Suite struct TunnelRequestTests {
    private static let id = (0..<16).map { UInt8($0) }

    private func request(_ name: String = "/starling/blob/1") throws -> TunnelRequest {
        TunnelRequest(
            to: PeerID(checkedMultihash: [0, 4, 1, 2, 3, 4]),
            from: PeerID(checkedMultihash: [0, 4, 5, 6, 7, 8]),
            protocolID: name,
            id: try #require(TunnelID(Self.id)),
            hopCount: 3
        )
    }

    /// A frame without its length.
    private func body(_ frame: [UInt8]) -> [UInt8] { Array(frame.dropFirst(frame[0] < 0x80 ? 1 : 2)) }

    private func parse(_ bytes: [UInt8]) throws -> TunnelRequest { try TunnelRequest.parse(bytes.span) }

    @Test func framesAreThoseOfTheSpecification() throws {
        let request = try request()
        let vectors = try SpecVectors(of: "tunnel")
        vectors.expect("request", request.encoded)
        vectors.expect("prologue", request.binding)
        vectors.expect("accepted", TunnelAnswer.accepted.encoded)
        vectors.expect("busy", TunnelAnswer.refused(.busy).encoded)
    }

    @Test func whatIsWrittenIsRead() throws {
        let request = try request()
        #expect(try parse(body(request.encoded)) == request)
        #expect(try parse(body(request.carriedOn.encoded)).hopCount == 4)
        #expect(request.carriedOn.binding == request.binding, "relays count, and bind nobody by it")
        for refusal in TunnelAnswer.Refusal.allCases {
            let frame = body(TunnelAnswer.refused(refusal).encoded)
            #expect(try TunnelAnswer.parse(frame.span) == .refused(refusal))
        }
        #expect(try TunnelAnswer.parse([UInt8]().span) == .accepted)
        let later: [UInt8] = [0x08, 0x63]
        #expect(try TunnelAnswer.parse(later.span) == .refused(.noRoute), "a reason that is not known")
    }

    @Test func theLongestFrameIsTaken() throws {
        let longest = try request(String(repeating: "x", count: TunnelProtocol.nameByteCountMax))
        #expect(try parse(body(longest.encoded)) == longest)
        #expect(longest.encoded.count <= TunnelProtocol.frameByteCountMax)
        let longer = try request(String(repeating: "x", count: TunnelProtocol.nameByteCountMax + 1))
        #expect(throws: ProtobufError.invalidValue(fieldNumber: 3)) { try parse(body(longer.encoded)) }
    }

    @Test func whatIsMissingOrOutOfBoundsIsRefused() throws {
        let (to, from) = (PeerID(checkedMultihash: [0, 1, 1]), PeerID(checkedMultihash: [0, 1, 2]))
        func frame(
            to: PeerID? = to,
            from: PeerID? = from,
            id: [UInt8] = Self.id,
            hopCount: UInt64 = 0,
            hopLimit: UInt64 = 5
        ) -> [UInt8] {
            var writer = ProtobufWriter()
            if let to { writer.bytes(1, to.multihash) }
            if let from { writer.bytes(2, from.multihash) }
            writer.string(3, "/p/1")
            writer.bytes(4, id)
            writer.varint(5, hopCount)
            writer.varint(6, hopLimit)
            return writer.bytes
        }
        #expect(try parse(frame()).hopLimit == 5)
        #expect(try parse(frame(hopCount: 4)).hopCount == 4)
        #expect(throws: ProtobufError.missingField(fieldNumber: 1)) { try parse(frame(to: nil)) }
        #expect(throws: ProtobufError.missingField(fieldNumber: 2)) { try parse(frame(from: nil)) }
        #expect(throws: ProtobufError.invalidValue(fieldNumber: 2)) { try parse(frame(from: to)) }
        #expect(throws: ProtobufError.invalidValue(fieldNumber: 4)) { try parse(frame(id: [1])) }
        #expect(throws: ProtobufError.invalidValue(fieldNumber: 5)) { try parse(frame(hopCount: 5)) }
        #expect(throws: ProtobufError.invalidValue(fieldNumber: 6)) { try parse(frame(hopLimit: 0)) }
        #expect(throws: ProtobufError.invalidValue(fieldNumber: 6)) { try parse(frame(hopLimit: 256)) }
        #expect(try parse(frame(hopLimit: 255)).hopLimit == 255)
    }
}

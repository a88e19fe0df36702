import StarlingCore
import StarlingCrypto
import StarlingMesh
import Testing

@Suite struct SettlementTests {
    typealias Kit = MessageKit

    private static func settlement(_ series: [Settlement.Series]) -> Settlement {
        Settlement(of: series, to: Kit.bob.peerID, created: Kit.created, from: Kit.alice)
    }

    private static func range(_ first: UInt64, _ last: UInt64) -> [UInt8] {
        Kit.field(3, Kit.field(1, first) + Kit.field(2, last))
    }

    private static func series(floor: UInt64, _ ranges: [[UInt8]]) -> [UInt8] {
        Kit.field(4, Kit.fixed64(1, Kit.series) + Kit.field(2, floor) + ranges.flatMap(\.self))
    }

    private static var head: [UInt8] {
        Kit.field(1, Kit.alice.peerID.multihash) + Kit.field(2, Kit.bob.peerID.multihash)
            + Kit.field(3, UInt64(Kit.created.millisecondsSince1970))
    }

    @Test func comesBackAsItWasSigned() throws {
        let series = [
            Settlement.Series(series: Kit.series, floor: 5, ranges: [7...7, 9...12]),
            Settlement.Series(series: 2, floor: 1),
        ]
        let settlement = Self.settlement(series)
        let read = try Kit.verifySettlement(settlement.encoded)
        #expect(read == settlement)
        #expect(read.series == series)
        let body =
            Self.head + Self.series(floor: 5, [Self.range(7, 7), Self.range(9, 12)])
            + Kit.field(4, Kit.fixed64(1, 2) + Kit.field(2, 1))
        #expect(settlement.encoded == Kit.signedSettlement(body: body))
    }

    @Test func rangesAreInOrderAndApart() throws {
        for ranges in [
            [Self.range(5, 6)], [Self.range(4, 6)], [Self.range(7, 8), Self.range(9, 9)],
            [Self.range(9, 9), Self.range(7, 7)], [Self.range(7, MessageHeader.Place.numberMax + 1)],
        ] {
            let bytes = Kit.signedSettlement(body: Self.head + Self.series(floor: 5, ranges))
            #expect(throws: EnvelopeError.malformed(.invalidValue(fieldNumber: 3)), "\(ranges)") {
                try Kit.verifySettlement(bytes)
            }
        }
        let backwards = Kit.signedSettlement(body: Self.head + Self.series(floor: 5, [Self.range(8, 7)]))
        #expect(throws: EnvelopeError.malformed(.invalidValue(fieldNumber: 2))) {
            try Kit.verifySettlement(backwards)
        }
        for floor in [0, MessageHeader.Place.numberMax + 1] {
            let bytes = Kit.signedSettlement(body: Self.head + Self.series(floor: floor, []))
            #expect(throws: EnvelopeError.malformed(.invalidValue(fieldNumber: 2))) {
                try Kit.verifySettlement(bytes)
            }
        }
    }

    @Test func theNumbersOfSeriesAndRangesAreLimited() throws {
        var limits = Settlement.Limits()
        limits.seriesCountMax = 2
        limits.rangeCountMax = 3
        func bytes(series: Int, ranges: Int) -> [UInt8] {
            let ranges = (0..<ranges).map { index -> ClosedRange<UInt64> in
                let number = UInt64(3 + 2 * index)
                return number...number
            }
            let entry = Settlement.Series(series: 1, floor: 1, ranges: ranges)
            return Self.settlement(.init(repeating: entry, count: series)).encoded
        }
        #expect(try Kit.verifySettlement(bytes(series: 2, ranges: 3), limits).series.count == 2)
        #expect(throws: EnvelopeError.malformed(.tooManyEntries(fieldNumber: 4))) {
            try Kit.verifySettlement(bytes(series: 3, ranges: 1), limits)
        }
        #expect(throws: EnvelopeError.malformed(.tooManyEntries(fieldNumber: 3))) {
            try Kit.verifySettlement(bytes(series: 1, ranges: 4), limits)
        }
        let most = Settlement.Limits()
        let start = MessageHeader.Place.numberMax - 200
        let ranges = (0..<most.rangeCountMax).map { index -> ClosedRange<UInt64> in
            let number = start + UInt64(2 * index)
            return number...number
        }
        let series = Settlement.Series(series: .max, floor: start - 2, ranges: ranges)
        let largest = Self.settlement(.init(repeating: series, count: most.seriesCountMax)).encoded
        #expect(largest.count <= most.settlementByteCountMax)
        #expect(throws: Never.self) { try Kit.verifySettlement(largest) }
    }

    @Test func noBitMayChangeAndNoPrefixIsASettlement() throws {
        let good = Self.settlement([.init(series: Kit.series, floor: 5, ranges: [7...9])]).encoded
        for index in good.indices {
            var bytes = good
            bytes[index] ^= 1
            #expect(throws: EnvelopeError.self, "byte \(index)") { try Kit.verifySettlement(bytes) }
            #expect(throws: EnvelopeError.self) { try Kit.verifySettlement(Array(good[..<index])) }
        }
        let body = Self.head + Self.series(floor: 5, [])
        #expect(throws: EnvelopeError.wrongSignature) {
            try Kit.verifySettlement(Kit.signedSettlement(body: body, by: Kit.bob))
        }
        for count in 0..<3 {
            let fields = [
                Kit.field(1, Kit.alice.peerID.multihash), Kit.field(2, Kit.bob.peerID.multihash),
                Kit.field(3, 1),
            ]
            let missing = fields.enumerated().filter { $0.offset != count }.flatMap(\.element)
            #expect(throws: EnvelopeError.malformed(.missingField(fieldNumber: count + 1))) {
                try Kit.verifySettlement(Kit.signedSettlement(body: missing + Self.series(floor: 1, [])))
            }
        }
        #expect(throws: EnvelopeError.malformed(.missingField(fieldNumber: 4))) {
            try Kit.verifySettlement(Kit.signedSettlement(body: Self.head))
        }
    }
}

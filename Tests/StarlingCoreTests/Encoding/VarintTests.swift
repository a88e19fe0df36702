import StarlingCore
import Testing

@Suite struct VarintTests {
    static let examples: [([UInt8], UInt64)] = [
        ([0x00], 0), ([0x7f], 127), ([0x80, 0x01], 128), ([0xff, 0x01], 255), ([0xac, 0x02], 300),
        ([0x80, 0x80, 0x01], 16384),
    ]

    @Test(arguments: examples)
    func readsTheExamplesOfTheSpecification(bytes: [UInt8], value: UInt64) throws {
        var offset = 0
        #expect(try Varint.read(bytes.span, at: &offset) == value)
        #expect(offset == bytes.count)
        var written: [UInt8] = []
        Varint.append(value, to: &written)
        #expect(written == bytes)
        #expect(Varint.byteCount(of: value) == bytes.count)
    }

    @Test func aTruncatedVarintLeavesTheOffsetAlone() {
        let bytes: [UInt8] = [0x80]
        var offset = 0
        #expect(throws: VarintError.truncated) { try Varint.read(bytes.span, at: &offset) }
        #expect(offset == 0)
    }

    @Test func rejectsPaddedAndOverlongForms() {
        var offset = 0
        let padded: [UInt8] = [0x81, 0x00]
        #expect(throws: VarintError.notMinimal) { try Varint.read(padded.span, at: &offset) }
        let overlong = [UInt8](repeating: 0xff, count: 10)
        #expect(throws: VarintError.tooLong) { try Varint.read(overlong.span, at: &offset) }
    }
}

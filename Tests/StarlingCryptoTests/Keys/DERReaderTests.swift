import StarlingCore
import Testing

@testable import StarlingCrypto

@Suite struct DERReaderTests {
    private func integer(_ bytes: [UInt8]) throws(DERError) -> [UInt8] {
        var reader = DERReader(0..<bytes.count)
        let range = try reader.magnitude(in: bytes.span)
        try reader.finish()
        return bytes.span.array(range)
    }

    private func content(_ bytes: [UInt8]) throws(DERError) -> Int {
        var reader = DERReader(0..<bytes.count)
        let range = try reader.element(DERReader.sequence, in: bytes.span)
        try reader.finish()
        return range.count
    }

    @Test func readsIntegersWithoutTheirSignByte() throws {
        #expect(try integer([0x02, 0x01, 0x00]) == [0x00])
        #expect(try integer([0x02, 0x01, 0x7f]) == [0x7f])
        #expect(try integer([0x02, 0x02, 0x00, 0x80]) == [0x80])
        #expect(try integer([0x02, 0x02, 0x01, 0x00]) == [0x01, 0x00])
    }

    @Test func refusesIntegersThatAreNegativePaddedOrEmpty() {
        for bytes: [UInt8] in [
            [0x02, 0x00], [0x02, 0x01, 0x80], [0x02, 0x02, 0x00, 0x7f], [0x02, 0x02, 0xff, 0xff],
        ] {
            #expect(throws: DERError.invalidInteger) { try integer(bytes) }
        }
    }

    @Test func readsTheLengthsThatKeysNeed() throws {
        func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }
        #expect(try content([0x30, 0x7f] + zeros(127)) == 127)
        #expect(try content([0x30, 0x81, 0x80] + zeros(128)) == 128)
        #expect(try content([0x30, 0x82, 0x01, 0x00] + zeros(256)) == 256)
    }

    @Test func refusesLengthsThatAreIndefinitePaddedOrTooLong() {
        let forms: [[UInt8]] = [
            [0x30, 0x80, 0x00, 0x00], [0x30, 0x81, 0x7f] + [UInt8](repeating: 0, count: 127),
            [0x30, 0x82, 0x00, 0x80] + [UInt8](repeating: 0, count: 128), [0x30, 0x83, 0x00, 0x00, 0x00],
            [0x30, 0xff],
        ]
        for form in forms { #expect(throws: DERError.invalidLength) { try content(form) } }
    }

    @Test func refusesWhatEndsEarlyOrLate() {
        for bytes: [UInt8] in [[], [0x30], [0x30, 0x01], [0x30, 0x81], [0x30, 0x82, 0x01]] {
            #expect(throws: DERError.truncated) { try content(bytes) }
        }
        #expect(throws: DERError.unexpectedTag(0x31)) { try content([0x31, 0x00]) }
        #expect(throws: DERError.trailingBytes) { try content([0x30, 0x00, 0x00]) }
    }

    @Test func refusesBitStringsOfOddBits() {
        let bytes: [UInt8] = [0x03, 0x02, 0x01, 0x80]
        var reader = DERReader(0..<bytes.count)
        var error: DERError?
        do { _ = try reader.octets(in: bytes.span) } catch let caught { error = caught }
        #expect(error == .invalidLength)
        #expect(!reader.isAtEnd)
    }
}

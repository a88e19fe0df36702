import StarlingCore
import Testing

@Suite struct ProtobufTests {
    /// The fields of a message, for comparison.
    static func fields(_ bytes: [UInt8]) throws(ProtobufError) -> [ProtobufField] {
        var cursor = ProtobufCursor(bytes.span)
        var fields: [ProtobufField] = []
        while let field = try cursor.next(in: bytes.span) { fields.append(field) }
        return fields
    }

    @Test func readsTheExamplesOfTheSpecification() throws {
        #expect(try Self.fields([0x08, 0x96, 0x01]) == [.init(number: 1, value: .varint(150))])
        let text: [UInt8] = [0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67]
        let field = try #require(try Self.fields(text).first)
        #expect(field == .init(number: 2, value: .bytes(2..<9)))
        #expect(try field.string(in: text.span) == "testing")
        #expect(try field.bytes(in: text.span) == Array("testing".utf8))
        #expect(try field.range() == 2..<9)
        let nested: [UInt8] = [0x1a, 0x03, 0x08, 0x96, 0x01]
        let outer = try #require(try Self.fields(nested).first)
        var cursor = ProtobufCursor(range: try outer.range())
        #expect(try cursor.next(in: nested.span) == .init(number: 1, value: .varint(150)))
        #expect(try cursor.next(in: nested.span) == nil)
    }

    @Test func readsFixedWidthFieldsInLittleEndian() throws {
        #expect(try Self.fields([0x0d, 1, 0, 0, 0x80]) == [.init(number: 1, value: .fixed32(0x8000_0001))])
        let eight = try Self.fields([0x09, 1, 0, 0, 0, 0, 0, 0, 0x80])
        #expect(eight == [.init(number: 1, value: .fixed64(0x8000_0000_0000_0001))])
    }

    @Test func whatTheWriterWritesTheCursorReads() throws {
        var writer = ProtobufWriter()
        writer.varint(1, 0)
        writer.varint(16, .max)
        writer.bytes(2, [1, 2, 3])
        writer.string(3, "é")
        writer.fixed64(4, 0x0102_0304_0506_0708)
        writer.message(5) {
            $0.varint(1, 300)
            $0.message(2) { _ in }
        }
        let bytes = writer.bytes
        let fields = try Self.fields(bytes)
        #expect(fields.map(\.number) == [1, 16, 2, 3, 4, 5])
        #expect(try fields[0].varint() == 0)
        #expect(try fields[1].varint() == .max)
        #expect(try fields[2].bytes(in: bytes.span) == [1, 2, 3])
        #expect(try fields[3].string(in: bytes.span) == "é")
        #expect(fields[4].value == .fixed64(0x0102_0304_0506_0708))
        #expect(try fields[5].bytes(in: bytes.span) == [0x08, 0xac, 0x02, 0x12, 0x00])
    }

    @Test(
        arguments: [
            ([0x08], ProtobufError.truncated), ([0x08, 0x80], .truncated), ([0x80], .truncated),
            ([0x09, 1, 2, 3, 4, 5, 6, 7], .truncated), ([0x0d, 1, 2, 3], .truncated),
            ([0x12], .truncated), ([0x12, 0x01], .lengthOutOfBounds),
            ([0x12, 0x02, 0x00], .lengthOutOfBounds),
            ([0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], .lengthOutOfBounds),
            ([0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], .varintTooLong),
            ([0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00], .varintTooLong),
            ([0x00, 0x00], .invalidFieldNumber), ([0x80, 0x80, 0x80, 0x80, 0x10, 0x00], .invalidFieldNumber),
            ([0x0b], .unsupportedWireType(3)), ([0x0c], .unsupportedWireType(4)),
            ([0x0e], .unsupportedWireType(6)), ([0x0f], .unsupportedWireType(7)),
        ] as [([UInt8], ProtobufError)]
    )
    func refusesBrokenMessages(bytes: [UInt8], error: ProtobufError) {
        #expect(throws: error) { try Self.fields(bytes) }
    }

    @Test func theLargestVarintAndFieldNumberAreRead() throws {
        let largest: [UInt8] = [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]
        #expect(try Self.fields(largest) == [.init(number: 1, value: .varint(.max))])
        let number: [UInt8] = [0xf8, 0xff, 0xff, 0xff, 0x0f, 0x00]
        #expect(try Self.fields(number) == [.init(number: 1 << 29 - 1, value: .varint(0))])
    }

    @Test func aFieldOfAnotherTypeIsRefusedByName() throws {
        let bytes: [UInt8] = [0x08, 0x01, 0x12, 0x01, 0xff]
        let fields = try Self.fields(bytes)
        #expect(throws: ProtobufError.wrongWireType(fieldNumber: 1)) { try fields[0].range() }
        #expect(throws: ProtobufError.wrongWireType(fieldNumber: 2)) { try fields[1].varint() }
        #expect(throws: ProtobufError.invalidUTF8(fieldNumber: 2)) { try fields[1].string(in: bytes.span) }
    }

    @Test func aNestedCursorStaysWithinItsMessage() {
        // The inner length reaches beyond the inner message, not beyond the outer one.
        let bytes: [UInt8] = [0x0a, 0x02, 0x12, 0x02, 0x00, 0x00]
        var cursor = ProtobufCursor(range: 2..<4)
        #expect(throws: ProtobufError.lengthOutOfBounds) { try cursor.next(in: bytes.span) }
        var inVarint = ProtobufCursor(range: 2..<3)
        #expect(throws: ProtobufError.truncated) { try inVarint.next(in: bytes.span) }
    }

    @Test func anErrorLeavesTheCursorWhereItWas() throws {
        let bytes: [UInt8] = [0x08, 0x01, 0x12, 0x05, 0x00]
        var cursor = ProtobufCursor(bytes.span)
        #expect(try cursor.next(in: bytes.span)?.number == 1)
        #expect(throws: ProtobufError.lengthOutOfBounds) { try cursor.next(in: bytes.span) }
        #expect(throws: ProtobufError.lengthOutOfBounds) { try cursor.next(in: bytes.span) }
        let complete = bytes + [0, 0, 0, 0]
        var again = ProtobufCursor(range: 2..<complete.count)
        #expect(try again.next(in: complete.span)?.number == 2)
    }

    @Test func randomBytesNeverReachBeyondTheMessage() {
        let seed: UInt64 = 5
        var random = SplitMix64(seed: seed)
        for _ in 0..<20_000 {
            let bytes = random.bytes(count: Int.random(in: 0...24, using: &random))
            var cursor = ProtobufCursor(bytes.span)
            while let field = try? cursor.next(in: bytes.span) {
                guard case .bytes(let range) = field.value else { continue }
                #expect(range.upperBound <= bytes.count, "seed \(seed), \(bytes)")
            }
        }
    }
}

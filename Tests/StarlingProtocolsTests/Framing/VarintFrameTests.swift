import StarlingCore
import StarlingProtocols
import Testing

extension VarintFrameReader {
    /// Feeds one chunk and lists the messages that it completes.
    fileprivate mutating func messages(_ bytes: [UInt8]) throws(VarintFrameError) -> [[UInt8]] {
        var messages: [[UInt8]] = []
        var offset = 0
        let span = bytes.span
        while let message = try next(span, at: &offset) { messages.append(message) }
        return messages
    }
}

@Suite struct VarintFrameTests {
    @Test func everyChunkingGivesTheSameMessages() throws {
        let messages: [[UInt8]] = [[1, 2, 3], [], [UInt8](repeating: 7, count: 200), [9]]
        let wire = messages.flatMap(VarintFrame.encode)
        for first in 0...wire.count {
            for second in [first, (first + wire.count) / 2, wire.count] {
                var reader = VarintFrameReader(messageByteCountMax: 200)
                var found: [[UInt8]] = []
                for cut in [0..<first, first..<second, second..<wire.count] {
                    found += try reader.messages(Array(wire[cut]))
                }
                #expect(found == messages, "cut at \(first) and \(second)")
                try reader.receiveEnd()
            }
        }
        var reader = VarintFrameReader(messageByteCountMax: 200)
        #expect(try wire.flatMap { byte in try reader.messages([byte]) } == messages)
    }

    @Test func takesAMessageAtTheLimitAndRefusesOneAbove() throws {
        var reader = VarintFrameReader(messageByteCountMax: 300)
        #expect(try reader.messages(VarintFrame.encode([UInt8](repeating: 1, count: 300))).count == 1)
        #expect(throws: VarintFrameError.tooLong) { try reader.messages([0xad, 0x02]) }
    }

    @Test func refusesALengthThatIsNoVarint() {
        for length: [UInt8] in [[0x80, 0x00], [UInt8](repeating: 0xff, count: 9)] {
            var reader = VarintFrameReader(messageByteCountMax: .max)
            #expect(throws: VarintFrameError.tooLong) { try reader.messages(length) }
            var slow = VarintFrameReader(messageByteCountMax: .max)
            #expect(throws: VarintFrameError.tooLong) { for byte in length { _ = try slow.messages([byte]) } }
        }
    }

    @Test func anEndInsideAMessageIsAnError() throws {
        for bytes: [UInt8] in [[0x80], [0x01], [2, 2]] {
            var reader = VarintFrameReader(messageByteCountMax: 300)
            #expect(try reader.messages(bytes) == [])
            #expect(throws: VarintFrameError.truncated) { try reader.receiveEnd() }
        }
    }

    @Test func anAnnouncedLengthReservesNothing() throws {
        var reader = VarintFrameReader(messageByteCountMax: .max)
        var length: [UInt8] = []
        Varint.append(1 << 60, to: &length)
        #expect(try reader.messages(length + [1, 2, 3]) == [])
        #expect(reader.isInsideMessage)
    }
}

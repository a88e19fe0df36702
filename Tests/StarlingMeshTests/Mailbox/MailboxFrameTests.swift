import StarlingCore
import StarlingCrypto
import StarlingMesh
import Testing

@Suite struct MailboxFrameTests {
    private static let id = MessageKit.id

    private func body(_ frame: [UInt8]) throws -> [UInt8] {
        var offset = 0
        let byteCount = try Varint.read(frame.span, at: &offset)
        #expect(byteCount == UInt64(frame.count - offset))
        return Array(frame[offset...])
    }

    static let asks: [MailboxAsk] = [
        .offer([1, 2, 3]), .fetch(.init()), .fetch(.init(after: 7, countMax: 1, byteCountMax: 1)),
        .receipt([4, 5]), .erase([id]), .status([]), .status([id, id]), .list(MessageKit.bob.peerID),
        .list(MessageKit.bob.peerID, hopLimit: 255),
    ]

    @Test(arguments: asks) func anAskReadsWhatItWrites(ask: MailboxAsk) throws {
        #expect(try self.ask(body(ask.encoded)) == ask)
    }

    static var status: MailboxStatus {
        var status = MailboxStatus()
        status.serves = true
        (status.waitingCount, status.waitingByteCount) = (1, 2)
        (status.leftCount, status.leftByteCount) = (3, 4)
        status.missing = [id]
        return status
    }

    static let answers: [MailboxAnswer] =
        MailboxVerdict.allCases.map { .verdicts([.init(id: id, verdict: $0)]) } + [
            .page(.init()), .page(.init(envelopes: [[1], [2, 3]], receipts: [[4]], next: 9)), .erased([id]),
            .erased([]), .status(.init()), .status(status), .list([]), .list([1, 2]),
        ]

    @Test(arguments: answers) func anAnswerReadsWhatItWrites(answer: MailboxAnswer) throws {
        #expect(try self.answer(body(answer.encoded)) == answer)
    }

    @Test func kindsOfLaterVersionsAreSkipped() throws {
        let later = MessageKit.field(10, [1, 2])
        #expect(try self.ask(later) == nil)
        #expect(try self.answer(later) == nil)
        #expect(try self.ask(later + MessageKit.field(1, [7])) == .offer([7]))
        let verdict = MessageKit.field(
            1,
            MessageKit.field(1, MessageKit.field(1, Self.id.bytes) + MessageKit.field(2, 99))
        )
        #expect(
            try self.answer(verdict) == .verdicts([.init(id: Self.id, verdict: .failed)]),
            "what a later verdict means is not known, but that it is not this one"
        )
    }

    private func ask(_ bytes: [UInt8]) throws(ProtobufError) -> MailboxAsk? {
        try MailboxAsk.parse(bytes.span)
    }

    private func answer(_ bytes: [UInt8]) throws(ProtobufError) -> MailboxAnswer? {
        try MailboxAnswer.parse(bytes.span)
    }

    private func error(ask bytes: [UInt8]) -> ProtobufError? {
        do throws(ProtobufError) { _ = try ask(bytes) } catch { return error }
        return nil
    }

    private func error(answer bytes: [UInt8]) -> ProtobufError? {
        do throws(ProtobufError) { _ = try answer(bytes) } catch { return error }
        return nil
    }

    @Test func whatIsOutOfItsRangeIsRefused() {
        func fetch(_ count: UInt64, _ byteCount: UInt64) -> [UInt8] {
            MessageKit.field(2, MessageKit.field(2, count) + MessageKit.field(3, byteCount))
        }
        let (countMax, byteCountMax) = (
            UInt64(MailboxProtocol.pageCountMax), UInt64(MailboxProtocol.pageByteCountMax)
        )
        #expect(error(ask: fetch(countMax, byteCountMax)) == nil)
        #expect(error(ask: fetch(1, 1)) == nil)
        #expect(error(ask: fetch(0, 1)) == .invalidValue(fieldNumber: 2))
        #expect(error(ask: fetch(countMax + 1, 1)) == .invalidValue(fieldNumber: 2))
        #expect(error(ask: fetch(1, 0)) == .invalidValue(fieldNumber: 3))
        #expect(error(ask: fetch(1, byteCountMax + 1)) == .invalidValue(fieldNumber: 3))
        #expect(error(ask: MessageKit.field(4, [])) == .missingField(fieldNumber: 1))
        #expect(error(ask: MessageKit.field(4, MessageKit.field(1, [1]))) == .invalidValue(fieldNumber: 1))
        #expect(error(ask: MessageKit.field(6, [1])) == .invalidValue(fieldNumber: 6))
    }

    @Test func entriesAreCounted() {
        func ids(_ count: Int) -> [UInt8] {
            (0..<count).flatMap { _ in MessageKit.field(1, Self.id.bytes) }
        }
        func verdicts(_ count: Int) -> [UInt8] {
            (0..<count).flatMap { _ in
                MessageKit.field(1, MessageKit.field(1, Self.id.bytes) + MessageKit.field(2, 1))
            }
        }
        let most = MailboxProtocol.idCountMax
        for kind in [4, 5] as [UInt64] {
            #expect(error(ask: MessageKit.field(kind, ids(most))) == nil)
            #expect(error(ask: MessageKit.field(kind, ids(most + 1))) == .tooManyEntries(fieldNumber: 1))
        }
        #expect(error(answer: MessageKit.field(1, verdicts(most))) == nil)
        #expect(error(answer: MessageKit.field(1, verdicts(most + 1))) == .tooManyEntries(fieldNumber: 1))
        #expect(error(answer: MessageKit.field(3, ids(most + 1))) == .tooManyEntries(fieldNumber: 1))
        let missing = (0...most).flatMap { _ in MessageKit.field(6, Self.id.bytes) }
        #expect(error(answer: MessageKit.field(4, missing)) == .tooManyEntries(fieldNumber: 6))
        let pageMax = MailboxProtocol.pageCountMax
        let page = (0..<pageMax).flatMap { MessageKit.field($0 % 2 == 0 ? 1 : 2, [7]) }
        #expect(error(answer: MessageKit.field(2, page + MessageKit.field(3, 5))) == nil)
        #expect(
            error(answer: MessageKit.field(2, page + MessageKit.field(2, [7])))
                == .tooManyEntries(fieldNumber: 2)
        )
    }

    @Test func theLongestFramesAreWithinTheirLimits() throws {
        let envelope = [UInt8](repeating: 1, count: Envelope.Limits().envelopeByteCountMax)
        #expect(try body(MailboxAsk.offer(envelope).encoded).count <= MailboxProtocol.askByteCountMax)
        let ids = [MessageID](repeating: Self.id, count: MailboxProtocol.idCountMax)
        #expect(try body(MailboxAsk.erase(ids).encoded).count <= MailboxProtocol.askByteCountMax)
        let one = MailboxPage(envelopes: [envelope], next: .max)
        #expect(try body(MailboxAnswer.page(one).encoded).count <= MailboxProtocol.answerByteCountMax)
        let size = MailboxProtocol.pageByteCountMax / MailboxProtocol.pageCountMax
        let parts = [[UInt8]](
            repeating: [UInt8](repeating: 1, count: size),
            count: MailboxProtocol.pageCountMax
        )
        let many = MailboxPage(envelopes: parts, next: .max)
        #expect(try body(MailboxAnswer.page(many).encoded).count <= MailboxProtocol.answerByteCountMax)
    }
}

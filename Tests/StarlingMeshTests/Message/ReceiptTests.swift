import StarlingCore
import StarlingCrypto
import StarlingMesh
import Testing

@Suite struct ReceiptTests {
    private static let entry = MessageKit.field(
        4,
        MessageKit.field(1, MessageKit.id.bytes) + MessageKit.field(2, 1)
    )
    private static var bodyFields: [[UInt8]] {
        [
            MessageKit.field(1, MessageKit.bob.peerID.multihash),
            MessageKit.field(2, MessageKit.alice.peerID.multihash),
            MessageKit.field(3, UInt64(MessageKit.created.millisecondsSince1970)), entry,
        ]
    }

    @Test func whatMayPassIsToldFromWhatIsFinal() {
        let transient = Receipt.Outcome.allCases.filter(\.isTransient)
        #expect(transient == [.refusedFull, .heldBack, .fetching, .refusedNoSpace])
    }

    private static func receipt(_ outcomes: [Receipt.Outcome]) -> Receipt {
        Receipt(
            for: outcomes.map { .init(id: MessageKit.id, outcome: $0) },
            to: MessageKit.alice.peerID,
            created: MessageKit.created,
            from: MessageKit.bob
        )
    }

    @Test(arguments: Receipt.Outcome.allCases)
    func comesBackAsItWasSigned(outcome: Receipt.Outcome) throws {
        let receipt = Self.receipt([outcome, .delivered])
        let read = try MessageKit.verifyReceipt(receipt.encoded)
        #expect(read == receipt)
        #expect(read.entries.map(\.outcome) == [outcome, .delivered])
        #expect(read.from == MessageKit.bob.peerID)
        #expect(read.to == MessageKit.alice.peerID)
    }

    @Test func theWireFormIsTheOneOfTheSpecification() {
        let body = Self.bodyFields.flatMap(\.self)
        #expect(Self.receipt([.delivered]).encoded == MessageKit.signedReceipt(body: body))
    }

    @Test(arguments: 0..<4) func everyFieldIsNeeded(index: Int) throws {
        var fields = Self.bodyFields
        fields.remove(at: index)
        #expect(throws: EnvelopeError.malformed(.missingField(fieldNumber: index + 1))) {
            try MessageKit.verifyReceipt(MessageKit.signedReceipt(body: fields.flatMap(\.self)))
        }
    }

    @Test func anEntryNeedsItsIDAndAnOutcomeThatExists() throws {
        let head = Self.bodyFields.dropLast().flatMap(\.self)
        let noID = MessageKit.field(4, MessageKit.field(2, 1))
        let noOutcome = MessageKit.field(4, MessageKit.field(1, MessageKit.id.bytes))
        let unknown = MessageKit.field(4, MessageKit.field(1, MessageKit.id.bytes) + MessageKit.field(2, 99))
        #expect(throws: EnvelopeError.malformed(.missingField(fieldNumber: 1))) {
            try MessageKit.verifyReceipt(MessageKit.signedReceipt(body: head + noID))
        }
        let shortID = MessageKit.field(4, MessageKit.field(1, [1]) + MessageKit.field(2, 1))
        #expect(throws: EnvelopeError.malformed(.invalidValue(fieldNumber: 1))) {
            try MessageKit.verifyReceipt(MessageKit.signedReceipt(body: head + shortID))
        }
        for entry in [noOutcome, unknown] {
            #expect(throws: EnvelopeError.malformed(.invalidValue(fieldNumber: 2))) {
                try MessageKit.verifyReceipt(MessageKit.signedReceipt(body: head + entry))
            }
        }
    }

    @Test func noBitMayChangeAndNoPrefixIsAReceipt() throws {
        let good = Self.receipt([.delivered]).encoded
        for index in good.indices {
            var bytes = good
            bytes[index] ^= 1
            #expect(throws: EnvelopeError.self, "byte \(index)") { try MessageKit.verifyReceipt(bytes) }
            #expect(throws: EnvelopeError.self) { try MessageKit.verifyReceipt(Array(good[..<index])) }
        }
        let body = Self.bodyFields.flatMap(\.self)
        #expect(throws: EnvelopeError.wrongSignature) {
            try MessageKit.verifyReceipt(MessageKit.signedReceipt(body: body, by: MessageKit.alice))
        }
    }

    @Test func theNumberOfEntriesIsLimited() throws {
        var limits = Receipt.Limits()
        limits.entryCountMax = 3
        for count in 1...3 {
            let receipt = Self.receipt(.init(repeating: .delivered, count: count))
            #expect(try MessageKit.verifyReceipt(receipt.encoded, limits).entries.count == count)
        }
        #expect(throws: EnvelopeError.malformed(.tooManyEntries(fieldNumber: 4))) {
            try MessageKit.verifyReceipt(Self.receipt(.init(repeating: .delivered, count: 4)).encoded, limits)
        }
        let most = Receipt.Limits()
        let largest = Self.receipt(.init(repeating: .delivered, count: most.entryCountMax)).encoded
        #expect(largest.count <= most.receiptByteCountMax)
    }

    @Test func framesCarryEachKindAndSkipWhatIsNotKnown() throws {
        for frame in MessageFrame.Kind.allCases.map({ MessageFrame($0, [1, 2, $0.rawValue]) }) {
            let bytes = frame.encoded
            #expect(Int(bytes[0]) == bytes.count - 1)
            #expect(try MessageFrame.parse(Array(bytes.dropFirst()).span) == frame)
        }
        #expect(try MessageFrame.parse(MessageKit.field(6, [1]).span) == nil)
        #expect(try MessageFrame.parse([UInt8]().span) == nil)
        #expect(throws: ProtobufError.self) { try MessageFrame.parse([0x0a, 5, 1].span) }
    }
}

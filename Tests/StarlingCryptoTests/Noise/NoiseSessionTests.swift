import StarlingCore
import Testing

@testable import StarlingCrypto

@Suite struct NoiseSessionTests {
    private let cipher: ChaChaPoly
    private let alice: NoiseSide
    private let bob: NoiseSide

    init() throws {
        cipher = try ChaChaPoly()
        let pair = try NoisePair()
        try pair.run()
        alice = NoiseSide(try pair.initiator.finish())
        bob = NoiseSide(try pair.responder.finish())
    }

    @Test func recordsOfRandomLengthsArriveInBothDirections() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var state = seed
        func draw(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        for step in 0..<300 {
            let count = step % 50 == 0 ? draw(65520) : draw(300)
            let content = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 13 &+ step) }
            let (sender, receiver) = draw(2) == 0 ? (alice, bob) : (bob, alice)
            let record = try sender.seal(content, cipher)
            #expect(record.count == count + 18)
            let byteCount = NoiseRecord.byteCount(in: record.span, at: 0)
            #expect(byteCount == record.count)
            #expect(try receiver.open(record, cipher) == content, "seed \(seed), step \(step)")
        }
    }

    @Test func theLongestRecordHoldsTheLargestContent() throws {
        let content = [UInt8](repeating: 5, count: NoiseRecord.contentByteCountMax)
        let record = try alice.seal(content, cipher)
        #expect(record.count == 2 + 65535)
        #expect(Array(record.prefix(2)) == [0xff, 0xff])
        #expect(try bob.open(record, cipher) == content)
        #expect(try bob.open(try alice.seal([], cipher), cipher) == [])
    }

    @Test func repeatedReorderedAndReflectedRecordsAreRefused() throws {
        let records = try (0..<3).map { try alice.seal([$0, $0], cipher) }
        #expect(throws: NoiseError.authenticationFailed) { try bob.open(records[1], cipher) }
        #expect(try bob.open(records[0], cipher) == [0, 0])
        #expect(throws: NoiseError.authenticationFailed) { try bob.open(records[0], cipher) }
        #expect(throws: NoiseError.authenticationFailed) { try bob.open(records[2], cipher) }
        #expect(throws: NoiseError.authenticationFailed) { try alice.open(records[1], cipher) }
        #expect(try bob.open(records[1], cipher) == [1, 1])
        #expect(try bob.open(records[2], cipher) == [2, 2])
    }

    @Test func everyChangedByteIsRefused() throws {
        let record = try alice.seal([UInt8](0..<20), cipher)
        for index in record.indices {
            var changed = record
            changed[index] ^= 0x10
            let expected = index < 2 ? NoiseError.malformedRecord : .authenticationFailed
            #expect(throws: expected) { try bob.open(changed, cipher) }
        }
        for count in 0..<record.count {
            #expect(throws: NoiseError.malformedRecord) { try bob.open(Array(record.prefix(count)), cipher) }
        }
        #expect(throws: NoiseError.malformedRecord) { try bob.open([0, 0], cipher) }
        #expect(throws: NoiseError.malformedRecord) {
            try bob.open([0, 15] + [UInt8](repeating: 0, count: 15), cipher)
        }
    }

    @Test func theLastNonceIsNeverUsed() throws {
        let key = [UInt8](repeating: 1, count: 32)
        let sender = try NoiseSide(key: key, peerKey: key, nonce: .max - 1)
        let record = try sender.seal([1], cipher)
        #expect(throws: NoiseError.nonceExhausted) { try sender.seal([1], cipher) }
        let receiver = try NoiseSide(key: key, peerKey: key, nonce: .max - 1)
        #expect(try receiver.open(record, cipher) == [1])
        #expect(throws: NoiseError.nonceExhausted) { try receiver.open(record, cipher) }
    }

    @Test func aHeaderThatIsNotAllThereHasNoLength() {
        let bytes: [UInt8] = [0x01, 0x02, 0x03]
        let byteCounts = (0..<4).map { NoiseRecord.byteCount(in: bytes.span, at: $0) }
        #expect(byteCounts == [2 + 0x0102, 2 + 0x0203, nil, nil])
    }
}

import StarlingCore
import Testing

@testable import StarlingCrypto

@Suite struct SHA256Tests {
    /// FIPS 180-4's examples.
    static let examples = [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ]

    @Test(arguments: examples)
    func hashesTheExamplesOfTheStandard(text: String, digest: String) {
        #expect(Hex.encode(SHA256.hash(Array(text.utf8))) == digest)
    }

    @Test func piecesGiveTheSameDigestAsTheWhole() throws {
        let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        for cut in [0, 1, 63, 64, 65, 500, 999, 1000] {
            var hash = try SHA256()
            hash.update(bytes.span.extracting(0..<cut))
            hash.update(bytes.span.extracting(cut..<1000))
            #expect(hash.finish() == SHA256.hash(bytes))
        }
    }

    @Test func aMillionTimesTheSameLetter() throws {
        let piece = [UInt8](repeating: UInt8(ascii: "a"), count: 1000)
        var hash = try SHA256()
        for _ in 0..<1000 { hash.update(piece.span) }
        #expect(
            Hex.encode(hash.finish()) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        )
    }

    @Test func manyMessagesOneAfterTheOtherHaveTheDigestsOfEach() { expectDigestsOfEach(by: .turns) }

    @Test(.enabled(if: SHA256.Order.lanes.isAvailable, "this processor has no vectors of 512 bits"))
    func manyMessagesSideBySideHaveTheDigestsOfEach() { expectDigestsOfEach(by: .lanes) }

    private func expectDigestsOfEach(by order: SHA256.Order) {
        func message(_ number: Int, _ byteCount: Int) -> BufferSlice {
            let bytes = (0..<byteCount + 1).map {
                UInt8(truncatingIfNeeded: $0 &* 7 &+ number &* 31 &+ $0 >> 8)
            }
            // Not where vectors like it best.
            let whole = BufferSlice(copying: bytes.span)
            return BufferSlice(whole.buffer, 1..<bytes.count)
        }
        func expect(_ messages: [BufferSlice], _ what: String) {
            let digests = messages.map { message in SHA256.hash([9] + message.array()) }
            #expect(SHA256.hashes(domain: 9, messages, by: order) == digests, "\(what)")
        }
        // Every length around a block's end, with and without room for the padding.
        for byteCount in 0...200 { expect((0..<16).map { message($0, byteCount) }, "\(byteCount) bytes") }
        for count in [0, 1, 8, 9, 15, 16, 17, 40] {
            expect((0..<count).map { message($0, 4096) }, "\(count) messages")
        }
        expect((0..<40).map { message($0, $0 < 20 ? 1000 : 1000 + $0 / 12) }, "sizes that change")
    }
}

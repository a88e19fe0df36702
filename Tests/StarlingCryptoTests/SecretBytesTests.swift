import StarlingCore
import Testing

@testable import StarlingCrypto

@Suite struct SecretBytesTests {
    private func array(_ secret: borrowing SecretBytes) -> [UInt8] { secret.withSpan { $0.array() } }

    private func isEqual(_ lhs: [UInt8], _ rhs: [UInt8]) -> Bool {
        SecretBytes(copying: lhs.span).isEqual(to: SecretBytes(copying: rhs.span))
    }

    @Test func lendsWhatItWasGiven() {
        let bytes: [UInt8] = [1, 2, 3]
        let secret = SecretBytes(copying: bytes.span)
        let lent = array(secret)
        #expect(lent == [1, 2, 3])
        #expect(bytes == [1, 2, 3])
    }

    @Test func takingAnArrayOverLeavesZeros() {
        var bytes: [UInt8] = [1, 2, 3]
        let secret = SecretBytes(wiping: &bytes)
        let lent = array(secret)
        #expect(bytes == [0, 0, 0])
        #expect(lent == [1, 2, 3])
    }

    @Test func aFillerThatThrowsLeavesNothingBehind() {
        // The sanitizers see a block that is freed twice or never.
        for _ in 0..<10 {
            #expect(throws: KeyError.wrongLength) {
                _ = try SecretBytes(byteCount: 32) { _ throws(KeyError) in throw .wrongLength }
            }
        }
    }

    @Test func comparesAllBytes() {
        let bytes = [UInt8](0..<40)
        #expect(isEqual(bytes, bytes))
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 0x80
            #expect(!isEqual(bytes, changed))
        }
        #expect(!isEqual(bytes, Array(bytes.dropLast())))
        let none: [UInt8] = []
        let isEqualToNone = SecretBytes.isEqual(none.span, none.span)
        #expect(isEqualToNone)
    }

    @Test func theLibrariesStartAnyNumberOfTimesFromAnyThread() async throws {
        await withTaskGroup { group in
            for _ in 0..<16 { group.addTask { try? CryptoLibrary.start() } }
        }
        try CryptoLibrary.start()
    }
}

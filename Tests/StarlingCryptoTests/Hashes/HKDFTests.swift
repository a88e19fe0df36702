import StarlingCore
import Testing

@testable import StarlingCrypto

@Suite struct HKDFTests {
    struct Example: Sendable {
        var input: [UInt8]
        var salt: [UInt8]
        var info: [UInt8]
        var extracted: String
        var output: String
    }

    /// RFC 5869, appendix A.1 to A.3.
    static let examples = [
        Example(
            input: [UInt8](repeating: 0x0b, count: 22),
            salt: [UInt8](0x00...0x0c),
            info: [UInt8](0xf0...0xf9),
            extracted: "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
            output: """
                3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865
                """
        ),
        Example(
            input: [UInt8](0x00...0x4f),
            salt: [UInt8](0x60...0xaf),
            info: [UInt8](0xb0...0xff),
            extracted: "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
            output: """
                b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41\
                c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87
                """
        ),
        Example(
            input: [UInt8](repeating: 0x0b, count: 22),
            salt: [],
            info: [],
            extracted: "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
            output: """
                8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8
                """
        ),
    ]

    @Test(arguments: examples)
    func derivesTheExamplesOfTheRFC(example: Example) {
        let key = HKDF.extract(salt: example.salt.span, from: example.input.span)
        let extracted = key.withSpan { Hex.encode($0.array()) }
        #expect(extracted == example.extracted)
        let output = HKDF.derive(
            from: example.input.span,
            salt: example.salt.span,
            info: example.info.span,
            byteCount: example.output.count / 2
        ).withSpan { Hex.encode($0.array()) }
        #expect(output == example.output)
    }

    @Test func aShorterOutputIsThePrefixOfALongerOne() {
        let bytes: [UInt8] = [1, 2, 3]
        let key = HKDF.extract(salt: bytes.span, from: bytes.span)
        let longest = HKDF.expand(key, info: bytes.span, byteCount: HKDF.byteCountMax)
            .withSpan { $0.array() }
        for count in [1, 31, 32, 33, 64, 65, HKDF.byteCountMax - 1] {
            let output = HKDF.expand(key, info: bytes.span, byteCount: count).withSpan { $0.array() }
            #expect(output == Array(longest.prefix(count)))
        }
    }
}

@Suite struct HMACSHA256Tests {
    /// RFC 4231, test cases 1, 2, 6 and 7.
    static let examples: [([UInt8], String, String)] = [
        (
            [UInt8](repeating: 0x0b, count: 20), "Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        ),
        (
            Array("Jefe".utf8), "what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        ),
        (
            [UInt8](repeating: 0xaa, count: 131), "Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        ),
        (
            [UInt8](repeating: 0xaa, count: 131),
            "This is a test using a larger than block-size key and a larger than block-size data. "
                + "The key needs to be hashed before being used by the HMAC algorithm.",
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
        ),
    ]

    @Test(arguments: examples)
    func authenticatesTheExamplesOfTheRFC(key: [UInt8], message: String, code: String) {
        let message = Array(message.utf8)
        var bytes = HMACSHA256.code(key: key.span, message: message.span)
        #expect(Hex.encode(bytes) == code)
        let isValid = HMACSHA256.isValid(bytes.span, key: key.span, message: message.span)
        #expect(isValid)
        bytes[31] ^= 1
        let isChangedValid = HMACSHA256.isValid(bytes.span, key: key.span, message: message.span)
        #expect(!isChangedValid)
    }
}

import StarlingCore
import Testing

@Suite struct Base58Tests {
    /// Spec: draft-msporny-base58, section 5.
    @Test(arguments: [
        ("", ""), ("Hello World!", "2NEpo7TZRRrLZSi2U"),
        (
            "The quick brown fox jumps over the lazy dog.",
            "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z"
        ),
    ])
    func writesAndReadsTheExamplesOfTheDraft(plain: String, text: String) throws {
        #expect(Base58.encode(Array(plain.utf8)) == text)
        #expect(try Base58.decode(text) == Array(plain.utf8))
    }

    @Test func leadingZerosAreKept() throws {
        #expect(Base58.encode([0x00, 0x00, 0x28, 0x7f, 0xb4, 0xcd]) == "11233QC4")
        #expect(try Base58.decode("11233QC4") == [0x00, 0x00, 0x28, 0x7f, 0xb4, 0xcd])
        #expect(Base58.encode([0, 0]) == "11")
        #expect(try Base58.decode("11") == [0, 0])
    }

    @Test(arguments: [("0", 0), ("1O", 1), ("1I", 1), ("22l", 2), ("2 ", 1), ("2é", 1)])
    func refusesOtherCharactersAndSaysWhere(text: String, offset: Int) {
        #expect(throws: Base58Error.invalidCharacter(offset: offset)) { try Base58.decode(text) }
    }

    @Test func refusesLongTexts() throws {
        let longest = String(repeating: "z", count: Base58.characterCountMax)
        #expect(try Base58.encode(Base58.decode(longest)) == longest)
        #expect(throws: Base58Error.tooLong) { try Base58.decode(longest + "z") }
    }

    @Test func randomBytesSurvive() throws {
        var random = SplitMix64(seed: 9)
        for count in 0..<128 {
            let bytes = random.bytes(count: count)
            #expect(try Base58.decode(Base58.encode(bytes)) == bytes, "seed 9, \(count) bytes")
        }
    }
}

@Suite struct HexTests {
    @Test func writesLowerCaseAndReadsBoth() {
        #expect(Hex.encode([]) == "")
        #expect(Hex.encode([0x00, 0x0f, 0xa5, 0xff]) == "000fa5ff")
        #expect(Hex.decode("000fA5ff") == [0x00, 0x0f, 0xa5, 0xff])
        #expect(Hex.decode("") == [])
        let all = (0...255).map { UInt8($0) }
        #expect(Hex.decode(Hex.encode(all)) == all)
        #expect(Hex.decode(Hex.encode(all).uppercased()) == all)
    }

    @Test(arguments: ["0", "0g", "g0", " 00", "0x", "é", "00 "])
    func refusesOtherTexts(text: String) {
        #expect(Hex.decode(text) == nil)
    }
}

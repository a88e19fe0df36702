import StarlingCore
import Testing

@Suite struct MultibaseTests {
    /// Spec: multiformats/multibase `tests/basic.csv` ("yes mani !") and `tests/leading_zero.csv`.
    @Test(arguments: [
        (Multibase.base16, "f796573206d616e692021", "f00796573206d616e692021"),
        (.base32, "bpfsxgidnmfxgsibb", "bab4wk4zanvqw42jaee"),
        (.base36, "k2lcpzo5yikidynfl", "k02lcpzo5yikidynfl"),
        (.base58btc, "z7paNL19xttacUY", "z17paNL19xttacUY"),
        (.base64, "meWVzIG1hbmkgIQ", "mAHllcyBtYW5pICE"),
        (.base64url, "ueWVzIG1hbmkgIQ", "uAHllcyBtYW5pICE"),
    ])
    func writesAndReadsTheExamplesOfTheSpecification(base: Multibase, text: String, withZero: String) throws {
        let bytes = Array("yes mani !".utf8)
        #expect(base.encode(bytes) == text)
        #expect(try Multibase.decode(text) == bytes)
        #expect(base.encode([0] + bytes) == withZero)
        #expect(try Multibase.decode(withZero) == [0] + bytes)
    }

    @Test(arguments: Multibase.allCases)
    func everyLengthSurvives(base: Multibase) throws {
        var random = SplitMix64(seed: 3)
        #expect(try Multibase.decode(base.encode([])) == [])
        for count in 0..<70 {
            let bytes = random.bytes(count: count)
            #expect(try Multibase.decode(base.encode(bytes)) == bytes, "seed 3, \(count) bytes")
        }
    }

    @Test(arguments: [
        ("", MultibaseError.empty), ("Qm", .unknownBase), ("F00", .unknownBase), ("é", .unknownBase),
        ("f0", .notCanonical), ("f0g", .invalidCharacter(offset: 1)), ("f0A", .invalidCharacter(offset: 1)),
        ("ba", .notCanonical), ("bab", .notCanonical), ("baa1", .invalidCharacter(offset: 2)),
        ("baaa", .notCanonical), ("bAA", .invalidCharacter(offset: 0)),
        ("bme======", .invalidCharacter(offset: 2)),
        ("uA", .notCanonical), ("uAB", .notCanonical), ("uAA=", .invalidCharacter(offset: 2)),
        ("u++", .invalidCharacter(offset: 0)), ("m--", .invalidCharacter(offset: 0)),
        ("z0", .invalidCharacter(offset: 0)), ("k-", .invalidCharacter(offset: 0)),
    ])
    func refusesWhatItWouldNotWrite(text: String, error: MultibaseError) {
        #expect(throws: error) { try Multibase.decode(text) }
    }

    @Test func longTextsAreRefusedBeforeTheWorkBegins() throws {
        let z = String(repeating: "z", count: Base58.characterCountMax)
        #expect(try Multibase.decode("z" + z).isEmpty == false)
        #expect(throws: MultibaseError.tooLong) { try Multibase.decode("z" + z + "z") }
        #expect(try Multibase.decode("k" + z).isEmpty == false)
        #expect(throws: MultibaseError.tooLong) { try Multibase.decode("k" + z + "z") }
        let f = String(repeating: "f", count: Multibase.characterCountMax - 2)
        #expect(try Multibase.decode("f" + f).count == f.count / 2)
        #expect(throws: MultibaseError.tooLong) { try Multibase.decode("f" + f + "ff") }
    }
}

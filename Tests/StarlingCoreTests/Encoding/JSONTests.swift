import StarlingCore
import Testing

@Suite struct JSONTests {
    @Test(
        arguments: [
            ("null", JSON.null), ("true", true), ("false", false), ("0", 0), ("-1", -1), (" 7 ", 7),
            ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
            ("9223372036854775808", .double(9.223372036854776e18)), ("1.0", 1.0), ("-0", .double(-0.0)),
            ("-0.5", -0.5), ("1e3", 1000.0), ("1E+3", 1000.0), ("25e-1", 2.5),
            ("5e-324", .double(.leastNonzeroMagnitude)),
            ("1e-400", 0.0), ("\"\"", ""), ("\"a\\u00e9\\n\\\"\\\\\\/\"", "a\u{e9}\n\"\\/"),
            ("\"\\uD83D\\uDE00\"", "\u{1F600}"), ("\"\u{1F600}\"", "\u{1F600}"), ("\"\u{7f}\"", "\u{7f}"),
            ("\"\\u0000\"", "\0"), ("\"\\b\\f\\r\\t\"", "\u{8}\u{c}\r\t"),
            ("[]", []), ("[ ]", []), ("[1,[2],{}]", [1, [2], .object([:])]), ("{}", .object([:])),
            ("\t\r\n {\"b\" : 1 , \"a\":[ null ]}", ["b": 1, "a": [nil]]),
        ] as [(String, JSON)]
    )
    func readsEveryKindOfValue(text: String, value: JSON) throws {
        #expect(try JSON(parsing: text) == value)
        #expect(try JSON(parsing: value.text) == value)
        #expect(try JSON(parsing: value.prettyText) == value)
    }

    @Test(arguments: [
        ("", JSONError.truncated), ("  ", .truncated), ("nul", .truncated), ("[", .truncated),
        ("[1", .truncated), ("[1,", .truncated), ("{\"a\"", .truncated), ("{\"a\":", .truncated),
        ("\"a", .truncated), ("\"\\", .truncated), ("\"\\u00", .truncated),
        ("nulL", .unexpectedByte(offset: 3)), ("NaN", .unexpectedByte(offset: 0)),
        ("+1", .unexpectedByte(offset: 0)), (".5", .unexpectedByte(offset: 0)),
        ("'a'", .unexpectedByte(offset: 0)), ("[1 2]", .unexpectedByte(offset: 3)),
        ("[1,]", .unexpectedByte(offset: 3)), ("[,1]", .unexpectedByte(offset: 1)),
        ("[1}", .unexpectedByte(offset: 2)), ("{\"a\":1,}", .unexpectedByte(offset: 7)),
        ("{a:1}", .unexpectedByte(offset: 1)), ("{\"a\" 1}", .unexpectedByte(offset: 5)),
        ("\"a\nb\"", .unexpectedByte(offset: 2)), ("\u{FEFF}1", .unexpectedByte(offset: 0)),
        ("1 2", .trailingBytes(offset: 2)), ("{}x", .trailingBytes(offset: 2)),
        ("nullx", .trailingBytes(offset: 4)), ("\u{A0}1", .unexpectedByte(offset: 0)),
        ("01", .invalidNumber(offset: 0)), ("[-]", .invalidNumber(offset: 1)),
        ("-", .invalidNumber(offset: 0)),
        ("1.", .invalidNumber(offset: 0)), ("1.e3", .invalidNumber(offset: 0)),
        ("1e", .invalidNumber(offset: 0)),
        ("1e+", .invalidNumber(offset: 0)), ("-01", .invalidNumber(offset: 0)),
        ("1e400", .invalidNumber(offset: 0)),
        ("\"\\x41\"", .invalidEscape(offset: 1)), ("\"\\u00g0\"", .invalidEscape(offset: 1)),
        ("\"\\ud800\"", .invalidText(offset: 1)), ("\"\\ud800\\n\"", .invalidText(offset: 1)),
        ("\"\\ud800\\u0041\"", .invalidText(offset: 1)), ("\"\\udc00\"", .invalidText(offset: 1)),
        ("{\"a\":1,\"b\":2,\"a\":3}", .duplicateKey("a", offset: 13)),
        ("{\"a\":1,\"\\u0061\":3}", .duplicateKey("a", offset: 7)),
    ])
    func refusesWhatIsNotJSONAndSaysWhere(text: String, error: JSONError) {
        #expect(throws: error) { try JSON(parsing: text) }
    }

    @Test func refusesTextThatIsNotUTF8() {
        for bytes: [UInt8] in [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x82]] {
            let text = [UInt8(ascii: "\"")] + bytes + [UInt8(ascii: "\"")]
            #expect(throws: JSONError.invalidText(offset: 1)) { try JSON(parsing: text.span) }
        }
    }

    @Test func lengthAndDepthHaveLimits() throws {
        let limits = JSONLimits(byteCountMax: 8, depthMax: 3)
        #expect(try JSON(parsing: "\"123456\"", limits: limits) == "123456")
        #expect(throws: JSONError.tooLong) { try JSON(parsing: "\"1234567\"", limits: limits) }
        #expect(try JSON(parsing: "[[[]]]", limits: limits) == [[[]]])
        #expect(throws: JSONError.tooDeep(offset: 3)) { try JSON(parsing: "[[[[]]]]", limits: limits) }
        #expect(throws: JSONError.tooDeep(offset: 64)) {
            try JSON(parsing: String(repeating: "[", count: 500_000))
        }
        let deep = String(repeating: "{\"a\":", count: 64) + "0" + String(repeating: "}", count: 64)
        #expect(try JSON(parsing: deep).text == deep)
    }

    @Test func writesCompactAndIndentedText() {
        let value: JSON = [
            "b": [1, 2.5, nil], "a": ["x": "y\u{1}\u{7f}"], "empty": [], "none": .object([:]),
        ]
        #expect(
            value.text == #"{"b":[1,2.5,null],"a":{"x":"y\u0001\u007f"},"empty":[],"none":{}}"#
        )
        #expect(
            value.prettyText == """
                {
                  "b": [
                    1,
                    2.5,
                    null
                  ],
                  "a": {
                    "x": "y\\u0001\\u007f"
                  },
                  "empty": [],
                  "none": {}
                }
                """
        )
        #expect(JSON.double(.infinity).text == "null")
        #expect(JSON.double(.nan).text == "null")
    }

    @Test func valuesAreTakenOutByKeyIndexAndKind() throws {
        let value: JSON = ["list": [["port": 4001]], "yes": true, "half": 0.5, "whole": 3.0, "text": "x"]
        #expect(value["list"]?[0]?["port"]?.integer == 4001)
        #expect(value["list"]?[1] == nil)
        #expect(value["list"]?[-1] == nil)
        #expect(value["list"]?["port"] == nil)
        #expect(value["missing"] == nil)
        #expect(value["yes"]?.bool == true)
        #expect(value["yes"]?.integer == nil)
        #expect(value["half"]?.double == 0.5)
        #expect(value["half"]?.integer == nil)
        #expect(value["whole"]?.integer == 3)
        #expect(value["list"]?[0]?["port"]?.double == 4001)
        #expect(value["text"]?.string == "x")
        #expect(value["text"]?.array == nil)
        #expect(value.object?.keys == ["list", "yes", "half", "whole", "text"])
        #expect(JSON.null.isNull)
        #expect(JSON(UInt64.max) == .double(1.8446744073709552e19))
        #expect(JSON(UInt16(7)) == 7)
        #expect(JSON(["a", "b"]) == ["a", "b"])
    }

    @Test func anObjectKeepsTheOrderOfItsMembers() {
        var value: JSON = ["z": 1, "a": 2]
        value["m"] = 3
        value["z"] = 4
        #expect(value.text == #"{"z":4,"a":2,"m":3}"#)
        value["a"] = nil as JSON?
        #expect(value.text == #"{"z":4,"m":3}"#)
        var fresh = JSON.null
        fresh["a"] = 1
        #expect(fresh == ["a": 1])
        var number: JSON = 1
        number["a"] = 1
        #expect(number == 1)
        #expect(JSON(members: [("a", 1), ("a", 2)]).text == #"{"a":2}"#)
    }

    @Test func mutatedTextIsRefusedOrReadsBackTheSame() throws {
        let seed: UInt64 = 11
        var random = SplitMix64(seed: seed)
        let original = Array(
            #"{"a":[1,-2.5e3,"x\u00e9\n",true,null,{"b":{}}],"c":"é😀","d":12345678901}"#.utf8
        )
        var acceptedCount = 0
        for round in 0..<20_000 {
            var bytes = original
            for _ in 0...Int.random(in: 0..<3, using: &random) {
                let index = Int.random(in: bytes.indices, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes.insert(original[Int.random(in: original.indices, using: &random)], at: index)
                case 1: bytes.remove(at: index)
                default: bytes[index] = UInt8.random(in: .min ... .max, using: &random)
                }
            }
            guard let value = try? JSON(parsing: bytes.span) else { continue }
            acceptedCount += 1
            #expect(try JSON(parsing: value.bytes.span) == value, "seed \(seed), round \(round)")
        }
        #expect(acceptedCount > 500)
    }
}

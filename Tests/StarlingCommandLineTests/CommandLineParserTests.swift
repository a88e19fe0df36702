import Testing

@testable import StarlingCommandLine

@Suite struct CommandLineParserTests {
    private let parser = CommandLineParser(table: .starling)
    private let peer = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"

    @Test func everyExampleInTheTableIsUnderstood() throws {
        for command in CommandTable.starling.commands {
            let words = Self.words(command.example)
            #expect(words.first == "starling")
            let invocation = try parser.parse(Array(words.dropFirst()))
            #expect(invocation.command.name == command.name)
        }
    }

    @Test func everyCommandNameHasOneRow() {
        let names = CommandTable.starling.commands.map(\.name)
        #expect(names.count == CommandName.allCases.count)
        #expect(Set(names) == Set(CommandName.allCases))
    }

    @Test func noCommandHasAFlagTwice() {
        for command in CommandTable.starling.commands {
            let flags = command.flags + CommandTable.starling.commonFlags
            #expect(Set(flags.map(\.name)).count == flags.count, "\(command.name)")
            let shorts = flags.compactMap(\.short)
            #expect(Set(shorts).count == shorts.count, "\(command.name)")
        }
    }

    @Test func flagsMayStandBeforeTheCommandAndAmongItsArguments() throws {
        let invocation = try parser.parse([
            "--json", "--home", "/tmp/x", "ping", "-c", "7", peer, "--interval=250ms", "--timeout", "1m30s",
        ])
        #expect(invocation.command.name == .ping)
        #expect(invocation.arguments == [peer])
        #expect(invocation[StarlingFlags.json])
        #expect(invocation[StarlingFlags.home] == "/tmp/x")
        #expect(invocation[StarlingFlags.count] == 7)
        #expect(invocation[StarlingFlags.interval] == .milliseconds(250))
        #expect(invocation[StarlingFlags.timeout] == .seconds(90))
        #expect(!invocation[StarlingFlags.wait])
    }

    @Test func aFlagThatRepeatsKeepsAllItsValuesInOrder() throws {
        let invocation = try parser.parse([
            "up", "--listen", "/ip4/0.0.0.0/tcp/1", "--listen=/ip6/::/tcp/2", "--security", "tls,noise",
            "--max-memory", "512MiB",
        ])
        #expect(invocation.all(StarlingFlags.listen) == ["/ip4/0.0.0.0/tcp/1", "/ip6/::/tcp/2"])
        #expect(invocation[StarlingFlags.security] == ["tls", "noise"])
        #expect(invocation[StarlingFlags.memoryMax] == 512 << 20)
        #expect(invocation.all(StarlingFlags.bootstrap).isEmpty)
    }

    @Test func anArgumentAfterTwoDashesMayBeginWithOne() throws {
        #expect(try parser.parse(["send", peer, "--", "--wait"]).arguments == [peer, "--wait"])
        #expect(try parser.parse(["send", peer, "-"]).arguments == [peer, "-"])
        #expect(try parser.parse(["send", peer, ""]).arguments == [peer, ""])
    }

    @Test func aPlainNumberOfSecondsHasNoUnit() throws {
        #expect(try parser.parse(["peer", "--stay", "1.5"])[StarlingFlags.stay] == .milliseconds(1500))
        for text in ["5m", "1m3", "5s", "-1", "", "."] {
            #expect(throws: UsageError.self, "\(text)") { try parser.parse(["peer", "--stay", text]) }
        }
    }

    /// Once, `2h` was taken for `-h`.
    @Test func aValueOfTwoCharactersIsNotTakenForAShortFlag() throws {
        #expect(try parser.parse(["peers", "--timeout", "2h"])[StarlingFlags.timeout] == .seconds(7200))
        #expect(try parser.parse(["send", peer, "hi", "--key", "kh"])[StarlingFlags.key] == "kh")
    }

    @Test func aFlagIsNotTakenForTheValueOfAnother() {
        #expect(
            throws: UsageError.missingValue(
                flag: "--name",
                expectation: "a text of 1 to 64 bytes",
                command: .up
            )
        ) {
            try parser.parse(["up", "--name", "--json"])
        }
        #expect(
            throws: UsageError.missingValue(
                flag: "--name",
                expectation: "a text of 1 to 64 bytes",
                command: .up
            )
        ) {
            try parser.parse(["up", "--name"])
        }
    }

    @Test func mistakesAreNamedAndNearOnesSuggested() {
        let cases: [([String], UsageError)] = [
            ([], .noCommand),
            (["--json"], .noCommand),
            (["sned"], .unknownCommand("sned", suggestion: "'send'")),
            (["xyzzy"], .unknownCommand("xyzzy", suggestion: nil)),
            (["pee"], .unknownCommand("pee", suggestion: "'peers'")),
            (["peers", "--jsno"], .unknownFlag("--jsno", command: .peers, suggestion: "--json")),
            (["peers", "-x"], .unknownFlag("-x", command: .peers, suggestion: nil)),
            (
                ["--listen", "/ip4/1.2.3.4/tcp/1", "up"],
                .unknownFlag("--listen", command: nil, suggestion: nil)
            ),
            (["up", "--no-mdns=yes"], .unexpectedValue(flag: "--no-mdns", command: .up)),
            (["up", "--name", "a", "--name", "b"], .repeatedFlag("--name", command: .up)),
            (["send"], .missingArgument("PEER", command: .send)),
            (["save"], .missingArgument("POSITION", command: .save)),
            (
                ["save", "0"],
                .invalidArgument("POSITION", value: "0", expectation: "a number from 1", command: .save)
            ),
            (["peers", "x"], .unexpectedArgument("x", command: .peers)),
        ]
        for (words, error) in cases {
            #expect(throws: error, "\(words)") { try parser.parse(words) }
        }
    }

    @Test func numbersAreAcceptedUpToTheirLimits() throws {
        for count in [1, 100_000] {
            #expect(try parser.parse(["ping", peer, "-c", "\(count)"])[StarlingFlags.count] == count)
        }
        for text in ["0", "100001", "-1", "1.5", "", "x", "99999999999999999999"] {
            #expect(throws: UsageError.self, "\(text)") {
                try parser.parse(["ping", peer, "--count=\(text)"])
            }
        }
    }

    @Test func aCapacityIsOneThatTheWireHasRoomFor() throws {
        for capacity in [1, 65_535] {
            let invocation = try parser.parse(["up", "--capacity", "\(capacity)"])
            #expect(invocation[StarlingFlags.capacity] == capacity)
        }
        #expect(try parser.parse(["up"])[StarlingFlags.capacity] == nil)
        for text in ["0", "65536", "-1", "much"] {
            #expect(throws: UsageError.self, "\(text)") { try parser.parse(["up", "--capacity=\(text)"]) }
        }
    }

    @Test func helpNeedsNoArguments() throws {
        #expect(try parser.parse(["send", "--help"]).wantsHelp)
        #expect(try parser.parse(["up", "-h"]).wantsHelp)
    }

    @Test func hiddenCommandsWorkAndAreNotSuggested() throws {
        #expect(try parser.parse(["peer", "--serve"]).command.isHidden)
        #expect(throws: UsageError.unknownCommand("pear", suggestion: nil)) { try parser.parse(["pear"]) }
    }

    /// Splits a command line as a shell does, as far as the examples need it.
    private static func words(_ line: String) -> [String] {
        var words = [""]
        var isQuoted = false
        for character in line.prefix(while: { $0 != ">" }) {
            if character == "\"" {
                isQuoted.toggle()
            } else if character == " " && !isQuoted {
                words.append("")
            } else {
                words[words.count - 1].append(character)
            }
        }
        return words.filter { !$0.isEmpty }
    }
}

@Suite struct EditDistanceTests {
    @Test func countsInsertionsRemovalsReplacementsAndSwaps() {
        #expect(EditDistance.between("", "") == 0)
        #expect(EditDistance.between("", "abc") == 3)
        #expect(EditDistance.between("send", "sned") == 1)
        #expect(EditDistance.between("status", "satus") == 1)
        #expect(EditDistance.between("kitten", "sitting") == 3)
        #expect(EditDistance.between("sitting", "kitten") == 3)
    }

    @Test func aFarWordIsNotSuggested() {
        #expect(EditDistance.nearest(to: "zzzz", among: ["send", "up"]) == nil)
        #expect(EditDistance.nearest(to: "u", among: ["up", "id"]) == "up")
        #expect(EditDistance.nearest(to: "", among: ["up"]) == nil)
        #expect(EditDistance.nearest(to: "--", among: ["--up"]) == nil)
        #expect(EditDistance.nearest(to: String(repeating: "a", count: 65), among: ["a"]) == nil)
    }
}

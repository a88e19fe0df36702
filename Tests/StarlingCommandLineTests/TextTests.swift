import Testing

@testable import StarlingCommandLine

@Suite struct DurationTextTests {
    @Test(arguments: [
        ("5s", Duration.seconds(5)), ("250ms", .milliseconds(250)), ("1m30s", .seconds(90)),
        ("1.5s", .milliseconds(1500)), ("2h", .seconds(7200)), ("30d", .seconds(2_592_000)),
        ("7us", .microseconds(7)),
        ("7µs", .microseconds(7)), ("1h0m1s2ms3us4ns", .nanoseconds(3_601_002_003_004)), ("0s", .zero),
        ("0.000000001s", .nanoseconds(1)),
    ])
    func readsNumbersWithUnits(text: String, duration: Duration) {
        #expect(DurationText.read(text) == duration)
    }

    @Test(arguments: [
        "", "5", "s", "5 s", "-5s", "5s1m", "5s5s", "1..5s", "1.s", ".5s", "5x", "٥s", "9999999999h",
        "9223372036854775807s", "1e3s",
    ])
    func refusesWhatIsNone(text: String) {
        #expect(DurationText.read(text) == nil)
    }

    @Test func writesThreeDigitsInAFittingUnit() {
        #expect(DurationText.write(.nanoseconds(512)) == "512 ns")
        #expect(DurationText.write(.nanoseconds(87_400)) == "87.4 µs")
        #expect(DurationText.write(.nanoseconds(1_324_000)) == "1.32 ms")
        #expect(DurationText.write(.milliseconds(132)) == "132 ms")
        #expect(DurationText.write(.seconds(12)) == "12.0 s")
        #expect(DurationText.write(.seconds(4000)) == "4000 s")
        #expect(DurationText.writeAge(.seconds(59)) == "59s")
        #expect(DurationText.writeAge(.seconds(250)) == "4m 10s")
        #expect(DurationText.writeAge(.seconds(7500)) == "2h 5m")
        #expect(DurationText.writeAge(.seconds(273_600)) == "3d 4h")
    }

    @Test func writesALimitAsItIsRead() {
        for text in ["30d", "1d1h", "12h", "1h30m", "1m", "59s", "0s"] {
            #expect(DurationText.read(text).map { DurationText.writeLimit($0) } == text)
        }
        #expect(DurationText.writeLimit(.milliseconds(90_999)) == "1m30s")
        #expect(DurationText.writeLimit(.seconds(-5)) == "0s")
    }

    @Test func decimalsRoundAndKeepTheirSign() {
        #expect(DecimalText.write(0.05, fractionDigits: 1) == "0.1")
        #expect(DecimalText.write(-0.04, fractionDigits: 1) == "0.0")
        #expect(DecimalText.write(-1.25, fractionDigits: 2) == "-1.25")
        #expect(DecimalText.write(3, fractionDigits: 0) == "3")
        #expect(DecimalText.write(1e30, fractionDigits: 2) == "1e+30")
    }
}

@Suite struct ByteCountTextTests {
    @Test(arguments: [
        ("0", 0), ("65536", 65_536), ("64KiB", 65_536), ("64kb", 64_000), ("512MiB", 512 << 20),
        ("2GB", 2_000_000_000),
        ("1b", 1),
    ])
    func readsSizes(text: String, byteCount: Int) {
        #expect(ByteCountText.read(text) == byteCount)
    }

    @Test(arguments: ["", "KiB", "1.5GB", "-1", "1 KB", "9000000TiB", "1x", "99999999999999999999"])
    func refusesWhatIsNone(text: String) {
        #expect(ByteCountText.read(text) == nil)
    }

    @Test func writesTheLargestUnitThatFits() {
        #expect(ByteCountText.write(0) == "0 B")
        #expect(ByteCountText.write(1023) == "1023 B")
        #expect(ByteCountText.write(1024) == "1 KiB")
        #expect(ByteCountText.write(1536) == "1.5 KiB")
        #expect(ByteCountText.write(20 << 20) == "20 MiB")
    }
}

@Suite struct TextTableTests {
    @Test func alignsItsColumnsAndTrimsItsLines() {
        var table = TextTable([("PEER", .left), ("RTT", .right), ("NAME", .left)])
        table.append(["a", "12.5 ms", "kitchen"])
        table.append(["bbbbbb", "1 ms", ""])
        #expect(table.render(.plain) == "PEER        RTT  NAME\na       12.5 ms  kitchen\nbbbbbb     1 ms\n")
    }

    @Test func controlCharactersOfOthersAreNotPrinted() {
        var table = TextTable([("NAME", .left)])
        table.append(["a\u{1B}[2Jb\nc\u{202E}d\u{0}"])
        #expect(table.render(.plain) == "NAME\na\u{FFFD}[2Jb\u{FFFD}c\u{FFFD}d\u{FFFD}\n")
        #expect(TerminalText.lines("a\nb\u{7}") == "a\nb\u{FFFD}")
    }

    @Test func factsAreAlignedAndALabelStandsOnce() {
        var facts = FactList()
        facts.append("peer id", "x")
        facts.append("listens", ["a", "b"])
        #expect(facts.render(.plain) == "peer id  x\nlistens  a\n         b\n")
    }
}

@Suite struct TextStyleTests {
    @Test func coloursOnlyOnATerminalThatWantsThem() {
        #expect(TextStyle(isTerminal: true, noColor: nil, term: "xterm").isColoured)
        #expect(TextStyle(isTerminal: true, noColor: "", term: nil).isColoured)
        #expect(!TextStyle(isTerminal: true, noColor: "1", term: "xterm").isColoured)
        #expect(!TextStyle(isTerminal: true, noColor: nil, term: "dumb").isColoured)
        #expect(!TextStyle(isTerminal: false, noColor: nil, term: "xterm").isColoured)
        #expect(TextStyle(isColoured: true).bold("x") == "\u{1B}[1mx\u{1B}[0m")
        #expect(TextStyle.plain.red("x") == "x")
    }
}

@Suite struct HelpTests {
    private let help = HelpText(table: .starling, style: .plain, width: 80)

    @Test func theOverviewNamesEveryCommandButHiddenOnes() {
        let text = help.overview()
        for command in CommandTable.starling.commands {
            #expect(text.contains("\n  \(command.name.rawValue) ") == !command.isHidden, "\(command.name)")
        }
    }

    @Test func everyPageHasUsageFlagsAndAnExampleWithinTheWidth() {
        for command in CommandTable.starling.commands {
            let page = help.page(command)
            #expect(page.contains("Usage: starling \(command.name.rawValue)"))
            #expect(page.contains(command.example))
            for flag in command.flags + CommandTable.starling.commonFlags {
                #expect(page.contains(flag.dashed))
            }
            for line in page.split(separator: "\n") where !line.contains(command.example) {
                #expect(line.count <= 80, "\(line)")
            }
        }
    }

    @Test func completionsKnowEveryCommandAndFlag() throws {
        let completions = CompletionScript(table: .starling)
        for shell in ["bash", "zsh", "fish"] {
            let script = try #require(completions.script(for: shell))
            for command in CommandTable.starling.commands where !command.isHidden {
                #expect(script.contains(command.name.rawValue))
                for flag in command.flags { #expect(script.contains(flag.name)) }
            }
        }
        #expect(completions.script(for: "tcsh") == nil)
    }

    @Test func aDiagnosticSaysWhatWhyAndWhatNext() {
        let diagnostic = Diagnostic(
            code: "no_node",
            message: "no node is running in ~/.local/state/starling.",
            nextStep: "Start one with: starling up"
        )
        #expect(
            diagnostic.render(program: "starling", style: .plain)
                == "starling: no node is running in ~/.local/state/starling. Start one with: starling up\n"
        )
        let misuse = Diagnostic(.unknownCommand("sned", suggestion: "'send'"), program: "starling")
        #expect(misuse.message == "there is no command 'sned'. Did you mean 'send'?")
        #expect(misuse.nextStep == "See: starling help")
    }
}

@Suite struct ShellTextTests {
    @Test(arguments: [
        ("soak", "soak"), ("docs/two-sites.json", "docs/two-sites.json"), ("my file.json", "'my file.json'"),
        ("it's", "'it'\\''s'"), ("", "''"), ("$HOME", "'$HOME'"),
    ])
    func aShellReadsAWordWhole(text: String, quoted: String) {
        #expect(ShellText.quoted(text) == quoted)
    }
}

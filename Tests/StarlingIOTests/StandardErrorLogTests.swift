import Foundation
import StarlingIO
import StarlingWorld
import Synchronization
import Testing

@Suite struct StandardErrorLogTests {
    private final class Lines: Sendable {
        let lines = Mutex<[String]>([])
        var all: [String] { lines.withLock { $0 } }
        func log(_ format: StandardErrorLog.Format) -> StandardErrorLog {
            StandardErrorLog(format: format) { [self] line in lines.withLock { $0.append(line) } }
        }
    }

    @Test func aLineForPeopleIsPlainWithoutColours() {
        let lines = Lines()
        let log = Log(sink: lines.log(.text(hasColours: false)))
        log(.info, "dialled a peer", ["peer": "12D3", "tries": 3, "took": .milliseconds(1.25)])
        #expect(lines.all.count == 1)
        #expect(lines.all[0].hasSuffix(" info    dialled a peer peer=12D3 tries=3 took=1.25ms"))
    }

    @Test func coloursWrapTheLevelOnly() {
        let lines = Lines()
        Log(sink: lines.log(.text(hasColours: true)))(.error, "broken")
        #expect(lines.all[0].contains("\u{1b}[31merror\u{1b}[0m"))
        #expect(lines.all[0].hasSuffix(" broken"))
    }

    @Test func hostileTextReachesNoTerminal() {
        let lines = Lines()
        let log = Log(sink: lines.log(.text(hasColours: false)))
        log(.info, "agent", ["name": "\("\u{1b}]0;owned\u{7}\u{9b}2J\nnext")"])
        #expect(lines.all.count == 1)
        #expect(
            lines.all[0].unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7f...0x9f).contains($0.value) }
        )
    }

    @Test func jsonLinesParseWhateverTheyHold() throws {
        let lines = Lines()
        let log = Log(sink: lines.log(.json))
        log(
            .warning,
            "odd",
            ["text": "\("a\"b\\c\n\u{1}é🐦")", "n": 7, "took": .milliseconds(0.1), "nan": .milliseconds(.nan)]
        )
        let object = try JSONSerialization.jsonObject(with: Data(lines.all[0].utf8)) as? [String: Any]
        #expect(object?["level"] as? String == "warning")
        #expect(object?["message"] as? String == "odd")
        #expect(object?["text"] as? String == "a\"b\\c\n\u{1}é🐦")
        #expect(object?["n"] as? Int == 7)
        #expect(object?["took_ms"] as? Double == 0.1)
        #expect(object?["nan_ms"] as? Double == 0)
    }

    @Test func equalLinesAreCountedBeyondAFew() {
        let lines = Lines()
        let sink = lines.log(.text(hasColours: false))
        let log = Log(sink: sink)
        for _ in 0..<125 { log(.info, "refused a connection") }
        log(.warning, "refused a connection")
        log(.info, "something else")
        #expect(lines.all.count == 7)
        sink.flush()
        #expect(lines.all.count == 8)
        #expect(lines.all[7].hasSuffix("refused a connection repeated=120"))
        sink.flush()
        #expect(lines.all.count == 8)
    }

    @Test func linesBelowTheLevelCostNothing() {
        let lines = Lines()
        let log = Log(levelMin: .warning, sink: lines.log(.json))
        var isComputed = false
        func values() -> KeyValuePairs<String, LogValue> {
            isComputed = true
            return [:]
        }
        log(.info, "quiet", values())
        #expect(!isComputed && lines.all.isEmpty)
    }
}

import Testing

/// Each rule bites: a planted breach of it is found, and its lawful neighbour is not.
@Suite struct PlantedViolationTests {
    private func rules(_ text: String, at path: String = "Sources/StarlingNode/Swarm/Swarm.swift")
        -> [Violation.Rule]
    {
        HouseRules.violations(path: path, text: text).map(\.rule)
    }

    @Test(arguments: [
        "import Foundation", "internal import StarlingIO", "package import Glibc",
        "@testable import StarlingHTTP",
        "@preconcurrency internal import CUV", "import struct Foundation.Date", "    import Dispatch",
    ])
    func aForbiddenImportIsFound(line: String) {
        #expect(rules(line + "\n") == [.importTable])
    }

    @Test(arguments: [
        "package import StarlingCore", "internal import StarlingTransports", "// import Foundation",
        "let text = \"import Foundation\"", "import struct StarlingCore.PeerID", "import Synchronization",
    ])
    func anAllowedImportPasses(line: String) {
        #expect(rules(line + "\n") == [])
    }

    @Test(arguments: [
        ("StarlingCore", "StarlingCrypto"), ("StarlingCrypto", "StarlingTLS"), ("StarlingTLS", "CSodium"),
        ("StarlingProtocols", "StarlingWorld"), ("StarlingMesh", "StarlingProtocols"),
        ("StarlingWorld", "StarlingProtocols"), ("StarlingTransports", "StarlingNode"),
        ("StarlingNode", "StarlingSimulator"), ("StarlingAPI", "StarlingTransports"),
        ("StarlingIO", "StarlingNode"),
        ("StarlingHTTP", "StarlingIO"), ("StarlingSimulator", "StarlingIO"),
        ("StarlingSimulator", "StarlingHTTP"),
        ("Starling", "StarlingHTTP"), ("StarlingTool", "Foundation"),
    ])
    func noModuleReachesOutOfItsRing(module: String, name: String) {
        #expect(rules("import \(name)\n", at: "Sources/\(module)/File.swift") == [.importTable])
    }

    @Test func aModuleOutsideTheTableIsFound() {
        #expect(rules("let a = 1\n", at: "Sources/StarlingNovelty/File.swift") == [.importTable])
    }

    @Test(arguments: BannedText.inSources.map(\.text))
    func aBannedTextIsFoundInSources(text: String) {
        #expect(!rules("let a = { \(text) }\n").isEmpty)
        #expect(rules("let a = \"\(text)\"  // \(text)\n").isEmpty)
        #expect(rules("/* \(text)\n \(text) */\n").isEmpty)
    }

    @Test(arguments: BannedText.inTests.map(\.text))
    func aBannedTextIsFoundInTests(text: String) {
        #expect(!rules("let a = { \(text) }\n", at: "Tests/StarlingNodeTests/SwarmTests.swift").isEmpty)
    }

    @Test func aBanSparesTheModuleWhereTheTextIsAtHome() {
        #expect(rules("getenv(name)\n", at: "Sources/StarlingIO/Paths.swift").isEmpty)
        #expect(rules("getenv(name)\n") == [.bannedText])
    }

    @Test func aBanSparesLongerNames() {
        #expect(rules("startTask { }\nlet a = expiryDate()\nwithTaskGroup(of: Int.self) { }\n").isEmpty)
    }

    @Test(arguments: [
        "let a = b!", "b!.c()", "call()!", "list[0]!", "var a: Int!", "print(\"\\(value!)\")", "a! + b",
        "{ 1 }()!",
    ])
    func aForcedUnwrapIsFound(line: String) {
        #expect(rules(line + "\n") == [.trap])
    }

    @Test(arguments: [
        "if a != b {", "if !isOpen {", "let a = \"stop!\"", "// really!", "a = !b", "if a!=b {", "#\"a!\"#",
    ])
    func aNegationIsNoForcedUnwrap(line: String) {
        #expect(rules(line + "\n") == [])
    }

    @Test func codeInsideAnInterpolationIsCode() {
        #expect(rules("let a = \"\\(\"x\\(b!)\") c!\"\n") == [.trap])
        #expect(rules("let a = \"\"\"\n  text! Task.sleep\n  \"\"\"\nlet b = c!\n") == [.trap])
    }

    @Test func aWaiverNeedsItsReason() {
        #expect(rules("let a = b!  // tidy-ok: the table is filled at compile time\n") == [])
        #expect(Set(rules("let a = b!  // tidy-ok:\n")) == [.trap, .emptyWaiver])
        #expect(Set(rules("let a = b!  // tidy-ok\n")) == [.trap, .emptyWaiver])
        #expect(rules("let a = b!\n// tidy-ok: not on the same line\n") == [.trap])
    }

    @Test func aWaiverDoesNotOpenTheImportTable() {
        #expect(rules("import Foundation  // tidy-ok: convenient\n") == [.importTable])
    }

    @Test(arguments: [
        "struct PeerManager {", "package actor DialService {", "enum StringUtils {",
        "final class LoopImpl: Loop {",
        "protocol StreamHandler {", "struct DefaultLimits {", "struct NewSwarm {", "struct SwarmV2 {",
    ])
    func anEmptyNameIsFound(line: String) {
        #expect(rules(line + "\n") == [.typeName])
    }

    @Test(arguments: ["struct Newcomer {", "struct Defaults {", "struct Handlers {", "enum Basis {"])
    func aNameThatOnlyLooksEmptyPasses(line: String) {
        #expect(rules(line + "\n") == [])
    }

    @Test func aFolderNamedForNothingIsFound() {
        #expect(rules("let a = 1\n", at: "Sources/StarlingCore/Utils/Pad.swift") == [.folderName])
    }

    @Test(arguments: [
        ("Sources/StarlingCore/A.swift", 600), ("Tests/StarlingCoreTests/A.swift", 600), ("dev", 600),
        ("interop/a.py", 600), ("interop/a.sh", 600), ("Sources/CSys/a.c", 600), ("README.md", 200),
        ("ARCHITECTURE.md", 600), ("docs/decisions/0001-a.md", 100),
    ])
    func aFileOverItsLengthIsFound(path: String, limit: Int) {
        let title = "# A\n"
        let body = String(repeating: "//\n", count: limit - 1)
        #expect(rules(title + body, at: path) == [])
        #expect(rules(title + body + "//\n", at: path) == [.fileLength])
    }

    @Test(arguments: FileShape.hostTexts)
    func aPathOfOneMachineIsFound(text: String) {
        for path in ["Sources/StarlingCore/A.swift", "interop/a.py", "dev", ".ci/run"] {
            #expect(rules("# see \(text)x\n", at: path) == [.hostPath])
        }
        #expect(rules("# A\n\nsee \(text)x\n", at: "README.md") == [.hostPath])
    }

    @Test(arguments: ["text\n", "## A\n", "# A\n\n# B\n", "# A\n\n### B\n", ""])
    func aCrookedOutlineIsFound(text: String) {
        #expect(rules(text, at: "docs/a.md").contains(.heading))
    }

    @Test func aStraightOutlinePasses() {
        #expect(rules("# A\n\n## B\n\n### C\n\n## D\n\n```\n# no heading\n```\n", at: "docs/a.md") == [])
    }

    @Test func aDeadLinkIsFound() {
        let documents = [
            "docs/a.md": SourceText(path: "docs/a.md", text: "# A\n\n## Two words, more\n"),
            "b.md": SourceText(path: "b.md", text: "# B\n"),
            "docs/c.md": SourceText(path: "docs/c.md", text: "# C\n"),
        ]
        func count(_ link: String) -> Int {
            let file = SourceText(path: "docs/c.md", text: "# C\n\nSee [this](\(link)).\n")
            return DocumentLinks.violations(file, documents: documents) {
                documents[$0] != nil
            }
            .count
        }
        #expect(count("a.md") == 0)
        #expect(count("../b.md") == 0)
        #expect(count("a.md#two-words-more") == 0)
        #expect(count("#c") == 0)
        #expect(count("https://example.com/x.md") == 0)
        #expect(count("b.md") == 1)
        #expect(count("a.md#three") == 1)
        #expect(count("#d") == 1)
    }

    @Test func anExampleThatNoTestHoldsIsFound() {
        let document = SourceText(path: "README.md", text: "# A\n\n```swift\nlet a = 1\n\nlet b = a\n```\n")
        func count(_ test: String) -> Int {
            DocumentLinks.untestedExamples(document, tests: [SourceText(path: "Tests/T/T.swift", text: test)])
                .count
        }
        #expect(count("func f() {\n    let a = 1\n    let b = a\n}\n") == 0)
        #expect(count("let a = 1\nlet c = 3\nlet b = a\n") == 1)
        #expect(count("") == 1)
    }

    @Test func aFileNameThatLeadsNowhereIsFound() {
        func count(_ text: String) -> Int {
            let document = SourceText(path: "README.md", text: "# A\n\n\(text)\n")
            return DocumentLinks.unknownFileNames(document) {
                ["Swarm.swift", "StarlingNode/Swarm/", "Sources/StarlingNode/Swarm/Swarm.swift"].contains($0)
            }.count
        }
        #expect(
            count("See `Swarm.swift` in `StarlingNode/Swarm/` and `Sources/StarlingNode/Swarm/Swarm.swift`.")
                == 0
        )
        #expect(count("See `Flock.swift`.") == 1)
        #expect(count("See `StarlingNode/Flock/`.") == 1)
        #expect(count("`x` See Flock.swift `y`") == 0)
    }
}

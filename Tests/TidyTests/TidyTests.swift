import Testing

/// The rules that no compiler enforces, checked on the text of every file.
@Suite struct TidyTests {
    @Test func everyFileKeepsTheHouseRules() throws {
        let files = try Project().files()
        #expect(files.count > 50)
        for violation in files.flatMap(HouseRules.violations) { Issue.record("\(violation)") }
    }

    @Test func everyLinkOfADocumentLeadsSomewhere() throws {
        let project = try Project()
        let documents = Dictionary(
            uniqueKeysWithValues: try project.files().filter(\.isMarkdown).map { ($0.path, $0) }
        )
        for document in documents.values {
            for violation in DocumentLinks.violations(document, documents: documents, exists: project.has) {
                Issue.record("\(violation)")
            }
        }
    }

    @Test func everySwiftExampleOfADocumentIsHeldByATest() throws {
        let files = try Project().files()
        let tests = files.filter { $0.isTest && !$0.path.hasPrefix("Tests/TidyTests/") }
        for document in files.filter(\.isMarkdown) {
            for violation in DocumentLinks.untestedExamples(document, tests: tests) {
                Issue.record("\(violation)")
            }
        }
    }

    @Test func everySourceFileThatADocumentNamesExists() throws {
        let project = try Project()
        for document in try project.files().filter(\.isMarkdown) {
            for violation in DocumentLinks.unknownFileNames(document, exists: project.names) {
                Issue.record("\(violation)")
            }
        }
    }

    @Test func theImportTableNamesExactlyTheModulesThatExist() throws {
        let modules = try Project().paths.filter {
            $0.hasPrefix("Sources/Starling") && $0.hasSuffix(".swift")
        }
        .map { String($0.split(separator: "/")[1]) }
        #expect(Set(modules) == Set(ImportTable.allowed.keys))
    }

    @Test func theImportTableAllowsOurOwnModulesOnlyAsTheManifestDoes() throws {
        let manifest = try #require(try Project().text("Package.swift"))
        for (module, imports) in ImportTable.allowed {
            let declaration = try #require(
                manifest.firstRange(of: "module(\"\(module)\"") ?? manifest.firstRange(
                    of: "module(\n            \"\(module)\""
                )
                    ?? manifest.firstRange(of: "name: \"\(module)\",\n            dependencies")
            )
            let body = manifest[declaration.upperBound...]
            let list = body[..<(try #require(body.firstIndex(of: "]")))]
            for name in imports where name.hasPrefix("Starling") || (name.hasPrefix("C") && name != "Crypto")
            {
                #expect(
                    list.contains("\"\(name)\""),
                    "\(module) may import \(name), but does not depend on it"
                )
            }
        }
    }
}

/// What each module may import beyond the standard library.
///
/// The one place, next to the package manifest, where the module graph is written down: a warm build lets a module
/// import any sibling that is already built, so the manifest alone does not hold the rings apart.
enum ImportTable {
    private static let platform: Set<String> = ["Glibc", "Musl", "Darwin", "Android"]

    static let allowed: [String: Set<String>] = [
        // Pure
        "StarlingCore": ["Synchronization"],
        "StarlingCrypto": ["StarlingCore", "CSodium", "CGcrypt", "CHash", "CIPSecMB", "Synchronization"],
        "StarlingTLS": ["StarlingCore", "StarlingCrypto", "CGnuTLS", "Synchronization"],
        "StarlingProtocols": ["StarlingCore", "StarlingCrypto"],
        "StarlingMesh": ["StarlingCore", "StarlingCrypto", "CLZ4", "CZstd"],
        // Edge
        "StarlingWorld": ["StarlingCore", "Synchronization"],
        "StarlingTransports": [
            "StarlingWorld", "StarlingProtocols", "StarlingTLS", "StarlingCrypto", "StarlingCore",
            "Synchronization",
        ],
        "StarlingNode": [
            "StarlingTransports", "StarlingMesh", "StarlingProtocols", "StarlingWorld", "StarlingCrypto",
            "StarlingCore", "Synchronization",
        ],
        "StarlingAPI": ["StarlingNode", "StarlingWorld", "StarlingCore", "Synchronization"],
        // Outside
        "StarlingIO": platform.union(["StarlingWorld", "StarlingCore", "CUV", "CSys", "Synchronization"]),
        // Files and one thread: what SQLite does not do for the store.
        "StarlingStore": platform.union(["StarlingWorld", "StarlingCore", "CSQLite", "Synchronization"]),
        "StarlingHTTP": platform.union([
            "StarlingAPI", "StarlingWorld", "StarlingCore", "CMicrohttpd", "Synchronization",
        ]),
        "StarlingFuzz": [
            "StarlingSimulator", "StarlingStore", "StarlingMesh", "StarlingProtocols", "StarlingTLS",
            "StarlingWorld", "StarlingCrypto", "StarlingCore",
        ],
        // The simulator asks the platform one thing: which thread this is, to notice work that escaped it.
        "StarlingSimulator": platform.union([
            "StarlingAPI", "StarlingNode", "StarlingTransports", "StarlingMesh", "StarlingProtocols",
            "StarlingTLS", "StarlingStore", "StarlingWorld", "StarlingCrypto", "StarlingCore",
            "Synchronization",
        ]),
        "Starling": [
            "StarlingNode", "StarlingIO", "StarlingStore", "StarlingTransports", "StarlingMesh",
            "StarlingWorld",
            "StarlingCrypto", "StarlingCore",
        ],
        "StarlingCommandLine": ["StarlingAPI", "StarlingNode", "StarlingCore"],
        "StarlingTool": platform.union([
            "Starling", "StarlingCommandLine", "StarlingHTTP", "StarlingAPI", "StarlingSimulator",
            "StarlingIO", "StarlingStore", "StarlingNode",
            "StarlingTransports", "StarlingMesh", "StarlingProtocols", "StarlingTLS", "StarlingWorld",
            "StarlingCrypto", "StarlingCore", "CSys", "Synchronization",
        ]),
    ]

    /// The module that a line of code imports, or `nil`.
    static func importedModule(_ code: String) -> String? {
        let words = code.split(whereSeparator: { $0 == " " || $0 == ";" })
        let prefixes: Set<Substring> = ["public", "package", "internal", "fileprivate", "private"]
        let kinds: Set<Substring> = [
            "struct", "class", "enum", "protocol", "typealias", "func", "let", "var",
        ]
        var rest = words.drop { $0.hasPrefix("@") || prefixes.contains($0) }
        guard rest.popFirst() == "import" else { return nil }
        if let first = rest.first, kinds.contains(first) { rest.removeFirst() }
        return rest.first.map { String($0.prefix { $0 != "." }) }
    }

    static func violations(_ file: SourceText) -> [Violation] {
        guard let module = file.module, file.isSwift else { return [] }
        guard let allowed = allowed[module] else {
            return [
                Violation(
                    rule: .importTable,
                    path: file.path,
                    line: 1,
                    message: "\(module) is missing from the import table"
                )
            ]
        }
        return file.code.indices.compactMap { index in
            guard let name = importedModule(file.code[index]), !allowed.contains(name) else { return nil }
            return Violation(
                rule: .importTable,
                path: file.path,
                line: index + 1,
                message: "\(module) may not import \(name)"
            )
        }
    }
}

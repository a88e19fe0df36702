// swift-tools-version: 6.2
import PackageDescription

#if canImport(Glibc)
    import Glibc
#endif

/// The outer ring talks to C all day: everything but the marking of each unsafe expression.
let lenient: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

/// The house rules of the pure and the edge ring: a module cannot opt out of them.
let strict = lenient + [.strictMemorySafety()]

/// A module of the library, with the settings of its ring.
func module(_ name: String, _ dependencies: [Target.Dependency], _ settings: [SwiftSetting]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

/// How the tool is linked: an idle node is 1 MB smaller without a table of exported names, and 1 MB more with packed
/// relocations, which glibc can read from 2.36 on.
var linked = ["-use-ld=lld", "-Xlinker", "--no-export-dynamic"]
#if canImport(Glibc)
    var version = [CChar](repeating: 0, count: 64)
    confstr(Int32(_CS_GNU_LIBC_VERSION), &version, version.count)  // as in "glibc 2.36"
    let digits = version.filter { 48...57 ~= $0 }.reduce(0) { $0 * 10 + Int($1 - 48) }
    if digits >= 236 { linked += ["-Xlinker", "-z", "-Xlinker", "pack-relative-relocs"] }
#endif

/// The tests of a module: they may also use the test kit, which is the simulator.
func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: name + "Tests",
        dependencies: [.byName(name: name)] + dependencies,
        swiftSettings: lenient
    )
}

/// A C library from the system, found with pkg-config.
func system(_ name: String, pkgConfig: String, apt: String, brew: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([apt]), .brew([brew])])
}

let package = Package(
    name: "starling",
    platforms: [.macOS(.v26)],
    products: [
        .library(name: "Starling", targets: ["Starling"]),
        .executable(name: "starling", targets: ["StarlingTool"]),
    ],
    targets: [
        // C libraries
        system("CUV", pkgConfig: "libuv", apt: "libuv1-dev", brew: "libuv"),
        system("CSodium", pkgConfig: "libsodium", apt: "libsodium-dev", brew: "libsodium"),
        system("CGcrypt", pkgConfig: "libgcrypt", apt: "libgcrypt20-dev", brew: "libgcrypt"),
        system("CGnuTLS", pkgConfig: "gnutls", apt: "libgnutls28-dev", brew: "gnutls"),
        system("CMicrohttpd", pkgConfig: "libmicrohttpd", apt: "libmicrohttpd-dev", brew: "libmicrohttpd"),
        system("CLZ4", pkgConfig: "liblz4", apt: "liblz4-dev", brew: "lz4"),
        system("CZstd", pkgConfig: "libzstd", apt: "libzstd-dev", brew: "zstd"),
        system("CSQLite", pkgConfig: "sqlite3", apt: "libsqlite3-dev", brew: "sqlite"),
        // Has no pkg-config file, is not imported on other processors, and is loaded when it is needed.
        .systemLibrary(name: "CIPSecMB", providers: [.apt(["libipsec-mb-dev"])]),
        .target(name: "CSys", linkerSettings: [.linkedLibrary("resolv")]),
        .target(name: "CHash"),

        // Pure: structs, no async, no operating system
        module("StarlingCore", [], strict),
        module("StarlingCrypto", ["StarlingCore", "CSodium", "CGcrypt", "CHash", "CIPSecMB"], strict),
        module("StarlingTLS", ["StarlingCore", "StarlingCrypto", "CGnuTLS"], strict),
        module("StarlingProtocols", ["StarlingCore", "StarlingCrypto"], strict),
        module("StarlingMesh", ["StarlingCore", "StarlingCrypto", "CLZ4", "CZstd"], strict),

        // Edge: actors and async, no operating system
        module("StarlingWorld", ["StarlingCore"], strict),
        module(
            "StarlingTransports",
            ["StarlingWorld", "StarlingProtocols", "StarlingTLS", "StarlingCrypto", "StarlingCore"],
            strict
        ),
        module(
            "StarlingNode",
            [
                "StarlingTransports", "StarlingMesh", "StarlingProtocols", "StarlingWorld", "StarlingCrypto",
                "StarlingCore",
            ],
            strict
        ),
        module("StarlingAPI", ["StarlingNode", "StarlingWorld", "StarlingCore"], strict),

        // Outside: builds a World, or puts a face on the node
        module("StarlingIO", ["StarlingWorld", "StarlingCore", "CUV", "CSys"], lenient),
        module("StarlingStore", ["StarlingWorld", "StarlingCore", "CSQLite"], lenient),
        module("StarlingHTTP", ["StarlingAPI", "StarlingWorld", "StarlingCore", "CMicrohttpd"], lenient),
        module(
            "StarlingFuzz",
            [
                "StarlingSimulator", "StarlingStore", "StarlingMesh", "StarlingProtocols", "StarlingTLS",
                "StarlingWorld", "StarlingCrypto", "StarlingCore",
            ],
            strict
        ),
        module(
            "StarlingSimulator",
            [
                "StarlingAPI", "StarlingNode", "StarlingTransports", "StarlingMesh", "StarlingProtocols",
                "StarlingTLS", "StarlingStore", "StarlingWorld", "StarlingCrypto", "StarlingCore",
            ],
            lenient
        ),
        module(
            "Starling",
            [
                "StarlingNode", "StarlingIO", "StarlingStore", "StarlingTransports", "StarlingMesh",
                "StarlingWorld",
                "StarlingCrypto", "StarlingCore",
            ],
            lenient
        ),
        module("StarlingCommandLine", ["StarlingAPI", "StarlingNode", "StarlingCore"], lenient),
        .executableTarget(
            name: "StarlingTool",
            dependencies: [
                "StarlingCommandLine", "Starling", "StarlingHTTP", "StarlingAPI", "StarlingSimulator",
                "StarlingIO", "StarlingStore", "StarlingNode",
                "StarlingTransports", "StarlingMesh", "StarlingProtocols", "StarlingTLS", "StarlingWorld",
                "StarlingCrypto", "StarlingCore", "CSys",
            ],
            swiftSettings: lenient,
            linkerSettings: [.unsafeFlags(linked, .when(platforms: [.linux], configuration: .release))]
        ),

        // Tests
        tests("Starling", ["StarlingCore"]),
        tests("StarlingCore", []),
        tests("StarlingCrypto", ["StarlingCore", "CSodium"]),
        tests("StarlingTLS", ["StarlingCrypto", "StarlingCore", "CGnuTLS"]),
        tests("StarlingProtocols", ["StarlingCrypto", "StarlingCore"]),
        tests("StarlingMesh", ["StarlingCrypto", "StarlingCore"]),
        tests("StarlingFuzz", []),
        tests(
            "StarlingTransports",
            [
                "StarlingSimulator", "StarlingIO", "StarlingWorld", "StarlingProtocols", "StarlingTLS",
                "StarlingCrypto", "StarlingCore",
            ]
        ),
        tests(
            "StarlingNode",
            [
                "StarlingSimulator", "StarlingStore", "StarlingIO", "StarlingTransports", "StarlingMesh",
                "StarlingProtocols",
                "StarlingWorld", "StarlingCrypto", "StarlingCore",
            ]
        ),
        tests("StarlingAPI", ["StarlingSimulator", "StarlingNode", "StarlingWorld", "StarlingCore"]),
        tests("StarlingIO", ["StarlingSimulator", "StarlingNode", "StarlingWorld", "StarlingCore", "CSys"]),
        tests("StarlingStore", ["StarlingSimulator", "StarlingIO", "StarlingWorld", "StarlingCore"]),
        tests(
            "StarlingHTTP",
            ["StarlingAPI", "StarlingSimulator", "StarlingIO", "StarlingWorld", "StarlingCore"]
        ),
        tests(
            "StarlingSimulator",
            ["StarlingNode", "StarlingStore", "StarlingWorld", "StarlingCrypto", "StarlingCore"]
        ),
        tests("StarlingCommandLine", ["StarlingAPI", "StarlingNode", "StarlingCore"]),
        tests(
            "StarlingTool",
            [
                "StarlingCommandLine", "StarlingHTTP", "StarlingAPI", "StarlingStore", "StarlingIO",
                "StarlingWorld",
                "StarlingCore",
            ]
        ),
        .testTarget(name: "TidyTests", swiftSettings: lenient),

        // Run by `./dev test` in the release build; it brings its own malloc, which no product may.
        .target(name: "CAllocationCount", path: "Tests/Allocations/CAllocationCount"),
        .executableTarget(
            name: "AllocationProbe",
            dependencies: [
                "CAllocationCount", "StarlingTransports", "StarlingIO", "StarlingWorld", "StarlingCrypto",
                "StarlingCore",
            ],
            path: "Tests/Allocations/AllocationProbe",
            swiftSettings: lenient
        ),
    ]
)

// fuzz/run.sh builds this one, with libFuzzer at hand; without it the program would not link.
if Context.environment["STARLING_FUZZER"] != nil {
    package.targets.append(
        .executableTarget(
            name: "StarlingFuzzer",
            dependencies: ["StarlingFuzz"],
            path: "fuzz/StarlingFuzzer",
            swiftSettings: lenient
        )
    )
}

import Foundation
import StarlingIO
import StarlingSimulator
import StarlingStore
import StarlingWorld
import Testing

/// A folder that is removed with the test.
final class TestFolder: Sendable {
    let path: String

    init() {
        path = NSTemporaryDirectory() + "starling-store-\(UUID().uuidString)"
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var storePath: String { path + "/starling.db" }

    func mode(_ name: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path + "/" + name)
        return try #require(attributes[.posixPermissions] as? Int)
    }

    var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path).sorted()) ?? [] }
}

struct NoLog: LogSink {
    func write(_ level: LogLevel, _ message: String, _ values: [(key: String, value: LogValue)]) {}
}

/// Runs `body` as a task of a real loop.
func onRealLoop<Value: Sendable>(
    _ body: @escaping @Sendable (World) async throws -> Value
) async throws -> Value {
    let real = try RealWorld.make(loopCount: 1, log: Log(sink: NoLog()))
    let world = real.world
    let result = await world.loops[0].startTask(returning: Value.self) { try await body(world) }.result
    real.stop()
    return try result.get()
}

@Suite struct SQLiteStoreTests {
    @Test(arguments: StoreCheck.all)
    func keepsInAFolderWhatEveryStorePromises(_ check: StoreCheck) async throws {
        let folder = TestFolder()
        try await onRealLoop { world in
            let stage = StoreStage(loop: world.loops[0], outlivesClose: true) {
                try SQLiteStore.open(
                    path: folder.storePath,
                    loop: world.loops[0],
                    wallClock: world.wallClock
                )
            }
            try await stage.run(check)
        }
    }

    @Test(arguments: StoreCheck.all)
    func keepsInMemoryWhatEveryStorePromises(_ check: StoreCheck) async throws {
        try await onRealLoop { world in
            let stage = StoreStage(loop: world.loops[0], outlivesClose: false) {
                try SQLiteStore.inMemory(loop: world.loops[0], wallClock: world.wallClock)
            }
            try await stage.run(check)
        }
    }

    @Test func aSecondOpeningIsRefusedUntilTheFirstIsClosed() async throws {
        let folder = TestFolder()
        try await onRealLoop { world in
            @Sendable func open() throws(StoreError) -> SQLiteStore {
                try SQLiteStore.open(
                    path: folder.storePath,
                    loop: world.loops[0],
                    wallClock: world.wallClock
                )
            }
            let first = try open()
            #expect(throws: StoreError.inUse) { try open() }
            await first.close()
            let second = try open()
            await second.close()
        }
    }

    @Test func itsFilesAreForTheirOwnerOnly() async throws {
        let folder = TestFolder()
        try Data().write(to: URL(fileURLWithPath: folder.storePath))
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: folder.storePath)
        try await onRealLoop { world in
            let store = try SQLiteStore.open(
                path: folder.storePath,
                loop: world.loops[0],
                wallClock: world.wallClock
            )
            #expect(folder.names == ["starling.db", "starling.db-lock", "starling.db-wal"])
            for name in folder.names { #expect(try folder.mode(name) == 0o600, "\(name)") }
            await store.close()
        }
    }

    @Test func aMissingFolderIsATypedError() async throws {
        try await onRealLoop { world in
            let path = "/nonexistent/starling.db"
            #expect(throws: StoreError.notFound(path: path + "-lock")) {
                try SQLiteStore.open(path: path, loop: world.loops[0], wallClock: world.wallClock)
            }
        }
    }
}

import StarlingCore
import StarlingCrypto
import StarlingNode
import StarlingSimulator
import StarlingWorld
import Testing

@Suite struct KeyFileTests {
    let host = Simulation(seed: 3).host()

    private func file(_ path: String = "/starling/identity.key") throws -> KeyFile {
        try host.world.files.createFolder("/starling")
        return KeyFile(path: path, files: host.world.files, random: host.world.random)
    }

    @Test func aKeyIsMadeOnceAndReadAfterwards() throws {
        let file = try file()
        #expect(try file.read() == nil)
        let made = try file.readOrCreate()
        #expect(try file.read()?.peerID == made.peerID)
        #expect(try file.readOrCreate().peerID == made.peerID)
    }

    @Test func aDamagedKeyIsRefusedAndLeftAlone() throws {
        try host.world.files.createFolder("/starling")
        try host.world.files.create("/starling/identity.key", content: [1, 2, 3])
        let file = try file()
        #expect(throws: KeyFileError.self) { _ = try file.readOrCreate() }
        let left = try host.world.files.read("/starling/identity.key", byteCountMax: 10, isSecret: true)
        #expect(left == [1, 2, 3])
    }
}

import Foundation
import StarlingIO
import StarlingWorld
import Testing

@Suite struct SystemFilesTests {
    private let files = SystemFiles()
    private let folder = temporaryPath("files")

    private func withFolder(_ body: () throws -> Void) throws {
        try files.createFolder(folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body()
    }

    private func mode(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }

    @Test func aFileIsItsOwnersAloneAndReadsBack() throws {
        try withFolder {
            let path = folder + "/key"
            try files.create(path, content: pattern(10_000))
            #expect(try mode(path) == 0o600)
            #expect(try mode(folder) == 0o700)
            #expect(try files.read(path, byteCountMax: 10_000, isSecret: true) == pattern(10_000))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["key"])
        }
    }

    @Test func anEmptyFileIsOne() throws {
        try withFolder {
            try files.create(folder + "/empty", content: [])
            #expect(try files.read(folder + "/empty", byteCountMax: 0, isSecret: true) == [])
        }
    }

    @Test func anExistingFileIsNotReplaced() throws {
        try withFolder {
            let path = folder + "/key"
            try files.create(path, content: [1])
            #expect(throws: FileError.alreadyExists(path: path)) { try files.create(path, content: [2]) }
            #expect(try files.read(path, byteCountMax: 9, isSecret: true) == [1])
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["key"])
        }
    }

    @Test(arguments: [0o640, 0o604, 0o666, 0o610])
    func aSecretThatOthersMayReadIsRefused(mode: Int) throws {
        try withFolder {
            let path = folder + "/key"
            try files.create(path, content: [1])
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
            #expect(throws: FileError.readableByOthers(path: path)) {
                try files.read(path, byteCountMax: 9, isSecret: true)
            }
            #expect(try files.read(path, byteCountMax: 9, isSecret: false) == [1])
        }
    }

    @Test func theLimitHoldsExactly() throws {
        try withFolder {
            let path = folder + "/key"
            try files.create(path, content: pattern(100))
            #expect(try files.read(path, byteCountMax: 101, isSecret: true).count == 100)
            #expect(try files.read(path, byteCountMax: 100, isSecret: true).count == 100)
            #expect(throws: FileError.tooLarge(path: path)) {
                try files.read(path, byteCountMax: 99, isSecret: true)
            }
        }
    }

    @Test func whatIsMissingOrNoFileIsSaid() throws {
        try withFolder {
            let path = folder + "/none"
            #expect(throws: FileError.notFound(path: path)) {
                try files.read(path, byteCountMax: 1, isSecret: true)
            }
            #expect(throws: FileError.notFound(path: path + "/below")) {
                try files.create(path + "/below", content: [])
            }
            #expect(throws: FileError.isFolder(path: folder)) {
                try files.read(folder, byteCountMax: 1, isSecret: false)
            }
            #expect(throws: FileError.other(path: "/dev/zero", name: "EINVAL")) {
                try files.read("/dev/zero", byteCountMax: 1, isSecret: false)
            }
        }
    }

    @Test func foldersAreMadeWithTheirParents() throws {
        try withFolder {
            try files.createFolder(folder + "/a/b/c")
            try files.createFolder(folder + "/a/b/c")
            try files.createFolder(folder + "/a/b/d/")
            #expect(try mode(folder + "/a/b") == 0o700)
            try files.create(folder + "/file", content: [])
            #expect(throws: FileError.self) { try files.createFolder(folder + "/file") }
            #expect(throws: FileError.self) { try files.createFolder(folder + "/file/below") }
        }
    }
}

import StarlingCore
import StarlingNode
import StarlingSimulator
import StarlingWorld
import Testing

@Suite struct RunMarkTests {
    private let files = Simulation(seed: 3).host().world.files

    @Test func aHomeIsMarkedOnceANodeRuns() throws {
        try files.createFolder("/starling")
        let mark = RunMark(home: "/starling", files: files)
        #expect(try !mark.isSet())
        #expect(try !mark.isSet())
        try mark.set()
        #expect(try mark.isSet())
        try mark.set()
        #expect(try mark.isSet())
        try files.createFolder("/other")
        #expect(try !RunMark(home: "/other", files: files).isSet())
    }

    @Test func aHomeThatTakesNoMarkIsToldOf() {
        #expect(throws: FileError.self) { try RunMark(home: "/missing", files: files).set() }
    }
}

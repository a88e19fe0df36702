import Foundation

/// A run of the built executable that goes on while the test looks on.
final class RunningTool {
    private let process = Process()
    private let output = Pipe()
    private let talk = Pipe()

    init(_ words: [String], home: String) throws {
        process.executableURL = ToolRun.executable
        process.arguments = words + ["--home", home]
        process.environment = ToolRun.sanitizerEnvironment
        process.standardOutput = output
        process.standardError = talk
        process.standardInput = FileHandle.nullDevice
        try process.run()
    }

    /// The next line of its output without the line's end; what there is of it where the output ends.
    func nextLine() -> String {
        var line = Data()
        while true {
            let byte = output.fileHandleForReading.readData(ofLength: 1)
            if byte.isEmpty || byte[0] == 0x0A { return String(decoding: line, as: UTF8.self) }
            line += byte
        }
    }

    /// Asks it to end, as Ctrl-C does.
    func interrupt() { if process.isRunning { process.interrupt() } }

    /// Waits for its end; what it said then, and how it ended.
    @discardableResult func end() -> ToolRun {
        let rest = output.fileHandleForReading.readDataToEndOfFile()
        let said = talk.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let isBySignal = process.terminationReason == .uncaughtSignal
        return ToolRun(
            status: isBySignal ? -process.terminationStatus : process.terminationStatus,
            output: String(decoding: rest, as: UTF8.self),
            talk: String(decoding: said, as: UTF8.self)
        )
    }
}

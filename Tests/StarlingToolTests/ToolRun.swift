import Foundation
import StarlingAPI
import StarlingCore
import StarlingHTTP
import StarlingIO
import StarlingWorld
import Synchronization

/// One run of the built executable.
struct ToolRun {
    var status: Int32
    var output: String
    var talk: String

    /// Where the build puts the executable: beside the tests.
    static var executable: URL {
        URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().appendingPathComponent(
            "starling"
        )
    }

    /// What a sanitizer is told: it holds for the tool that is run as for the test that runs it.
    static var sanitizerEnvironment: [String: String] {
        ProcessInfo.processInfo.environment.filter { ["TSAN_OPTIONS", "ASAN_OPTIONS"].contains($0.key) }
    }

    /// Runs the tool in a fresh environment and waits for its end.
    ///
    /// - Parameter isAllPowerful: whether root may use what modes deny; other users never may.
    static func run(
        _ words: [String],
        home: String? = nil,
        input: String = "",
        environment: [String: String] = [:],
        outputPath: String? = nil,
        isAllPowerful: Bool = true
    ) async throws -> ToolRun {
        let process = Process()
        process.executableURL = executable
        process.arguments = words + (home.map { ["--home", $0] } ?? [])
        if !isAllPowerful, geteuid() == 0 {
            process.executableURL = URL(fileURLWithPath: "/usr/bin/setpriv")
            process.arguments =
                ["--bounding-set=-dac_override,-dac_read_search", executable.path]
                + (process.arguments ?? [])
        }
        process.environment = environment.merging(sanitizerEnvironment) { mine, _ in mine }
        let (output, talk, stdin) = (Pipe(), Pipe(), Pipe())
        process.standardOutput = outputPath.flatMap { FileHandle(forWritingAtPath: $0) } ?? output
        process.standardError = talk
        process.standardInput = stdin
        try process.run()
        if outputPath != nil { try output.fileHandleForWriting.close() }
        try stdin.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try stdin.fileHandleForWriting.close()
        // The talk is short, so that it fits its pipe while the output is read.
        let outputData = output.fileHandleForReading.readDataToEndOfFile()
        let talkData = talk.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return ToolRun(
            status: process.terminationStatus,
            output: String(decoding: outputData, as: UTF8.self),
            talk: String(decoding: talkData, as: UTF8.self)
        )
    }
}

/// A node's API in a home folder, with fixed answers, for one test.
struct FixedNode {
    let home: String
    let responder: FixedResponder

    static func with(_ answers: [String: (Int, JSON)], _ body: (FixedNode) async throws -> Void) async throws
    {
        let home = try makeFolder()
        defer { try? FileManager.default.removeItem(atPath: home) }
        let real = try RealWorld.make(loopCount: 1, log: Log(levelMin: .error, sink: SilentLog()))
        let responder = FixedResponder(answers: answers)
        let server = try HTTPServer(
            socketPath: home + "/node.sock",
            responder: responder,
            loop: real.world.loops[0]
        )
        do { try await body(FixedNode(home: home, responder: responder)) } catch {
            await server.stop()
            throw error
        }
        await server.stop()
        await withCheckedContinuation { done in
            Thread.detachNewThread {
                real.stop()
                done.resume()
            }
        }
    }

    static func makeFolder() throws -> String {
        var template = Array("/tmp/st-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw POSIXError(.EIO) }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    func run(_ words: String..., input: String = "") async throws -> ToolRun {
        try await ToolRun.run(words, home: home, input: input)
    }
}

/// Gives the answer set for a method and path, and keeps what it was asked.
final class FixedResponder: APIResponder {
    private let answers: [String: (Int, JSON)]
    private let seen = Mutex<[APIRequest]>([])

    init(answers: [String: (Int, JSON)]) { self.answers = answers }

    var requests: [APIRequest] { seen.withLock { $0 } }

    func respond(to request: APIRequest) async -> APIResponse {
        seen.withLock { $0.append(request) }
        let (status, json) = answers["\(request.method) \(request.path)"] ?? (500, ["error": "no answer set"])
        return APIResponse(json: json, status: status)
    }
}

struct SilentLog: LogSink {
    func write(_ level: LogLevel, _ message: String, _ values: [(key: String, value: LogValue)]) {}
}

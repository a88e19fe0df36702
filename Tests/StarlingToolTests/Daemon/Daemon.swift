import Foundation
import StarlingCore
import StarlingHTTP

/// One `starling up` of a test: a process of its own, in a home that survives it.
final class Daemon {
    let home: String
    let peerID: String
    /// Where it listens, with its PeerID.
    let address: String
    private let process: Process
    private let client: HTTPClient

    /// How long a node may take for one answer; it waits a minute at most.
    private static let patience: Duration = .seconds(90)

    private init(home: String, peerID: String, address: String, process: Process) {
        self.home = home
        self.peerID = peerID
        self.address = address
        self.process = process
        client = HTTPClient(socketPath: home + "/node.sock")
    }

    // A test that fails leaves no process behind.
    deinit { kill() }

    /// Starts a node on a free port of loopback and returns once it is ready.
    static func start(
        _ home: String,
        bootstrap: [Daemon] = [],
        command: String = "up"
    ) throws -> Daemon {
        let process = Process()
        process.executableURL = ToolRun.executable
        process.arguments =
            [
                command, "--home", home, "--json", "--no-mdns", "--log-level", "warning", "--listen",
                "/ip4/127.0.0.1/tcp/0",
            ] + bootstrap.flatMap { ["--bootstrap", $0.address] }
        let output = Pipe()
        let logPath = home + ".log"
        if !FileManager.default.fileExists(atPath: logPath) {
            _ = FileManager.default.createFile(atPath: logPath, contents: nil)
        }
        guard let log = FileHandle(forWritingAtPath: logPath) else { throw DaemonError.noLog(logPath) }
        try log.seekToEnd()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = log
        try process.run()
        var line: [UInt8] = []
        while line.last != UInt8(ascii: "\n") {
            let bytes = output.fileHandleForReading.availableData
            guard !bytes.isEmpty else { throw DaemonError.ended(Self.text(of: logPath)) }
            line += bytes
        }
        let ready = try JSON(parsing: line.span)
        guard let peerID = ready["peer_id"]?.string, let address = ready["addrs"]?[0]?.string else {
            throw DaemonError.ended(ready.text)
        }
        return Daemon(home: home, peerID: peerID, address: address, process: process)
    }

    var storePath: String { home + "/starling.db" }

    /// What the node has logged, over all its lives.
    var log: String { Self.text(of: home + ".log") }

    private static func text(of path: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }

    /// Asks the node to stop, and waits until it has.
    func stop() {
        guard process.isRunning else { return }
        process.terminate()
        process.waitUntilExit()
    }

    /// `kill -9`.
    func kill() {
        guard process.isRunning else { return }
        _ = Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    // MARK: Calls

    /// The node's answer, whatever its status.
    func call(_ method: String, _ target: String, _ body: JSON? = nil) throws -> (status: Int, json: JSON) {
        let response = try client.send(method, target, body: body?.bytes, timeout: Self.patience)
        return (response.status, try JSON(parsing: response.body.span))
    }

    /// Hands a text over for a peer, and returns what the node calls the message.
    @discardableResult
    func send(
        _ text: String,
        to peer: String,
        type: String = "text/plain",
        wait: Duration = .zero
    ) throws -> String {
        let body: JSON = [
            "to": .string(peer), "type": .string(type), "payload": .string(text),
            "wait_ms": JSON(Int(wait / .milliseconds(1))),
        ]
        let answer = try call("POST", "/v1/messages", body)
        guard answer.status == 200, let id = answer.json["id"]?.string else {
            throw DaemonError.refused(answer.json.text)
        }
        if wait > .zero, answer.json["state"] != "delivered" { throw DaemonError.refused(answer.json.text) }
        return id
    }

    /// How a message ended, waiting for it; `nil` when the node knows no such message.
    func end(of messageID: String) throws -> String? {
        try call("GET", "/v1/messages/\(messageID)?wait_ms=60000").json["state"]?.string
    }

    /// The texts in the inbox, in their order, waiting for so many.
    func inboxTexts(atLeast count: Int = 0) throws -> [String] {
        var texts: [String] = []
        var last: Int64 = 0
        while true {
            let wait = texts.count < count ? 60_000 : 0
            let page = try call("GET", "/v1/inbox?limit=1000&after=\(last)&wait_ms=\(wait)").json
            let messages = page["messages"]?.array ?? []
            for message in messages {
                texts.append(message["text"]?.string ?? "")
                last = message["position"]?.integer ?? last
            }
            if messages.isEmpty || texts.count >= count && page["has_more"] != true { return texts }
        }
    }

    func status() throws -> JSON { try call("GET", "/v1/status").json }

    /// Asks until the answer is what the test waits for; the last of many answers when it never is.
    func poll<Value>(_ ask: (Daemon) throws -> Value, until isRight: (Value) -> Bool) throws -> Value {
        for _ in 0..<20_000 {
            let value = try ask(self)
            if isRight(value) { return value }
        }
        return try ask(self)
    }
}

enum DaemonError: Error {
    /// The process ended instead of starting; what it logged.
    case ended(String)
    case noLog(String)
    /// The node did not do it; its words.
    case refused(String)
}

/// A folder of one test, gone with it.
struct TestFolder: ~Copyable {
    let path: String

    init() throws { path = try FixedNode.makeFolder() }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

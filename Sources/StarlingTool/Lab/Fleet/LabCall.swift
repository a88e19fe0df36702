internal import StarlingAPI
internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingHTTP
internal import StarlingNode
internal import StarlingWorld

/// Why a node gave no answer.
enum LabCallError: Error, Equatable, Sendable {
    /// The node refused.
    case refused(NodeFailure)
    /// The connection could not be made, or ended before the answer: the node may or may not have done it.
    case unreachable(String)
    /// No answer came in time; likewise.
    case timedOut
    /// The answer is not one of this version.
    case unlike(String)

    var text: String {
        switch self {
        case .refused(let failure): failure.message
        case .unreachable(let reason): "not reached: \(reason)"
        case .timedOut: "no answer in time"
        case .unlike(let reason): "an answer that is not understood: \(reason)"
        }
    }
}

extension Diagnostic {
    /// Why a run ended that cannot do without the answer.
    init(_ error: LabCallError) {
        switch error {
        case .refused(let failure): self.init(failure)
        case .unreachable, .timedOut, .unlike:
            self.init(
                code: "lab_failed",
                message: "a node that this run started gave no answer: \(error.text).",
                nextStep: "Try again with less else to do on this machine."
            )
        }
    }
}

/// One node's API, on connections that stay open: what is measured is the node, not the dialling of its socket.
///
/// Any number of calls may be under way; each has a connection of its own, and beyond ``lineCountMax`` they wait.
actor LabClient {
    /// Connections at a time; the node takes 64.
    private static let lineCountMax = 48
    /// The node closes what was idle for 30 s, and a call must not meet that moment.
    private static let idleTimeMax: Duration = .seconds(10)

    private let path: String
    private nonisolated let loop: any EventLoop
    private var idle: [(line: LabLine, since: Instant)] = []
    private var lineCount = 0
    private var waiting = RingQueue<Waiter<Void>>()

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(socketPath: String, loop: any EventLoop) {
        path = socketPath
        self.loop = loop
    }

    func get<Value: APIValue>(
        _ target: String,
        _ type: Value.Type,
        timeout: Duration = .seconds(10)
    ) async throws(LabCallError) -> Value {
        try Self.value(await call("GET", target, nil, timeout))
    }

    func post<Value: APIValue>(
        _ target: String,
        _ body: JSON,
        _ type: Value.Type,
        timeout: Duration = .seconds(10)
    ) async throws(LabCallError) -> Value {
        try Self.value(await call("POST", target, body, timeout))
    }

    /// Makes the call; cancellation does not shorten it, its time limit does.
    func call(
        _ method: String,
        _ target: String,
        _ body: JSON?,
        _ timeout: Duration
    ) async throws(LabCallError) -> JSON {
        var head = "\(method) \(target) HTTP/1.1\r\nHost: localhost\r\n"
        let bytes = body?.bytes ?? []
        if body != nil { head += "Content-Type: application/json\r\nContent-Length: \(bytes.count)\r\n" }
        let line = await takeLine()
        let result = await line.exchange(Array((head + "\r\n").utf8) + bytes, timeout: timeout)
        await giveBack(line, isUsable: (try? result.get()) != nil)
        let response = try result.get()
        let json: JSON
        do throws(JSONError) {
            json = try JSON(parsing: response.body.span, limits: JSONLimits(byteCountMax: 64 << 20))
        } catch {
            throw .unlike("status \(response.status), no JSON")
        }
        if (200..<300).contains(response.status) { return json }
        guard let failure = try? NodeFailure(json: json) else { throw .unlike("status \(response.status)") }
        throw .refused(failure)
    }

    /// Closes the idle connections: the node is about to go.
    func forget() async {
        let lines = idle
        idle = []
        for (line, _) in lines {
            lineCount -= 1
            await line.close()
        }
    }

    private static func value<Value: APIValue>(_ json: JSON) throws(LabCallError) -> Value {
        do throws(JSONShapeError) { return try Value(json: json) } catch { throw .unlike(error.message) }
    }

    private func takeLine() async -> LabLine {
        while true {
            while let (line, since) = idle.popLast() {
                if since.duration(to: loop.now) < Self.idleTimeMax, await line.isOpen { return line }
                lineCount -= 1
                await line.close()
            }
            if lineCount < Self.lineCountMax {
                lineCount += 1
                return LabLine(path: path, loop: loop)
            }
            await Waiter.suspend { waiting.append($0) }
        }
    }

    private func giveBack(_ line: LabLine, isUsable: Bool) async {
        if isUsable {
            idle.append((line, loop.now))
        } else {
            lineCount -= 1
            await line.close()
        }
        waiting.popFirst()?.resume()
    }
}

/// One connection with a node's API: one request at a time.
private actor LabLine: StreamSocketDelegate {
    private let path: String
    private nonisolated let loop: any EventLoop
    private var socket: (any StreamSocket)?
    private var isOver = false
    private var reader = HTTPResponseReader()
    private var waiter: Waiter<Result<HTTPResponse, LabCallError>>?
    private var outcome: Result<HTTPResponse, LabCallError>?
    private var timer: (any LoopTimer)?

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(path: String, loop: any EventLoop) {
        self.path = path
        self.loop = loop
    }

    var isOpen: Bool { socket != nil && !isOver }

    /// Sends a request on the connection, which is made where there is none, and returns the answer.
    func exchange(_ request: [UInt8], timeout: Duration) async -> Result<HTTPResponse, LabCallError> {
        var limits = HTTPResponseLimits()
        limits.bodyByteCountMax = 64 << 20
        reader = HTTPResponseReader(limits: limits)
        outcome = nil
        do throws(SocketError) {
            if socket == nil { socket = try loop.connect(to: .unix(path: path), delegate: self) }
        } catch {
            return .failure(.unreachable("\(error)"))
        }
        let timer = loop.makeTimer { [weak self] in self?.assumeIsolated { $0.end(.failure(.timedOut)) } }
        timer.arm(at: loop.now + timeout)
        self.timer = timer
        var slices = RingQueue<BufferSlice>()
        slices.append(BufferSlice(copying: request.span))
        socket?.write(&slices)
        socket?.resumeReading()
        return await Waiter.suspend { waiter in
            if let outcome { waiter.resume(returning: outcome) } else { self.waiter = waiter }
        }
    }

    func close() {
        isOver = true
        timer?.disarm()
        timer = nil
        socket?.close()
        socket = nil
    }

    private func end(_ result: Result<HTTPResponse, LabCallError>) {
        if case .failure = result { close() }
        timer?.disarm()
        timer = nil
        guard outcome == nil else { return }
        outcome = result
        waiter.take()?.resume(returning: result)
    }

    private func received(_ bytes: [UInt8]) {
        do throws(HTTPResponseError) {
            guard let response = try reader.read(bytes) else { return }
            if response.header("connection")?.lowercased() == "close" { isOver = true }
            end(.success(response))
        } catch {
            end(.failure(.unlike("\(error)")))
        }
    }

    nonisolated func socketDidConnect() {}

    nonisolated func socketDidRead(_ bytes: BufferSlice) {
        let copy = bytes.withSpan { span in
            var array: [UInt8] = []
            span.append(to: &array)
            return array
        }
        assumeIsolated { $0.received(copy) }
    }

    nonisolated func socketDidEnd() {
        assumeIsolated { $0.end(.failure(.unreachable("the node closed the connection"))) }
    }

    nonisolated func socketDidDrain() {}

    nonisolated func socketDidFail(_ error: SocketError) {
        assumeIsolated { $0.end(.failure(.unreachable("\(error)"))) }
    }
}

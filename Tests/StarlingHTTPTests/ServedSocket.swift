import Foundation
import StarlingAPI
import StarlingCore
import StarlingIO
import StarlingWorld
import Synchronization

@testable import StarlingHTTP

/// A real server on a real loop and a real socket, for one test.
struct ServedSocket {
    let path: String
    let server: HTTPServer

    /// Serves while `body` runs, then stops.
    static func with(
        _ responder: any APIResponder,
        limits: HTTPServerLimits = HTTPServerLimits(),
        _ body: (ServedSocket) async throws -> Void
    ) async throws {
        let folder = try makeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let real = try RealWorld.make(loopCount: 1, log: Log(levelMin: .error, sink: SilentLog()))
        let path = folder + "/s"
        let server = try HTTPServer(
            socketPath: path,
            responder: responder,
            loop: real.world.loops[0],
            limits: limits
        )
        do { try await body(ServedSocket(path: path, server: server)) } catch {
            await server.stop()
            throw error
        }
        await server.stop()
        // The loop's thread is waited for by one that is not it.
        await withCheckedContinuation { done in
            Thread.detachNewThread {
                real.stop()
                done.resume()
            }
        }
    }

    /// A folder whose path is short enough for a socket in it.
    static func makeFolder() throws -> String {
        var template = Array("/tmp/st-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw POSIXError(.EIO) }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    func send(
        _ method: String,
        _ target: String,
        body: [UInt8]? = nil,
        timeout: Duration = .seconds(30)
    ) throws -> HTTPResponse {
        try HTTPClient(socketPath: path).send(method, target, body: body, timeout: timeout)
    }
}

struct SilentLog: LogSink {
    func write(_ level: LogLevel, _ message: String, _ values: [(key: String, value: LogValue)]) {}
}

/// Answers with what it was asked.
struct EchoResponder: APIResponder {
    func respond(to request: APIRequest) async -> APIResponse {
        let query = request.query.map { "\($0.name)=\($0.value)" }.joined(separator: ",")
        return APIResponse(
            json: [
                "method": .string(request.method), "path": .string(request.path), "query": .string(query),
                "type": request.contentType.map(JSON.string) ?? .null, "bytes": JSON(request.body.count),
            ],
            status: 200
        )
    }
}

/// Answers when it is told to, or when its task is cancelled.
final class GatedResponder: APIResponder {
    private struct State {
        var isOpen = false
        var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
        var next = 0
        var watcher: (count: Int, continuation: CheckedContinuation<Void, Never>)?
        var leaveWatcher: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    func respond(to request: APIRequest) async -> APIResponse {
        let number = state.withLock { state in
            state.next += 1
            return state.next
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                state.withLock { state in
                    if state.isOpen || Task.isCancelled {
                        continuation.resume()
                        return
                    }
                    state.waiting[number] = continuation
                    if let watcher = state.watcher, state.waiting.count >= watcher.count {
                        watcher.continuation.resume()
                        state.watcher = nil
                    }
                }
            }
        } onCancel: {
            state.withLock { state in
                state.waiting.removeValue(forKey: number)?.resume()
                guard state.waiting.isEmpty else { return }
                state.leaveWatcher?.resume()
                state.leaveWatcher = nil
            }
        }
        return Task.isCancelled ? .stopping : APIResponse(json: ["number": JSON(number)], status: 200)
    }

    /// Returns when so many requests wait at once.
    func waitFor(count: Int) async {
        await withCheckedContinuation { continuation in
            state.withLock { state in
                if state.waiting.count >= count {
                    continuation.resume()
                } else {
                    state.watcher = (count, continuation)
                }
            }
        }
    }

    /// Returns when all that waited have been cancelled.
    func waitForNone() async {
        await withCheckedContinuation { continuation in
            state.withLock { state in
                if state.waiting.isEmpty { continuation.resume() } else { state.leaveWatcher = continuation }
            }
        }
    }

    func open() {
        state.withLock { state in
            state.isOpen = true
            for continuation in state.waiting.values { continuation.resume() }
            state.waiting = [:]
        }
    }
}

/// A client that sends what it likes.
final class RawConnection {
    private let descriptor: Int32

    init(_ path: String) throws {
        descriptor = try UnixSocket.open()
        guard try UnixSocket.withAddress(path, { connect(descriptor, $0, $1) }) == 0 else {
            throw POSIXError(.ECONNREFUSED)
        }
        // A hang of the server fails the test instead of stopping it.
        var limit = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    @discardableResult
    func write(_ text: String) -> Bool { write(Array(text.utf8)) }

    @discardableResult
    func write(_ bytes: [UInt8]) -> Bool {
        var offset = 0
        while offset < bytes.count {
            let count = bytes.withUnsafeBytes {
                send(descriptor, $0.baseAddress.map { $0 + offset }, $0.count - offset, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            offset += count
        }
        return true
    }

    func endWriting() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// One answer; nil where the server closed without a whole one.
    func response() throws -> HTTPResponse? {
        var reader = HTTPResponseReader()
        while let bytes = try readSome() {
            if let response = try reader.read(bytes) { return response }
        }
        return nil
    }

    /// Everything up to the connection's end.
    func readToEnd() throws -> [UInt8] {
        var all: [UInt8] = []
        while let bytes = try readSome() { all += bytes }
        return all
    }

    private func readSome() throws -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        if count < 0 && errno != ECONNRESET { throw POSIXError(.EIO) }
        return count > 0 ? Array(bytes.prefix(count)) : nil
    }
}

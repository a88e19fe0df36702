import Foundation
import StarlingAPI
import StarlingCore
import Testing

@testable import StarlingHTTP

@Suite struct HTTPServerTests {
    private func json(_ response: HTTPResponse?) throws -> JSON {
        let body = try #require(response).body
        return try JSON(parsing: body.span)
    }

    @Test func aRequestReachesTheResponderWhole() async throws {
        try await ServedSocket.with(EchoResponder()) { socket in
            let response = try socket.send("GET", "/a%20b?x=1&y=%2F&z")
            #expect(response.status == 200)
            #expect(response.header("content-type") == "application/json")
            #expect(response.header("cache-control") == "no-store")
            let answer = try json(response)
            #expect(answer["method"] == "GET")
            #expect(answer["path"] == "/a b")
            #expect(answer["query"] == "x=1,y=/,z=")
            let posted = try json(socket.send("POST", "/p", body: Array("{}".utf8)))
            #expect(posted["bytes"] == 2)
            #expect(posted["type"] == "application/json")
        }
    }

    @Test func onlyTheOwnerMayUseTheSocket() async throws {
        try await ServedSocket.with(EchoResponder()) { socket in
            let mode =
                try FileManager.default.attributesOfItem(atPath: socket.path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
        }
    }

    @Test func oneConnectionServesManyRequests() async throws {
        try await ServedSocket.with(EchoResponder()) { socket in
            let connection = try RawConnection(socket.path)
            for index in 0..<50 {
                connection.write("GET /\(index) HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try json(connection.response())["path"] == .string("/\(index)"))
            }
        }
    }

    @Test func aBodyIsTakenUpToItsLimit() async throws {
        var limits = HTTPServerLimits()
        limits.bodyByteCountMax = 100_000
        try await ServedSocket.with(EchoResponder(), limits: limits) { socket in
            for (count, status) in [(99_999, 200), (100_000, 200), (100_001, 413), (5_000_000, 413)] {
                let body = [UInt8](repeating: 0x61, count: count)
                let response = try socket.send("POST", "/", body: body)
                #expect(response.status == status, "\(count) bytes")
                if status == 413 { #expect(try json(response)["error"]?["code"] == "too_large") }
            }
        }
    }

    @Test func aBodyInChunksHasTheSameLimit() async throws {
        var limits = HTTPServerLimits()
        limits.bodyByteCountMax = 100_000
        try await ServedSocket.with(EchoResponder(), limits: limits) { socket in
            for (count, status) in [(100_000, 200), (100_001, 413)] {
                let connection = try RawConnection(socket.path)
                connection.write("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
                let body = [UInt8](repeating: 0x61, count: count)
                connection.write("\(String(count, radix: 16))\r\n")
                connection.write(body)
                connection.write("\r\n0\r\n\r\n")
                #expect(try connection.response()?.status == status, "\(count) bytes")
            }
        }
    }

    @Test func aBodyWithoutEndIsCutOff() async throws {
        var limits = HTTPServerLimits()
        limits.bodyByteCountMax = 10_000
        try await ServedSocket.with(EchoResponder(), limits: limits) { socket in
            let connection = try RawConnection(socket.path)
            connection.write("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            let chunk = Array("1000\r\n".utf8) + [UInt8](repeating: 0x61, count: 0x1000) + Array("\r\n".utf8)
            var isOpen = true
            for _ in 0..<10_000 where isOpen { isOpen = connection.write(chunk) }
            #expect(!isOpen)
            #expect(try socket.send("GET", "/").status == 200)
        }
    }

    @Test func whatIsNoRequestHarmsNobodyElse() async throws {
        try await ServedSocket.with(EchoResponder()) { socket in
            let texts = [
                "\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
                "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
                "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
                "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n",
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
                "GET /\u{0} HTTP/1.1\r\nHost: a\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}",
                "GET /" + String(repeating: "a", count: 100_000) + " HTTP/1.1\r\nHost: a\r\n\r\n",
                "GET / HTTP/1.1\r\nHost: a\r\nA: " + String(repeating: "a", count: 100_000) + "\r\n\r\n",
                "GET / HTTP/1.1\r\n" + String(repeating: "A: b\r\n", count: 20_000) + "\r\n",
                "GET / HTTP/1.1\r\n : b\r\n\r\n", "GET / HTTP/1.1\r\nHost: a",
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf",
            ]
            for text in texts {
                let connection = try RawConnection(socket.path)
                connection.write(text)
                let other = try socket.send("GET", "/well")
                #expect(try json(other)["path"] == "/well")
            }
        }
    }

    @Test func pathsThatTryToClimbReachTheResponderAsTheyAre() async throws {
        try await ServedSocket.with(EchoResponder()) { socket in
            let response = try socket.send("GET", "/v1/../../etc")
            #expect(try json(response)["path"] == "/v1/../../etc")
        }
    }

    @Test func aRequestOneByteAtATimeIsAnswered() async throws {
        try await ServedSocket.with(EchoResponder()) { socket in
            let connection = try RawConnection(socket.path)
            for byte in "POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc".utf8 {
                connection.write([byte])
            }
            let answer = try json(connection.response())
            #expect(answer["path"] == "/slow")
            #expect(answer["bytes"] == 3)
        }
    }

    @Test func aClientThatFallsSilentIsClosed() async throws {
        var limits = HTTPServerLimits()
        limits.idleSecondsMax = 1
        try await ServedSocket.with(EchoResponder(), limits: limits) { socket in
            let connections = try [
                "", "GET / HT", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab",
            ].map {
                let connection = try RawConnection(socket.path)
                connection.write($0)
                return connection
            }
            for connection in connections { _ = try connection.readToEnd() }
        }
    }

    @Test func requestsThatWaitHoldNoThread() async throws {
        let responder = GatedResponder()
        try await ServedSocket.with(responder) { socket in
            let connections = try (0..<60).map { _ in
                let connection = try RawConnection(socket.path)
                connection.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                return connection
            }
            await responder.waitFor(count: 60)
            responder.open()
            var numbers: Set<Int64> = []
            for connection in connections {
                if let number = try json(connection.response())["number"]?.integer { numbers.insert(number) }
            }
            #expect(numbers.count == 60)
        }
    }

    @Test func connectionsBeyondTheLimitWaitForTheirTurn() async throws {
        var limits = HTTPServerLimits()
        limits.connectionCountMax = 4
        try await ServedSocket.with(EchoResponder(), limits: limits) { socket in
            var connections = try (0..<20).map { index in
                let connection = try RawConnection(socket.path)
                connection.write("GET /\(index) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                return connection
            }
            for index in 0..<20 {
                #expect(try json(connections.removeFirst().response())["path"] == .string("/\(index)"))
            }
        }
    }

    @Test func aClientThatLeavesBeforeItsAnswerHarmsNobody() async throws {
        let responder = GatedResponder()
        try await ServedSocket.with(responder) { socket in
            var connections = try (0..<10).map { _ in
                let connection = try RawConnection(socket.path)
                connection.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                return connection
            }
            await responder.waitFor(count: connections.count)
            connections = []
            responder.open()
            #expect(try socket.send("GET", "/").status == 200)
        }
    }

    /// Else a few commands that were broken off would keep all others from the node.
    @Test func theWorkForAClientThatHasGoneIsCancelled() async throws {
        var limits = HTTPServerLimits()
        limits.connectionCountMax = 1
        limits.absenceCheckInterval = .milliseconds(5)
        let responder = GatedResponder()
        try await ServedSocket.with(responder, limits: limits) { socket in
            for _ in 0..<3 {
                var connection: RawConnection? = try RawConnection(socket.path)
                connection?.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                await responder.waitFor(count: 1)
                connection = nil
                await responder.waitForNone()
            }
            // One that ends only its own direction still waits for its answer.
            let connection = try RawConnection(socket.path)
            connection.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            await responder.waitFor(count: 1)
            connection.endWriting()
            responder.open()
            #expect(try connection.response()?.status == 200)
        }
    }

    @Test func stoppingAnswersWhoWaitsAndRemovesTheSocket() async throws {
        let responder = GatedResponder()
        try await ServedSocket.with(responder) { socket in
            let connections = try (0..<10).map { _ in
                let connection = try RawConnection(socket.path)
                connection.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                return connection
            }
            let idle = try RawConnection(socket.path)
            await responder.waitFor(count: 10)
            await socket.server.stop()
            for connection in connections { #expect(try connection.response()?.status == 503) }
            #expect(try idle.readToEnd().isEmpty)
            #expect(!FileManager.default.fileExists(atPath: socket.path))
            #expect(throws: HTTPClientError.notServed(path: socket.path)) { try socket.send("GET", "/") }
        }
    }

    @Test func aSocketThatIsServedIsNotTakenOver() async throws {
        try await ServedSocket.with(EchoResponder()) { socket in
            #expect(throws: HTTPServerError.alreadyServed(path: socket.path)) {
                try UnixListener(path: socket.path)
            }
            let response = try socket.send("GET", "/")
            #expect(response.status == 200)
        }
    }

    @Test func aSocketThatADeadProcessLeftIsReplaced() throws {
        let folder = try ServedSocket.makeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = folder + "/s"
        let dead = try UnixListener(path: path)
        _ = close(dead.descriptor)
        let listener = try UnixListener(path: path)
        // The dead one's file is another by now.
        #expect(FileManager.default.fileExists(atPath: path))
        listener.remove()
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func aFileThatIsNoSocketIsLeftAlone() throws {
        let folder = try ServedSocket.makeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = folder + "/s"
        try Data("precious".utf8).write(to: URL(fileURLWithPath: path))
        #expect(throws: HTTPServerError.notASocket(path: path)) { try UnixListener(path: path) }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "precious")
    }

    @Test func aPathIsTakenUpToTheSystemsLimit() throws {
        let folder = try ServedSocket.makeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let room = UnixSocket.pathByteCountMax - folder.utf8.count - 1
        for (count, isTaken) in [(room - 1, true), (room, true), (room + 1, false)] {
            let path = folder + "/" + String(repeating: "s", count: count)
            if isTaken {
                try UnixListener(path: path).remove()
            } else {
                let error = HTTPServerError.pathTooLong(path: path, byteCountMax: UnixSocket.pathByteCountMax)
                #expect(throws: error) { try UnixListener(path: path) }
            }
        }
    }

    @Test func theClientGivesUpInTime() async throws {
        let responder = GatedResponder()
        try await ServedSocket.with(responder) { socket in
            #expect(throws: HTTPClientError.timedOut) {
                try socket.send("GET", "/", timeout: .milliseconds(50))
            }
            responder.open()
        }
    }

    @Test func theClientNamesWhatKeepsItFromAServer() throws {
        let folder = try ServedSocket.makeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for path in [folder + "/none", folder + "/none/none"] {
            #expect(throws: HTTPClientError.notServed(path: path)) {
                try HTTPClient(socketPath: path).send("GET", "/", timeout: .seconds(1))
            }
        }
        let path = folder + "/" + String(repeating: "s", count: 200)
        #expect(
            throws: HTTPClientError.pathTooLong(path: path, byteCountMax: UnixSocket.pathByteCountMax)
        ) { try HTTPClient(socketPath: path).send("GET", "/", timeout: .seconds(1)) }
    }
}

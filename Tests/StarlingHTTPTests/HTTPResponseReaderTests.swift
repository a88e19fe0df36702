import Testing

@testable import StarlingHTTP

@Suite struct HTTPResponseReaderTests {
    private func read(_ text: String, limits: HTTPResponseLimits = HTTPResponseLimits()) throws
        -> HTTPResponse
    {
        var reader = HTTPResponseReader(limits: limits)
        if let response = try reader.read(Array(text.utf8)) { return response }
        return try reader.end()
    }

    @Test func aBodyOfGivenLengthEndsTheAnswer() throws {
        let response = try read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A:  b c \t\r\n\r\nhello, and more")
        #expect(response.status == 200)
        #expect(response.header("x-a") == "b c")
        #expect(response.body == Array("hello".utf8))
    }

    @Test func chunksAreJoinedAndTrailersDropped() throws {
        let text =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\nA\r\n, and more\r\n0\r\nT: u\r\n\r\n"
        #expect(try read(text).body == Array("hello, and more".utf8))
    }

    @Test func aBodyWithoutLengthEndsWithTheConnection() throws {
        #expect(try read("HTTP/1.0 200 OK\r\n\r\nhello").body == Array("hello".utf8))
    }

    @Test func interimAnswersAreSkipped() throws {
        let text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 \r\nContent-Length: 0\r\n\r\n"
        #expect(try read(text).status == 201)
    }

    @Test func anAnswerWithoutContentHasNone() throws {
        #expect(try read("HTTP/1.1 204 No Content\r\n\r\n").body == [])
    }

    @Test func theAnswerIsTheSameHoweverItIsCut() throws {
        let texts = [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n3\nabc\n02\nde\n0\n\n",
        ]
        for text in texts {
            let whole = try read(text)
            for step in 1...7 {
                var reader = HTTPResponseReader()
                var response: HTTPResponse?
                var bytes = Array(text.utf8)[...]
                while !bytes.isEmpty {
                    #expect(response == nil)
                    response = try reader.read(Array(bytes.prefix(step)))
                    bytes = bytes.dropFirst(step)
                }
                #expect(response == whole, "\(step) bytes at a time")
            }
        }
    }

    @Test(arguments: [
        ("HTTP/2 200 OK\r\n\r\n", HTTPResponseError.invalidStatusLine),
        ("HTTP/1.1 20 OK\r\n\r\n", .invalidStatusLine),
        ("HTTP/1.1 2000 OK\r\n\r\n", .invalidStatusLine),
        ("HTTP/1.1 -20 OK\r\n\r\n", .invalidStatusLine),
        ("\r\n\r\n", .invalidStatusLine),
        ("HTTP/1.1 200 OK\r\nA\r\n\r\n", .invalidHeader),
        ("HTTP/1.1 200 OK\r\n: a\r\n\r\n", .invalidHeader),
        ("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", .invalidHeader),
        ("HTTP/1.1 200 OK\r\nA : b\r\n\r\n", .invalidHeader),
        ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", .invalidLength),
        ("HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n", .invalidLength),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0x10\r\n\r\n", .invalidLength),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999\r\n\r\n", .invalidLength),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", .invalidLength),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", .invalidLength),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", .unsupportedTransferCoding),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", .invalidChunk),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", .invalidChunk),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", .invalidChunk),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", .invalidChunk),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n", .invalidChunk),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", .endedEarly),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", .endedEarly),
        ("HTTP/1.1 200 OK\r\n", .endedEarly),
        ("", .endedEarly),
    ])
    func whatIsNoAnswerIsRefused(text: String, error: HTTPResponseError) {
        #expect(throws: error) { try read(text) }
    }

    @Test func theHeadHasALimit() throws {
        var limits = HTTPResponseLimits()
        let fixed = "HTTP/1.1 204 OK\r\nA: \r\n\r\n"
        limits.headByteCountMax = 100
        for (count, isTaken) in [(99, true), (100, true), (101, false)] {
            let filler = String(repeating: "a", count: count - fixed.utf8.count)
            let text = "HTTP/1.1 204 OK\r\nA: \(filler)\r\n\r\n"
            if isTaken {
                #expect(try read(text, limits: limits).status == 204)
            } else {
                #expect(throws: HTTPResponseError.headTooLarge) { try read(text, limits: limits) }
            }
        }
        #expect(throws: HTTPResponseError.headTooLarge) {
            try read(String(repeating: "a", count: 101), limits: limits)
        }
    }

    @Test func theBodyHasALimitHoweverItComes() throws {
        var limits = HTTPResponseLimits()
        limits.bodyByteCountMax = 10
        for (count, isTaken) in [(9, true), (10, true), (11, false)] {
            let body = String(repeating: "b", count: count)
            let texts = [
                "HTTP/1.1 200 OK\r\nContent-Length: \(count)\r\n\r\n\(body)",
                "HTTP/1.1 200 OK\r\n\r\n\(body)",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\r\n"
                    + String(count - 1, radix: 16) + "\r\n\(body.dropFirst())\r\n0\r\n\r\n",
            ]
            for text in texts {
                if isTaken {
                    #expect(try read(text, limits: limits).body == Array(body.utf8))
                } else {
                    #expect(throws: HTTPResponseError.bodyTooLarge) { try read(text, limits: limits) }
                }
            }
        }
    }

    @Test func anyBytesGiveAnAnswerOrAnError() {
        let seed: UInt64 = 20_260_501
        var state = seed
        func next(below bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }
        let text = Array(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
                .utf8
        )
        for round in 0..<3000 {
            var bytes = text
            for _ in 0...next(below: 4) {
                switch next(below: 3) {
                case 0: bytes[next(below: bytes.count)] = UInt8(next(below: 256))
                case 1: bytes.remove(at: next(below: bytes.count))
                default: bytes.insert(bytes[next(below: bytes.count)], at: next(below: bytes.count))
                }
            }
            var reader = HTTPResponseReader()
            let outcome = Result { try reader.read(bytes) ?? reader.end() }
            if case .failure(let error) = outcome {
                #expect(error is HTTPResponseError, "seed \(seed), round \(round)")
            }
        }
    }
}

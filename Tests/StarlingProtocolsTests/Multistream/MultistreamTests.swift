import StarlingCore
import StarlingProtocols
import Testing

/// A message as it stands on the wire.
private func wire(_ texts: String...) -> [UInt8] {
    var bytes: [UInt8] = []
    for text in texts { Multistream.append(text, to: &bytes) }
    return bytes
}

/// Lends an array: the macros of the testing library cannot take a span.
extension MultistreamDialer {
    fileprivate mutating func receive(_ bytes: [UInt8]) throws(MultistreamError) -> Int {
        try receive(bytes.span)
    }
}

private let header = "/multistream/1.0.0"

@Suite struct MultistreamDialerTests {
    @Test func theBytesAreThoseOfTheSpecification() {
        #expect(wire("na") == [0x03, 0x6e, 0x61, 0x0a])
        #expect(wire("ls") == [0x03, 0x6c, 0x73, 0x0a])
        #expect(wire(header) == [19] + Array("/multistream/1.0.0\n".utf8))
    }

    @Test func headerAndFirstProposalLeaveTogether() {
        var dialer = MultistreamDialer(protocols: ["/noise"])
        #expect(dialer.nextOutput() == wire(header, "/noise"))
        #expect(dialer.nextOutput() == nil)
        #expect(!dialer.mayWrite)
    }

    @Test func proposesTheNextProtocolWhenOneIsRefused() throws {
        var dialer = MultistreamDialer(protocols: ["/tls/1.0.0", "/noise"])
        _ = dialer.nextOutput()
        #expect(try dialer.receive(wire(header, "na")) == 24)
        #expect(dialer.nextOutput() == wire("/noise"))
        #expect(dialer.state == .negotiating)
        _ = try dialer.receive(wire("/noise").span)
        #expect(dialer.state == .agreed("/noise"))
        #expect(dialer.mayWrite)
    }

    @Test func failsWhenEveryProposalIsRefused() throws {
        var dialer = MultistreamDialer(protocols: ["/a", "/b"])
        #expect(throws: MultistreamError.notSupported) { try dialer.receive(wire(header, "na", "na").span) }
        #expect(dialer.state == .failed(.notSupported))
        #expect(throws: MultistreamError.notSupported) { try dialer.receive([]) }
    }

    @Test func leavesTheBytesBehindTheAnswer() throws {
        var dialer = MultistreamDialer(protocols: ["/echo/1.0.0"])
        let answer = wire(header, "/echo/1.0.0")
        #expect(try dialer.receive(answer + [1, 2, 3]) == answer.count)
        #expect(try dialer.receive([1, 2, 3]) == 0)
    }

    @Test func aLazyDialerMayWriteAtOnceAndChecksTheAnswerLater() throws {
        var dialer = MultistreamDialer(protocols: ["/echo/1.0.0"], pace: .lazy)
        #expect(dialer.mayWrite)
        #expect(dialer.nextOutput() == wire(header, "/echo/1.0.0"))
        #expect(dialer.state == .negotiating)
        _ = try dialer.receive(wire(header, "/echo/1.0.0").span)
        #expect(dialer.state == .agreed("/echo/1.0.0"))

        var refused = MultistreamDialer(protocols: ["/echo/1.0.0"], pace: .lazy)
        #expect(throws: MultistreamError.notSupported) { try refused.receive(wire(header, "na").span) }
        #expect(!refused.mayWrite)
    }

    @Test func everyChunkingGivesTheSameResult() throws {
        let answer = wire(header, "na", "/noise") + [9, 9]
        for first in 0...answer.count {
            for second in first...answer.count {
                var dialer = MultistreamDialer(protocols: ["/tls/1.0.0", "/noise"])
                var taken = 0
                for chunk in [0..<first, first..<second, second..<answer.count] {
                    taken += try dialer.receive(Array(answer[chunk]).span)
                }
                #expect(taken == answer.count - 2, "cut at \(first) and \(second)")
                #expect(dialer.state == .agreed("/noise"))
            }
        }
    }

    @Test func refusesAnythingButTheHeaderFirst() {
        var dialer = MultistreamDialer(protocols: ["/noise"])
        #expect(throws: MultistreamError.wrongHeader) { try dialer.receive(wire("/noise").span) }
    }

    @Test func refusesAnAnswerThatNobodyProposed() {
        var dialer = MultistreamDialer(protocols: ["/noise"])
        #expect(throws: MultistreamError.unexpectedAnswer) {
            try dialer.receive(wire(header, "/tls/1.0.0").span)
        }
    }

    @Test func anEndBeforeTheAgreementIsAnError() throws {
        var dialer = MultistreamDialer(protocols: ["/noise"])
        #expect(throws: MultistreamError.endedEarly) { try dialer.receiveEnd() }
        #expect(dialer.state == .failed(.endedEarly))
        var agreed = MultistreamDialer(protocols: ["/noise"])
        _ = try agreed.receive(wire(header, "/noise").span)
        try agreed.receiveEnd()
        #expect(agreed.state == .agreed("/noise"))
    }
}

@Suite struct MultistreamListenerTests {
    @Test func acceptsASupportedProtocolAfterRefusingAnother() throws {
        var listener = MultistreamListener()
        _ = try listener.receive(wire(header, "/tls/1.0.0").span, supporting: ["/noise"])
        #expect(listener.nextOutput() == wire(header, "na"))
        _ = try listener.receive(wire("/noise").span, supporting: ["/noise"])
        #expect(listener.nextOutput() == wire("/noise"))
        #expect(listener.state == .agreed("/noise"))
    }

    @Test func answersTheHeaderOfADialerThatWaitsForIt() throws {
        var listener = MultistreamListener()
        _ = try listener.receive(wire(header).span, supporting: ["/noise"])
        #expect(listener.nextOutput() == wire(header))
    }

    @Test func listsItsProtocolsInOneMessage() throws {
        var listener = MultistreamListener()
        _ = try listener.receive(wire(header, "ls").span, supporting: ["/a", "/bc"])
        let body: [UInt8] = [3] + Array("/a\n".utf8) + [4] + Array("/bc\n".utf8) + Array("\n".utf8)
        #expect(listener.nextOutput() == wire(header) + [UInt8(body.count)] + body)
        #expect(listener.state == .negotiating)
    }

    @Test func aListingLeavesOutWhatDoesNotFitAMessage() throws {
        var listener = MultistreamListener()
        let protocols = (0..<200).map { "/protocol/number/\($0)" }
        _ = try listener.receive(wire(header).span, supporting: protocols)
        _ = listener.nextOutput()
        _ = try listener.receive(wire("ls").span, supporting: protocols)
        let listed = listener.nextOutput()
        let output = try #require(listed)
        var offset = 0
        let byteCount = try Varint.read(output.span, at: &offset)
        #expect(byteCount <= 1024)
        #expect(Int(byteCount) == output.count - offset)
    }

    @Test func leavesALazyDialersFirstBytesUnconsumed() throws {
        let proposal = wire(header, "/echo/1.0.0")
        var listener = MultistreamListener()
        let taken = try listener.receive((proposal + [5, 6, 7]).span, supporting: ["/echo/1.0.0"])
        #expect(taken == proposal.count)
        #expect(listener.state == .agreed("/echo/1.0.0"))
    }

    @Test func answersAsManyRequestsAsTheLimitSays() throws {
        var listener = MultistreamListener(limits: .init(requestCountMax: 3))
        _ = try listener.receive(wire(header, "/a", "/b", "ls").span, isSupported: { _ in false })
        #expect(throws: MultistreamError.tooManyRequests) {
            try listener.receive(wire("/c").span, isSupported: { _ in true })
        }
    }

    @Test func takesAMessageAtTheLimitAndRefusesOneAbove() throws {
        let longest = "/" + String(repeating: "x", count: 1022)
        var listener = MultistreamListener()
        _ = try listener.receive(wire(header, longest).span, supporting: [longest])
        #expect(listener.state == .agreed(longest))

        for tooLong: [UInt8] in [[0x81, 0x08], [0xff, 0xff, 0xff], [0x80, 0x80, 0x01], [0x81, 0x00]] {
            var other = MultistreamListener()
            #expect(throws: MultistreamError.messageTooLong) {
                try other.receive((wire(header) + tooLong).span, supporting: ["/noise"])
            }
        }
    }

    @Test func refusesMalformedMessages() {
        let malformed: [[UInt8]] = [[0], [2, 0x61, 0x62], [2, 0xff, 0x0a]]
        for bytes in malformed {
            var listener = MultistreamListener()
            #expect(throws: MultistreamError.malformedMessage) {
                try listener.receive((wire(header) + bytes).span, supporting: ["/noise"])
            }
        }
        var listener = MultistreamListener()
        #expect(throws: MultistreamError.wrongHeader) {
            try listener.receive(wire("GET / HTTP/1.1").span, supporting: ["/noise"])
        }
    }
}

/// Whatever arrives, in whatever pieces, the machines end in a state and take no byte twice.
@Suite struct MultistreamPropertyTests {
    @Test(arguments: UInt64(0)..<200)
    func aDialerAndAListenerAgreeOverAnyChunking(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let all = (0..<6).map { "/protocol/\($0)" }
        let proposed = Array(all.shuffled(using: &random).prefix(Int.random(in: 1...6, using: &random)))
        let supported = all.filter { _ in Bool.random(using: &random) }
        var dialer = MultistreamDialer(protocols: proposed)
        var listener = MultistreamListener()
        var toListener: [UInt8] = []
        var toDialer: [UInt8] = []
        func chunk(_ bytes: inout [UInt8]) -> [UInt8] {
            let piece = Array(bytes.prefix(Int.random(in: 0...7, using: &random)))
            bytes.removeFirst(piece.count)
            return piece
        }
        for _ in 0..<2000 where dialer.state == .negotiating {
            if let bytes = dialer.nextOutput() { toListener += bytes }
            if let bytes = listener.nextOutput() { toDialer += bytes }
            _ = try listener.receive(chunk(&toListener).span, supporting: supported)
            _ = try? dialer.receive(chunk(&toDialer).span)
        }
        if let expected = proposed.first(where: supported.contains) {
            #expect(dialer.state == .agreed(expected), "seed \(seed)")
            #expect(listener.state == .agreed(expected), "seed \(seed)")
        } else {
            #expect(dialer.state == .failed(.notSupported), "seed \(seed)")
        }
    }

    @Test(arguments: UInt64(0)..<500)
    func garbageNeverTraps(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var listener = MultistreamListener()
        var dialer = MultistreamDialer(protocols: ["/noise"])
        var bytes = Bool.random(using: &random) ? wire(header) : []
        bytes += (0..<Int.random(in: 0...3000, using: &random)).map { _ in
            UInt8.random(in: 0...255, using: &random)
        }
        let cut = Int.random(in: 0...bytes.count, using: &random)
        for piece in [Array(bytes[..<cut]), Array(bytes[cut...])] {
            let taken = try? listener.receive(piece.span, isSupported: { $0.count > 3 })
            #expect((taken ?? 0) <= piece.count, "seed \(seed)")
            _ = try? dialer.receive(piece.span)
        }
    }
}

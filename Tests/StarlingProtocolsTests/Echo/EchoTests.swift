import StarlingCore
import StarlingProtocols
import Testing

extension EchoDialer {
    fileprivate mutating func receive(_ bytes: [UInt8]) throws(EchoError) { try receive(bytes.span) }
}

@Suite struct EchoTests {
    @Test(arguments: UInt64(0)..<30)
    func whatComesBackIsCheckedOverAnyChunking(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var dialer = EchoDialer(byteCount: 20_000)
        var wire: [UInt8] = []
        while !dialer.isComplete {
            if let bytes = dialer.nextOutput(byteCountMax: Int.random(in: 0...9000, using: &random)) {
                wire += bytes
            }
            let piece = Array(wire.prefix(Int.random(in: 0...6000, using: &random)))
            wire.removeFirst(piece.count)
            try dialer.receive(piece)
        }
        #expect(dialer.nextOutput(byteCountMax: 100) == nil)
        try dialer.receiveEnd()
    }

    @Test func aChangedByteIsFound() throws {
        var dialer = EchoDialer(byteCount: 10_000)
        var bytes = try #require(EchoDialer.output(of: &dialer))
        bytes[9000] ^= 1
        #expect(throws: EchoError.mismatch(position: 9000)) { try dialer.receive(bytes) }
    }

    @Test func tooMuchAndTooLittleAreErrors() throws {
        var dialer = EchoDialer(byteCount: 10)
        #expect(throws: EchoError.tooManyBytes) { try dialer.receive([0]) }
        let bytes = try #require(EchoDialer.output(of: &dialer))
        try dialer.receive(Array(bytes.prefix(4)))
        #expect(throws: EchoError.tooFewBytes(4)) { try dialer.receiveEnd() }
    }
}

extension EchoDialer {
    fileprivate static func output(of dialer: inout EchoDialer) -> [UInt8]? {
        dialer.nextOutput(byteCountMax: .max)
    }
}

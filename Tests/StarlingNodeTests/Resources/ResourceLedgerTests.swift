import StarlingCore
import StarlingCrypto
import StarlingNode
import Testing

@Suite struct ResourceLedgerTests {
    private let a = ResourceLedgerTests.peer(1)
    private let b = ResourceLedgerTests.peer(2)

    private static func peer(_ number: UInt8) -> PeerID {
        guard let key = try? IdentityKey(seed: [UInt8](repeating: number, count: 32)) else {
            preconditionFailure()
        }
        return key.peerID
    }

    private func ledger(_ change: (inout ResourceLedger.Limits) -> Void = { _ in }) -> ResourceLedger {
        var limits = ResourceLedger.Limits(connectionCountMax: 3, memoryByteCountMax: 1 << 20)
        limits.connectionCountMaxPerPeer = 2
        limits.streamCountMax = 4
        limits.streamCountMaxPerPeer = 3
        limits.streamCountMaxPerProtocol = 2
        change(&limits)
        return ResourceLedger(limits: limits)
    }

    @Test func connectionsAreLimitedForThePeerAndTheNode() throws {
        var ledger = ledger()
        try ledger.openConnection(a)
        try ledger.openConnection(a)
        #expect(throws: ResourceError.tooManyConnectionsOfPeer) { try ledger.openConnection(a) }
        try ledger.openConnection(b)
        #expect(throws: ResourceError.tooManyConnections) { try ledger.openConnection(b) }
        ledger.closeConnection(a)
        try ledger.openConnection(b)
    }

    @Test func streamsAreLimitedForThePeerTheProtocolAndTheNode() throws {
        var ledger = ledger()
        try ledger.openStream(a, "/x")
        try ledger.openStream(a, "/x")
        #expect(throws: ResourceError.tooManyStreamsOfProtocol) { try ledger.openStream(b, "/x") }
        try ledger.openStream(a, "/y")
        #expect(throws: ResourceError.tooManyStreamsOfPeer) { try ledger.openStream(a, "/z") }
        try ledger.openStream(b, "/z")
        #expect(throws: ResourceError.tooManyStreams) { try ledger.openStream(b, "/w") }
        ledger.closeStream(a, "/x")
        try ledger.openStream(b, "/x")
    }

    @Test func memoryIsLimitedAndAllIsGivenBack() throws {
        var ledger = ledger { $0.memoryByteCountMax = 32_768 + 4096 }
        try ledger.openConnection(a)
        #expect(throws: ResourceError.outOfMemory) { try ledger.openConnection(b) }
        try ledger.openStream(a, "/x")
        #expect(throws: ResourceError.outOfMemory) { try ledger.openStream(a, "/x") }
        #expect(ledger.memoryByteCount == 32_768 + 4096)
        ledger.closeStream(a, "/x")
        ledger.closeConnection(a)
        #expect((ledger.memoryByteCount, ledger.connectionCount, ledger.streamCount) == (0, 0, 0))
    }

    @Test func pendingConnectionsNeverExceedTheirLimit() throws {
        var ledger = ledger { $0.pendingConnectionCountMax = 2 }
        let first = try ledger.beginPending(from: .v4(1)).ticket
        _ = try ledger.beginPending(from: .v4(2))
        let third = try ledger.beginPending(from: .v4(1))
        #expect(third.displaced == first)
        #expect(ledger.pendingConnectionCount == 2)
        ledger.endPending(first)
        #expect(ledger.pendingConnectionCount == 2, "who gave way is not counted twice")
        ledger.endPending(third.ticket)
        #expect(ledger.pendingConnectionCount == 1)
        var closed = self.ledger { $0.pendingConnectionCountMax = 0 }
        #expect(throws: ResourceError.tooManyPendingConnections) { try closed.beginPending(from: .own) }
    }

    @Test func streamsOfAProtocolMayBeLimitedForThePeer() throws {
        var ledger = ledger()
        try ledger.openStream(a, "/x", countMaxPerPeer: 1)
        #expect(throws: ResourceError.tooManyStreamsOfProtocol) {
            try ledger.openStream(a, "/x", countMaxPerPeer: 1)
        }
        try ledger.openStream(a, "/y")
        try ledger.openStream(b, "/x", countMaxPerPeer: 1)
        ledger.closeStream(a, "/x")
        try ledger.openStream(a, "/x", countMaxPerPeer: 1)
    }

    @Test func unfinishedMessagesAreLimitedForThePeerAndChargedToTheNode() throws {
        var ledger = ledger { $0.heldByteCountMaxPerPeer = 1000 }
        try ledger.hold(a, 600, insteadOf: 0)
        try ledger.hold(a, 400, insteadOf: 0)
        #expect(throws: ResourceError.tooManyHeldBytesOfPeer) { try ledger.hold(a, 401, insteadOf: 400) }
        #expect(ledger.memoryByteCount == 1000)
        try ledger.hold(b, 1000, insteadOf: 0)
        try ledger.hold(a, 0, insteadOf: 600)
        try ledger.hold(a, 1000, insteadOf: 400)
        #expect(ledger.memoryByteCount == 2000)
        try ledger.hold(a, 0, insteadOf: 1000)
        try ledger.hold(b, 0, insteadOf: 1000)
        #expect(ledger.memoryByteCount == 0)
        var small = self.ledger { $0.memoryByteCountMax = 99 }
        #expect(throws: ResourceError.outOfMemory) { try small.hold(a, 100, insteadOf: 0) }
        try small.hold(a, 99, insteadOf: 0)
    }
}

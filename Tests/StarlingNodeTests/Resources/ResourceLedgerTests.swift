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
        var ledger = ledger { limits in
            limits.connectionByteCount = 1000
            limits.streamByteCount = 100
            limits.pendingByteCount = 10
            limits.pendingConnectionCountMax = 5
            limits.memoryByteCountMax = 1000 + 2 * 100 + 10 + 5 * 10
        }
        try ledger.openConnection(a)
        #expect(throws: ResourceError.outOfMemory) { try ledger.openConnection(b) }
        try ledger.openStream(a, "/x")
        try ledger.openOutboundStream(a)
        #expect(throws: ResourceError.outOfMemory) { try ledger.openStream(a, "/x") }
        #expect(throws: ResourceError.outOfMemory) { try ledger.openOutboundStream(a) }
        try ledger.beginDial()
        #expect(throws: ResourceError.outOfMemory) { try ledger.beginDial() }
        #expect(ledger.memoryByteCount == 1000 + 2 * 100 + 10)
        // What is set aside for inbound connections that are not open yet is there for them.
        for number in UInt32(0)..<5 { _ = try ledger.beginPending(from: .v4(number)) }
        ledger.closeStream(a, "/x")
        ledger.closeOutboundStream(a)
        ledger.endDial()
        ledger.closeConnection(a)
        #expect((ledger.memoryByteCount, ledger.connectionCount, ledger.streamCount) == (0, 0, 0))
        #expect((ledger.outboundStreamCount, ledger.dialCount) == (0, 0))
    }

    @Test func pendingConnectionsGetAnEighthOfTheMemoryAtMost() {
        let limits = ResourceLedger.Limits(connectionCountMax: 10_000, memoryByteCountMax: 16 << 20)
        #expect(limits.pendingConnectionCountMax * limits.pendingByteCount == 2 << 20)
        #expect(
            ResourceLedger.Limits(connectionCountMax: 10_000, memoryByteCountMax: 1 << 30)
                .pendingConnectionCountMax
                == 1024
        )
    }

    @Test func streamsOfOurOwnAreLimitedForThePeerAndTheNode() throws {
        var ledger = ledger { limits in
            limits.outboundStreamCountMax = 3
            limits.outboundStreamCountMaxPerPeer = 2
        }
        try ledger.openOutboundStream(a)
        try ledger.openOutboundStream(a)
        #expect(throws: ResourceError.tooManyStreamsOfPeer) { try ledger.openOutboundStream(a) }
        try ledger.openOutboundStream(b)
        #expect(throws: ResourceError.tooManyStreams) { try ledger.openOutboundStream(b) }
        // Those of the peers have their own limits.
        try ledger.openStream(a, "/x")
        ledger.closeOutboundStream(a)
        try ledger.openOutboundStream(b)
    }

    @Test func dialsAreLimited() throws {
        var ledger = ledger { $0.dialCountMax = 2 }
        try ledger.beginDial()
        try ledger.beginDial()
        #expect(throws: ResourceError.tooManyDials) { try ledger.beginDial() }
        ledger.endDial()
        try ledger.beginDial()
    }

    @Test func unreadBytesAreLimitedForThePeerApartFromUnfinishedMessages() throws {
        var ledger = ledger { limits in
            limits.heldByteCountMaxPerPeer = 10
            limits.unreadByteCountMaxPerPeer = 1000
        }
        try ledger.hold(a, 600, insteadOf: 0, for: .unreadStreams)
        try ledger.hold(a, 400, insteadOf: 0, for: .unreadStreams)
        #expect(throws: ResourceError.tooManyUnreadBytesOfPeer) {
            try ledger.hold(a, 401, insteadOf: 400, for: .unreadStreams)
        }
        try ledger.hold(a, 10, insteadOf: 0, for: .unfinishedMessages)
        try ledger.hold(b, 1000, insteadOf: 0, for: .unreadStreams)
        #expect(ledger.memoryByteCount == 2010)
        try ledger.hold(a, 0, insteadOf: 600, for: .unreadStreams)
        try ledger.hold(a, 0, insteadOf: 400, for: .unreadStreams)
        try ledger.hold(a, 0, insteadOf: 10, for: .unfinishedMessages)
        try ledger.hold(b, 0, insteadOf: 1000, for: .unreadStreams)
        #expect(ledger.memoryByteCount == 0)
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
        try ledger.hold(a, 600, insteadOf: 0, for: .unfinishedMessages)
        try ledger.hold(a, 400, insteadOf: 0, for: .unfinishedMessages)
        #expect(throws: ResourceError.tooManyHeldBytesOfPeer) {
            try ledger.hold(a, 401, insteadOf: 400, for: .unfinishedMessages)
        }
        #expect(ledger.memoryByteCount == 1000)
        try ledger.hold(b, 1000, insteadOf: 0, for: .unfinishedMessages)
        try ledger.hold(a, 0, insteadOf: 600, for: .unfinishedMessages)
        try ledger.hold(a, 1000, insteadOf: 400, for: .unfinishedMessages)
        #expect(ledger.memoryByteCount == 2000)
        try ledger.hold(a, 0, insteadOf: 1000, for: .unfinishedMessages)
        try ledger.hold(b, 0, insteadOf: 1000, for: .unfinishedMessages)
        #expect(ledger.memoryByteCount == 0)
        var small = self.ledger {
            $0.memoryByteCountMax = 99
            $0.pendingConnectionCountMax = 0
        }
        #expect(throws: ResourceError.outOfMemory) {
            try small.hold(a, 100, insteadOf: 0, for: .unfinishedMessages)
        }
        try small.hold(a, 99, insteadOf: 0, for: .unfinishedMessages)
    }
}

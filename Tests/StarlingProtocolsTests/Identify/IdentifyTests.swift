import StarlingCore
import StarlingCrypto
import StarlingProtocols
import Testing

private func read(
    _ bytes: [UInt8],
    limits: IdentifyMessage.Limits = .init()
) throws(IdentifyError) -> IdentifyMessage {
    var reader = IdentifyReader(limits: limits)
    try reader.receive(bytes.span)
    return try reader.receiveEnd()
}

private func message(_ body: (inout ProtobufWriter) -> Void) -> [UInt8] {
    var writer = ProtobufWriter()
    body(&writer)
    return VarintFrame.encode(writer.bytes)
}

@Suite struct IdentifyMessageTests {
    private let identity: IdentityKey
    private let other: IdentityKey
    private let full: IdentifyMessage

    init() throws {
        identity = try IdentityKey(seed: [UInt8](0..<32))
        other = try IdentityKey(seed: [UInt8](1..<33))
        var message = IdentifyMessage()
        message.publicKey = identity.publicKey.protobuf
        message.listenAddresses = [try Multiaddr("/ip4/192.0.2.1/tcp/4001"), try Multiaddr("/ip6/::1/tcp/1")]
        message.protocols = [ProtocolID.ping, ProtocolID.identify]
        message.observedAddress = try Multiaddr("/ip4/198.51.100.7/tcp/50000")
        message.protocolVersion = "/starling/1"
        message.agentVersion = "starling/0.1.0"
        let record = PeerRecord(
            peerID: identity.peerID,
            sequenceNumber: 7,
            addresses: [try Multiaddr("/ip4/192.0.2.9/tcp/4001")]
        )
        message.signedPeerRecord = record.sealed(with: identity).encoded()
        full = message
    }

    @Test func theFieldsHaveTheNumbersOfTheSpecification() throws {
        let address = try Multiaddr("/ip4/192.0.2.1/tcp/4001")
        let wire = message {
            $0.bytes(1, identity.publicKey.protobuf)
            $0.bytes(2, address.bytes)
            $0.string(3, "/a")
            $0.string(3, "/b")
            $0.bytes(4, address.bytes)
            $0.string(5, "version")
            $0.string(6, "agent")
            $0.varint(7, 1)
            $0.bytes(8, [1, 2, 3])
        }
        let read = try read(wire)
        #expect(read.publicKey == identity.publicKey.protobuf)
        #expect(read.listenAddresses == [address])
        #expect(read.protocols == ["/a", "/b"])
        #expect(read.observedAddress == address)
        #expect(read.protocolVersion == "version")
        #expect(read.agentVersion == "agent")
        #expect(read.signedPeerRecord == [1, 2, 3])
        #expect(read.skippedCount == 0)
    }

    @Test func aMessageComesBackAsItWent() throws {
        #expect(try read(full.frames()) == full)
        #expect(try read(IdentifyMessage().frames()) == IdentifyMessage())
    }

    @Test func aLongAnswerLeavesInSeveralMessagesThatMerge() throws {
        var long = full
        long.protocols = (0..<400).map { "/protocol/number/\($0)" }
        let wire = long.frames()
        var reader = VarintFrameReader(messageByteCountMax: 4096)
        var offset = 0
        var messageCount = 0
        while try reader.next(wire.span, at: &offset) != nil { messageCount += 1 }
        #expect(messageCount > 1)
        #expect(try read(wire) == long)
    }

    @Test func everyChunkingGivesTheSameMessage() throws {
        let wire = full.frames()
        for cut in 0...wire.count {
            var reader = IdentifyReader()
            try reader.receive(Array(wire[..<cut]).span)
            try reader.receive(Array(wire[cut...]).span)
            #expect(try reader.receiveEnd() == full, "cut at \(cut)")
        }
    }

    @Test func whatIsUnreadableIsSkippedAndCounted() throws {
        let wire = message {
            $0.bytes(2, [])
            $0.bytes(2, [4, 1])
            $0.bytes(2, full.listenAddresses[0].bytes)
            $0.bytes(3, [0xff, 0xfe])
            $0.string(3, "")
            $0.string(3, "/" + String(repeating: "x", count: 1023))
            $0.string(3, "/ok")
            $0.bytes(4, [4, 1])
            $0.bytes(6, [0x61, 0xff])
        }
        let read = try read(wire)
        #expect(read.listenAddresses == [full.listenAddresses[0]])
        #expect(read.protocols == ["/ok"])
        #expect(read.skippedCount == 5)
        #expect(read.observedAddress == nil)
        #expect(read.agentVersion == "a\u{fffd}")
    }

    @Test func listsAndTextsStopAtTheirLimits() throws {
        var limits = IdentifyMessage.Limits()
        limits.addressCountMax = 1
        limits.protocolCountMax = 1
        limits.versionByteCountMax = 4
        let read = try read(full.frames(), limits: limits)
        #expect(read.listenAddresses.count == 1)
        #expect(read.protocols.count == 1)
        #expect(read.skippedCount == 2)
        #expect(read.agentVersion == "star")
    }

    @Test func tooMuchAndTooLittleAreErrors() throws {
        var limits = IdentifyMessage.Limits()
        limits.messageCountMax = 2
        #expect(throws: IdentifyError.tooManyMessages) { try read([0, 0, 0], limits: limits) }
        _ = try read([0, 0], limits: limits)
        #expect(throws: IdentifyError.noMessage) { try read([]) }
        #expect(throws: IdentifyError.invalidFrame(.truncated)) { try read([5, 1]) }
        #expect(throws: IdentifyError.invalidFrame(.tooLong)) { try read([0x81, 0x80, 0x04]) }
        #expect(throws: IdentifyError.malformedMessage(.lengthOutOfBounds)) { try read([2, 0x0a, 0x05]) }
        #expect(throws: IdentifyError.malformedMessage(.wrongWireType(fieldNumber: 4))) {
            try read([2, 0x20, 1])
        }
    }

    @Test func aPeerIsWhatItsConnectionSays() throws {
        let peer = try IdentifiedPeer(full, of: identity.peerID)
        #expect(peer.publicKey == identity.publicKey)
        #expect(peer.record?.sequenceNumber == 7)
        #expect(peer.addresses == [try Multiaddr("/ip4/192.0.2.9/tcp/4001")])
        #expect(peer.recordError == nil)
        #expect(throws: IdentifyError.wrongPeer(identity.peerID)) {
            try IdentifiedPeer(full, of: other.peerID)
        }
    }

    @Test func aKeyThatIsNoneIsAnError() {
        var message = full
        message.publicKey = [1, 2, 3]
        #expect(throws: IdentifyError.self) { try IdentifiedPeer(message, of: identity.peerID) }
    }

    @Test func anUnacceptableRecordLeavesTheRestStanding() throws {
        var message = full
        message.publicKey = nil
        let foreign = try IdentifiedPeer(message, of: other.peerID)
        #expect(foreign.record == nil)
        #expect(foreign.recordError == .recordOfOtherPeer(identity.peerID))
        #expect(foreign.addresses == full.listenAddresses)

        message.signedPeerRecord?[40] ^= 1
        let broken = try IdentifiedPeer(message, of: identity.peerID)
        #expect(broken.record == nil)
        guard case .invalidRecord = broken.recordError else {
            Issue.record("\(String(describing: broken.recordError))")
            return
        }
        message.signedPeerRecord = nil
        let plain = try IdentifiedPeer(message, of: identity.peerID)
        #expect(plain.record == nil && plain.recordError == nil && plain.publicKey == nil)
    }

    @Test(arguments: UInt64(0)..<300)
    func damageNeverTraps(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var wire = full.frames()
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            wire[Int.random(in: 0..<wire.count, using: &random)] = .random(in: 0...255, using: &random)
        }
        if let message = try? read(wire) { _ = try? IdentifiedPeer(message, of: identity.peerID) }
    }
}

import StarlingCore
import StarlingCrypto
import StarlingMesh
import Testing

@Suite struct TraceFrameTests {
    private let alice = MessageKit.alice.peerID
    private let bob = MessageKit.bob.peerID
    private let carol = MessageKit.key(3).peerID

    private func ask(_ bytes: [UInt8]) throws -> TraceAsk { try TraceAsk(parsing: bytes.span) }
    private func hop(_ bytes: [UInt8]) throws -> TraceHop { try TraceHop(parsing: bytes.span) }

    @Test func theQuestionGoesOnWhileThereIsAWayAndLinksAreLeft() {
        let ask = TraceAsk(to: carol, hopLimit: 1, path: [alice])
        let (hop, further) = ask.answer(of: bob, next: carol)
        #expect(hop == TraceHop(peer: bob, standing: .passedOn(to: carol)))
        #expect(further == TraceAsk(to: carol, hopLimit: 0, path: [alice, bob]))
        let end = further?.answer(of: carol, next: nil)
        #expect(end?.hop == TraceHop(peer: carol, standing: .arrived))
        #expect(end?.ask == nil)
    }

    @Test func theQuestionEndsWhereItCannotGoOn() {
        let ask = TraceAsk(to: carol, hopLimit: 3, path: [alice])
        #expect(ask.answer(of: bob, next: nil).hop.standing == .noRoute)
        #expect(ask.answer(of: alice, next: carol).hop.standing == .looped)
        let last = TraceAsk(to: carol, hopLimit: 0, path: [alice])
        #expect(last.answer(of: bob, next: carol).hop.standing == .hopLimit)
        let long = TraceAsk(to: carol, hopLimit: 3, path: (10..<20).map { MessageKit.key($0).peerID })
        #expect(long.answer(of: bob, next: carol).hop.standing == .hopLimit, "a path cannot grow for ever")
    }

    @Test func framesOutOfBoundsAreRefused() throws {
        var writer = ProtobufWriter()
        writer.bytes(1, carol.multihash)
        writer.varint(2, 11)
        #expect(throws: ProtobufError.invalidValue(fieldNumber: 2)) {
            try ask(writer.bytes)
        }
        #expect(throws: ProtobufError.missingField(fieldNumber: 1)) { try ask([]) }
        writer = ProtobufWriter()
        writer.bytes(1, carol.multihash)
        for number in 1...11 { writer.bytes(3, MessageKit.key(UInt8(number)).peerID.multihash) }
        #expect(throws: ProtobufError.tooManyEntries(fieldNumber: 3)) {
            try ask(writer.bytes)
        }
        writer = ProtobufWriter()
        writer.bytes(1, carol.multihash)
        #expect(throws: ProtobufError.missingField(fieldNumber: 2)) {
            try hop(writer.bytes)
        }
        // Passed on, and to nobody.
        writer.varint(2, 1)
        #expect(throws: ProtobufError.invalidValue(fieldNumber: 2)) {
            try hop(writer.bytes)
        }
    }
}

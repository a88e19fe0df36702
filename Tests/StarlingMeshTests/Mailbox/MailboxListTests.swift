import StarlingCore
import StarlingCrypto
import Testing

@testable import StarlingMesh

@Suite struct MailboxListTests {
    private static let bob = MessageKit.bob

    static func list(_ mailboxes: [MailboxList.Mailbox], lifetime: Duration = .seconds(86_400)) -> MailboxList
    {
        MailboxList(
            of: mailboxes,
            sequence: 3,
            created: MessageKit.created,
            lifetime: lifetime,
            from: bob
        )
    }

    private func verify(_ bytes: [UInt8]) throws(EnvelopeError) -> MailboxList {
        try MailboxList(verifying: bytes.span)
    }

    private func error(_ bytes: [UInt8]) -> EnvelopeError? {
        do throws(EnvelopeError) { _ = try verify(bytes) } catch { return error }
        return nil
    }

    /// A list with this body, signed as it should be.
    private func signed(_ body: [UInt8], by key: IdentityKey = bob) -> [UInt8] {
        let domain = Array("starling-mailbox-list-1:".utf8)
        return MessageKit.field(1, body) + MessageKit.field(2, key.sign(domain + body))
    }

    private var fields: [(number: Int, bytes: [UInt8])] {
        [
            (1, MessageKit.field(1, Self.bob.peerID.multihash)), (2, MessageKit.field(2, 3)),
            (3, MessageKit.field(3, 1000)), (4, MessageKit.field(4, 1000)),
        ]
    }

    private func body(_ number: Int = 0, _ bytes: [UInt8] = []) -> [UInt8] {
        fields.flatMap { $0.number == number ? bytes : $0.bytes }
    }

    private func mailbox(_ key: UInt8, _ addresses: [[UInt8]] = []) -> [UInt8] {
        let peer = MessageKit.field(1, MessageKit.key(key).peerID.multihash)
        return MessageKit.field(5, peer + addresses.flatMap { MessageKit.field(2, $0) })
    }

    @Test func readsWhatItWrites() throws {
        let address = try Multiaddr("/ip4/192.0.2.7/tcp/4001")
        let full = Self.list([
            .init(peer: MessageKit.key(4).peerID, addresses: [address]),
            .init(peer: MessageKit.key(5).peerID),
        ])
        for list in [full, Self.list([])] {
            #expect(try verify(list.encoded) == list)
        }
        #expect(full.expires.millisecondsSince1970 == MessageKit.created.millisecondsSince1970 + 86_400_000)
    }

    @Test func onlyThePeerItselfSaysIt() {
        #expect(error(signed(body())) == nil)
        #expect(error(signed(body(), by: MessageKit.alice)) == .wrongSignature)
        #expect(
            error(MessageKit.field(1, body()) + MessageKit.field(2, Self.bob.sign(body())))
                == .wrongSignature,
            "a signature without the domain is for something else"
        )
    }

    @Test func whatIsMissingOrOutOfItsRangeIsNamed() {
        for number in 1...4 {
            #expect(error(signed(body(number))) == .malformed(.missingField(fieldNumber: number)))
        }
        let day = UInt64(86_400_000)
        #expect(error(signed(body(4, MessageKit.field(4, 30 * day)))) == nil)
        for lifetime in [0, 30 * day + 1] {
            #expect(
                error(signed(body(4, MessageKit.field(4, lifetime))))
                    == .malformed(.invalidValue(fieldNumber: 4))
            )
        }
        #expect(error(signed(body() + mailbox(4) + mailbox(4))) == .malformed(.invalidValue(fieldNumber: 5)))
        #expect(error(signed(body() + mailbox(2))) == .malformed(.invalidValue(fieldNumber: 5)), "itself")
    }

    @Test func namesAndAddressesAreCounted() throws {
        let most = MailboxList.Limits().mailboxCountMax
        let names = (0..<most).flatMap { mailbox(UInt8(10 + $0)) }
        #expect(error(signed(body() + names)) == nil)
        #expect(error(signed(body() + names + mailbox(9))) == .malformed(.tooManyEntries(fieldNumber: 5)))
        let address = try Multiaddr("/ip4/192.0.2.7/tcp/4001").bytes
        let addresses = [[UInt8]](repeating: address, count: MailboxList.Limits().addressCountMax)
        #expect(
            try verify(signed(body() + mailbox(4, addresses))).mailboxes[0].addresses.count == addresses.count
        )
        #expect(
            error(signed(body() + mailbox(4, addresses + [address])))
                == .malformed(.tooManyEntries(fieldNumber: 2))
        )
        let long = [UInt8](repeating: 1, count: MailboxList.Limits().addressByteCountMax + 1)
        #expect(error(signed(body() + mailbox(4, [long]))) == .malformed(.invalidValue(fieldNumber: 2)))
        let unknown = try verify(signed(body() + mailbox(4, [[0xff]])))
        #expect(unknown.mailboxes == [.init(peer: MessageKit.key(4).peerID)], "what is newer is left out")
        let byteCountMax = MailboxList.Limits().listByteCountMax
        #expect(
            error(signed(body()) + MessageKit.field(7, [UInt8](repeating: 0, count: byteCountMax)))
                == .bodyTooLarge(byteCountMax: byteCountMax)
        )
    }
}

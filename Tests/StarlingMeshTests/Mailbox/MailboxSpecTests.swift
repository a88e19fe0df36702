import StarlingCore
import StarlingCrypto
import StarlingMesh
import Testing

/// The vectors in docs/specs/mailbox.md, computed again.
@Suite struct MailboxSpecTests {
    @Test func theVectorsOfTheSpecificationHold() throws {
        let (alice, bob) = (MessageKit.alice, MessageKit.bob)
        let (dora, erin) = (MessageKit.key(4).peerID, MessageKit.key(5).peerID)
        let envelope = try MessageKit.sealed(MessageKit.content, ChaChaPoly()).encoded
        let receipt = Receipt(
            for: [.init(id: MessageKit.id, outcome: .delivered)],
            to: alice.peerID,
            created: MessageKit.created,
            from: bob
        ).encoded
        let list = MailboxList(
            of: [
                .init(peer: dora, addresses: [try Multiaddr("/ip4/192.0.2.7/tcp/4001")]), .init(peer: erin),
            ],
            sequence: 3,
            created: MessageKit.created,
            lifetime: .seconds(86_400),
            from: bob
        )
        var status = MailboxStatus()
        status.serves = true
        (status.waitingCount, status.waitingByteCount) = (1, envelope.count)
        var missing = MailboxStatus()
        missing.missing = [MessageKit.id]
        let computed: [(name: String, value: [UInt8])] = [
            ("offer", MailboxAsk.offer(envelope).encoded),
            (
                "stored",
                MailboxAnswer.verdicts([.init(id: MessageKit.id, verdict: .stored)]).encoded
            ),
            ("bob's status", MailboxAsk.status([]).encoded),
            ("bob's status answered", MailboxAnswer.status(status).encoded),
            ("fetch", MailboxAsk.fetch(.init()).encoded),
            ("page", MailboxAnswer.page(.init(envelopes: [envelope])).encoded),
            ("fetch more", MailboxAsk.fetch(.init(after: 7, countMax: 16, byteCountMax: 65_536)).encoded),
            ("receipt", MailboxAsk.receipt(receipt).encoded),
            ("erased", MailboxAnswer.erased([MessageKit.id]).encoded),
            ("receipts", MailboxAnswer.page(.init(receipts: [receipt])).encoded),
            ("erase", MailboxAsk.erase([MessageKit.id]).encoded),
            ("alice's status", MailboxAsk.status([MessageKit.id]).encoded),
            ("alice's status answered", MailboxAnswer.status(missing).encoded),
            ("list asked", MailboxAsk.list(bob.peerID).encoded),
            ("list asked farther", MailboxAsk.list(bob.peerID, hopLimit: 4).encoded),
            ("list body", list.bodyBytes),
            ("list signature", list.signature),
            ("list told", MailboxAsk.told(list.encoded).encoded),
            ("waiting", MailboxAsk.waiting.encoded),
            ("list answered", MailboxAnswer.list(list.encoded).encoded),
            ("no list", MailboxAnswer.list([]).encoded),
        ]
        let vectors = try SpecVectors(of: "mailbox")
        for (name, value) in computed { vectors.expect(name, value) }
    }
}

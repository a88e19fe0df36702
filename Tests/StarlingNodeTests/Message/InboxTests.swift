import StarlingCore
import StarlingCrypto
import StarlingMesh
import StarlingNode
import Testing

@Suite struct InboxTests {
    private let recipient = InboxTests.key(9)

    private static func key(_ number: UInt8) -> IdentityKey {
        guard let key = try? IdentityKey(seed: [UInt8](repeating: number, count: 32)) else {
            preconditionFailure()
        }
        return key
    }

    private func envelope(_ id: UInt8, byteCount: Int = 1, from sender: UInt8 = 1) throws -> Envelope {
        try Envelope(
            id: MessageID(random: [UInt8](repeating: id, count: 16)),
            type: "t",
            to: recipient.peerID,
            created: WallTime(millisecondsSince1970: 1),
            payload: [UInt8](repeating: id, count: byteCount),
            from: Self.key(sender)
        )
    }

    private let now = WallTime(millisecondsSince1970: 2)

    @Test func messagesAreNumberedAndReadInOrder() throws {
        var inbox = Inbox()
        for id in UInt8(1)...3 { _ = inbox.add(try envelope(id), received: now) }
        #expect(inbox.entries(after: 0, countMax: 10).map(\.number) == [1, 2, 3])
        #expect(inbox.entries(after: 1, countMax: 1).map(\.payload) == [[2]])
        #expect(inbox.entries(after: 3, countMax: 1).isEmpty)
        #expect(inbox.entries(after: .max, countMax: 1).isEmpty)
        #expect(inbox.entries(after: 0, countMax: 0).isEmpty)
        #expect(inbox.entries(after: 1, countMax: .max).count == 2)
        #expect(inbox.take(through: 2) == 2)
        #expect(inbox.entries(after: 0, countMax: 10).map(\.number) == [3])
    }

    @Test func arepeatedMessageIsKeptOnce() throws {
        var inbox = Inbox()
        _ = inbox.add(try envelope(1), received: now)
        #expect(inbox.add(try envelope(1), received: now) == .repeated)
        #expect(inbox.take(through: 1) == 1)
        #expect(inbox.add(try envelope(1), received: now) == .repeated, "also after it was taken")
        #expect(inbox.count == 0)
    }

    @Test func anotherSendersMessageWithTheSameIDIsAnotherMessage() throws {
        // Or a stranger who learns an id could have the message to which it belongs taken for a repetition.
        var inbox = Inbox()
        _ = inbox.add(try envelope(1, from: 1), received: now)
        guard case .added = inbox.add(try envelope(1, from: 2), received: now) else {
            Issue.record("taken for a repetition")
            return
        }
        #expect(inbox.count == 2)
    }

    @Test func aFullInboxRefusesUntilSomeAreTaken() throws {
        var limits = Inbox.Limits()
        limits.entryCountMax = 2
        limits.payloadByteCountMax = 100
        var inbox = Inbox(limits: limits)
        _ = inbox.add(try envelope(1, byteCount: 60), received: now)
        #expect(inbox.add(try envelope(2, byteCount: 41), received: now) == .full)
        _ = inbox.add(try envelope(2, byteCount: 40), received: now)
        #expect(inbox.add(try envelope(3, byteCount: 0), received: now) == .full)
        #expect(inbox.take(through: 1) == 1)
        guard case .added(let entry) = inbox.add(try envelope(3, byteCount: 60), received: now) else {
            Issue.record("there was room")
            return
        }
        #expect(entry.number == 3)
    }

    @Test func oldIDsAreForgottenBeyondTheLimit() throws {
        var limits = Inbox.Limits()
        limits.seenIDCountMax = 2
        var inbox = Inbox(limits: limits)
        for id in UInt8(1)...3 { _ = inbox.add(try envelope(id), received: now) }
        #expect(inbox.add(try envelope(3), received: now) == .repeated)
        guard case .added = inbox.add(try envelope(1), received: now) else {
            Issue.record("the oldest is forgotten")
            return
        }
    }
}

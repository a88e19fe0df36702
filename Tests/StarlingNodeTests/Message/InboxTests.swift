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

    private func add(
        _ id: UInt8,
        byteCount: Int = 1,
        from sender: UInt8 = 1,
        to inbox: inout StarlingNode.Inbox
    ) throws
        -> StarlingNode.Inbox.Outcome
    {
        let header = MessageHeader(
            id: MessageID(random: [UInt8](repeating: id, count: 16)),
            from: Self.key(sender).peerID,
            to: recipient.peerID,
            created: WallTime(millisecondsSince1970: 1),
            lifetimeMilliseconds: 1,
            place: .init(series: 1, number: 1, floor: 1)
        )
        let payload = [UInt8](repeating: id, count: byteCount)
        return inbox.add(header, MessageContent(type: .data, payload: payload), received: now)
    }

    private let now = WallTime(millisecondsSince1970: 2)

    @Test func messagesAreNumberedAndReadInOrder() throws {
        var inbox = StarlingNode.Inbox()
        for id in UInt8(1)...3 { _ = try add(id, to: &inbox) }
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
        var inbox = StarlingNode.Inbox()
        _ = try add(1, to: &inbox)
        #expect(try add(1, to: &inbox) == .repeated)
        #expect(inbox.take(through: 1) == 1)
        #expect(try add(1, to: &inbox) == .repeated, "also after it was taken")
        #expect(inbox.count == 0)
    }

    @Test func anotherSendersMessageWithTheSameIDIsAnotherMessage() throws {
        // Or a stranger who learns an id could have the message to which it belongs taken for a repetition.
        var inbox = StarlingNode.Inbox()
        _ = try add(1, from: 1, to: &inbox)
        guard case .added = try add(1, from: 2, to: &inbox) else {
            Issue.record("taken for a repetition")
            return
        }
        #expect(inbox.count == 2)
    }

    @Test func aFullInboxRefusesUntilSomeAreTaken() throws {
        var limits = StarlingNode.Inbox.Limits()
        limits.entryCountMax = 2
        limits.payloadByteCountMax = 100
        var inbox = StarlingNode.Inbox(limits: limits)
        _ = try add(1, byteCount: 60, to: &inbox)
        #expect(try add(2, byteCount: 41, to: &inbox) == .full)
        _ = try add(2, byteCount: 40, to: &inbox)
        #expect(try add(3, byteCount: 0, to: &inbox) == .full)
        #expect(inbox.take(through: 1) == 1)
        guard case .added(let entry) = try add(3, byteCount: 60, to: &inbox) else {
            Issue.record("there was room")
            return
        }
        #expect(entry.number == 3)
    }

    @Test func oldIDsAreForgottenBeyondTheLimit() throws {
        var limits = StarlingNode.Inbox.Limits()
        limits.seenIDCountMax = 2
        var inbox = StarlingNode.Inbox(limits: limits)
        for id in UInt8(1)...3 { _ = try add(id, to: &inbox) }
        #expect(try add(3, to: &inbox) == .repeated)
        guard case .added = try add(1, to: &inbox) else {
            Issue.record("the oldest is forgotten")
            return
        }
    }
}

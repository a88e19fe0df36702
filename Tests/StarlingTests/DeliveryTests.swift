import Starling
import Testing

/// What a node tells of the messages that it accepted.
@Suite struct DeliveryFacadeTests {
    private static let nobody = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"

    @Test func aMessageThatWaitsTellsWhereItIsSinceWhenAndWhy() async throws {
        let node = try await NodeFacadeTests.start("kitchen")
        let nobody = try #require(PeerID(Self.nobody))
        let options = SendOptions(
            priority: .high,
            privacy: .standard,
            lifetime: .seconds(60),
            idempotencyKey: "kettle"
        )
        let sent = try await node.send("the kettle is on", to: nobody, options: options)
        let again = try await node.send("the kettle is on", to: nobody, options: options)
        #expect(again.id == sent.id, "the same key is the same message")

        // The node says that nobody is there as soon as it has tried.
        var record = try #require(await sent.record)
        while record.obstacle == nil { record = try #require(await sent.record) }
        #expect(record.state == .queued)
        #expect(record.to == nobody && record.priority == .high && record.privacy == .standard)
        #expect(record.obstacle?.code == .unknownPeer)
        #expect(record.obstacle?.nextStep.isEmpty == false)
        #expect(record.sent == nil && record.ended == nil && record.attemptCount == 0)
        let lifetime = record.expires.millisecondsSince1970 - record.accepted.millisecondsSince1970
        #expect(lifetime == 60_000)
        #expect(record.byteCount > 0)

        let found = try #require(await node.sentMessage(sent.id))
        #expect(found.to == nobody && found.id == sent.id)
        #expect(await found.state == .queued)
        #expect(await node.sentMessage("0a") == nil)
        #expect(await node.sentMessage(String(repeating: "0a", count: 16)) == nil)
        await node.stop()
    }

    @Test func aMessageMayCrossOneToTenLinksAndNoOtherNumber() async throws {
        let node = try await NodeFacadeTests.start("kitchen")
        let nobody = try #require(PeerID(Self.nobody))
        for hopLimit in [.min, -1, 0, 11, 300, .max] as [Int] {
            let error = await #expect(throws: NodeError.self, "\(hopLimit)") {
                try await node.send("hello", to: nobody, options: SendOptions(hopLimit: hopLimit))
            }
            #expect(error?.code == .invalidRequest)
            #expect(error?.nextStep.isEmpty == false)
        }
        for hopLimit in [nil, 1, 10] as [Int?] {
            _ = try await node.send("hello", to: nobody, options: SendOptions(hopLimit: hopLimit))
        }
        #expect(try await node.outbox().count == 3)
        await node.stop()
    }

    @Test func theOutboxIsListedInPages() async throws {
        let node = try await NodeFacadeTests.start("kitchen")
        let nobody = try #require(PeerID(Self.nobody))
        var ids: [String] = []
        for index in 0..<3 { ids.append(try await node.send("\(index)", to: nobody).id) }
        #expect(try await node.outbox().map(\.id) == ids)
        let first = try await node.outbox(countMax: 2)
        #expect(first.map(\.id) == Array(ids[..<2]))
        #expect(try await node.outbox(after: first[1].id).map(\.id) == [ids[2]])
        #expect(try await node.outbox(countMax: -1).isEmpty)
        #expect(try await node.outbox(.ended).isEmpty)
        for unknown in ["0a", String(repeating: "0a", count: 16)] {
            let error = await #expect(throws: NodeError.self) { try await node.outbox(after: unknown) }
            #expect(error?.code == .unknownMessage)
            #expect(error?.nextStep.isEmpty == false)
        }
        await node.stop()
    }

    @Test func aMessageThatEndedIsRememberedWithItsTimesAndItsStatesEnd() async throws {
        let kitchen = try await NodeFacadeTests.start("kitchen")
        let hall = try await NodeFacadeTests.start("hall")
        let address = try #require(await hall.addresses.first)
        try await kitchen.connect(to: address.description)
        let sent = try await kitchen.send("the kettle is on", to: hall.id)
        var states: [SentMessage.State] = []
        for await state in sent.states { states.append(state) }
        #expect(states.last == .delivered)

        let record = try #require(await sent.record)
        let (sentAt, endedAt) = (try #require(record.sent), try #require(record.ended))
        #expect(record.accepted <= sentAt && sentAt <= endedAt)
        #expect(record.obstacle == nil && record.attemptCount == 1)
        #expect(try await kitchen.outbox().isEmpty)
        let next = try await kitchen.send("it boils", to: hall.id)
        _ = try await next.receipt()
        #expect(try await kitchen.outbox(.ended).map(\.id) == [next.id, sent.id])
        #expect(try await kitchen.outbox(.ended, after: next.id).map(\.id) == [sent.id])

        let found = try #require(await kitchen.sentMessage(sent.id))
        let receipt = try await found.receipt()
        let took = endedAt.millisecondsSince1970 - record.accepted.millisecondsSince1970
        #expect(receipt.roundTrip == .milliseconds(took), "asked for late, it is as quick as it was")
        #expect(try await sent.receipt().roundTrip <= .milliseconds(took + 1))
        await kitchen.stop()
        await hall.stop()
    }
}

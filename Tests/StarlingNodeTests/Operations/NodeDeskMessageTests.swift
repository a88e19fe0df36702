import StarlingCore
import StarlingMesh
import StarlingNode
import StarlingSimulator
import StarlingWorld
import Testing

@Suite struct NodeDeskMessageTests {
    private func desk(_ node: Node) -> NodeDesk { NodeDesk(node: node, onShutdown: {}) }

    private func text(_ text: String, to peer: PeerID, wait: Duration = .zero) -> OutgoingMessage {
        OutgoingMessage(to: peer, type: "DATA_MESSAGE", payload: Array(text.utf8), receiptTimeout: wait)
    }

    @Test func aMessageIsDeliveredListedAndTaken() throws {
        let pair = try NodePair()
        let (alice, bob, address) = (desk(pair.alice), desk(pair.bob), try pair.bobAddress)
        let to = pair.bob.peerID
        let report = try pair.simulation.complete(on: pair.aliceHost) {
            _ = try await alice.connect(ConnectRequest(address: address, timeout: .seconds(5)))
            return try await alice.send(
                OutgoingMessage(to: to, type: "text/plain", payload: [1, 2, 3], receiptTimeout: .seconds(5))
            )
        }
        #expect(report.state == .delivered)
        #expect(report.roundTrip != nil)
        let all = InboxQuery(after: 0, messageCountMax: 10, payloadByteCountMax: 100)
        let (before, taken, after) = try pair.simulation.complete(on: pair.bobHost) {
            (try await bob.inbox(all), try await bob.takeInbox(.through(1)), try await bob.inbox(all))
        }
        #expect(before.messages.map(\.payload) == [[1, 2, 3]])
        #expect(before.messages.first?.messageID == report.messageID)
        #expect(!before.hasMore)
        #expect(taken == 1)
        #expect(after.messages.isEmpty)
    }

    @Test func messagesAreTakenInAnyOrder() throws {
        let pair = try NodePair()
        let (alice, bob, address) = (desk(pair.alice), desk(pair.bob), try pair.bobAddress)
        let to = pair.bob.peerID
        try pair.simulation.complete(on: pair.aliceHost) {
            _ = try await alice.connect(ConnectRequest(address: address, timeout: .seconds(5)))
            for payload in [1, 2, 3] as [UInt8] {
                let message = OutgoingMessage(
                    to: to,
                    type: "t",
                    payload: [payload],
                    receiptTimeout: .seconds(5)
                )
                #expect(try await alice.send(message).state == .delivered)
            }
        }
        let all = InboxQuery(after: 0, messageCountMax: 10, payloadByteCountMax: 100)
        try pair.simulation.complete(on: pair.bobHost) {
            let positions = try await bob.inbox(all).messages.map(\.position)
            #expect(try await bob.takeInbox(.only([positions[2], positions[0], 99, positions[0]])) == 2)
            #expect(try await bob.inbox(all).messages.map(\.payload) == [[2]])
        }
    }

    @Test func aMessageForAPeerThatIsAwayIsQueuedAndArrivesOnceWhenItCanBeReached() throws {
        let pair = try NodePair()
        let (alice, bob, address) = (desk(pair.alice), desk(pair.bob), try pair.bobAddress)
        let to = pair.bob.peerID
        let report = try pair.simulation.complete(on: pair.aliceHost) {
            try await alice.send(
                OutgoingMessage(to: to, type: "t", payload: [7], receiptTimeout: .seconds(1))
            )
        }
        #expect(report.state == .queued)
        #expect(report.obstacle?.code == .unknownPeer)
        let before = try pair.simulation.complete(on: pair.aliceHost) { await alice.status() }.outbox
        #expect(before.messages.count == 1)
        #expect(before.fills.map(\.queuedCount) == [0, 0, 1, 0])
        #expect(before.backlogs.map(\.to) == [to])
        #expect(before.backlogs.first?.obstacle?.code == .unknownPeer)
        _ = try pair.simulation.complete(on: pair.aliceHost) {
            try await alice.connect(ConnectRequest(address: address, timeout: .seconds(5)))
        }
        try pair.simulation.run(for: .seconds(10))
        let query = InboxQuery(after: 0, messageCountMax: 10, payloadByteCountMax: 100)
        let page = try pair.simulation.complete(on: pair.bobHost) { try await bob.inbox(query) }
        #expect(page.messages.map(\.messageID) == [report.messageID])
        let after = try pair.simulation.complete(on: pair.aliceHost) { await alice.status() }.outbox
        #expect(after.messages.count == 0 && after.messages.byteCount == 0)
        #expect(after.backlogs.isEmpty && after.stalls.isEmpty)
    }

    @Test func thePagesOfTheInboxKeepToTheirLimits() throws {
        let pair = try NodePair()
        let (alice, bob, address) = (desk(pair.alice), desk(pair.bob), try pair.bobAddress)
        let to = pair.bob.peerID
        try pair.simulation.complete(on: pair.aliceHost) {
            _ = try await alice.connect(ConnectRequest(address: address, timeout: .seconds(5)))
            for index in 0..<5 {
                let payload = [UInt8](repeating: UInt8(index), count: 10)
                _ = try await alice.send(
                    OutgoingMessage(to: to, type: "t", payload: payload, receiptTimeout: .seconds(5))
                )
            }
        }
        let pages = try pair.simulation.complete(on: pair.bobHost) {
            [
                try await bob.inbox(InboxQuery(after: 0, messageCountMax: 2, payloadByteCountMax: 1000)),
                try await bob.inbox(InboxQuery(after: 2, messageCountMax: 9, payloadByteCountMax: 20)),
                try await bob.inbox(InboxQuery(after: 4, messageCountMax: 9, payloadByteCountMax: 1)),
            ]
        }
        #expect(pages.map { $0.messages.map(\.position) } == [[1, 2], [3, 4], [5]])
        #expect(pages.map(\.hasMore) == [true, true, false])
    }

    @Test func aMessageToOneselfIsRefused() throws {
        let pair = try NodePair()
        let (alice, own) = (desk(pair.alice), pair.alice.peerID)
        let failure = #expect(throws: NodeFailure.self) {
            try pair.simulation.complete(on: pair.aliceHost) {
                _ = try await alice.send(
                    OutgoingMessage(to: own, type: "t", payload: [], receiptTimeout: .zero)
                )
            }
        }
        #expect(failure?.code == .invalidRequest)
    }

    @Test func aMessageIsKnownByItsIDUntilItsEndAndAfter() throws {
        let pair = try NodePair()
        let (alice, address, to) = (desk(pair.alice), try pair.bobAddress, pair.bob.peerID)
        var message = text("hello", to: to)
        (message.priority, message.privacy, message.key) = (.emergency, .standard, "k")
        message.lifetime = .seconds(3600)
        let asked = message
        let (id, queued, waiting) = try pair.simulation.complete(on: pair.aliceHost) {
            let id = try await alice.send(asked).messageID
            let queued = try await alice.message(id, settledWithin: .seconds(3))
            return (id, queued, try await alice.outbox(.init(part: .waiting, after: nil, messageCountMax: 9)))
        }
        #expect(queued.state == .queued && queued.attemptCount == 0)
        #expect(queued.priority == .emergency && queued.privacy == .standard)
        #expect(queued.age >= .seconds(3))
        #expect(queued.expires.millisecondsSince1970 - queued.accepted.millisecondsSince1970 == 3_600_000)
        #expect(queued.obstacle?.code == .unknownPeer)
        #expect(queued.sent == nil && queued.ended == nil)
        #expect(waiting.messages.map(\.messageID) == [id] && !waiting.hasMore)

        let (delivered, ended) = try pair.simulation.complete(on: pair.aliceHost) {
            _ = try await alice.connect(ConnectRequest(address: address, timeout: .seconds(5)))
            let delivered = try await alice.message(id, settledWithin: .seconds(10))
            return (delivered, try await alice.outbox(.init(part: .ended, after: nil, messageCountMax: 9)))
        }
        #expect(delivered.state == .delivered && delivered.obstacle == nil && delivered.attemptCount == 1)
        let (sentAt, endedAt) = (try #require(delivered.sent), try #require(delivered.ended))
        #expect(delivered.accepted < sentAt && sentAt <= endedAt)
        #expect(ended.messages.map(\.messageID) == [id])
        #expect(ended.messages.first?.age != nil && ended.messages.first?.state == .delivered)
    }

    @Test func aMessageThatExpiresSaysSoWithTheNextStep() throws {
        let pair = try NodePair()
        let (alice, to) = (desk(pair.alice), pair.bob.peerID)
        var message = text("hello", to: to)
        message.lifetime = .seconds(2)
        let asked = message
        let status = try pair.simulation.complete(on: pair.aliceHost) {
            try await alice.message(try await alice.send(asked).messageID, settledWithin: .seconds(60))
        }
        #expect(status.state == .expired)
        #expect(status.obstacle?.code == .expired && status.obstacle?.statusCode == 504)
        #expect(status.obstacle?.nextStep.contains("longer lifetime") == true)
    }

    @Test func theOutboxHasPagesAndRefusesIDsThatAreNone() throws {
        let pair = try NodePair()
        let (alice, to) = (desk(pair.alice), pair.bob.peerID)
        let (ids, first, rest) = try pair.simulation.complete(on: pair.aliceHost) {
            var ids: [String] = []
            for index in 0..<3 { ids.append(try await alice.send(text("\(index)", to: to)).messageID) }
            let first = try await alice.outbox(.init(part: .waiting, after: nil, messageCountMax: 2))
            let last = first.messages.last?.messageID
            return (
                ids, first, try await alice.outbox(.init(part: .waiting, after: last, messageCountMax: 2))
            )
        }
        #expect(first.messages.map(\.messageID) == Array(ids[..<2]) && first.hasMore)
        #expect(rest.messages.map(\.messageID) == [ids[2]] && !rest.hasMore)
        for (id, code) in [
            ("0a", NodeFailure.Code.invalidRequest), (String(repeating: "0a", count: 16), .unknownMessage),
        ] {
            let failures = try pair.simulation.complete(on: pair.aliceHost) {
                var failures: [NodeFailure] = []
                let query = OutboxQuery(part: .ended, after: id, messageCountMax: 1)
                do throws(NodeFailure) { _ = try await alice.message(id, settledWithin: .zero) } catch {
                    failures.append(error)
                }
                do throws(NodeFailure) { _ = try await alice.outbox(query) } catch { failures.append(error) }
                return failures
            }
            #expect(failures.map(\.code) == [code, code])
            #expect(failures.allSatisfy { $0.nextStep.contains("starling outbox") })
        }
    }

    @Test func whoAsksForTheInboxMayWaitForAnArrival() throws {
        let pair = try NodePair()
        let (alice, bob, address) = (desk(pair.alice), desk(pair.bob), try pair.bobAddress)
        let to = pair.bob.peerID
        var query = InboxQuery(after: 0, messageCountMax: 10, payloadByteCountMax: 100)
        query.arrivalTimeout = .seconds(30)
        let asked = query
        let loop = pair.bobHost.world.loops[0]
        let (none, waited) = try pair.simulation.complete(on: pair.bobHost) {
            let start = loop.now
            let page = try await bob.inbox(asked)
            return (page, start.duration(to: loop.now))
        }
        #expect(none.messages.isEmpty && none.last == 0 && waited == .seconds(30))
        pair.aliceHost.world.loops[0].startTask {
            _ = try? await alice.connect(ConnectRequest(address: address, timeout: .seconds(5)))
            _ = try? await alice.send(text("hello", to: to))
        }
        let (page, after) = try pair.simulation.complete(on: pair.bobHost) {
            let start = loop.now
            let page = try await bob.inbox(asked)
            return (page, start.duration(to: loop.now))
        }
        #expect(page.messages.map(\.text) == ["hello"] && page.last == 1 && !page.hasMore)
        #expect(after < .seconds(5), "virtual time")
    }

    /// Who follows the inbox hears of it once, and then waits for what comes behind it.
    @Test func whoAsksForTheInboxIsToldOfAMessageThatIsDamagedAndWaitsPastIt() throws {
        let pair = try NodePair()
        let (alice, bob, address) = (desk(pair.alice), desk(pair.bob), try pair.bobAddress)
        let to = pair.bob.peerID
        _ = try pair.simulation.complete(on: pair.aliceHost) {
            _ = try await alice.connect(ConnectRequest(address: address, timeout: .seconds(5)))
            return try await alice.send(text("lost", to: to, wait: .seconds(5)))
        }
        let world = pair.bobHost.world
        var query = InboxQuery(after: 0, messageCountMax: 10, payloadByteCountMax: 100)
        let now = query
        query.arrivalTimeout = .seconds(30)
        query.after = 1
        let patient = query
        let (whole, damaged, waited) = try pair.simulation.complete(on: pair.bobHost) {
            let whole = try await bob.inbox(now)
            var batch = StoreBatch()
            batch.put(StoreKey(DeliveryTables.inbox, 1), [0xFF])
            world.store.commit(batch) { failure in #expect(failure == nil) }
            let damaged = try await bob.inbox(now)
            let start = world.loops[0].now
            _ = try await bob.inbox(patient)
            return (whole, damaged, start.duration(to: world.loops[0].now))
        }
        #expect(whole.messages.map(\.text) == ["lost"])
        #expect(damaged.messages.isEmpty && damaged.last == 1 && !damaged.hasMore)
        #expect(damaged.damaged.map(\.messageID) == whole.messages.map(\.messageID))
        #expect(waited == .seconds(30))
        pair.aliceHost.world.loops[0].startTask { _ = try? await alice.send(text("hello", to: to)) }
        let page = try pair.simulation.complete(on: pair.bobHost) { try await bob.inbox(patient) }
        #expect(page.messages.map(\.text) == ["hello"] && page.last == 2 && !page.hasMore)
    }

    @Test func aRequestThatWaitsEndsWhenItIsCancelled() throws {
        let pair = try NodePair()
        let bob = desk(pair.bob)
        let loop = pair.bobHost.world.loops[0]
        let failure = try pair.simulation.complete(on: pair.bobHost) {
            await withTaskGroup(of: NodeFailure?.self) { group in
                group.addTask {
                    var query = InboxQuery(after: 0, messageCountMax: 1, payloadByteCountMax: 1)
                    query.arrivalTimeout = .seconds(60)
                    do throws(NodeFailure) {
                        _ = try await bob.inbox(query)
                        return nil
                    } catch { return error }
                }
                try? await loop.sleep(for: .seconds(1))
                group.cancelAll()
                return await group.next().flatMap(\.self)
            }
        }
        #expect(failure?.code == .stopping)
    }

    @Test func whatIsStuckIsInTheStatusWithItsReason() throws {
        let pair = try NodePair()
        let (alice, address, to) = (desk(pair.alice), try pair.bobAddress, pair.bob.peerID)
        let bob = pair.bob
        // Connected, and deaf to messages.
        try pair.simulation.complete(on: pair.bobHost) { await bob.delivery.stop() }
        let id = try pair.simulation.complete(on: pair.aliceHost) {
            _ = try await alice.connect(ConnectRequest(address: address, timeout: .seconds(5)))
            return try await alice.send(text("hello", to: to)).messageID
        }
        try pair.simulation.run(for: .seconds(59))
        let before = try pair.simulation.complete(on: pair.aliceHost) { await alice.status() }.outbox
        #expect(before.stalls.isEmpty && before.stallCount == 0)
        try pair.simulation.run(for: .seconds(2))
        let (status, message) = try pair.simulation.complete(on: pair.aliceHost) {
            (await alice.status().outbox, try await alice.message(id, settledWithin: .zero))
        }
        #expect(status.stalls.map(\.to) == [to] && status.stalls.map(\.oldestID) == [id])
        #expect(status.stallCount == 1)
        #expect(status.stalls.first?.reason.message.contains("\(to)") == true)
        #expect(message.obstacle?.code == .peerFailed, "its stream was refused")
    }
}

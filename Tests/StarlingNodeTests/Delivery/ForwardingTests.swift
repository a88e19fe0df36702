import StarlingCore
import StarlingMesh
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Synchronization
import Testing

@testable import StarlingNode

/// Messages between nodes that are not connected, over those between them.
@Suite struct ForwardingTests {
    @Test(arguments: [3, 4, 6]) func messagesAndReceiptsCrossHops(nodeCount: Int) throws {
        let chain = try NodeChain(count: nodeCount)
        let last = nodeCount - 1
        let ids = try chain.send((0..<50).map { "\($0)" }, from: 0, to: last)
        try chain.simulation.run(for: .seconds(2))
        #expect(try chain.states(ids, at: 0) == ids.map { _ in .delivered })
        #expect(try chain.report(last).inboxCount == 50)
        try chain.simulation.run(for: .seconds(2))
        #expect(
            try chain.report(last).owedReceiptCount == 0,
            "what is settled is heard of over the hops, too"
        )
        // The way that messages came is the way back.
        let answers = try chain.send(["answer"], from: last, to: 0)
        try chain.simulation.run(for: .seconds(2))
        #expect(try chain.states(answers, at: last) == [.delivered])
    }

    @Test func whatIsSettledIsToldOverHopsThoughNothingElseIsDue() throws {
        let chain = try NodeChain(count: 3)
        let (sender, recipient) = (chain.nodes[0], chain.nodes[2].peerID)
        let ids = try chain.send(["once"], from: 0, to: 2)
        while try chain.states(ids, at: 0) != [.delivered] { try chain.simulation.run(for: .milliseconds(5)) }
        // The way is gone before what is settled is told, and there again when nothing waits any more.
        try chain.simulation.complete(on: chain.hosts[0]) {
            await sender.delivery.setRoute(to: recipient, [])
        }
        #expect(try chain.report(2).owedReceiptCount == 1)
        let hop = RouteHop(peer: chain.nodes[1].peerID, metric: RouteMetric.zero, hops: 2)
        try chain.simulation.complete(on: chain.hosts[0]) {
            await sender.delivery.setRoute(to: recipient, [hop])
        }
        // The recipient tells its receipt again after a second at the earliest.
        try chain.simulation.run(for: .milliseconds(800))
        #expect(try chain.report(2).owedReceiptCount == 0)
    }

    @Test func aMessageThatAsksTellsWhichLinksItCrossedAndWhen() throws {
        let chain = try NodeChain(count: 4)
        let before = chain.hosts[0].world.wallClock.now
        let asked = try chain.send(["recorded"], from: 0, to: 3, recordsPath: true)
        let other = try chain.send(["not recorded"], from: 0, to: 3)
        try chain.simulation.run(for: .seconds(2))
        let message = try #require(try chain.message(asked[0], at: 0))
        let path = try #require(message.path)
        #expect(message.state == .delivered)
        #expect(path.map(\.peer) == chain.nodes.prefix(3).map(\.peerID), "each names the one before it")
        let ended = try #require(message.ended)
        let times = ([before] + path.map(\.arrived) + [ended]).map(\.millisecondsSince1970)
        #expect(times == times.sorted() && Set(times).count >= 4, "the clocks agree here")
        #expect(try chain.message(other[0], at: 0)?.path == nil)
    }

    @Test func whatARelayLosesIsSentAgain() throws {
        let chain = try NodeChain(count: 3)
        let relay = chain.nodes[1]
        try chain.simulation.complete(on: chain.hosts[1]) { await relay.stop() }
        let ids = try chain.send(["one", "two"], from: 0, to: 2)
        try chain.simulation.run(for: .seconds(5))
        #expect(try chain.states(ids, at: 0) == [.queued, .queued])
        // Another neighbour knows the recipient.
        try chain.connect(0, 2)
        try chain.simulation.run(for: .seconds(310))
        #expect(try chain.states(ids, at: 0) == [.delivered, .delivered])
        #expect(try chain.report(2).inboxCount == 2)
    }

    @Test func aWayThatCameWhileNothingWaitedIsTakenAtOnce() throws {
        let chain = try NodeChain(count: 3, hasRoutes: false)
        let cut = chain.simulation.network.partition(Array(chain.hosts[..<2]), [chain.hosts[2]])
        try chain.simulation.run(for: .seconds(60))
        let first = try chain.send(["in vain"], from: 0, to: 2, lifetime: .seconds(100))
        try chain.simulation.run(for: .seconds(110))
        #expect(try chain.states(first, at: 0) == [.expired])
        chain.simulation.network.heal(cut)
        chain.simulation.network.partition([chain.hosts[0]], [chain.hosts[2]])
        try chain.connect(1, 2)
        try chain.simulation.run(for: .seconds(5))
        let second = try chain.send(["at once"], from: 0, to: 2)
        try chain.simulation.run(for: .seconds(1))
        #expect(try chain.states(second, at: 0) == [.delivered], "no failure from before holds it up")
    }

    @Test func whatWaitsWhenALinkGoesTakesTheWayThatThereIs() throws {
        let chain = try NodeChain(count: 3, hasRoutes: false)
        let cut = chain.simulation.network.partition(Array(chain.hosts[..<2]), [chain.hosts[2]])
        try chain.simulation.run(for: .seconds(60))
        _ = try chain.send(["in vain"], from: 0, to: 2, lifetime: .seconds(100))
        try chain.simulation.run(for: .seconds(110))
        chain.simulation.network.heal(cut)
        try chain.connect(1, 2)
        try chain.connect(0, 2)
        try chain.simulation.run(for: .seconds(5))
        let (node, peer) = (chain.nodes[0], chain.nodes[2].peerID)
        let id = try chain.simulation.complete(on: chain.hosts[0]) {
            let content = MessageContent(type: .data, payload: [1])
            let id = try await node.delivery.accept(MessageDraft(to: peer, content: content))
            await node.swarm.disconnect(peer)
            return id
        }
        chain.simulation.network.partition([chain.hosts[0]], [chain.hosts[2]])
        #expect(try chain.states([id], at: 0) != [.delivered])
        try chain.simulation.run(for: .seconds(1))
        #expect(try chain.states([id], at: 0) == [.delivered])
    }

    @Test func whoIsReachedOverOthersIsDialledAsWell() throws {
        let chain = try NodeChain(count: 3, hasRoutes: false)
        try chain.simulation.run(for: .seconds(30))
        let (node, peer) = (chain.nodes[0], chain.nodes[2].peerID)
        let address = try Multiaddr("/ip4/10.0.0.3/tcp/4001")
        let isConnected = try chain.simulation.complete(on: chain.hosts[0]) {
            await node.swarm.know(address, of: peer)
            return await node.swarm.connection(to: peer) != nil
        }
        #expect(!isConnected)
        let ids = try chain.send(["one", "two"], from: 0, to: 2)
        try chain.simulation.run(for: .seconds(2))
        #expect(try chain.states(ids, at: 0) == [.delivered, .delivered])
        #expect(
            try chain.simulation.complete(on: chain.hosts[0]) { await node.swarm.connection(to: peer) != nil }
        )
    }

    @Test func aLinkThatComesUpTakesOverFromTheRoute() throws {
        let chain = try NodeChain(count: 3)
        let first = try chain.send(["over the relay"], from: 0, to: 2)
        try chain.simulation.run(for: .seconds(1))
        try chain.connect(0, 2)
        let forwarded = try chain.report(1).forwardedCount
        let second = try chain.send(["straight"], from: 0, to: 2)
        try chain.simulation.run(for: .seconds(1))
        #expect(try chain.states(first + second, at: 0) == [.delivered, .delivered])
        #expect(try chain.report(1).forwardedCount == forwarded, "the relay had nothing of it")
    }

    @Test func aMessageThatMayCrossFewerLinksThanTheWayHasWaitsForAShorterOne() throws {
        let chain = try NodeChain(count: 4, hasRoutes: false)
        chain.simulation.network.partition([chain.hosts[0]], Array(chain.hosts[2...]))
        try chain.simulation.run(for: .seconds(30))
        let near = try chain.send(["near"], from: 0, to: 3, hopLimit: 2)
        let far = try chain.send(["far"], from: 0, to: 3, hopLimit: 3)
        try chain.simulation.run(for: .seconds(60))
        #expect(try chain.states(near + far, at: 0) == [.queued, .delivered])
        #expect(try chain.message(near[0], at: 0)?.attempts == 0, "it is not sent in vain")
        let obstacle = try #require(try chain.obstacle(near[0], at: 0))
        #expect(obstacle == .tooFar(linkCount: 3, hopLimit: 2))
        let failure = NodeFailure(obstacle, peer: chain.nodes[3].peerID)
        #expect(failure.message.contains("crosses 3 links, and the message may cross 2"))
        #expect(failure.nextStep.contains("hop limit"))
        // The neighbour stays the same, and is nearer to the recipient.
        try chain.connect(1, 3)
        try chain.simulation.run(for: .seconds(60))
        #expect(try chain.states(near, at: 0) == [.delivered])
        #expect(try chain.obstacle(near[0], at: 0) == nil)
        #expect(try chain.report(3).inboxCount == 2)
    }

    /// Three nodes that are all connected, where two have a link of 100 ms between them and links of 1 ms to the third.
    private func triangle() throws -> NodeChain {
        let fast = LinkProfile(latency: .milliseconds(1))
        let chain = try NodeChain(count: 3, link: fast, hasRoutes: false)
        chain.simulation.network.setLink(
            between: chain.hosts[0],
            and: chain.hosts[2],
            to: LinkProfile(latency: .milliseconds(100))
        )
        try chain.connect(0, 2)
        try chain.simulation.run(for: .seconds(60))
        return chain
    }

    @Test func aLinkThatIsMuchWorseThanAWayOverOthersIsNotTaken() throws {
        let chain = try triangle()
        let ids = try chain.send(["around"], from: 0, to: 2, recordsPath: true)
        try chain.simulation.run(for: .milliseconds(90))
        #expect(
            try chain.states(ids, at: 0) == [.delivered],
            "there and back before the link would bring it there"
        )
        #expect(try chain.message(ids[0], at: 0)?.path?.map(\.peer) == chain.nodes.prefix(2).map(\.peerID))
        let answers = try chain.send(["back"], from: 2, to: 0)
        try chain.simulation.run(for: .milliseconds(90))
        #expect(try chain.states(answers, at: 2) == [.delivered])
        // The third one is gone: the link is there.
        chain.hosts[1].crash(.process)
        let others = try chain.send(["straight"], from: 0, to: 2)
        try chain.simulation.run(for: .seconds(5))
        #expect(try chain.states(others, at: 0) == [.delivered])
        #expect(try chain.report(2).inboxCount == 2 && chain.report(0).inboxCount == 1)
    }

    @Test func aMessageThatMayCrossOneLinkTakesThatHoweverBadItIs() throws {
        let chain = try triangle()
        let ids = try chain.send(["straight"], from: 0, to: 2, hopLimit: 1, recordsPath: true)
        try chain.simulation.run(for: .seconds(5))
        #expect(try chain.states(ids, at: 0) == [.delivered])
        #expect(try chain.message(ids[0], at: 0)?.path?.map(\.peer) == [chain.nodes[0].peerID])
    }

    @Test func whatIsSwallowedOnTheWayAroundGoesOverTheLink() throws {
        let chain = try triangle()
        try swallow(at: 1, of: chain)
        let ids = try chain.send(["one"], from: 0, to: 2)
        try chain.simulation.run(for: .milliseconds(500))
        #expect(try chain.states(ids, at: 0) == [.sent])
        try chain.simulation.run(for: .seconds(3))
        #expect(try chain.states(ids, at: 0) == [.delivered])
        #expect(try chain.message(ids[0], at: 0)?.attempts == 2, "the second time over the link")
        let others = try chain.send(["two"], from: 0, to: 2)
        try chain.simulation.run(for: .milliseconds(600))
        #expect(try chain.states(others, at: 0) == [.delivered], "it has been found out")
        #expect(try chain.message(others[0], at: 0)?.attempts == 1)
    }

    /// Has a node read what others hand over to it, and carry nothing on.
    private func swallow(at number: Int, of chain: NodeChain) throws {
        let node = chain.nodes[number]
        try chain.simulation.complete(on: chain.hosts[number]) {
            node.swarm.protocols.set(MessageFrame.protocolID) { stream in
                while (try? await stream.read()).flatMap({ $0 }) != nil {}
                await stream.reset()
            }
        }
    }

    /// The sender has one neighbour, and that one has no messages of its own by which it would find out.
    @Test func aRelayTakesAnotherWayForWhatComesAgain() throws {
        let chain = try NodeChain(count: 5, hasRoutes: false)
        // Over the last node it is nearer, there and back.
        let fast = LinkProfile(latency: .microseconds(200))
        chain.simulation.network.setLink(between: chain.hosts[1], and: chain.hosts[4], to: fast)
        try chain.connect(1, 4)
        try swallow(at: 4, of: chain)
        try chain.simulation.run(for: .seconds(30))
        let (relay, liar, to) = (chain.nodes[1], chain.nodes[4].peerID, chain.nodes[3].peerID)
        func best() throws -> PeerID? {
            try chain.simulation.complete(on: chain.hosts[1]) { await relay.delivery.way(to: to, from: nil) }
        }
        #expect(try best() == liar)
        let ids = try chain.send(["one"], from: 0, to: 3)
        try chain.simulation.run(for: .milliseconds(900))
        #expect(try chain.states(ids, at: 0) == [.sent])
        try chain.simulation.run(for: .seconds(2))
        #expect(try chain.states(ids, at: 0) == [.delivered])
        #expect(try best() != liar, "others need not find out anew")
        let others = try chain.send(["two"], from: 0, to: 3)
        try chain.simulation.run(for: .milliseconds(500))
        #expect(try chain.states(others, at: 0) == [.delivered])
    }

    /// Who changes its word on its routes ten times a second is found out as soon as who never does.
    @Test func aNeighbourThatSwallowsIsFoundOutHoweverOftenTheRouteChanges() throws {
        let chain = try NodeChain(count: 4, hasRoutes: false)
        try chain.connect(0, 3)
        try chain.simulation.run(for: .seconds(5))
        let sender = chain.nodes[0]
        let (honest, liar, to) = (chain.nodes[1].peerID, chain.nodes[3].peerID, chain.nodes[2].peerID)
        let lost = Mutex<[PeerID]>([])
        try swallow(at: 3, of: chain)
        try chain.simulation.complete(on: chain.hosts[0]) {
            await sender.delivery.useRoutes(
                of: RouterCalls(
                    find: { _ in },
                    delivered: { _, _ in },
                    lost: { peer, via in if peer == to { lost.withLock { $0.append(via) } } },
                    doubted: { _, _ in }
                )
            )
        }
        func setRoute(_ hops: [PeerID]) throws {
            try chain.simulation.complete(on: chain.hosts[0]) {
                await sender.delivery.setRoute(to: to, hops, linkCount: 2)
            }
        }
        // What comes by the honest one at once would say nothing of the liar: its link passes nothing for a while.
        let cut = chain.simulation.network.partition([chain.hosts[1]], [chain.hosts[2]])
        try setRoute([liar, honest])
        let ids = try chain.send(["one"], from: 0, to: 2)
        var changeCount = 0
        while lost.withLock({ !$0.contains(liar) }), changeCount < 100 {
            changeCount += 1
            // What went another way may be lost, and is sent again at once, but not each time.
            try setRoute(
                changeCount % 2 == 0 ? [liar, honest] : changeCount % 4 == 1 ? [honest, liar] : [honest]
            )
            try chain.simulation.run(for: .milliseconds(100))
        }
        chain.simulation.network.heal(cut)
        try setRoute([honest])
        try chain.simulation.run(for: .seconds(10))
        #expect(try chain.states(ids, at: 0) == [.delivered])
        #expect(lost.withLock { $0.contains(liar) }, "it is found out, after \(changeCount) changes")
        let attemptCount = try chain.message(ids[0], at: 0)?.attempts ?? 0
        #expect(attemptCount <= 6, "\(attemptCount)")
    }

    @Test func aRouteInACircleEnds() throws {
        let (chain, away) = try NodeChain.circle(0...2)
        let node = chain.nodes[0]
        let id = try chain.simulation.complete(on: chain.hosts[0]) {
            let content = MessageContent(type: .data, payload: [1])
            return try await node.delivery.accept(MessageDraft(to: away, content: content))
        }
        try chain.simulation.run(for: .milliseconds(900))
        #expect(try chain.states([id], at: 0) == [.sent])
        let counts = try (0..<3).map { try chain.report($0).forwardedCount }
        #expect(counts == [1, 1, 1], "each carried it once")
        #expect(try chain.report(0).droppedCounts[.repeated] == 1)
    }
}

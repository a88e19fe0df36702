import Starling
import StarlingCore
import Testing

@Suite struct NodeFacadeTests {
    static func start(_ name: String) async throws -> Node {
        try await Node.start(
            .init(name: name, listenAddresses: ["/ip4/127.0.0.1/tcp/0"], usesLANDiscovery: false)
        )
    }

    @Test func twoNodesExchangeAMessage() async throws {
        let kitchen = try await Self.start("kitchen")
        let hall = try await Self.start("hall")
        let address = try #require(await hall.addresses.first)
        let peer = try await kitchen.connect(to: address.description)
        #expect(peer == hall.id)

        let sent = try await kitchen.send("the kettle is on", to: hall.id)
        let receipt = try await sent.receipt()
        #expect(receipt.recipient == hall.id)
        #expect(await sent.state == .delivered)
        var messages = hall.messages.makeAsyncIterator()
        let message = try #require(await messages.next())
        #expect(message.text == "the kettle is on")
        #expect(message.from == kitchen.id)
        #expect(message.id == receipt.messageID)
        #expect(try await kitchen.ping(hall.id, count: 3).count == 3)

        await kitchen.stop()
        await hall.stop()
        #expect(await messages.next() == nil, "a stopped node's messages end")
    }

    @Test func messagesWaitForOneThatComesLater() async throws {
        let kitchen = try await Self.start("kitchen")
        let hall = try await Self.start("hall")
        let address = try #require(await hall.addresses.first)
        let waiting = Task { await hall.messages.first { _ in true }?.text }
        try await kitchen.connect(to: address.description)
        try await kitchen.send("later", to: hall.id)
        #expect(await waiting.value == "later")
        await kitchen.stop()
        await hall.stop()
    }

    @Test func whatIsAcknowledgedIsSeenNoMore() async throws {
        let kitchen = try await Self.start("kitchen")
        let hall = try await Self.start("hall")
        let address = try #require(await hall.addresses.first)
        try await kitchen.connect(to: address.description)
        let slow = hall.messages.makeAsyncIterator()
        for text in ["one", "two"] { try await kitchen.send(text, to: hall.id) }
        var quick = hall.messages.makeAsyncIterator()
        for text in ["one", "two"] {
            let message = try #require(await quick.next())
            #expect(message.text == text)
            try await message.acknowledge()
        }
        // The slow reader comes when all that arrived is gone: it waits for what is new.
        let waiting = Task {
            var slow = slow
            return await slow.next()?.text
        }
        try await kitchen.send("three", to: hall.id)
        #expect(await waiting.value == "three")
        await kitchen.stop()
        await hall.stop()
    }

    @Test func aCancelledReaderEnds() async throws {
        let hall = try await Self.start("hall")
        let reader = Task { await hall.messages.first { _ in true } == nil }
        reader.cancel()
        #expect(await reader.value)
        await hall.stop()
    }

    @Test func errorsNameTheNextStep() async throws {
        let node = try await Self.start("kitchen")
        let malformed = await #expect(throws: NodeError.self) { try await node.connect(to: "kitchen:4001") }
        #expect(malformed?.code == .invalidAddress)
        #expect(malformed?.nextStep.isEmpty == false)
        let nobody = await #expect(throws: NodeError.self) {
            try await node.connect(
                to: "/ip4/127.0.0.1/tcp/9/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"
            )
        }
        #expect(nobody?.code == .unreachable)
        #expect(nobody?.message.contains("/ip4/127.0.0.1/tcp/9") == true)
        let own = await #expect(throws: NodeError.self) { try await node.send("hello", to: node.id) }
        #expect(own?.code == .invalidRequest)
        await node.stop()
    }

    @Test(.timeLimit(.minutes(20))) func allAreToldHowMuchANodeCanCarry() async throws {
        let addresses = ["/ip4/127.0.0.1/tcp/0"]
        let strong = try await Node.start(
            .init(listenAddresses: addresses, usesLANDiscovery: false, capacity: 900)
        )
        let usual = try await Self.start("usual")
        try await usual.connect(to: try #require(await strong.addresses.first).description)
        while await usual.members.first(where: { $0.id == strong.id })?.capacity != 900 {
            _ = try await usual.ping(strong.id)
        }
        var capacity = 0
        while capacity == 0 {
            _ = try await strong.ping(usual.id)
            capacity = await strong.members.first { $0.id == usual.id }?.capacity ?? 0
        }
        #expect((1...16).contains(capacity), "what suits the machine")
        await strong.stop()
        await usual.stop()
    }

    @Test(.timeLimit(.minutes(20))) func membersAreToldAsTheyComeAndGo() async throws {
        let (kitchen, hall) = (try await Self.start("kitchen"), try await Self.start("hall"))
        var changes = kitchen.memberChanges.makeAsyncIterator()
        try await kitchen.connect(to: try #require(await hall.addresses.first).description)
        let first = await changes.next()
        #expect(first?.id == hall.id && first?.state == .alive)
        var late = kitchen.memberChanges.makeAsyncIterator()
        #expect(await late.next()?.id == hall.id, "who comes late is told who is there")
        await hall.stop()
        // On a busy machine the goodbye may come too late to be read.
        var last = first
        while let state = last?.state, state != .left, state != .dead { last = await changes.next() }
        #expect(last?.id == hall.id)
        let reader = Task { for await _ in kitchen.memberChanges {} }
        reader.cancel()
        await reader.value
        await kitchen.stop()
        #expect(await changes.next() == nil)
    }

    @Test func settingsOutOfRangeAreRefusedAndNoTrap() async throws {
        let name = String(repeating: "n", count: Node.Configuration.nameByteCountMax)
        let node = try await Self.start(name)
        #expect(try await node.ping(node.id, count: -1).isEmpty)
        await node.stop()
        let lifetimes = Node.Configuration.mailLifetimes
        let configurations: [Node.Configuration] = [
            .init(routeCountMax: 15), .init(routeCountMax: 4097),
            .init(mailSpaceByteCount: Node.Configuration.mailSpaceByteCountMin - 1),
            .init(mailSpaceByteCount: -5), .init(mailLifetime: lifetimes.lowerBound - .milliseconds(1)),
            .init(mailLifetime: lifetimes.upperBound + .milliseconds(1)), .init(capacity: 0),
            .init(capacity: 65_536),
            .init(name: name + "n"), .init(connectionCountMax: 0), .init(connectionCountMax: -1),
            .init(memoryByteCountMax: Node.Configuration.memoryByteCountMin - 1),
            .init(memoryByteCountMax: -1), .init(agentVersion: name + "n"),
            .init(protocolVersion: name + "n"),
        ]
        for configuration in configurations {
            let error = await #expect(throws: NodeError.self) { try await Node.start(configuration) }
            #expect(error?.code == .invalidConfiguration)
            #expect(error?.nextStep.isEmpty == false)
        }
        let unsupported = await #expect(throws: NodeError.self) {
            try await Node.start(
                .init(listenAddresses: ["/ip4/127.0.0.1/udp/0/quic-v1"], usesLANDiscovery: false)
            )
        }
        #expect(unsupported?.code == .cannotListen)
        #expect(unsupported?.nextStep.contains("TCP") == true)
    }

    @Test func settingsThatAreLeftOutHaveTheirValues() {
        let settings = Node.Configuration()
        #expect(settings.logLevel == .warning, "handlers that fail are seen")
        #expect(settings.keepsMailFor == .nobody && settings.mailboxAddresses.isEmpty)
        #expect(settings.mailSpaceByteCount == nil && settings.mailLifetime == nil)
        #expect(settings.routeCountMax == nil && settings.topology == .mesh && settings.usesRoutes)
    }

    @Test func anAddressThatMustNameItsPeerAndDoesNotIsRefused() async throws {
        let address = "/ip4/192.0.2.1/tcp/4001"
        for configuration in [
            Node.Configuration(bootstrapAddresses: [address]), .init(mailboxAddresses: [address]),
        ] {
            let error = await #expect(throws: NodeError.self) { try await Node.start(configuration) }
            #expect(error?.code == .invalidAddress)
            #expect(error?.message.contains(address) == true)
            #expect(error?.nextStep.contains("/p2p/") == true)
        }
    }

    @Test func anAddressInUseIsRefusedClearly() async throws {
        let first = try await Self.start("first")
        let address = try #require(await first.addresses.first?.withoutPeerID)
        let error = await #expect(throws: NodeError.self) {
            try await Node.start(.init(listenAddresses: [address.description], usesLANDiscovery: false))
        }
        #expect(error?.code == .cannotListen)
        await first.stop()
    }
}

import Starling
import Testing

/// Messages that were taken from a node: given back, answered, and those that are a handler's.
@Suite struct MessageTests {
    /// Two nodes with a connection, stopped afterwards.
    static func withPair(_ body: (Node, Node) async throws -> Void) async throws {
        let kitchen = try await NodeFacadeTests.start("kitchen")
        let hall = try await NodeFacadeTests.start("hall")
        do {
            try await kitchen.connect(to: try #require(await hall.addresses.first).description)
            try await body(kitchen, hall)
        } catch {
            await kitchen.stop()
            await hall.stop()
            throw error
        }
        await kitchen.stop()
        await hall.stop()
    }

    @Test func aMessageTellsWhatItIsAndWhen() async throws {
        try await Self.withPair { kitchen, hall in
            let sent = try await kitchen.send("on", to: hall.id, options: .init(privacy: .standard))
            var messages = hall.messages.makeAsyncIterator()
            let message = try #require(await messages.next())
            #expect(message.kind == .message && message.privacy == .standard)
            #expect(message.created == (await sent.record)?.accepted)
            #expect(message.received >= message.created)
        }
    }

    @Test func aReleasedMessageComesAgainToWhoHasPassedIt() async throws {
        try await Self.withPair { kitchen, hall in
            for text in ["one", "two", "three"] {
                _ = try await kitchen.send(text, to: hall.id).receipt()
            }
            var messages = hall.messages.makeAsyncIterator()
            let one = try #require(await messages.next())
            let two = try #require(await messages.next())
            #expect(one.text == "one" && one.attempt == 1 && two.text == "two")
            try await one.release()
            #expect(await messages.next()?.text == "three", "what was not passed goes first")
            let again = try #require(await messages.next())
            #expect(again.id == one.id && again.attempt == 2)
            #expect(await Self.refusal(of: one)?.code == .invalidRequest, "it was handed out again since")
            var other = hall.messages.makeAsyncIterator()
            try await two.release()
            #expect(await other.next()?.id == two.id, "any reader may have it")
        }
    }

    /// Why a message cannot be released; `nil` where it was.
    private static func refusal(of message: Message) async -> NodeError? {
        do throws(NodeError) {
            try await message.release()
            return nil
        } catch {
            return error
        }
    }

    @Test func onlyWhatAReaderHasIsReleased() async throws {
        try await Self.withPair { kitchen, hall in
            try await kitchen.send("one", to: hall.id)
            var messages = hall.messages.makeAsyncIterator()
            let one = try #require(await messages.next())
            try await one.acknowledge()
            let gone = await #expect(throws: NodeError.self) { try await one.release() }
            #expect(gone?.code == .invalidRequest)

            let (errors, tell) = AsyncStream<NodeError?>.makeStream()
            try await hall.handle(.alert) { message in
                tell.yield(await Self.refusal(of: message))
                return nil
            }
            try await kitchen.send("two", type: .alert, to: hall.id)
            var error = errors.makeAsyncIterator()
            let handled = try #require(await error.next())
            #expect(handled?.code == .invalidRequest)
            #expect(handled?.nextStep.contains("throwing") == true)
        }
    }

    @Test func whatWaitsForABusyHandlerIsForReadersOnlyWhenTheHandlerIsGone() async throws {
        try await Self.withPair { kitchen, hall in
            let (gate, open) = AsyncStream<Void>.makeStream()
            let (starts, started) = AsyncStream<String>.makeStream()
            try await hall.handle(.alert, concurrencyMax: 1) { message in
                started.yield(message.text ?? "")
                for await _ in gate {}
                return nil
            }
            for text in ["one", "two"] {
                _ = try await kitchen.send(text, type: .alert, to: hall.id).receipt()
            }
            _ = try await kitchen.send("three", to: hall.id).receipt()
            var start = starts.makeAsyncIterator()
            #expect(await start.next() == "one")
            var messages = hall.messages.makeAsyncIterator()
            #expect(await messages.next()?.text == "three", "two waits for its handler")

            let reader = messages
            let waiting = Task {
                var reader = reader
                return await reader.next()?.text
            }
            await hall.stopHandling(.alert)
            #expect(await waiting.value == "two")
            open.finish()
        }
    }

    @Test func aRequestThatWasReadIsAnswered() async throws {
        try await Self.withPair { kitchen, hall in
            let asking = Task {
                try await kitchen.request(Array("tea?".utf8), to: hall.id, timeout: .seconds(600))
            }
            var messages = hall.messages.makeAsyncIterator()
            let request = try #require(await messages.next())
            #expect(request.kind == .request && request.text == "tea?")
            try await request.reply("yes")
            let got = try await asking.value
            #expect(got.kind == .answer && got.text == "yes" && got.contentType == "text/plain")
            #expect(got.from == hall.id && got.type == .agentTask)
            await #expect(throws: NodeError.self, "it was acknowledged") { try await request.release() }
            try await request.reply([1])

            try await kitchen.send("no question", to: hall.id)
            let message = try #require(await messages.next())
            let error = await #expect(throws: NodeError.self) { try await message.reply("what?") }
            #expect(error?.code == .invalidRequest)
            #expect(error?.nextStep.isEmpty == false)
            try await message.release()
        }
    }

    @Test func aBroadcastTellsToHowManyItGoesAndHowLargeItMayBe() async throws {
        try await Self.withPair { kitchen, hall in
            let broadcast = try await kitchen.broadcast("all of you")
            #expect(broadcast.neighbourCount == 1)
            var messages = hall.messages.makeAsyncIterator()
            let message = try #require(await messages.next())
            #expect(message.id == broadcast.id && message.isBroadcast)
            #expect(message.text == "all of you" && message.contentType == "text/plain")

            var state: UInt64 = 1
            let noise = (0..<73_728).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(state >> 56)
            }
            let large = await #expect(throws: NodeError.self) { try await kitchen.broadcast(noise) }
            #expect(large?.code == .tooLarge)
            try await kitchen.broadcast(Array(noise.prefix(73_728 - 256)))
            let long = await #expect(throws: NodeError.self) {
                try await kitchen.broadcast("late", lifetime: .seconds(3601))
            }
            #expect(long?.code == .invalidRequest)
        }
    }
}

import Starling
import Testing

/// What a node's errors say: one vocabulary for the library, the API and the tool.
@Suite struct NodeErrorTests {
    private static let nobody = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"

    @Test func codesAreTheWordsOfTheAPI() {
        let words: [(NodeError.Code, String)] = [
            (.invalidRequest, "invalid_request"), (.tooLarge, "too_large"), (.unknownPeer, "unknown_peer"),
            (.unknownMessage, "unknown_message"), (.unreachable, "unreachable"),
            (.peerFailed, "peer_failed"), (.refused, "refused"), (.timedOut, "timed_out"),
            (.expired, "expired"), (.limitReached, "limit_reached"), (.storeFailed, "store_failed"),
            (.stopped, "stopping"), (.internal, "internal"),
        ]
        for (code, word) in words { #expect(code.rawValue == word) }
    }

    @Test func aMessageThatIsTooLargeSaysWhatToDo() async throws {
        let node = try await NodeFacadeTests.start("kitchen")
        let nobody = try #require(PeerID(Self.nobody))
        let error = await #expect(throws: NodeError.self) {
            try await node.send([UInt8](repeating: 0, count: 1 << 20 + 1), to: nobody)
        }
        #expect(error?.code == .tooLarge)
        #expect(error?.nextStep == "Send it as a file.")
        #expect(error?.cause != nil)
        await node.stop()
    }

    @Test func aDialErrorHasTheCodeOfItsCause() async throws {
        let node = try await NodeFacadeTests.start("kitchen")
        let address = try #require(await node.addresses.first).description
        let own = await #expect(throws: NodeError.self) { try await node.connect(to: address) }
        #expect(own?.code == .invalidRequest)
        let nobody = try #require(PeerID(Self.nobody))
        let unknown = await #expect(throws: NodeError.self) { try await node.ping(nobody) }
        #expect(unknown?.code == .unknownPeer)
        #expect(unknown?.nextStep.contains("starling") == false, "a library's user has no such command")
        await node.stop()
    }

    @Test func aMessageThatOutlivedItsTimeIsExpired() async throws {
        let node = try await NodeFacadeTests.start("kitchen")
        let nobody = try #require(PeerID(Self.nobody))
        let brief = SendOptions(lifetime: .milliseconds(1))
        let sent = try await node.send("hello", to: nobody, options: brief)
        let error = await #expect(throws: NodeError.self) { try await sent.receipt() }
        #expect(error?.code == .expired)
        #expect(error?.nextStep.isEmpty == false)
        #expect(await sent.state == .expired)

        let request = await #expect(throws: NodeError.self) {
            try await node.request([], to: nobody, timeout: .milliseconds(50), options: brief)
        }
        #expect(request?.code == .expired)
        let slow = await #expect(throws: NodeError.self) {
            try await node.request([], to: nobody, timeout: .milliseconds(1))
        }
        #expect(slow?.code == .timedOut)
        await node.stop()
    }

    /// With what code a wait for a receipt or an answer ends.
    private static func code(ofWaitFor sent: SentMessage, _ node: Node, isRequest: Bool) async -> NodeError
        .Code?
    {
        do throws(NodeError) {
            if isRequest {
                _ = try await node.request([], to: sent.to, timeout: .seconds(600))
            } else {
                _ = try await sent.receipt()
            }
            return nil
        } catch {
            return error.code
        }
    }

    @Test(arguments: [true, false])
    func aWaitThatIsCancelledOrWhoseNodeStopsIsStoppedAndNotTimedOut(isRequest: Bool) async throws {
        let node = try await NodeFacadeTests.start("kitchen")
        let nobody = try #require(PeerID(Self.nobody))
        let sent = try await node.send("hello", to: nobody)
        let cancelled = Task { await Self.code(ofWaitFor: sent, node, isRequest: isRequest) }
        cancelled.cancel()
        #expect(await cancelled.value == .stopped)
        let early = await #expect(throws: NodeError.self) { try await sent.receipt(within: .zero) }
        #expect(early?.code == .timedOut)

        let waiting = Task { await Self.code(ofWaitFor: sent, node, isRequest: isRequest) }
        await node.stop()
        #expect(await waiting.value == .stopped)
        #expect(await Self.code(ofWaitFor: sent, node, isRequest: isRequest) == .stopped, "also afterwards")
    }

    @Test func aRequestWithAKeyIsRefused() async throws {
        let node = try await NodeFacadeTests.start("kitchen")
        let nobody = try #require(PeerID(Self.nobody))
        let error = await #expect(throws: NodeError.self) {
            try await node.request(
                [],
                to: nobody,
                timeout: .seconds(600),
                options: SendOptions(idempotencyKey: "kettle")
            )
        }
        #expect(error?.code == .invalidRequest)
        #expect(error?.nextStep.isEmpty == false)
        #expect(try await node.outbox().isEmpty)
        await node.stop()
    }
}

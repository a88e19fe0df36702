import StarlingCore
import StarlingCrypto
import StarlingMesh
import StarlingNode
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Synchronization
import Testing

/// Streams over others.
@Suite struct TunnelDriverTests {
    private static let echo = "/test/echo/1"

    private func chain(_ count: Int) throws -> NodeChain {
        let chain = try NodeChain(count: count, hasRoutes: false)
        chain.nodes[count - 1].tunnels.serve(Self.echo, EchoDriver.serve)
        try chain.simulation.run(for: .seconds(3))
        return chain
    }

    @Test(arguments: [2, 3, 5]) func aStreamHasItsBytesAndBothItsEndsOverOthers(nodeCount: Int) throws {
        let chain = try chain(nodeCount)
        let tunnel = try chain.openTunnel(Self.echo, from: 0, to: nodeCount - 1)
        #expect(tunnel.stream.peer == chain.nodes[nodeCount - 1].peerID)
        #expect(tunnel.via == chain.nodes[1].peerID)
        let sent = BlobPair.pattern(300_000)
        let back = try chain.simulation.complete(on: chain.hosts[0]) {
            try await tunnel.stream.write(sent)
            var back = try await tunnel.stream.read(exactly: 300_000)
            try await tunnel.stream.closeWrite()
            while let bytes = try await tunnel.stream.read() { back += bytes.array() }
            return back
        }
        #expect(back == sent)
    }

    @Test func theFarEndKnowsWhoAsked() throws {
        let chain = try NodeChain(count: 3, hasRoutes: false)
        let met = Record<PeerID>()
        chain.nodes[2].tunnels.serve(Self.echo) { stream in
            met.add(stream.peer)
            await EchoDriver.serve(stream)
        }
        try chain.simulation.run(for: .seconds(3))
        _ = try chain.openTunnel(Self.echo, from: 0, to: 2)
        try chain.simulation.run(for: .seconds(1))
        #expect(met.all == [chain.nodes[0].peerID])
    }

    @Test func aResetIsPassedOn() throws {
        let chain = try chain(4)
        chain.nodes[3].tunnels.serve("/test/reset/1") { stream in
            _ = try? await stream.read(exactly: 1)
            await stream.reset()
        }
        let tunnel = try chain.openTunnel("/test/reset/1", from: 0, to: 3)
        let error = try chain.simulation.complete(on: chain.hosts[0]) { () async -> StreamError? in
            do throws(StreamError) {
                try await tunnel.stream.write([1])
                _ = try await tunnel.stream.read()
                return nil
            } catch {
                return error
            }
        }
        #expect(error == .reset)
    }

    @Test func whoeverReadsNothingStopsWhoeverWrites() throws {
        let chain = try chain(4)
        chain.nodes[3].tunnels.serve("/test/sleep/1") { stream in
            try? await stream.connection.loop.sleep(for: .seconds(30))
            while let bytes = try? await stream.read(), !bytes.isEmpty {}
            try? await stream.closeWrite()
        }
        let tunnel = try chain.openTunnel("/test/sleep/1", from: 0, to: 3)
        let written = Record<Int>()
        let pattern = BlobPair.pattern(65_536)
        let writer = chain.hosts[0].loop.startTask {
            for _ in 0..<1024 {
                guard (try? await tunnel.stream.write(pattern)) != nil else { return }
                written.add(pattern.count)
            }
            try? await tunnel.stream.closeWrite()
        }
        try chain.simulation.run(for: .seconds(20))
        let stopped = written.all.reduce(0, +)
        #expect(stopped < 8 << 20, "what is under way is bounded: \(stopped)")
        try chain.simulation.complete(on: chain.hosts[0], within: .seconds(300)) { await writer.value }
        #expect(written.all.reduce(0, +) == 64 << 20)
    }

    @Test func onlyRegisteredProtocolsAreSpoken() throws {
        let chain = try chain(3)
        #expect(throws: TunnelError.refused(.protocolNotSpoken)) {
            _ = try chain.openTunnel("/ipfs/ping/1.0.0", from: 0, to: 2)
        }
    }

    @Test func aRelayWhoseNextOneTakesNoTunnelsSaysSo() throws {
        let chain = try chain(4)
        chain.nodes[2].swarm.protocols.set(TunnelProtocol.id, nil)
        #expect(throws: TunnelError.refused(.noRoute)) {
            _ = try chain.openTunnel(Self.echo, from: 0, to: 3)
        }
        try chain.simulation.run(for: .seconds(100))
        let relay = chain.nodes[1]
        let count = try chain.simulation.complete(on: chain.hosts[1]) { await relay.tunnels.relayedCount }
        #expect(count == 0)
    }

    @Test func aTunnelThatCarriesNothingForLongIsReset() throws {
        let chain = try chain(3)
        let relay = chain.nodes[1]
        let tunnel = try chain.openTunnel(Self.echo, from: 0, to: 2)
        func relayedCount() throws -> Int {
            try chain.simulation.complete(on: chain.hosts[1]) { await relay.tunnels.relayedCount }
        }
        try chain.simulation.run(for: .seconds(60))
        try chain.simulation.complete(on: chain.hosts[0]) {
            try await tunnel.stream.write([1])
            _ = try await tunnel.stream.read(exactly: 1)
        }
        try chain.simulation.run(for: .seconds(60))
        #expect(try relayedCount() == 1, "what has moved a minute ago stays")
        try chain.simulation.run(for: .seconds(60))
        #expect(try relayedCount() == 0)
    }

    @Test func aTunnelThatIsTooLongIsRefused() throws {
        let chain = try NodeChain(count: 12)
        chain.nodes[11].tunnels.serve(Self.echo, EchoDriver.serve)
        chain.nodes[10].tunnels.serve(Self.echo, EchoDriver.serve)
        #expect(throws: TunnelError.refused(.tooFar)) {
            _ = try chain.openTunnel(Self.echo, from: 0, to: 11)
        }
        for index in 0..<10 { try chain.route(index, to: 10, over: index + 1) }
        _ = try chain.openTunnel(Self.echo, from: 0, to: 10)
    }

    @Test func aWayInACircleIsFoundOut() throws {
        let (chain, away) = try NodeChain.circle(1...3)
        let node = chain.nodes[0]
        #expect(throws: TunnelError.refused(.circle)) {
            try chain.simulation.complete(on: chain.hosts[0]) {
                _ = try await node.tunnels.openStream(to: away, Self.echo)
            }
        }
    }

    @Test func aRelayThatSpeaksForSomebodyElseGetsNoTunnel() throws {
        let chain = try chain(3)
        let other = try NodeChain(count: 2, seed: 9).nodes[0].peerID
        let changes: [@Sendable (TunnelRequest) -> TunnelRequest] = [
            { $0.carriedOn.with(from: other) },
            { $0.carriedOn.with(protocolID: BlobProtocol.id) },
        ]
        for change in changes {
            chain.carryTunnels(at: 1, over: 2, request: change)
            #expect(throws: TunnelError.self) { _ = try chain.openTunnel(Self.echo, from: 0, to: 2) }
        }
        // Left as it is, the request gets its tunnel.
        chain.carryTunnels(at: 1, over: 2)
        _ = try chain.openTunnel(Self.echo, from: 0, to: 2)
    }

    @Test func aRelayThatEndsTheStreamIsNotTakenForThePeer() throws {
        let chain = try chain(3)
        chain.nodes[1].swarm.protocols.set(TunnelProtocol.id, nil)
        let (relay, last) = (chain.nodes[1], chain.nodes[2].peerID)
        relay.swarm.protocols.set(TunnelProtocol.id) { stream in
            guard let onward = try? await relay.swarm.openStream(to: last, [TunnelProtocol.id]) else {
                return
            }
            let up = relay.world.loops[0].startTask {
                while let bytes = try? await stream.read() { try? await onward.write(bytes) }
            }
            var byteCount = 0
            while byteCount < 2000, let bytes = try? await onward.read() {
                byteCount += bytes.count
                try? await stream.write(bytes)
            }
            try? await stream.closeWrite()
            await up.value
        }
        let tunnel = try chain.openTunnel(Self.echo, from: 0, to: 2)
        let error = try chain.simulation.complete(on: chain.hosts[0]) { () async -> StreamError? in
            do throws(StreamError) {
                for _ in 0..<8 {
                    try await tunnel.stream.write([UInt8](repeating: 7, count: 500))
                    _ = try await tunnel.stream.read(exactly: 500)
                }
                return nil
            } catch {
                await tunnel.stream.reset()
                return error
            }
        }
        #expect(error == .ended)
    }

    @Test func whoeverSendsNoRequestIsGivenUp() throws {
        let chain = try chain(2)
        let (node, peer) = (chain.nodes[0], chain.nodes[1].peerID)
        let error = try chain.simulation.complete(on: chain.hosts[0]) { () async throws -> StreamError? in
            let stream = try await node.swarm.openStream(to: peer, [TunnelProtocol.id])
            try await stream.write([100, 1, 2])
            do throws(StreamError) {
                _ = try await stream.read()
                return nil
            } catch {
                return error
            }
        }
        #expect(error == .reset)
    }
}

/// What several tasks write down.
private final class Record<Value: Sendable>: Sendable {
    private let entries = Mutex<[Value]>([])

    var all: [Value] { entries.withLock { $0 } }

    func add(_ entry: Value) { entries.withLock { $0.append(entry) } }
}

extension TunnelRequest {
    fileprivate func with(from peer: PeerID? = nil, protocolID other: String? = nil) -> TunnelRequest {
        TunnelRequest(
            to: to,
            from: peer ?? from,
            protocolID: other ?? protocolID,
            id: id,
            hopCount: hopCount,
            hopLimit: hopLimit
        )
    }
}

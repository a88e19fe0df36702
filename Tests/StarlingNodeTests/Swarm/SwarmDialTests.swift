import StarlingCore
import StarlingNode
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Synchronization
import Testing

/// Dials of a whole node: names, callers that share one, and what is left when two nodes dial each other.
@Suite struct SwarmDialTests {
    @Test func aCallerWhoKnowsBetterNeedNotWaitForADialThatGoesNowhere() throws {
        let pair = try NodePair()
        let (alice, bob, address) = (pair.alice, pair.bob.peerID, try pair.bobAddress)
        let hole = pair.simulation.host("hole")
        pair.simulation.network.partition([pair.aliceHost, pair.bobHost], [hole])
        let duration = try pair.simulation.complete(on: pair.aliceHost) {
            let loop = alice.world.loops[0]
            let lost = try Multiaddr("/ip4/10.0.0.3/tcp/4001")
            let first = loop.startTask(returning: Bool.self) {
                _ = try await alice.swarm.connect(to: bob, addresses: [lost])
                return true
            }
            try await loop.sleep(for: .milliseconds(100))
            let startedAt = loop.now
            _ = try await alice.swarm.connect(to: bob, addresses: [address])
            let duration = startedAt.duration(to: loop.now)
            #expect(try await first.value, "who waited longer gets the connection too")
            return duration
        }
        #expect(duration < .seconds(1))
    }

    @Test(arguments: [true, false]) func aCallerWhoseTimeIsOverHearsHowFarTheDialHasCome(isNamed: Bool) throws
    {
        let pair = try NodePair()
        let (alice, bob) = (pair.alice, pair.bob.peerID)
        let hole = pair.simulation.host("hole")
        pair.simulation.network.partition([pair.aliceHost, pair.bobHost], [hole])
        let lost = try Multiaddr("/ip4/10.0.0.3/tcp/4001")
        let error = try pair.simulation.complete(on: pair.aliceHost) {
            let loop = alice.world.loops[0]
            let startedAt = loop.now
            let address = isNamed ? lost.with(peerID: bob) : lost
            let error = await #expect(throws: DialError.self) {
                _ = try await alice.swarm.connect(to: address, until: startedAt + .seconds(3))
            }
            #expect(startedAt.duration(to: loop.now) == .seconds(3))
            return error
        }
        #expect(error?.cause == .timedOut)
        #expect(error?.attempts == [.init(address: lost, failure: .outOfTime, duration: .seconds(3))])
        #expect(error?.nextStep.isEmpty == false)
    }

    @Test func aNameThatStandsForAPeerIsFollowedToIt() throws {
        let pair = try NodePair()
        let (alice, bob) = (pair.alice, pair.bob.peerID)
        let names = pair.simulation.names
        let stranger = try NodePair.node(pair.simulation.host("stranger")).peerID
        names.setTexts(
            [
                "dnsaddr=/dnsaddr/other.example/p2p/\(stranger)", "not an address", "dnsaddr=/nonsense",
                "dnsaddr=/dnsaddr/a.flock.example/p2p/\(bob)",
            ],
            of: "_dnsaddr.flock.example"
        )
        names.setTexts(["dnsaddr=/dns4/bob.example/tcp/4001/p2p/\(bob)"], of: "_dnsaddr.a.flock.example")
        names.setAddresses([.v4(0x0a00_0002)], of: "bob.example")
        let remote = try pair.simulation.complete(on: pair.aliceHost) {
            try await alice.swarm.connect(to: try Multiaddr("/dnsaddr/flock.example/p2p/\(bob)")).info.remote
        }
        #expect(remote == (try Multiaddr("/ip4/10.0.0.2/tcp/4001")))
    }

    @Test func aNameThatNobodyAnswersDoesNotHoldUpAnAddress() throws {
        let pair = try NodePair()
        let (alice, bob, address) = (pair.alice, pair.bob.peerID, try pair.bobAddress)
        pair.simulation.names.latency = .seconds(20)
        let duration = try pair.simulation.complete(on: pair.aliceHost) {
            let loop = alice.world.loops[0]
            let startedAt = loop.now
            let name = try Multiaddr("/dns4/slow.example/tcp/4001")
            _ = try await alice.swarm.connect(to: bob, addresses: [name, address])
            return startedAt.duration(to: loop.now)
        }
        #expect(duration < .seconds(1))
    }

    @Test func aDialOfANameThatDoesNotExistSaysSo() throws {
        let pair = try NodePair()
        let (alice, bob) = (pair.alice, pair.bob.peerID)
        let error = #expect(throws: DialError.self) {
            try pair.simulation.complete(on: pair.aliceHost) {
                _ = try await alice.swarm.connect(to: try Multiaddr("/dns4/nowhere.example/tcp/1/p2p/\(bob)"))
            }
        }
        #expect(error?.cause == .allFailed)
        #expect(error?.attempts.map(\.failure) == [.resolver(.notFound)])
        #expect(error?.nextStep.contains("name") == true)
    }

    @Test func addressesThatFailedAMomentAgoAreNotCalledUnusable() throws {
        let simulation = Simulation(seed: 1)
        let (aliceHost, bobHost) = (simulation.host("alice"), simulation.host("bob"))
        let alice = try NodePair.node(aliceHost)
        // Bob listens nowhere, so that Alice learns of no other address.
        let bob = try NodePair.node(bobHost) { $0.listenAddresses = [] }
        let (aliceAddress, lost) = (
            try Multiaddr("/ip4/10.0.0.1/tcp/4001/p2p/\(alice.peerID)"), try Multiaddr("/ip4/10.0.0.2/tcp/9")
        )
        try simulation.complete(on: aliceHost) {
            try await alice.start()
            for _ in 0..<5 {
                await #expect(throws: DialError.self) {
                    _ = try await alice.swarm.connect(
                        to: bob.peerID,
                        addresses: [lost],
                        ignoringBackoff: true
                    )
                }
            }
        }
        // Bob's own connection clears him, not the address that failed.
        try simulation.complete(on: bobHost) {
            try await bob.start()
            await (try await bob.swarm.connect(to: aliceAddress)).close(.closedLocally)
        }
        try simulation.run(for: .milliseconds(50))
        let error = try simulation.complete(on: aliceHost) {
            await #expect(throws: DialError.self) {
                _ = try await alice.swarm.connect(to: bob.peerID, addresses: [lost])
            }
        }
        guard case .backingOff(let remaining)? = error?.cause else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(remaining > .zero)
        #expect(error?.nextStep.contains("wait") == true)
    }

    @Test func namesThatReferToOthersWithoutEndCostABoundedNumberOfLookups() throws {
        let simulation = Simulation(seed: 1)
        let host = simulation.host("alice")
        let resolver = EndlessResolver()
        let node = try NodePair.node(host, resolver: resolver)
        let stranger = try NodePair.node(simulation.host("stranger")).peerID
        try simulation.complete(on: host) {
            try await node.start()
            let name = try Multiaddr("/dnsaddr/evil.example/p2p/\(stranger)")
            await #expect(throws: DialError.self) { _ = try await node.swarm.connect(to: name) }
            let names = try (0..<40).map { try Multiaddr("/dnsaddr/evil\($0).example") }
            await #expect(throws: DialError.self) {
                _ = try await node.swarm.connect(to: stranger, addresses: names, ignoringBackoff: true)
            }
        }
        #expect(resolver.count <= 320)
    }

    @Test(arguments: [true, false]) func aStopEndsDialsAndSaysSo(isNamed: Bool) throws {
        let pair = try NodePair()
        let (alice, bob) = (pair.alice, pair.bob.peerID)
        let hole = pair.simulation.host("hole")
        pair.simulation.network.partition([pair.aliceHost, pair.bobHost], [hole])
        let lost = try Multiaddr("/ip4/10.0.0.3/tcp/4001")
        let (error, duration) = try pair.simulation.complete(on: pair.aliceHost) {
            let loop = alice.world.loops[0]
            let dial = loop.startTask(returning: Void.self) {
                _ = try await alice.swarm.connect(to: isNamed ? lost.with(peerID: bob) : lost)
            }
            try await loop.sleep(for: .milliseconds(100))
            let startedAt = loop.now
            await alice.stop()
            let error = await #expect(throws: DialError.self) { try await dial.value }
            return (error, startedAt.duration(to: loop.now))
        }
        #expect(error?.cause == .stopped)
        #expect(duration < .seconds(3))
    }

    @Test func aDialDoesNotWaitForConnectionsThatMakeRoom() throws {
        let simulation = Simulation(seed: 1)
        let host = simulation.host("alice")
        let node = try NodePair.node(host) { $0.connectionCountMax = 10 }
        let others = (0..<9).map { simulation.host("other\($0)") }
        let peers = try others.map { try NodePair.node($0) }
        for (other, peer) in zip(others, peers) {
            try simulation.complete(on: other) { try await peer.start() }
        }
        try simulation.complete(on: host) {
            try await node.start()
            for index in 0..<8 {
                let address = try Multiaddr("/ip4/10.0.0.\(index + 2)/tcp/4001/p2p/\(peers[index].peerID)")
                _ = try await node.swarm.connect(to: address)
            }
        }
        try simulation.run(for: .seconds(25))
        // Peers that do not answer any more make each close take its full time.
        simulation.network.partition([host, others[8]], Array(others[..<8]))
        let (duration, countAfter) = try simulation.complete(on: host) {
            let loop = node.world.loops[0]
            let startedAt = loop.now
            let address = try Multiaddr("/ip4/10.0.0.10/tcp/4001/p2p/\(peers[8].peerID)")
            _ = try await node.swarm.connect(to: address)
            let duration = startedAt.duration(to: loop.now)
            try await loop.sleep(for: .seconds(5))
            return (duration, await node.swarm.allConnections.count)
        }
        #expect(duration < .milliseconds(500))
        #expect(countAfter == 6)
        simulation.network.healAll()
    }
}

/// Answers every name with 64 others.
private final class EndlessResolver: Resolver {
    private let lookupCount = Mutex(0)

    var count: Int { lookupCount.withLock { $0 } }

    func addresses(of host: String, family: AddressFamily) async throws(ResolverError) -> [IPAddress] {
        lookupCount.withLock { $0 += 1 }
        throw .notFound
    }

    func texts(of name: String) async throws(ResolverError) -> [String] {
        let number = lookupCount.withLock { count in
            count += 1
            return count
        }
        return (0..<64).map { "dnsaddr=/dnsaddr/n\(number)-\($0).example" }
    }
}

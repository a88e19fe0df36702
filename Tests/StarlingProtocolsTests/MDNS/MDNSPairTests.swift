import StarlingCore
import StarlingProtocols
import Testing

/// Nodes on one simulated link that loses packets.
@Suite struct MDNSPairTests {
    struct Network {
        var nodes: [MDNSNode]
        var random: SplitMix64
        var lossPercent: Int
        /// When each node first discovered each other, in milliseconds.
        var foundAt: [[Int: Int64]]
        var packetCount = 0
        private var inFlight: [(at: Instant, to: Int, from: Int, bytes: [UInt8])] = []

        init(_ count: Int, seed: UInt64, lossPercent: Int) throws {
            nodes = try (0..<count).map { try MDNSNode(UInt8($0 + 10), seed: seed) }
            random = SplitMix64(seed: seed)
            self.lossPercent = lossPercent
            foundAt = Array(repeating: [:], count: count)
        }

        mutating func start(_ index: Int, at time: Instant) throws {
            nodes[index].machine.interfacesChanged([try nodes[index].interface()], now: time)
        }

        /// Runs in the order of time until `end`.
        mutating func run(until end: Instant) {
            while true {
                let timers = nodes.indices.compactMap { index in
                    nodes[index].machine.nextDeadline.map { ($0, index) }
                }
                let timer = timers.min { $0.0 < $1.0 }
                let packet = inFlight.indices.min { inFlight[$0].at < inFlight[$1].at }
                if let packet, inFlight[packet].at <= end, inFlight[packet].at <= timer?.0 ?? end {
                    let (time, to, from, bytes) = inFlight.remove(at: packet)
                    nodes[to].machine.receive(bytes.span, from: nodes[from].source, interface: 1, now: time)
                    collect(to, at: time)
                } else if let timer, timer.0 <= end {
                    nodes[timer.1].machine.advance(to: timer.0)
                    collect(timer.1, at: timer.0)
                } else {
                    return
                }
            }
        }

        fileprivate mutating func collect(_ index: Int, at time: Instant) {
            for action in nodes[index].actions() {
                switch action {
                case .multicast(let bytes, _):
                    packetCount += 1
                    // The sender hears itself too.
                    for to in nodes.indices where Int.random(in: 0..<100, using: &random) >= lossPercent {
                        let delay = Duration.microseconds(Int.random(in: 50...2000, using: &random))
                        inFlight.append((time + delay, to, index, bytes))
                    }
                case .discovered(let peerID, _):
                    guard let found = nodes.firstIndex(where: { $0.peerID == peerID }) else { continue }
                    if foundAt[index][found] == nil {
                        foundAt[index][found] = time.nanosecondsSinceOrigin / 1_000_000
                    }
                case .lost(let peerID):
                    guard let found = nodes.firstIndex(where: { $0.peerID == peerID }) else { continue }
                    foundAt[index][found] = nil
                case .unicast: Issue.record("nobody asked for unicast")
                }
            }
        }
    }

    @Test(arguments: 0..<20)
    func twoNodesFindEachOtherInLessThanThreeSeconds(seed: UInt64) throws {
        var network = try Network(2, seed: seed, lossPercent: 0)
        let late = Int64(seed * 97)
        try network.start(0, at: MDNS.start)
        network.run(until: MDNS.at(late))
        try network.start(1, at: MDNS.at(late))
        network.run(until: MDNS.at(late + 3000))
        #expect(network.foundAt[0][1].map { $0 <= late + 50 } == true, "seed \(seed)")
        #expect(network.foundAt[1][0].map { $0 <= late + 1200 } == true, "seed \(seed)")
    }

    @Test(arguments: 0..<20)
    func lostPacketsDelayButDoNotPrevent(seed: UInt64) throws {
        var network = try Network(3, seed: seed, lossPercent: 40)
        for index in 0..<3 { try network.start(index, at: MDNS.start) }
        network.run(until: MDNS.at(120_000))
        for index in 0..<3 { #expect(network.foundAt[index].count == 2, "seed \(seed)") }
    }

    @Test func manyNodesStayKnownAndQuiet() throws {
        var network = try Network(20, seed: 4, lossPercent: 2)
        for index in 0..<20 { try network.start(index, at: MDNS.at(Int64(index) * 50)) }
        network.run(until: MDNS.at(60_000))
        for index in 0..<20 { #expect(network.foundAt[index].count == 19, "node \(index)") }
        let before = network.packetCount
        network.run(until: MDNS.at(660_000))
        for index in 0..<20 { #expect(network.foundAt[index].count == 19, "node \(index)") }
        // Ten minutes: a query and an answer each per minute, and some more for what was lost.
        #expect(network.packetCount - before < 20 * 10 * 6)
    }

    @Test func aNodeThatStopsIsLostByAll() throws {
        var network = try Network(3, seed: 1, lossPercent: 0)
        for index in 0..<3 { try network.start(index, at: MDNS.start) }
        network.run(until: MDNS.at(5000))
        network.nodes[0].machine.stop()
        network.nodes[0].machine.interfacesChanged([], now: MDNS.at(5000))
        // Its goodbye leaves with the next turn.
        network.deliverAll(from: 0, at: MDNS.at(5000))
        network.run(until: MDNS.at(6100))
        #expect(network.foundAt[1].keys.sorted() == [2])
        #expect(network.foundAt[2].keys.sorted() == [1])
    }

    @Test func theSameSeedGivesTheSameRun() throws {
        let runs = try (0..<2).map { _ in
            var network = try Network(5, seed: 77, lossPercent: 20)
            for index in 0..<5 { try network.start(index, at: MDNS.at(Int64(index) * 13)) }
            network.run(until: MDNS.at(300_000))
            return "\(network.packetCount) \(network.foundAt.map { $0.sorted { $0.key < $1.key } })"
        }
        #expect(runs[0] == runs[1])
    }
}

extension MDNSPairTests.Network {
    mutating func deliverAll(from index: Int, at time: Instant) { collect(index, at: time) }
}

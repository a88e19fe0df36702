internal import StarlingCore
internal import StarlingCrypto
internal import StarlingNode
internal import StarlingProtocols
internal import StarlingTransports
internal import StarlingWorld

// The commands, as interop/README.md lists them.
extension PeerSession {
    /// Runs one command; what it returns is added to its answer.
    func perform(_ words: PeerWords) async throws -> JSON {
        switch words.name {
        case "connect": return try await connect(words)
        case "disconnect": return try await disconnect(words)
        case "peers": return ["peers": JSON(await node.swarm.connectedPeers.map(\.base58))]
        case "addrs": return ["id": .string(node.peerID.base58), "addrs": await addresses]
        case "usage":
            let usage = ProcessUsage()
            return ["rss_kib": JSON(usage.residentByteCount / 1024), "cpu_s": .double(usage.cpuSeconds)]
        case "identify": return try await identify(words)
        case "ping": return try await ping(words)
        case "echo": return try await echo(words)
        case "half-close": return try await halfClose(words)
        case "reset": return try await reset(words)
        case "expect-reset": return try await expectReset(words)
        case "perf": return try await perf(words)
        case "handle": return try await handle(words)
        case "expect-push": return try await expectPush(words)
        case "concurrent": return try await concurrent(words)
        case "release":
            await release()
            return [:]
        case "wait-peer": return try await waitForPeer(words)
        case "sleep":
            try await loop.sleep(for: words.seconds(0))
            return [:]
        default: throw PeerFailure("unknown command")
        }
    }

    /// The peer that a command is about.
    private func peer(_ words: PeerWords, _ index: Int) throws -> PeerID {
        if let peer = try words.peer(index) { return peer }
        guard let last else { throw PeerFailure("no peer connected yet") }
        return last
    }

    /// A stream to a peer that is connected: nothing is dialled here.
    private func open(_ protocolID: String, to peer: PeerID) async throws -> Stream {
        guard let connection = await node.swarm.connection(to: peer) else {
            throw PeerFailure("not connected to \(peer)")
        }
        return try await connection.openStream([protocolID])
    }

    // MARK: Connections

    private func connect(_ words: PeerWords) async throws -> JSON {
        let connection = try await node.swarm.connect(to: words.multiaddr(0))
        last = connection.info.peer
        return ["peer": .string(connection.info.peer.base58)]
    }

    private func disconnect(_ words: PeerWords) async throws -> JSON {
        let peer = try peer(words, 0)
        await node.swarm.disconnect(peer)
        while await node.swarm.isConnected(peer) { try await loop.sleep(for: Self.pollInterval) }
        return [:]
    }

    private func waitForPeer(_ words: PeerWords) async throws -> JSON {
        guard let peer = try words.peer(0) else { throw PeerFailure("wait-peer needs PEER") }
        let deadline = loop.now + (words.arguments.count > 1 ? try words.seconds(1) : .seconds(20))
        while loop.now < deadline {
            let addresses = await node.swarm.peerBook.addresses(of: peer, now: loop.now)
            if await node.swarm.isConnected(peer) || !addresses.isEmpty {
                last = peer
                return ["addrs": JSON(addresses.map { "\($0)" })]
            }
            try await loop.sleep(for: Self.pollInterval)
        }
        throw PeerFailure("not seen")
    }

    private func concurrent(_ words: PeerWords) async throws -> JSON {
        let (count, address) = (try words.count(0, "N"), try words.multiaddr(1))
        var dialers: [Node] = []
        for _ in 0..<count { dialers.append(try makeDialer()) }
        crowd += dialers
        try await withThrowingTaskGroup(of: Void.self) { group in
            var waiting = dialers[...]
            var runningCount = 0
            while !waiting.isEmpty || runningCount > 0 {
                if runningCount < Self.parallelDialCountMax, let dialer = waiting.popFirst() {
                    runningCount += 1
                    group.addTask { try await Self.dial(dialer, address) }
                } else {
                    try await group.next()
                    runningCount -= 1
                }
            }
        }
        var openCount = 0
        for dialer in dialers where await !dialer.swarm.allConnections.isEmpty { openCount += 1 }
        guard openCount == count else { throw PeerFailure("\(openCount) of \(count) stayed open") }
        return ["connections": JSON(openCount)]
    }

    private static func dial(_ dialer: Node, _ address: Multiaddr) async throws {
        try await dialer.start()
        let connection = try await dialer.swarm.connect(to: address)
        try await dialer.ping(connection.info.peer, count: 1) { _ in }
    }

    /// Ends the dialers of `concurrent`.
    func release() async {
        let ending = crowd
        crowd = []
        await withTaskGroup(of: Void.self) { group in
            for dialer in ending { group.addTask { await dialer.stop() } }
        }
    }

    // MARK: Identify

    private func identify(_ words: PeerWords) async throws -> JSON {
        let stream = try await open(ProtocolID.identify, to: peer(words, 0))
        var reader = IdentifyReader()
        while let bytes = try await stream.read() {
            try bytes.withSpan { span throws(IdentifyError) in try reader.receive(span) }
        }
        let message = try reader.receiveEnd()
        try await stream.closeWrite()
        return Self.json(message)
    }

    private static func json(_ message: IdentifyMessage) -> JSON {
        let key = message.publicKey.flatMap { try? PublicKey(protobuf: $0) }
        return [
            "agent": message.agentVersion.map(JSON.string) ?? .null,
            "protocol_version": message.protocolVersion.map(JSON.string) ?? .null,
            "protocols": JSON(message.protocols.sorted()),
            "listen_addrs": JSON(message.listenAddresses.map { "\($0)" }),
            "observed_addr": message.observedAddress.map { .string("\($0)") } ?? .null,
            "peer_id": key.map { .string($0.peerID.base58) } ?? .null,
            "signed_record": message.signedPeerRecord.map(record) ?? .null,
        ]
    }

    /// What a signed record says; parsing checks the signature and that the peer signed for itself.
    private static func record(_ envelope: [UInt8]) -> JSON {
        do throws(PeerRecordError) {
            let record = try PeerRecord(parsing: envelope)
            return [
                "valid": true, "peer_id": .string(record.peerID.base58), "seq": JSON(record.sequenceNumber),
                "addrs": JSON(record.addresses.map { "\($0)" }),
            ]
        } catch {
            return ["valid": false, "error": .string("\(error)")]
        }
    }

    private func handle(_ words: PeerWords) async throws -> JSON {
        node.swarm.protocols.set(try words.text(0, "PROTO"), PeerStreams.echo(lines))
        await node.identify.changed()
        await node.identify.waitForPush()
        return [:]
    }

    private func expectPush(_ words: PeerWords) async throws -> JSON {
        let (protocolID, peer) = (try words.text(0, "PROTO"), try peer(words, 1))
        while await node.swarm.peerBook[peer]?.protocols.contains(protocolID) != true {
            try await loop.sleep(for: Self.pollInterval)
        }
        return [:]
    }

    // MARK: Streams

    private func ping(_ words: PeerWords) async throws -> JSON {
        let count = words.arguments.isEmpty ? 10 : try words.count(0, "N")
        let stream = try await open(ProtocolID.ping, to: peer(words, 1))
        var times: [Double] = []
        try await PingDriver(stream: stream, world: world).run(count: count) {
            times.append(Self.seconds($0) * 1e6)
        }
        guard times.count == count else { throw PeerFailure("\(times.count) of \(count) came back") }
        times.sort()
        func time(_ share: Double) -> JSON {
            let index = min(times.count - 1, Int(share * Double(times.count)))
            return .double((times[index] * 10).rounded() / 10)
        }
        guard !times.isEmpty else { return ["n": 0] }
        return [
            "n": JSON(count), "min_us": time(0), "median_us": time(0.5), "p90_us": time(0.9),
            "p99_us": time(0.99), "max_us": time(1),
        ]
    }

    private func echo(_ words: PeerWords) async throws -> JSON {
        let byteCount = try words.count(1, "BYTES")
        let stream = try await open(words.text(0, "PROTO"), to: peer(words, 2))
        let startedAt = loop.now
        try await StreamTrial.echo(stream, byteCount: byteCount)
        return [
            "bytes": JSON(byteCount), "MBps": Self.rate(byteCount, startedAt.duration(to: loop.now)),
        ]
    }

    private func halfClose(_ words: PeerWords) async throws -> JSON {
        let byteCount = try words.count(1, "BYTES")
        let stream = try await open(words.text(0, "PROTO"), to: peer(words, 2))
        try await StreamTrial.halfClose(stream, byteCount: byteCount)
        return ["bytes": JSON(byteCount), "read_after_close": true]
    }

    private func reset(_ words: PeerWords) async throws -> JSON {
        let byteCount = try words.count(1, "BYTES")
        let stream = try await open(words.text(0, "PROTO"), to: peer(words, 2))
        try await StreamTrial.reset(stream, byteCount: byteCount)
        return ["bytes": JSON(byteCount)]
    }

    private func expectReset(_ words: PeerWords) async throws -> JSON {
        let stream = try await open(words.text(0, "PROTO"), to: peer(words, 1))
        try await StreamTrial.expectReset(stream)
        return ["end": "reset"]
    }

    private func perf(_ words: PeerWords) async throws -> JSON {
        let (up, down) = (try words.count(0, "UP"), try words.count(1, "DOWN"))
        let stream = try await open(ProtocolID.perf, to: peer(words, 2))
        let report = try await PerfDriver.run(stream, upload: UInt64(up), download: UInt64(down))
        return ["up_MBps": Self.rate(up, report.upload), "down_MBps": Self.rate(down, report.download)]
    }
}

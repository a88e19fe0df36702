package import StarlingAPI
internal import StarlingCore
package import StarlingNode

extension NodeIdentity {
    /// Label and value, a line each.
    package func render(_ style: TextStyle) -> String {
        var facts = FactList()
        facts.append("peer id", style.bold(peerID.base58))
        if let name { facts.append("name", TerminalText.oneLine(name)) }
        facts.append("agent", TerminalText.oneLine(agentVersion))
        facts.append("listens", addresses.map { "\($0)" })
        return facts.render(style)
    }
}

extension NodeStatus {
    package func render(_ style: TextStyle) -> String {
        var facts = FactList()
        facts.append("peer id", style.bold(identity.peerID.base58))
        if let name = identity.name { facts.append("name", TerminalText.oneLine(name)) }
        facts.append("version", version)
        facts.append("up for", DurationText.writeAge(uptime))
        facts.append("listens", identity.addresses.map { "\($0)" })
        facts.append("security", securities.joined(separator: ", "))
        facts.append("LAN discovery", isMDNSOn ? "on" : "off")
        facts.append("peers known", "\(knownPeerCount)")
        facts.append("connections", "\(connectionCount) of at most \(connectionCountMax)")
        facts.append("streams", "\(streamCount)")
        if let mesh {
            facts.append("mesh", mesh.line)
            facts.append("neighbours", mesh.neighbourLine)
            if mesh.carriedTunnelCount > 0 { facts.append("tunnels", mesh.tunnelLine) }
        }
        facts.append(
            "reserved",
            "\(ByteCountText.write(reservedByteCount)) of at most \(ByteCountText.write(reservedByteCountMax))"
        )
        facts.append(
            "traffic",
            "\(ByteCountText.write(Int(clamping: receivedByteCount))) received, "
                + "\(ByteCountText.write(Int(clamping: sentByteCount))) sent"
        )
        facts.append("inbox", inbox.line)
        if inbox.incoming.count > 0 { facts.append("on their way", inbox.incoming.text("file")) }
        outbox.append(to: &facts)
        if let files { facts.append("files", files.text("file")) }
        facts.append("event loops", "\(loopCount)")
        if !store.isSound { facts.append("store damaged", store.lines.map(TerminalText.oneLine)) }
        return facts.render(style)
    }
}

extension MeshStatus {
    /// Who is there: `19 alive, 1 suspect, 2 dead`.
    fileprivate var line: String {
        let others = [(suspectCount, "suspect"), (deadCount, "dead"), (leftCount, "left")]
        return "\(aliveCount) alive"
            + others.filter { $0.0 > 0 }.map { ", \($0.0) \($0.1)" }.joined()
            + (selfDoubt > 0 ? " (this node lacks time or answers, and waits longer)" : "")
    }

    /// What it carries for others.
    fileprivate var tunnelLine: String {
        "\(tunnelCount) of at most \(tunnelCountMax) carried for others, \(carriedTunnelCount) since the start"
    }

    fileprivate var neighbourLine: String {
        let policy = topology.map {
            "topology \($0), capacity \(capacity)" + (isSuperPeer ? ", super-peer" : "")
        }
        return "\(neighbourCount)" + (policy.map { " (\($0))" } ?? "")
    }
}

extension StoreHealth {
    /// What is lost, and where the files are.
    fileprivate var lines: [String] {
        losses.map { loss in
            let rows = loss.rowCount.map { $0 == 1 ? "1 row" : "\($0) rows" } ?? "part of the file"
            return rows + (loss.table.map { " of \($0)" } ?? "") + ": " + loss.reason
        } + asidePaths.map { "put aside: \($0)" }
    }
}

extension PeerList {
    /// A row for each peer.
    package func render(_ style: TextStyle) -> String {
        var table = TextTable([
            ("PEER", .left), ("NAME", .left), ("LINK", .left), ("MEMBER", .left), ("RTT", .right),
            ("ADDRESS", .left), ("AGENT", .left),
        ])
        for peer in peers {
            let connection = peer.connections.first
            let address = connection?.remote ?? peer.addresses.first
            table.append([
                peer.peerID.base58, peer.name ?? "", connection?.direction.rawValue ?? "known",
                peer.membership.map { "\($0.state.rawValue) \(DurationText.writeAge($0.age))" } ?? "",
                connection?.roundTrip.map(DurationText.write) ?? "", address.map { "\($0)" } ?? "",
                peer.agentVersion ?? "",
            ])
        }
        return table.render(style)
    }

    /// What to say where there is nothing to list, `flags` being those that mean the same node.
    package static func emptyHint(flags: String) -> String {
        "No peers yet. Those on the LAN are found by themselves; reach others with: "
            + "starling connect MULTIADDR\(flags)\n"
    }
}

extension PeerSummary {
    /// One line for a peer that is connected.
    package func renderConnected(_ style: TextStyle) -> String {
        let path = connections.last.map { " " + $0.pathText } ?? ""
        return style.green("connected") + " to \(peerID.base58)\(path)\n"
    }
}

extension ConnectionSummary {
    /// The way that bytes take: `through /ip4/192.0.2.7/tcp/4001 (noise, yamux)`.
    package var pathText: String {
        let address = remote.map { "through \($0) " } ?? ""
        let protocols = [security, muxer].map { id in
            id.split(separator: "/").first.map { TerminalText.oneLine(String($0)) } ?? id
        }
        return address + "(\(protocols.joined(separator: ", ")))"
    }
}

extension PingReport {
    package func render(_ style: TextStyle) -> String {
        let sent = roundTrips.count + lostCount
        var text = "\(roundTrips.count) of \(sent) pings to \(peerID.base58) came back \(path.pathText)\n"
        let figures = [("min", 0), ("median", 50), ("p99", 99), ("max", 100)]
        let parts = figures.compactMap { name, percent in
            percentile(percent).map { style.dim(name) + " " + DurationText.write($0) }
        }
        if !parts.isEmpty { text += parts.joined(separator: "   ") + "\n" }
        return text
    }
}

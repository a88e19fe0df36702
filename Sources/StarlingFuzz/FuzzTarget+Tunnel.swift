internal import StarlingCore
internal import StarlingMesh

/// What those who carry tunnels, and those at their ends, read.
extension FuzzTarget {
    static func tunnelFrames(_ input: [UInt8]) throws(BrokenPromise) {
        if let answer = try? TunnelAnswer.parse(input.span) {
            let again = try? TunnelAnswer.parse(body(of: answer.encoded).span)
            try promise(again == answer, "an answer reads what it writes")
        }
        guard let request = try? TunnelRequest.parse(input.span) else { return }
        let again = try? TunnelRequest.parse(body(of: request.encoded).span)
        try promise(again == request, "a request reads what it writes")
        try promise(request.encoded.count <= TunnelProtocol.frameByteCountMax, "a request is bounded")
        try promise(request.carriedOn.binding == request.binding, "relays change nothing that binds")
        guard request.mayGoOn else { return }
        let next = try? TunnelRequest.parse(body(of: request.carriedOn.encoded).span)
        try promise(next == request.carriedOn, "what is carried on can be read by the next one")
    }

    /// Requests, each behind its length in two bytes, to one node.
    static func tunnelTable(_ input: [UInt8]) throws(BrokenPromise) {
        guard let own = try? PeerID(multihash: [0, 1, 1]), let next = try? PeerID(multihash: [0, 1, 2]),
            let neighbour = try? PeerID(multihash: [0, 1, 3])
        else { return }
        var limits = TunnelTable.Limits()
        (limits.relayedCountMax, limits.endedCountMax, limits.failureCountMax) = (2, 2, 2)
        var table = TunnelTable(own: own, limits: limits)
        var open: [TunnelID] = []
        let now = Instant(nanosecondsSinceOrigin: 0)
        for packet in input.packets {
            guard let request = try? TunnelRequest.parse(packet.span) else { continue }
            let verdict = table.admit(request, from: neighbour, hops: [neighbour, next], now: now)
            switch verdict {
            case .end: try promise(request.to == own, "what ends here is for this node")
            case .relay(let hop): try promise(hop == next, "nothing goes back to where it came from")
            case .refuse: continue
            }
            open.append(request.id)
            table.failed(to: request.to, via: next, now: now)
            try promise(table.tableFills.allSatisfy { !$0.isOverfull }, "tables are bounded")
        }
        for id in open { table.ended(id) }
        try promise(table.tableFills[0].count + table.tableFills[1].count == 0, "what ended has no place")
    }
}

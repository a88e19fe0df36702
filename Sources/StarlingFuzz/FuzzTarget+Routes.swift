internal import StarlingCore
internal import StarlingCrypto
internal import StarlingMesh

extension FuzzTarget {
    static func routeFrame(_ input: [UInt8]) throws(BrokenPromise) {
        guard let frame = try? RouteFrame.parse(input.span) else { return }
        var offset = 0
        let wire = frame.encoded
        let byteCount = try? Varint.read(wire.span, at: &offset)
        try promise(byteCount == UInt64(wire.count - offset), "a frame has its length before it")
        let again = try? RouteFrame.parse(Array(wire[offset...]).span)
        try promise(again == frame, "a frame reads what it writes")
        for update in frame.updates {
            guard let proof = update.proof else { continue }
            try promise(proof.destination == update.destination, "a proof is its destination's")
            // Signatures keep a fuzzer out; that one is checked must be possible all the same.
            try? proof.verify()
        }
    }

    /// A row of either table, by the first byte; the rest is the key's length, the key and the value.
    static func routeRow(_ input: [UInt8]) throws(BrokenPromise) {
        guard input.count > 2, let identity = try? IdentityKey(seed: [UInt8](repeating: 1, count: 32)) else {
            return
        }
        let keyEnd = 2 + min(Int(input[1]) % 129, input.count - 2)
        let (key, value) = (Array(input[2..<keyEnd]), Array(input[keyEnd...]))
        let place: StoreKey
        if input[0] % 2 == 0 {
            place = StoreKey(RoutingTables.numbers, UInt64(input[1] % 4) + 1)
        } else {
            guard !key.isEmpty else { return }
            place = StoreKey(RoutingTables.distances, key)
        }
        let now = Instant(nanosecondsSinceOrigin: 0)
        let wallNow = WallTime(millisecondsSince1970: 1_767_225_600_000)
        var table = RouteTable(identity: identity, now: now)
        try? table.restore(StoreRow(key: place, value: value), now: now)
        table.begin(.kept, now: now, wallNow: wallNow)
        while table.takeBatch() != nil { table.stored(now: now, wallNow: wallNow) }
        try promise(table.destinationCount == 0, "a distance is no route")
        table.advance(to: now + .seconds(700), wallNow: wallNow)
        while table.takeBatch() != nil { table.stored(now: now, wallNow: wallNow) }
        let distances = table.tableFills.first { $0.name == "route distances" }
        try promise(distances?.count == 0, "a distance that is told no more is forgotten")
    }

    /// What three neighbours do and tell, one behind the other, each behind a length of two bytes.
    ///
    /// The first byte says who and what: a frame, that it comes or goes, or that time passes. Every signature holds:
    /// the table has to bear with what peers can sign.
    static func routeTable(_ input: [UInt8]) throws(BrokenPromise) {
        guard let identity = try? IdentityKey(seed: [UInt8](repeating: 1, count: 32)) else { return }
        var limits = RouteTable.Limits()
        (limits.destinationCountMax, limits.heldCountMax, limits.linkCountMax) = (4, 4, 2)
        (limits.searchCountMax, limits.proofCountMax) = (2, 4)
        var now = Instant(nanosecondsSinceOrigin: 0)
        let wallNow = WallTime(millisecondsSince1970: 1_767_225_600_000)
        let proofs = RouteProofCache(countMax: 4) { proof throws(RouteProofError) in proof }
        var table = RouteTable(identity: identity, limits: limits, proofs: proofs, now: now)
        table.begin(.fresh, now: now, wallNow: wallNow)
        let neighbours = (0..<3).map { PeerID(checkedMultihash: [0, 2, 8, UInt8($0)]) }
        var isUp: Set<PeerID> = []
        for packet in input.packets {
            guard let first = packet.first else { continue }
            let neighbour = neighbours[Int(first) % 3]
            switch first / 3 % 8 {
            case 0:
                table.linkUp(
                    neighbour,
                    LinkQuality(lossRatio: Double(packet.count)),
                    now: now,
                    wallNow: wallNow
                )
                isUp.insert(neighbour)
            case 1:
                table.linkDown(neighbour, now: now, wallNow: wallNow)
                isUp.remove(neighbour)
            case 2:
                now = now + .seconds(packet.count)
                table.advance(to: now, wallNow: wallNow)
            case 3: table.lost(to: neighbours[packet.count % 3], via: neighbour, now: now, wallNow: wallNow)
            case 7:
                let suspicions: [NeighbourSuspicion] = [.none, .silent, .dead]
                table.suspected(neighbour, suspicions[packet.count % 3], now: now, wallNow: wallNow)
            default:
                guard let frame = try? RouteFrame.parse(Array(packet.dropFirst()).span) else { continue }
                try? table.receive(frame, from: neighbour, now: now, wallNow: wallNow)
                for update in frame.updates {
                    let hops = table.nextHops(to: update.destination)
                    try promise(hops.count <= limits.entryCountMax, "a destination has a few routes")
                    try promise(hops.allSatisfy { isUp.contains($0.peer) }, "routes lead over neighbours")
                }
            }
            try settle(&table, neighbours, now: now, wallNow: wallNow)
        }
    }

    private static func settle(
        _ table: inout RouteTable,
        _ neighbours: [PeerID],
        now: Instant,
        wallNow: WallTime
    ) throws(BrokenPromise) {
        while table.nextAction() != nil {}
        while table.takeBatch() != nil { table.stored(now: now, wallNow: wallNow) }
        for neighbour in neighbours {
            while let frame = table.nextFrame(for: neighbour, now: now) {
                let wire = frame.encoded
                var offset = 0
                guard (try? Varint.read(wire.span, at: &offset)) != nil else { continue }
                let again = try? RouteFrame.parse(Array(wire[offset...]).span)
                try promise(again == frame, "what is told can be read")
            }
        }
        for fill in table.tableFills { try promise(!fill.isOverfull, "\(fill.name) is within its limit") }
    }
}

internal import StarlingCore
internal import StarlingCrypto
internal import StarlingMesh

extension FuzzTarget {
    static func fragment(_ input: [UInt8]) throws(BrokenPromise) {
        guard let fragment = try? Fragment(parsing: input.span) else { return }
        let again = try? Fragment(parsing: fragment.encoded.span)
        try promise(again == fragment, "a fragment reads what it writes")
        let end = fragment.index * fragment.pieceByteCount + fragment.bytes.count
        try promise(end <= fragment.totalByteCount, "a piece lies within its frame")
    }

    static func fragmentRequest(_ input: [UInt8]) throws(BrokenPromise) {
        guard let request = try? FragmentRequest(parsing: input.span) else { return }
        let again = try? FragmentRequest(parsing: request.encoded.span)
        try promise(again == request, "a request reads what it writes")
    }

    /// Fragments one behind the other, each behind its length in a byte.
    static func reassembly(_ input: [UInt8]) throws(BrokenPromise) {
        let limits = Reassembly.Limits()
        var reassembly = Reassembly(limits: limits)
        guard let peer = try? PeerID(multihash: [0, 1, 1]) else { return }
        var (offset, now) = (0, Instant(nanosecondsSinceOrigin: 0))
        while offset < input.count {
            let end = min(offset + 1 + Int(input[offset]), input.count)
            if let fragment = try? Fragment(parsing: Array(input[offset + 1..<end]).span) {
                _ = reassembly.add(fragment, from: peer, now: now)
            }
            now = now + .milliseconds(200)
            reassembly.advance(to: now)
            while reassembly.nextAction() != nil {}
            try promise(reassembly.byteCount <= limits.peerByteCountMax, "a peer has its share")
            offset = end
        }
        reassembly.advance(to: now + limits.duration)
        try promise(reassembly.count == 0 && reassembly.byteCount == 0, "nothing stays for ever")
    }

    /// A row of any table, by the first byte; the rest is the key's length, the key and the value.
    static func deliveryRow(_ input: [UInt8]) throws(BrokenPromise) {
        guard input.count > 2, let own = try? PeerID(multihash: [0, 1, 1]) else { return }
        let tables = DeliveryTables.ofOutbox + DeliveryTables.ofInbox
        let table = tables[Int(input[0]) % tables.count]
        let keyEnd = 2 + min(Int(input[1]) % 129, input.count - 2)
        let (key, value) = (Array(input[2..<keyEnd]), Array(input[keyEnd...]))
        let place: StoreKey
        switch table.keys {
        case .names:
            guard !key.isEmpty else { return }
            place = StoreKey(table, key)
        case .numbers:
            let number = key.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) } & UInt64(Int64.max)
            place = StoreKey(table, max(1, number))
        }
        let row = StoreRow(key: place, value: value)
        let now = Instant(nanosecondsSinceOrigin: 0)
        let wallNow = WallTime(millisecondsSince1970: 1_767_225_600_000)
        var outbox = Outbox(own: own, seed: 1)
        var inbox = Inbox(own: own, seed: 1)
        try? outbox.restore(row, now: now, wallNow: wallNow)
        try? inbox.restore(row, now: now, wallNow: wallNow)
        outbox.finishRestoring(now: now, wallNow: wallNow)
        inbox.finishRestoring()
        try promise(outbox.count <= 1 && inbox.count <= 1, "one row is one message at most")
        _ = outbox.takeBatch()
        _ = inbox.takeBatch()
        outbox.advance(to: now + .seconds(40 * 86_400), wallNow: wallNow)
        inbox.advance(to: now + .seconds(40 * 86_400))
        try promise(outbox.count == 0, "every message comes to its end")
    }
}

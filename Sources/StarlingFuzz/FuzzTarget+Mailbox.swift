internal import StarlingCore
internal import StarlingMesh

/// What mailboxes read: frames, lists and the rows of their shelves.
extension FuzzTarget {
    static func mailboxFrames(_ input: [UInt8]) throws(BrokenPromise) {
        if let ask = try? MailboxAsk.parse(input.span) {
            let again = try? MailboxAsk.parse(body(of: ask.encoded).span)
            try promise(again == ask, "an ask reads what it writes")
        }
        guard let answer = try? MailboxAnswer.parse(input.span) else { return }
        let again = try? MailboxAnswer.parse(body(of: answer.encoded).span)
        try promise(again == answer, "an answer reads what it writes")
        guard case .page(let page) = answer else { return }
        let count = page.envelopes.count + page.receipts.count
        try promise(count <= MailboxProtocol.pageCountMax, "a page is bounded")
    }

    static func mailboxList(_ input: [UInt8]) throws(BrokenPromise) {
        guard let list = try? MailboxList(verifying: input.span) else { return }
        let again = try? MailboxList(verifying: list.encoded.span)
        try promise(again == list, "a list reads what it writes")
        try promise(list.mailboxes.count <= MailboxList.Limits().mailboxCountMax, "a list is bounded")
    }

    /// A row of a shelf.
    static func mailboxRow(_ input: [UInt8]) throws(BrokenPromise) {
        guard let own = try? PeerID(multihash: [0, 1, 1]) else { return }
        let now = Instant(nanosecondsSinceOrigin: 0)
        let wallNow = WallTime(millisecondsSince1970: 1_767_225_600_000)
        var shelf = MailboxShelf(own: own)
        let row = StoreRow(key: StoreKey(MailboxTables.shelf, 1), value: input)
        try? shelf.restore(row, now: now, wallNow: wallNow)
        try promise(shelf.count <= 1, "one row is one copy at most")
        for holding in shelf.holdings {
            let request = shelf.fetch(MailboxFetch(), for: holding.recipient)
            let page = shelf.page(request, rows: request.keys.map { _ in input })
            try promise(
                page.envelopes.count + page.receipts.count == shelf.count,
                "what is kept can be fetched"
            )
        }
        shelf.finishRestoring(now: now)
        shelf.advance(to: now + .seconds(40 * 86_400))
        try promise(shelf.count == 0 && shelf.byteCount == 0, "nothing stays for ever")
    }

    /// A row of which mailboxes have a message.
    static func mailboxCopies(_ input: [UInt8]) throws(BrokenPromise) {
        guard let own = try? PeerID(multihash: [0, 1, 1]) else { return }
        let now = Instant(nanosecondsSinceOrigin: 0)
        let wallNow = WallTime(millisecondsSince1970: 1_767_225_600_000)
        var sender = MailboxSender(own: own, seed: 1)
        let key = StoreKey(MailboxTables.copies, [UInt8](repeating: 7, count: MessageID.byteCount))
        try? sender.restore(StoreRow(key: key, value: input), now: now, wallNow: wallNow)
        try promise(sender.holders.count <= MailboxProtocol.copyCountMax, "copies are bounded")
        sender.finishRestoring(now: now)
        for holder in sender.holders { sender.linkUp(holder, now: now) }
        sender.advance(to: now + .seconds(40 * 86_400))
        try promise(sender.holders.isEmpty, "no copy is remembered for ever")
    }

    /// What a mailbox answers, each behind its length in two bytes; the first byte decides what the inbox makes of it.
    static func mailboxFetcher(_ input: [UInt8]) throws(BrokenPromise) {
        guard let first = input.first, let own = try? PeerID(multihash: [0, 1, 1]),
            let mailbox = try? PeerID(multihash: [0, 1, 2])
        else { return }
        let fates: [MailboxFetcher.Fate] = [.ended(.delivered), .kept, .noRoom, .forged]
        var now = Instant(nanosecondsSinceOrigin: 0)
        var fetcher = MailboxFetcher(own: own, seed: 1)
        fetcher.watch([mailbox], now: now)
        fetcher.linkUp(mailbox, now: now)
        for packet in Array(input.dropFirst()).packets {
            switch try? MailboxAnswer.parse(packet.span) {
            case .page(let page)?: fetcher.page(page, from: mailbox, now: now)
            case .erased(let ids)?: fetcher.erased(ids, by: mailbox)
            case .verdicts?, .status?, .list?, nil: break
            }
            while let action = fetcher.nextAction() {
                guard case .arrived(let bytes, _) = action else { continue }
                guard let header = try? Envelope(parsing: bytes.span).header else {
                    throw BrokenPromise(text: "what arrives is an envelope")
                }
                try promise(header.to == own && header.privacy == .private, "and it is this node's own")
                fetcher.took(header.id, of: header.from, fates[Int(first) % fates.count], now: now)
            }
            try promise(fetcher.tableFills.allSatisfy { !$0.isOverfull }, "tables are bounded")
            now = now + .seconds(1)
            fetcher.advance(to: now)
        }
        let wait = MailboxFetcher.Limits().penalties.longest
        fetcher.advance(to: now + wait + wait)
        var isAsked = false
        while let action = fetcher.nextAction() { if case .fetch = action { isAsked = true } }
        try promise(isAsked || fetcher.nextDeadline != nil, "a mailbox is asked again, whatever it did")
    }
}

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
}

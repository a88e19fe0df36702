import StarlingCore
import StarlingCrypto

@testable import StarlingMesh

// What the drivers of the nodes do.
extension MailboxRig {
    // MARK: Life

    mutating func start(_ node: Int) {
        let own = nodes[node].key.peerID
        nodes[node].outbox = Outbox(own: own, seed: draws.next())
        nodes[node].sender = MailboxSender(own: own, seed: draws.next())
        nodes[node].fetcher = MailboxFetcher(own: own, seed: draws.next())
        nodes[node].inbox = Inbox(own: own, seed: draws.next())
        let policy = node > 1 ? MailboxPolicy.named([nodes[1].key.peerID]) : .nobody
        nodes[node].shelf = MailboxShelf(own: own, policy: policy, limits: Self.mailboxLimits)
    }

    mutating func restart(_ node: Int) {
        nodes[node].isRunning = true
        start(node)
        let disk = nodes[node].disk
        let wallNow = wall(node)
        do {
            for row in DeliveryTables.ofOutbox.flatMap({ disk.rows(of: $0) }) {
                try nodes[node].outbox.restore(row, now: now, wallNow: wallNow)
            }
            for row in DeliveryTables.ofInbox.flatMap({ disk.rows(of: $0) }) {
                try nodes[node].inbox.restore(row, now: now, wallNow: wallNow)
            }
            for row in disk.rows(of: MailboxTables.copies) {
                try nodes[node].sender.restore(row, now: now, wallNow: wallNow)
            }
            for row in disk.rows(of: MailboxTables.shelf) {
                try nodes[node].shelf.restore(row, now: now, wallNow: wallNow)
            }
        } catch {
            violations.append("node \(node): \(error)")
        }
        nodes[node].outbox.finishRestoring(now: now, wallNow: wallNow)
        for message in nodes[node].outbox.messages() where !message.state.isFinal {
            // The crash may have come between the disk and the answer.
            accepted.insert(message.id)
            nodes[node].sender.hold(
                message.id,
                to: message.to,
                expires: message.expires,
                isPresent: false,
                now: now,
                wallNow: wallNow
            )
        }
        nodes[node].sender.finishRestoring(now: now)
        nodes[node].inbox.finishRestoring()
        nodes[node].shelf.finishRestoring(now: now)
    }

    mutating func send() throws {
        guard nodes[0].isRunning else { return }
        var request = OutboxRequest(to: nodes[1].key.peerID, byteCount: 10)
        request.lifetime = lifetime
        let id = MessageID(random: draws.bytes(16))
        let beginning = try nodes[0].outbox.begin(
            request,
            id: id,
            seriesDraw: draws.next(),
            now: now,
            wallNow: wall(0)
        )
        guard case .make(let header) = beginning else { return }
        // Nobody opens it here; that it is sealed is the business of other tests.
        let body = MessageContent(type: .data, payload: draws.bytes(20)).encoded
        nodes[0].outbox.accept(try Envelope(header, body: body, from: nodes[0].key), now: now)
    }

    // MARK: Disks

    private mutating func commit(_ node: Int, _ part: Part, _ batch: StoreBatch?) {
        guard let batch else { return }
        nodes[node].batches[part] = batch
        let delay = delay()
        schedule(.committed(node, run: nodes[node].run, part), in: delay)
    }

    mutating func committed(_ node: Int, _ part: Part) {
        guard let batch = nodes[node].batches.removeValue(forKey: part) else { return }
        let isWritten = !draws.happens(commitFailureRatio)
        if isWritten { nodes[node].disk.apply(batch) }
        switch (part, isWritten) {
        case (.outbox, true): nodes[node].outbox.stored(now: now, wallNow: wall(node))
        case (.outbox, false): nodes[node].outbox.storeFailed(now: now)
        case (.sender, true): nodes[node].sender.stored(now: now)
        case (.sender, false): nodes[node].sender.storeFailed(now: now)
        case (.inbox, true):
            nodes[node].inbox.stored(now: now, wallNow: wall(node))
            tellTaken(node)
        case (.inbox, false):
            nodes[node].inbox.storeFailed(now: now)
            for take in nodes[node].takesUnderWay {
                nodes[node].fetcher.took(take.id, of: take.of, .noRoom, now: now)
            }
            nodes[node].takesUnderWay = []
        case (.shelf, true): nodes[node].shelf.stored()
        case (.shelf, false): nodes[node].shelf.storeFailed()
        }
    }

    private mutating func tellTaken(_ node: Int) {
        for take in nodes[node].takesUnderWay {
            nodes[node].fetcher.took(take.id, of: take.of, .ended(take.outcome), now: now)
        }
        nodes[node].takesUnderWay = []
    }

    // MARK: Actions

    mutating func pump(_ node: Int) throws {
        guard nodes[node].isRunning else { return }
        while true {
            if let action = nodes[node].outbox.nextAction() { perform(action, node); continue }
            if let action = nodes[node].sender.nextAction() { perform(action, node); continue }
            if let action = nodes[node].fetcher.nextAction() { perform(action, node); continue }
            if let action = nodes[node].inbox.nextAction() { perform(action, node); continue }
            if let action = nodes[node].shelf.nextAction() { perform(action, node); continue }
            if node < 2, watch(node) { continue }
            break
        }
        setTick(node)
    }

    private mutating func watch(_ node: Int) -> Bool {
        let wanted = node == 1 ? mailboxes : nodes[node].sender.holders
        guard wanted != nodes[node].watched else { return false }
        nodes[node].watched = wanted
        nodes[node].fetcher.watch(node == 1 ? wanted : [], holders: node == 1 ? [] : wanted, now: now)
        return true
    }

    private mutating func perform(_ action: OutboxAction, _ node: Int) {
        switch action {
        case .write: commit(node, .outbox, nodes[node].outbox.takeBatch())
        case .accepted(let id):
            accepted.insert(id)
            guard let message = nodes[node].outbox.message(id) else { return }
            nodes[node].sender.hold(
                id,
                to: message.to,
                expires: message.expires,
                isPresent: false,
                now: now,
                wallNow: wall(node)
            )
        case .reach(let peer): nodes[node].outbox.unreachable(peer, now: now)
        case .ended(let message):
            if message.state == .delivered { delivered.insert(message.id) }
            nodes[node].sender.settled(message.id, now: now)
            guard nodes[node].batches[.outbox] == nil else { return }
            for receipt in nodes[node].receipts {
                nodes[node].fetcher.took(receipt: receipt.ids, from: receipt.from, isForged: false, now: now)
            }
            nodes[node].receipts = []
        default: break
        }
    }

    private mutating func perform(_ action: MailboxSenderAction, _ node: Int) {
        switch action {
        case .write: commit(node, .sender, nodes[node].sender.takeBatch())
        case .seek: schedule(.sought(node, run: nodes[node].run), in: .seconds(1))
        case .reach(let peer): reach(node, peer)
        case .offer(let id, let peer):
            guard let position = nodes[node].outbox.message(id)?.position,
                let row = nodes[node].disk.rows[DeliveryTables.outbox]?[
                    StoreKey(DeliveryTables.outbox, position)
                ],
                case .live(let envelope, _, _)? = try? OutboxRow(row.span, position: position)
            else { return }
            ask(.offer(envelope), node, peer)
        case .erase(let ids, let peer): ask(.erase(ids), node, peer)
        case .status(let ids, let peer): ask(.status(ids), node, peer)
        case .fetch(let peer): nodes[node].fetcher.ask(peer, now: now)
        case .stored, .lost: break
        }
    }

    private mutating func perform(_ action: MailboxFetcherAction, _ node: Int) {
        switch action {
        case .reach(let peer): reach(node, peer)
        case .fetch(let fetch, let peer): ask(.fetch(fetch), node, peer)
        case .arrived(let bytes, _): arrive(bytes, node)
        case .receipt(let bytes, let peer):
            guard let receipt = try? Receipt(verifying: bytes.span) else {
                return nodes[node].fetcher.took(receipt: [], from: peer, isForged: true, now: now)
            }
            let ids = receipt.entries.map(\.id)
            nodes[node].outbox.receipt(receipt, now: now, wallNow: wall(node))
            let isOpen = ids.contains { nodes[node].outbox.message($0)?.state.isFinal == false }
            if isOpen {
                nodes[node].receipts.append((ids, peer))
            } else {
                nodes[node].fetcher.took(receipt: ids, from: peer, isForged: false, now: now)
            }
        case .acknowledge(let entries, let sender, let mailboxes):
            let receipt = Receipt(for: entries, to: sender, created: wall(node), from: nodes[node].key)
            for mailbox in mailboxes { ask(.receipt(receipt.encoded), node, mailbox) }
        case .erase(let ids, let peer): if !ids.isEmpty { ask(.erase(ids), node, peer) }
        case .late(let peer): violations.append("\(peer) is late, and all that is asked is answered at once")
        case .broke(let breach, let peer): if let by = peers[peer] { breaches.append((breach, by)) }
        }
    }

    private mutating func arrive(_ bytes: [UInt8], _ node: Int) {
        guard let header = try? Envelope(parsing: bytes.span).header else { return }
        guard let envelope = try? Envelope(verifying: bytes.span),
            let content = try? MessageContent(parsing: envelope.body.span)
        else { return nodes[node].fetcher.took(header.id, of: header.from, .forged, now: now) }
        switch nodes[node].inbox.offer(header, byteCount: envelope.body.count, now: now, wallNow: wall(node))
        {
        case .take(let ticket):
            _ = nodes[node].inbox.add(ticket, content, handsOut: false, now: now, wallNow: wall(node))
            nodes[node].takes.append((header.id, header.from, .delivered))
        case .duplicate:
            nodes[node].takes.append((header.id, header.from, .delivered))
            guard nodes[node].batches[.inbox] == nil, !nodes[node].inbox.hasPending else { return }
            nodes[node].takesUnderWay += nodes[node].takes
            nodes[node].takes = []
            tellTaken(node)
        case .refused(let outcome):
            let fate = outcome.isTransient ? MailboxFetcher.Fate.noRoom : .ended(outcome)
            nodes[node].fetcher.took(header.id, of: header.from, fate, now: now)
        }
    }

    private mutating func perform(_ action: InboxAction, _ node: Int) {
        guard action == .write else { return }
        guard let batch = nodes[node].inbox.takeBatch() else { return }
        nodes[node].takesUnderWay += nodes[node].takes
        nodes[node].takes = []
        commit(node, .inbox, batch)
    }

    private mutating func perform(_ action: MailboxShelfAction, _ node: Int) {
        switch action {
        case .write: commit(node, .shelf, nodes[node].shelf.takeBatch())
        case .verdict(let peer, let verdict): answer(.verdicts([verdict]), node, peer)
        case .erased(let peer, let ids): answer(.erased(ids), node, peer)
        }
    }

    // MARK: Wire

    private mutating func reach(_ node: Int, _ peer: PeerID) {
        guard let to = peers[peer] else { return }
        let delay = delay()
        schedule(.reach(node, run: nodes[node].run, peer: to), in: delay)
    }

    private mutating func ask(_ ask: MailboxAsk, _ node: Int, _ peer: PeerID) {
        guard let to = peers[peer] else { return }
        let (session, delay) = (nodes[node].session + nodes[to].session, delay())
        schedule(.ask(from: node, to: to, session: session, ask), in: delay)
    }

    mutating func answer(_ answer: MailboxAnswer, _ node: Int, _ peer: PeerID) {
        guard let to = peers[peer], nodes[node].lie != .silent else { return }
        let (session, delay) = (nodes[node].session + nodes[to].session, delay())
        schedule(.answer(from: node, to: to, session: session, answer), in: delay)
    }

    mutating func hear(_ ask: MailboxAsk, from peer: Int, at node: Int) throws {
        let id = nodes[peer].key.peerID
        switch ask {
        case .offer(let bytes):
            let envelope = try Envelope(verifying: bytes.span)
            if nodes[node].lie == .dropping {
                nodes[node].missedCount += 1
                return answer(.verdicts([.init(id: envelope.header.id, verdict: .stored)]), node, id)
            }
            nodes[node].shelf.offer(envelope, from: id, now: now, wallNow: wall(node))
        case .fetch(let fetch): try self.fetch(fetch, for: peer, at: node)
        case .receipt(let bytes):
            let receipt = try Receipt(verifying: bytes.span)
            guard receipt.from == id else { return }
            nodes[node].shelf.acknowledge(receipt, now: now, wallNow: wall(node))
        case .erase(let ids): nodes[node].shelf.erase(ids, by: id)
        case .status(let ids):
            var status = nodes[node].shelf.status(for: id, ids)
            if nodes[node].lie == .dropping { status.missing = [] }
            answer(.status(status), node, id)
        case .list, .told, .waiting: break
        }
    }

    private mutating func fetch(_ fetch: MailboxFetch, for peer: Int, at node: Int) throws {
        let id = nodes[peer].key.peerID
        let request = nodes[node].shelf.fetch(fetch, for: id)
        let rows = request.keys.map { nodes[node].disk.rows[MailboxTables.shelf]?[$0] }
        var page = nodes[node].shelf.page(request, rows: rows)
        switch nodes[node].lie {
        case nil, .silent, .dropping: break
        case .withholding:
            nodes[node].missedCount += page.envelopes.count
            page = MailboxPage()
        case .garbage: page = MailboxPage(envelopes: [draws.bytes(50)], next: fetch.after + 1)
        case .foreign:
            page.envelopes.append(
                try MailboxKit.envelope(1, from: MessageKit.key(99), to: MessageKit.key(98).peerID).encoded
            )
        case .forging:
            for index in page.envelopes.indices {
                let bytes = page.envelopes[index]
                let envelope = try Envelope(parsing: bytes.span)
                var field =
                    MessageKit.field(1, envelope.headerBytes) + MessageKit.field(2, envelope.body + [0])
                field += MessageKit.field(3, envelope.signature)
                page.envelopes[index] = field
            }
        case .endless: page.next = fetch.after + 1
        }
        answer(.page(page), node, id)
    }

    mutating func hear(_ answer: MailboxAnswer, from peer: Int, at node: Int) {
        let id = nodes[peer].key.peerID
        switch answer {
        case .verdicts(let verdicts):
            for verdict in verdicts {
                nodes[node].sender.verdict(verdict, from: id, now: now, wallNow: wall(node))
            }
        case .page(let page): nodes[node].fetcher.page(page, from: id, now: now)
        case .erased(let ids):
            nodes[node].sender.erased(ids, by: id, now: now)
            nodes[node].fetcher.erased(ids, by: id)
        case .status(let status): nodes[node].sender.status(status, from: id, now: now)
        case .list: break
        }
    }
}

internal import StarlingCore
internal import StarlingCrypto
internal import StarlingMesh
internal import StarlingWorld

// What the machines ask for, and what comes of it.
extension MailboxDriver {
    func perform(_ action: MailboxSenderAction) {
        switch action {
        case .write: commitSender()
        case .seek(let peer): seek(peer)
        case .reach(let peer): reach(peer, for: .sender)
        case .offer(let id, let peer): startTask { driver in await driver.offer(id, to: peer) }
        case .erase(let ids, let peer): ask(.erase(ids), of: peer)
        case .status(let ids, let peer): ask(.status(ids), of: peer)
        case .stored(let id, let peer, let time):
            startTask { driver in await driver.delivery.note(copyOf: id, at: peer, stored: time) }
        case .lost(let id, let peer):
            startTask { driver in await driver.delivery.note(noCopyOf: id, at: peer) }
        case .fetch(let peer): fetcher.ask(peer, now: loop.now)
        }
    }

    func perform(_ action: MailboxFetcherAction) {
        switch action {
        case .reach(let peer): reach(peer, for: .fetcher)
        case .fetch(let fetch, let peer): ask(.fetch(fetch), of: peer)
        case .arrived(let envelope, let peer): brought.append((envelope, peer))
        case .receipt(let bytes, let peer):
            startTask { driver in await driver.take(receipt: bytes, from: peer) }
        case .acknowledge(let entries, let peer, let mailboxes):
            startTask { driver in
                let receipt = await driver.delivery.receipt(for: entries, to: peer)
                await driver.leave(receipt, with: mailboxes)
            }
        case .erase(let ids, let peer): if !ids.isEmpty { ask(.erase(ids), of: peer) }
        case .late(let peer):
            world.log(.debug, "a mailbox takes long for a page: it is asked for less", ["peer": "\(peer)"])
            // Another way may be faster.
            rest(peer, isOfTheWay: true)
        case .broke(let breach, let peer):
            world.log(
                .warning,
                "a mailbox breaks a rule: it is asked last and seldom",
                ["peer": "\(peer)", "breach": "\(breach)"]
            )
            rest(peer, isOfTheWay: breach == .silent)
        }
    }

    // MARK: Leaving

    private func offer(_ id: MessageID, to peer: PeerID) async {
        if let envelope = await delivery.envelope(of: id) {
            ask(.offer(envelope), of: peer)
        } else {
            sender.settled(id, now: loop.now)
        }
        pump()
    }

    // MARK: Fetching

    /// Has what the last page brought proven and given to the inbox.
    func takeBrought() {
        guard !brought.isEmpty else { return }
        let taken = brought
        brought = []
        startTask { driver in await driver.take(taken) }
    }

    private func leave(_ receipt: Receipt, with mailboxes: [PeerID]) {
        for mailbox in mailboxes { ask(.receipt(receipt.encoded), of: mailbox) }
        pump()
    }

    private func take(_ brought: [(envelope: [UInt8], mailbox: PeerID)]) async {
        var reader = MessageReader(own: identity.peerID, keys: delivery.keys, on: loop, limits: .init())
        var messages: [ArrivedMessage] = []
        var pauseAt = loop.now + .milliseconds(1)
        for (bytes, mailbox) in brought {
            do throws(EnvelopeError) {
                var envelope = try Envelope(verifying: bytes.span)
                envelope.crossed(from: mailbox, at: world.wallClock.now)
                messages.append(reader.message(envelope))
            } catch {
                // The fetcher has parsed it: its header can be read.
                guard let header = try? Envelope(parsing: bytes.span).header else { continue }
                fetcher.took(header.id, of: header.from, .forged, now: loop.now)
            }
            guard loop.now >= pauseAt else { continue }
            // Others use the loop, too.
            await Task.yield()
            pauseAt = loop.now + .milliseconds(1)
        }
        let fates = await delivery.take(fetched: messages)
        for (message, fate) in zip(messages, fates) {
            fetcher.took(message.header.id, of: message.header.from, fate, now: loop.now)
        }
        pump()
    }

    private func take(receipt bytes: [UInt8], from peer: PeerID) async {
        do throws(EnvelopeError) {
            let receipt = try Receipt(verifying: bytes.span)
            let deadline = loop.now + limits.receiptDuration
            // The mailbox brings it again when this took too long.
            if await delivery.take(kept: receipt, before: deadline) {
                fetcher.took(receipt: receipt.entries.map(\.id), from: peer, isForged: false, now: loop.now)
            }
        } catch {
            fetcher.took(receipt: [], from: peer, isForged: true, now: loop.now)
        }
        pump()
    }
}

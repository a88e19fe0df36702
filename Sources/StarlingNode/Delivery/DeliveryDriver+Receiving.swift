internal import StarlingCore
internal import StarlingCrypto
internal import StarlingMesh
internal import StarlingWorld

// Frames of peers: messages are taken into the inbox, receipts and settlements are noted.
extension DeliveryDriver {
    func take(_ arrivals: [MessageArrival], from peer: PeerID) async -> [UInt8] {
        // Who brings none waits for no room: receipts and what is for others pass a disk that is full.
        if arrivals.contains(where: \.isMessage) { await roomInBatch() }
        let hadBatch = inboxTakenCount > inboxDoneCount
        var hasMessages = false
        var transits: [TransitFrame] = []
        for arrival in arrivals {
            switch arrival {
            case .message(let message): hasMessages = true; take(message, from: peer)
            case .receipt(let receipt):
                // One that answers nothing is a repetition: no way of this node's has proven itself by it.
                if outbox.receipt(receipt, now: loop.now, wallNow: world.wallClock.now) {
                    answered(by: receipt.from, receipt.entries.map(\.id))
                } else if receipt.from != peer, outbox.owesSettlement(to: receipt.from) {
                    // The settlement goes the way that it came, though nothing else may be due to its sender.
                    heard(of: receipt.from, via: peer)
                }
            case .settlement(let settlement):
                let wasOwed = inbox.owesReceipts(to: settlement.from)
                inbox.settlement(settlement, now: loop.now, wallNow: world.wallClock.now)
                if wasOwed, !inbox.owesReceipts(to: settlement.from) { confirmed(by: settlement.from) }
            case .broadcast(let envelope, let message): take(envelope, message, from: peer)
            case .transit(let frame): transits.append(frame)
            }
        }
        pump()
        // The batch on its way, if there was one, was made before these messages came.
        let target = hadBatch ? inboxDoneCount + 2 : inboxTakenCount
        for frame in transits { await forward(frame, from: peer) }
        guard hasMessages else { return [] }
        let session = sessions[peer]?.number
        sessions[peer]?.answererCount += 1
        await disk(target)
        if session != nil {
            // When the peer has come again meanwhile, its new session has streams of its own for the receipts.
            guard sessions[peer]?.number == session else { return [] }
            sessions[peer]?.answererCount -= 1
        }
        let answers = answers(for: peer)
        pump()
        return answers
    }

    private func take(_ message: ArrivedMessage, from peer: PeerID) {
        if message.header.from != peer { heard(of: message.header.from, via: peer) }
        _ = offer(message)
    }

    /// Offers a message to the inbox, and gives that its content where it takes it.
    func offer(_ message: ArrivedMessage) -> InboxVerdict {
        let (now, wallNow) = (loop.now, world.wallClock.now)
        let verdict = inbox.offer(
            message.header,
            byteCount: message.byteCount,
            now: now,
            wallNow: wallNow
        )
        switch verdict {
        case .refused: break
        case .duplicate: paths.note(message.path, of: message.header)
        case .take(let ticket):
            paths.note(message.path, of: message.header)
            switch message.content {
            case .failure(let error): inbox.refuse(ticket, error.outcome, now: now)
            case .success(let content) where !content.attachment.isEmpty: takeFile(ticket, content)
            case .success(let content):
                let handsOut = readers.wants(content)
                let position = inbox.add(ticket, content, handsOut: handsOut, now: now, wallNow: wallNow)
                if handsOut {
                    readers.claim(position, content)
                    freshContents[position] = content
                }
            }
        }
        return verdict
    }

    /// Suspends while as much waits for the disk as is written together.
    private func roomInBatch() async {
        while inbox.isBatchFull, !isStopped {
            // What is full is written once the batch before it is.
            await Waiter.suspend { waiter in diskWaiters.append((inboxDoneCount + 1, waiter)) }
        }
    }

    /// Suspends until so many batches have been written, or failed to be.
    func disk(_ target: UInt64) async {
        await Waiter.suspend { waiter in
            if inboxDoneCount >= target || isStopped || !hasDiskWork {
                waiter.resume()
            } else {
                diskWaiters.append((target, waiter))
            }
        }
    }

    /// Whether a batch is on its way, or will be by itself.
    var hasDiskWork: Bool { inboxTakenCount > inboxDoneCount }

    /// Resumes those who wait for a batch up to this one.
    func resumeDiskWaiters(through count: UInt64) {
        var remaining: [(target: UInt64, waiter: Waiter<Void>)] = []
        for entry in diskWaiters {
            if entry.target <= count {
                entry.waiter.resume()
            } else {
                remaining.append(entry)
            }
        }
        diskWaiters = remaining
    }
}

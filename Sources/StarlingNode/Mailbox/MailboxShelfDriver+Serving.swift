internal import StarlingCore
internal import StarlingMesh
internal import StarlingTransports
internal import StarlingWorld

// Streams on which peers ask, and what they are answered.
extension MailboxShelfDriver {
    /// An ask whose signature, where it has one that matters, is checked.
    private enum Proven: Sendable {
        case offer(Envelope)
        /// An offer that is refused whatever its signature.
        case refused(MessageID, MailboxVerdict)
        case fetch(MailboxFetch)
        case receipt(Receipt)
        /// A receipt that ends nothing, whatever its signature.
        case receiptForNothing(Receipt)
        case erase([MessageID])
        case status([MessageID])
        case list(PeerID, hopLimit: UInt8)
        case told(MailboxList)
        case waiting
    }

    /// Reads a stream that a peer opened, and answers on it, until it ends.
    ///
    /// Signatures are checked on the loop of the stream's connection.
    nonisolated func serve(_ stream: Stream, isFar: Bool = false) async {
        let peer = stream.peer
        guard let number = await beginVisit(stream, isFar: isFar) else { return await stream.reset() }
        do throws(MailboxStreamError) {
            try await answerAll(on: stream, peer, number, isFar: isFar)
            do throws(StreamError) { try await stream.closeWrite() } catch { throw .stream(error) }
        } catch {
            world.log(
                error.isBreach ? .warning : .debug,
                "a peer's stream of mailboxes failed",
                ["peer": "\(peer)", "reason": "\(error)"]
            )
            await stream.reset()
        }
        await endVisit(peer, number)
    }

    private nonisolated func answerAll(
        on stream: Stream,
        _ peer: PeerID,
        _ number: UInt64,
        isFar: Bool
    ) async throws(MailboxStreamError) {
        let hold = ByteHold(swarm.protocols, of: peer, for: .unfinishedMessages)
        let writer = MailboxAnswerWriter(
            stream,
            swarm.protocols,
            patience: isFar ? nil : limits.writePatience
        )
        var frames = FrameStream(stream, frameByteCountMax: MailboxProtocol.askByteCountMax) { hold.set($0) }
        while true {
            let batch: [[UInt8]]?
            do throws(FrameError) {
                batch = try await frames.nextBatch(byteCount: limits.batchByteCount)
            } catch {
                throw .frames(error)
            }
            guard let batch else { return }
            for first in stride(from: 0, to: batch.count, by: MailboxProtocol.openAskCountMax) {
                let part = batch[first..<min(first + MailboxProtocol.openAskCountMax, batch.count)]
                let asks = try await prove(part, from: peer)
                guard let answers = await take(asks, from: peer, number) else { return }
                guard !answers.isEmpty else { continue }
                try await writer.write(answers)
            }
        }
    }

    // MARK: Proving

    private nonisolated func prove(
        _ frames: ArraySlice<[UInt8]>,
        from peer: PeerID
    ) async throws(MailboxStreamError) -> [Proven] {
        var proven: [Proven] = []
        var pageCount = 0
        var ended: Set<MessageName> = []
        for frame in frames {
            let ask: MailboxAsk?
            do throws(ProtobufError) { ask = try MailboxAsk.parse(frame.span) } catch {
                throw .malformed(error)
            }
            // Kinds of later versions are skipped.
            guard let ask else { continue }
            if case .fetch = ask { pageCount += 1 }
            // The next page is asked for when the last one is there.
            guard pageCount <= 1 else { throw .outOfTurn }
            do throws(EnvelopeError) {
                if let found = try await prove(ask, from: peer, ended: &ended) { proven.append(found) }
            } catch {
                throw .forged(error)
            }
        }
        return proven
    }

    /// Checks what an ask says: signatures last, and only those on which something hangs.
    ///
    /// - Parameter ended: What the receipts that were asked together end.
    private nonisolated func prove(
        _ ask: MailboxAsk,
        from peer: PeerID,
        ended: inout Set<MessageName>
    ) async throws(EnvelopeError) -> Proven? {
        switch ask {
        case .offer(let bytes):
            var envelope = try Envelope(parsing: bytes.span)
            if let refusal = await refusal(of: envelope.header, byteCount: bytes.count, from: peer) {
                return .refused(envelope.header.id, refusal)
            }
            try envelope.verify()
            envelope.crossed(from: peer, at: world.wallClock.now)
            return .offer(envelope)
        case .receipt(let bytes):
            let receipt = try Receipt(parsing: bytes.span)
            // Of another peer's there is nothing to be said.
            guard receipt.from == peer else { return nil }
            let messages = await messages(endedBy: receipt).filter { !ended.contains($0) }
            // Each check costs the mailbox more than the asker: it is made for a copy that goes, which was dearer to leave.
            guard !messages.isEmpty else { return .receiptForNothing(receipt) }
            try receipt.verify()
            ended.formUnion(messages)
            return .receipt(receipt)
        case .told(let bytes):
            let list = try MailboxList(parsing: bytes.span)
            guard list.peer == peer, await takes(list, from: peer), await mailboxes.hears(list) else {
                return nil
            }
            try list.verify()
            return .told(list)
        case .fetch(let fetch): return .fetch(fetch)
        case .erase(let ids): return .erase(ids)
        case .status(let ids): return .status(ids)
        case .list(let peer, let hopLimit): return .list(peer, hopLimit: hopLimit)
        case .waiting: return .waiting
        }
    }

    private func messages(endedBy receipt: Receipt) -> [MessageName] { shelf.messages(endedBy: receipt) }

    private func refusal(of header: MessageHeader, byteCount: Int, from peer: PeerID) -> MailboxVerdict? {
        shelf.refusal(of: header, byteCount: byteCount, from: peer, wallNow: world.wallClock.now)
    }

    // MARK: Answering

    /// Does what a peer asks, and returns the answers once what they say is on the disk.
    ///
    /// - Returns: `nil` when another stream of the peer is read now.
    private func take(_ asks: [Proven], from peer: PeerID, _ number: UInt64) async -> [UInt8]? {
        let hadBatch = hasBatch
        visited(by: peer)
        for ask in asks {
            guard !isStopped, visits[peer]?.number == number else { return nil }
            await take(ask, from: peer)
        }
        pump()
        await settle(peer, number, hadBatch: hadBatch)
        await tellWaiting(asks)
        guard visits[peer]?.number == number else { return nil }
        defer { visits[peer]?.answers = [] }
        return visits[peer]?.answers
    }

    /// Tells those who are there for whom something has come.
    private func tellWaiting(_ asks: [Proven]) async {
        var peers = Set<PeerID>()
        for ask in asks {
            switch ask {
            case .offer(let envelope): if let to = envelope.header.to { peers.insert(to) }
            case .receipt(let receipt): peers.insert(receipt.to)
            case .refused, .fetch, .receiptForNothing, .erase, .status, .list, .told, .waiting: break
            }
        }
        for peer in peers.sorted() where shelf.status(for: peer).waitingCount > 0 {
            await mailboxes.tellWaiting(to: peer)
        }
    }

    private func take(_ ask: Proven, from peer: PeerID) async {
        let (now, wallNow) = (loop.now, world.wallClock.now)
        switch ask {
        case .offer(let envelope):
            visits[peer]?.openOffers.insert(envelope.header.id)
            shelf.offer(envelope, from: peer, now: now, wallNow: wallNow)
        case .refused(let id, let verdict): answer(peer, .verdicts([.init(id: id, verdict: verdict)]))
        case .fetch(let fetch):
            let page = await page(fetch, for: peer)
            answer(peer, .page(page))
            if !page.envelopes.isEmpty || !page.receipts.isEmpty { paged(peer) }
        case .receipt(let receipt): shelf.acknowledge(receipt, now: now, wallNow: wallNow)
        case .receiptForNothing(let receipt): shelf.acknowledgeNothing(receipt, by: peer)
        case .erase(let ids): shelf.erase(ids, by: peer)
        case .status(let ids): answer(peer, .status(shelf.status(for: peer, ids)))
        case .list(let other, let hopLimit):
            answer(peer, .list(await mailboxes.encodedList(of: other, for: peer, hopLimit: hopLimit)))
        case .told(let list): await mailboxes.take(list)
        case .waiting: await mailboxes.noticed(by: peer)
        }
    }

    private func page(_ fetch: MailboxFetch, for peer: PeerID) async -> MailboxPage {
        var fetch = fetch
        while true {
            let request = shelf.fetch(fetch, for: peer)
            var rows: [[UInt8]?] = []
            do throws(StoreError) {
                for key in request.keys { rows.append(try await world.store.read(key)) }
            } catch {
                // The disk may be well again when it is asked for the next time.
                world.log(.error, "messages that are kept cannot be read back", ["reason": "\(error)"])
                return MailboxPage()
            }
            let page = shelf.page(request, rows: rows)
            pump()
            // All of it may have been erased while it was read: a page that leads on holds something.
            guard page.next != 0, page.envelopes.isEmpty, page.receipts.isEmpty else { return page }
            fetch.after = page.next
        }
    }
}

package import StarlingCore
internal import StarlingCrypto
package import StarlingMesh
internal import StarlingWorld

// Messages of this node: accepted, sealed, and watched.
extension DeliveryDriver {
    /// Accepts a message: when this returns, it is on the disk and will be delivered, or its end will be told.
    ///
    /// With the key of a message that was accepted before, that message's id is the answer.
    ///
    /// Cancellation changes nothing: whether the message is accepted is told all the same.
    package func accept(_ draft: MessageDraft) async throws(DeliveryError) -> MessageID {
        guard !isStopped else { throw .stopped }
        guard draft.to != identity.peerID else { throw .ownAddress }
        do throws(ContentError) { try draft.content.check() } catch { throw .message(.content(error)) }
        let content = codec.pack(draft.content)
        let id: MessageID
        switch try begin(draft, content) {
        case .known(let known):
            id = known
            guard outbox.message(known)?.state == .storing else { return known }
        case .make(let header):
            id = header.id
            try make(header, content, draft.file)
        }
        let failure: DeliveryError? = await Waiter.suspend { waiter in
            // The write may have ended before this task came to wait.
            switch outbox.message(id)?.state {
            case .storing where isStopped: waiter.resume(returning: .undecided)
            case .storing: acceptances[id, default: []].append(waiter)
            case nil: waiter.resume(returning: .store(outboxStoreError ?? .closed))
            case .queued, .sent, .fetching, .delivered, .expired, .refused, .damaged:
                waiter.resume(returning: nil)
            }
        }
        if let failure { throw failure }
        return id
    }

    private func begin(
        _ draft: MessageDraft,
        _ content: MessageContent
    ) throws(DeliveryError) -> Outbox.Beginning {
        var request = OutboxRequest(to: draft.to, byteCount: content.payload.count + content.attachment.count)
        request.priority = draft.priority
        request.privacy = draft.privacy
        request.lifetime = draft.lifetime
        request.hopLimit = draft.hopLimit
        request.recordsPath = draft.recordsPath
        request.key = draft.key
        request.file = draft.file
        do throws(AcceptError) {
            return try outbox.begin(
                request,
                id: MessageID(random: world.random.bytes(count: MessageID.byteCount)),
                seriesDraw: world.random.word(),
                now: loop.now,
                wallNow: world.wallClock.now
            )
        } catch {
            throw .refused(error)
        }
    }

    private func make(
        _ header: MessageHeader,
        _ content: MessageContent,
        _ file: BlobID?
    ) throws(DeliveryError) {
        // Before the message leaves: its recipient may ask at once.
        do throws(BlobFailure) {
            if let file, let to = header.to { try offer(header.id, file, to: to) }
        } catch {
            outbox.abandon(header.id)
            throw .file(error)
        }
        do throws(SealError) {
            outbox.accept(try seal(header, content), now: loop.now)
        } catch {
            endOffer(header.id)
            outbox.abandon(header.id)
            throw .message(error)
        }
        // Somebody waits: a write that failed before does not hold this one up.
        if storeRetryAt != nil { commitOutbox() }
        pump()
        writeOutbox()
    }

    private func seal(_ header: MessageHeader, _ content: MessageContent) throws(SealError) -> Envelope {
        guard header.privacy == .private, let recipient = header.to else {
            return try Envelope(header, content: content, from: identity)
        }
        let agreement: StaticAgreement
        do throws(HPKEError) { agreement = try keys.agreement(with: recipient) } catch {
            throw .recipientKey(error)
        }
        var seed = world.random.bytes(count: 32)
        return try Envelope(
            header,
            sealing: content,
            with: agreement,
            ephemeralSeed: SecretBytes(wiping: &seed),
            keys.cipher(on: loop),
            from: identity
        )
    }

    func settleAcceptance(_ id: MessageID, _ failure: DeliveryError?) {
        for waiter in acceptances.removeValue(forKey: id) ?? [] { waiter.resume(returning: failure) }
        // Where it is not accepted it has no end: there is nothing to wait for.
        notify(id, isEnd: failure != nil)
    }

    // MARK: Watching

    /// What is known of a message once it is settled, or else at `deadline`.
    ///
    /// Cancellation: returns what is known.
    package func report(on id: MessageID, settledBefore deadline: Instant) async -> MessageReport? {
        while let report = report(on: id), !report.message.state.isFinal, !isStopped {
            guard await change(of: report.message, isEnd: true, before: deadline) else { break }
        }
        return report(on: id)
    }

    /// What is known of a message once it differs from `known`; `nil` when it is forgotten, the node stops or the task
    /// is cancelled.
    package func nextReport(on id: MessageID, after known: MessageReport?) async -> MessageReport? {
        while !isStopped {
            guard let report = report(on: id) else { return nil }
            if report != known { return report }
            guard await change(of: report.message, isEnd: false, before: nil) else { return nil }
        }
        return nil
    }

    /// Suspends until something becomes of a message, or it is settled; `false` when the deadline came first, or the
    /// task was cancelled.
    private func change(of known: OutboxMessage, isEnd: Bool, before deadline: Instant?) async -> Bool {
        let id = known.id
        lastWatcher += 1
        let number = lastWatcher
        let timer = deadline.map { deadline in
            let timer = loop.makeTimer { [weak self] in self?.enter { $0.stopWatching(number, of: id) } }
            timer.arm(at: deadline)
            return timer
        }
        defer { timer?.disarm() }
        await withTaskCancellationHandler {
            await Waiter.suspend { waiter in
                // Something may have become of it before this task came to wait.
                if Task.isCancelled || isStopped || outbox.message(id) != known {
                    waiter.resume()
                } else {
                    watchers[id, default: [:]][number] = MessageWatcher(waiter: waiter, wantsEnd: isEnd)
                }
            }
        } onCancel: {
            loop.startTask { await self.stopWatching(number, of: id) }
        }
        return !Task.isCancelled && deadline.map { loop.now < $0 } ?? true
    }

    private func stopWatching(_ number: UInt64, of id: MessageID) {
        let watcher = watchers[id]?.removeValue(forKey: number)
        if watchers[id]?.isEmpty == true { watchers[id] = nil }
        watcher?.waiter.resume()
    }

    /// Tells whoever watches a message to look again; unless it is settled, not those who wait for that alone.
    func notify(_ id: MessageID, isEnd: Bool) {
        guard let waiting = watchers.removeValue(forKey: id) else { return }
        var remaining: [UInt64: MessageWatcher] = [:]
        for (number, watcher) in waiting.sorted(by: { $0.key < $1.key }) {
            if isEnd || !watcher.wantsEnd { watcher.waiter.resume() } else { remaining[number] = watcher }
        }
        if !remaining.isEmpty { watchers[id] = remaining }
    }
}

/// Who waits for a change of a message.
struct MessageWatcher {
    let waiter: Waiter<Void>
    /// Whether anything less than its end is of no interest.
    let wantsEnd: Bool
}

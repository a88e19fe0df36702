package import StarlingCore
package import StarlingMesh
internal import StarlingWorld

/// What becomes of the outbox and its recipients, for whoever leaves messages with mailboxes.
package enum OutboxEvent: Sendable {
    /// A message is on the disk; `isPresent` when its recipient can be sent to right now.
    case accepted(OutboxMessage, isPresent: Bool)
    /// A message is settled, and the disk knows.
    case ended(MessageID)
    /// A peer can be sent to from here on, or no more.
    case present(PeerID)
    case absent(PeerID)
}

// Mailboxes: what is left there, and what comes from there.
extension DeliveryDriver {
    // MARK: Leaving

    /// Hears of every event from here on, on the driver's loop: first, before this returns, that each message is accepted
    /// that is owed at this moment, so that nothing can become of one before it is heard of.
    package func observeOutbox(_ observer: @escaping @Sendable (OutboxEvent) -> Void) {
        outboxObserver = observer
        for message in outbox.messages(countMax: .max) where message.state != .storing {
            observer(.accepted(message, isPresent: isPresent(message.to)))
        }
    }

    func isPresent(_ peer: PeerID) -> Bool {
        sessions[peer] != nil || routed[peer].map { !$0.isSilent } ?? false
    }

    /// A message is on the disk.
    func tellAccepted(_ id: MessageID) {
        guard let outboxObserver, let message = outbox.message(id) else { return }
        outboxObserver(.accepted(message, isPresent: isPresent(message.to)))
    }

    /// The encoded envelope of a message that is owed; `nil` when it is settled, or cannot be read.
    package func envelope(of id: MessageID) async -> [UInt8]? {
        guard let message = outbox.message(id), !message.state.isFinal else { return nil }
        let row: [UInt8]?
        do throws(StoreError) {
            row = try await world.store.read(StoreKey(DeliveryTables.outbox, message.position))
        } catch {
            world.log(.error, "a message cannot be read back", ["reason": "\(error)"])
            return nil
        }
        guard let row, case .live(let envelope, _, _)? = try? OutboxRow(row.span, position: message.position)
        else { return nil }
        return envelope
    }

    /// A mailbox says that it keeps a copy of a message; the message is owed all the same.
    package func note(copyOf id: MessageID, at mailbox: PeerID, stored: WallTime) {
        outbox.note(copyOf: id, at: mailbox, stored: stored)
        notify(id, isEnd: false)
    }

    /// A mailbox does not have the copy any more that it kept.
    package func note(noCopyOf id: MessageID, at mailbox: PeerID) {
        outbox.note(noCopyOf: id, at: mailbox)
        notify(id, isEnd: false)
    }

    // MARK: Fetching

    /// Takes messages that a mailbox kept, and says what became of each once the disk knows.
    ///
    /// They count as those that come straight from their senders: each is in the inbox once, however often it comes.
    func take(fetched messages: [ArrivedMessage]) async -> [MailboxFetcher.Fate] {
        let hadBatch = hasDiskWork
        let verdicts = messages.map { offer($0) }
        pump()
        // The batch on its way, if there was one, was made before these messages came.
        await disk(hadBatch ? inboxDoneCount + 2 : inboxTakenCount)
        return zip(messages, verdicts).map { message, verdict in
            if case .refused(let outcome) = verdict {
                return outcome.isTransient ? .noRoom : .ended(outcome)
            }
            switch inbox.standing(of: message.header) {
            case .ended(let outcome): return .ended(outcome)
            case .held: return .kept
            case .open, .undecided: return .noRoom
            }
        }
    }

    /// Takes a receipt that a mailbox kept, whose signature holds.
    ///
    /// - Returns: Whether what it ends is settled on the disk, which is waited for until `deadline`.
    package func take(kept receipt: Receipt, before deadline: Instant) async -> Bool {
        outbox.receipt(receipt, now: loop.now, wallNow: world.wallClock.now)
        pump()
        for entry in receipt.entries where !entry.outcome.isTransient {
            guard outbox.message(entry.id)?.to == receipt.from,
                let report = await report(on: entry.id, settledBefore: deadline)
            else { continue }
            if !report.message.state.isFinal { return false }
        }
        return true
    }
}

internal import StarlingCore
internal import StarlingCrypto
package import StarlingMesh
internal import StarlingWorld

// Messages with files. The file goes into the blob store, the message says what it is and may be fetched by; the
// recipient holds the message until it has fetched the file, and its receipt is given only then.
extension DeliveryDriver {
    // MARK: Sending

    /// Accepts a message with a file: when this returns, both are on the disk and will be delivered, or their end will
    /// be told.
    ///
    /// The file is copied, or shares its blocks where the file system can: what happens to it afterwards does not
    /// matter. A private message's file is sealed under a key of its own, which only the message tells.
    ///
    /// - Parameters:
    ///   - name: what the recipient is told that the file is called; `nil` for the last part of the path.
    ///   - progress: hears how many bytes of the file were taken.
    ///
    /// Cancellation while the file is taken: nothing of it stays.
    package func accept(
        _ draft: MessageDraft,
        file path: String,
        name: String? = nil,
        progress: @Sendable (_ byteCount: UInt64, _ totalByteCount: UInt64) -> Void = { _, _ in }
    ) async throws(DeliveryError) -> MessageID {
        guard let blobs else { throw .noFiles }
        guard !isStopped else { throw .stopped }
        guard draft.to != identity.peerID else { throw .ownAddress }
        // The file went with the message that is known; whether that one is on the disk, its acceptance tells.
        if let key = draft.key, let known = outbox.message(key: key), known.to == draft.to {
            return try await accept(draft)
        }
        let name = name ?? String(path.split(separator: "/").last ?? "")
        guard BlobAttachment.isName(name) else { throw .fileName }
        let token = files.makeToken()
        defer { drop(.sending(token)) }
        let stored: StoredBlob
        do throws(BlobFailure) {
            stored = try await take(
                path,
                isPrivate: draft.privacy == .private,
                blobs,
                .sending(token),
                progress
            )
        } catch {
            throw .file(error)
        }
        guard let attachment = BlobAttachment(id: stored.id, name: name, key: stored.key) else {
            throw .fileName
        }
        var draft = draft
        draft.file = stored.id
        draft.content.attachment = attachment.encoded
        return try await accept(draft)
    }

    /// Takes a file into the store, and sees that it is there: the same content may have been erased meanwhile.
    private func take(
        _ path: String,
        isPrivate: Bool,
        _ blobs: BlobDriver,
        _ need: FileLedger.Need,
        _ progress: @Sendable (UInt64, UInt64) -> Void
    ) async throws(BlobFailure) -> StoredBlob {
        for _ in 0..<limits.takeCountMax {
            let stored = try await blobs.take(path, isPrivate: isPrivate, progress: progress)
            files.add(need, stored.id)
            await Waiter.suspend { files.awaitErased(stored.id, $0) }
            if blobs.hasAll(stored.id) { return stored }
            // Another message's end has erased it.
            _ = files.remove(need)
        }
        throw .tooMany
    }

    /// Lets the recipient of a message fetch its file.
    func offer(_ message: MessageID, _ id: BlobID, to peer: PeerID) throws(BlobFailure) {
        guard let blobs else { return }
        try blobs.offer(id, to: peer)
        files.offer(message, id, to: peer)
    }

    /// A message is settled, or was not accepted: nobody may fetch its file by it any more.
    func endOffer(_ message: MessageID) {
        if let (id, peer) = files.withdraw(message) { blobs?.withdraw(id, from: peer) }
        drop(.message(message))
    }

    /// Takes a need away, and erases what nothing needs any more.
    func drop(_ need: FileLedger.Need) {
        guard let id = files.remove(need) else { return }
        erase(id)
    }

    private func erase(_ id: BlobID) {
        guard let blobs, !isStopped else { return }
        files.beginErasing(id)
        startTask { driver in
            do throws(BlobFailure) { try await blobs.remove(id) } catch {
                // A node that stops erases it at its next start.
                if error != .cancelled {
                    driver.world.log(.warning, "a file that nobody needs stays", ["reason": "\(error)"])
                }
            }
            await driver.erased(id)
        }
    }

    private func erased(_ id: BlobID) { files.endErasing(id) }

    // MARK: Receiving

    /// Takes a message that was offered and names a file.
    func takeFile(_ ticket: InboxTicket, _ content: MessageContent) {
        let (now, wallNow) = (loop.now, world.wallClock.now)
        guard let attachment = try? BlobAttachment(parsing: content.attachment.span) else {
            return inbox.refuse(ticket, .unreadable, now: now)
        }
        guard let blobs else { return inbox.refuse(ticket, .refusedByPolicy, now: now) }
        guard attachment.id.byteCount <= blobs.byteCountMax else {
            return inbox.refuse(ticket, .refusedTooLarge, now: now)
        }
        let byteCountMax = blobs.byteCountMax
        inbox.hold(ticket, content, attachment, storeByteCountMax: byteCountMax, now: now, wallNow: wallNow)
    }

    /// Sees that the file of a message that waits for it is fetched.
    func fetchFile(_ position: UInt64) {
        guard let message = inbox.heldMessage(at: position) else { return }
        files.add(.held(position), message.file.id)
        guard files.fetches[position] == nil else { return }
        files.fetches[position] = startTask { driver in await driver.fetch(position) }
    }

    private func fetch(_ position: UInt64) async {
        guard let blobs else { return }
        while !isStopped, !Task.isCancelled, let message = inbox.heldMessage(at: position) {
            // The end of another message may be erasing the same content.
            await Waiter.suspend { files.awaitErased(message.file.id, $0) }
            do throws(BlobFailure) {
                try await blobs.fetch(message.file.id, from: message.from)
                files.endTransfer(message.file.id, message.from, .receiving)
                if await release(position) { return }
            } catch {
                guard error != .cancelled else { break }
                if error.isForWantOfRoom {
                    inbox.tellHeld(position, .refusedNoSpace)
                    pump()
                }
                world.log(
                    .warning,
                    "a file does not come; it is tried again",
                    ["peer": "\(message.from)", "message": "\(message.id)", "reason": "\(error)"]
                )
            }
            do throws(CancellationError) { try await loop.sleep(for: limits.fileRetryInterval) } catch {
                break
            }
        }
        files.fetches[position] = nil
    }

    /// Makes an entry of a message whose file is here; `false` when it has to be tried again.
    private func release(_ position: UInt64) async -> Bool {
        let row: [UInt8]?
        do throws(StoreError) {
            row = try await world.store.read(StoreKey(DeliveryTables.held, position))
        } catch {
            world.log(.error, "a message cannot be read back", ["reason": "\(error)"])
            return false
        }
        guard let message = inbox.heldMessage(at: position), !Task.isCancelled else { return true }
        let now = loop.now
        // Before anything that may have the disk fail the entry and ask for the file again.
        files.fetches[position] = nil
        guard let row, let content = try? HeldRow(row.span).parse().0 else {
            world.log(.error, "a message that waited for its file is damaged", ["message": "\(message.id)"])
            inbox.refuseHeld(position, .unreadable, now: now)
            pump()
            return true
        }
        let handsOut = readers.wants(content)
        let wallNow = world.wallClock.now
        if let entry = inbox.release(position, content, handsOut: handsOut, now: now, wallNow: wallNow) {
            files.add(.entry(entry), message.file.id)
            if handsOut {
                readers.claim(entry, content)
                freshContents[entry] = content
            }
        }
        pump()
        return true
    }

    /// A message is held no more, and the disk knows.
    func endHold(_ position: UInt64) {
        files.fetches.removeValue(forKey: position)?.cancel()
        drop(.held(position))
        tellFiles()
    }

    // MARK: Saving

    /// An entry of the inbox; `nil` when it was acknowledged, or never came.
    package func inboxEntry(at position: UInt64) -> InboxEntry? { inbox.entry(at: position) }

    /// Writes the file of an entry out, into a file that must not exist, each chunk checked.
    ///
    /// Cancellation: no file stays.
    package func saveFile(
        at position: UInt64,
        to path: String,
        progress: @Sendable (_ byteCount: UInt64, _ totalByteCount: UInt64) -> Void = { _, _ in }
    ) async throws(FileSaveError) {
        guard let entry = inbox.entry(at: position), entry.state != .storing else { throw .noMessage }
        guard let blobs, let file = entry.file else { throw .noFile }
        let token = files.makeToken()
        files.add(.saving(token), file.id)
        defer { drop(.saving(token)) }
        let content: MessageContent?
        do throws(StoreError) { content = try await self.content(at: position) } catch { throw .store(error) }
        guard let content, let attachment = try? BlobAttachment(parsing: content.attachment.span) else {
            throw .noMessage
        }
        do throws(BlobFailure) {
            try await blobs.give(file.id, key: attachment.key, to: path, progress: progress)
        } catch {
            throw .file(error)
        }
    }

    // MARK: Restoring

    /// Offers again what is still owed, finds what is lost, and erases what nobody needs.
    func restoreFiles() {
        guard let blobs else { return }
        for offer in outbox.fileOffers {
            let isThere = blobs.hasAll(offer.file)
            if isThere, (try? self.offer(offer.message, offer.file, to: offer.to)) != nil { continue }
            world.log(.error, "the file of a message is lost", ["message": "\(offer.message)"])
            outbox.fileLost(offer.message, now: loop.now, wallNow: world.wallClock.now)
        }
        for message in inbox.heldMessages { files.add(.held(message.position), message.file.id) }
        for entry in inbox.entries(countMax: .max) {
            guard let file = entry.file else { continue }
            files.add(.entry(entry.position), file.id)
            if !blobs.hasAll(file.id) {
                world.log(.error, "the file of a message is lost", ["message": "\(entry.id)"])
            }
        }
        for id in blobs.allBlobs where !files.isNeeded(id) { erase(id) }
    }

    // MARK: Progress

    func take(_ transfer: BlobTransfer) {
        guard files.take(transfer) else { return }
        switch transfer.course {
        case .sending:
            for message in files.messages(of: transfer.id, to: transfer.peer) {
                outbox.fileMoved(message, now: loop.now)
                notify(message, isEnd: false)
            }
        case .receiving:
            guard case .running = transfer.state, transfer.byteCount > 0 else { break }
            for position in files.held(for: transfer.id) { inbox.tellHeld(position, .fetching) }
        }
        tellFiles()
        pump()
    }

    /// How far the file of a message is that goes out; `nil` when it has none.
    func fileReport(on message: OutboxMessage) -> FileReport? {
        guard let id = message.file else { return nil }
        if message.state == .delivered {
            return FileReport(id: id, byteCount: id.byteCount, bytesPerSecond: 0, failure: nil)
        }
        return report(on: id, files.transfer(id, message.to, .sending), byteCount: 0)
    }

    /// Messages whose files are on their way to this node, in the order of their coming.
    package var incomingFiles: [IncomingFile] {
        inbox.heldMessages.map { message in
            let id = message.file.id
            let transfer = files.transfer(id, message.from, .receiving)
            let byteCount = blobs?.byteCount(of: id) ?? 0
            return IncomingFile(message: message, progress: report(on: id, transfer, byteCount: byteCount))
        }
    }

    private func report(on id: BlobID, _ transfer: BlobTransfer?, byteCount: UInt64) -> FileReport {
        var report = FileReport(id: id, byteCount: byteCount, bytesPerSecond: 0, failure: nil)
        guard let transfer else { return report }
        report.byteCount = max(byteCount, min(transfer.byteCount, id.byteCount))
        switch transfer.state {
        case .running: report.bytesPerSecond = transfer.bytesPerSecond
        case .waiting(let failure), .failed(let failure): report.failure = failure
        case .finished: break
        }
        return report
    }

    /// The messages whose files are on their way, once something has moved after a version; `nil` when the node stops
    /// or the task is cancelled.
    package func incomingFiles(after version: UInt64) async -> (version: UInt64, files: [IncomingFile])? {
        readers.lastNumber += 1
        let number = readers.lastNumber
        let isOver = await withTaskCancellationHandler {
            await Waiter.suspend { waiter in
                if Task.isCancelled || isStopped || fileVersion > version {
                    waiter.resume(returning: Task.isCancelled || isStopped)
                } else {
                    fileWatchers[number] = waiter
                }
            }
        } onCancel: {
            loop.startTask { await self.endFileWatch(number) }
        }
        return isOver ? nil : (fileVersion, incomingFiles)
    }

    private func endFileWatch(_ number: UInt64) {
        fileWatchers.removeValue(forKey: number)?.resume(returning: true)
    }

    /// Tells whoever watches the files that come to look again.
    func tellFiles() {
        fileVersion += 1
        endFileWatches(isOver: false)
    }

    func endFileWatches(isOver: Bool) {
        let waiting = fileWatchers.sorted { $0.key < $1.key }
        fileWatchers = [:]
        for (_, waiter) in waiting { waiter.resume(returning: isOver) }
    }
}

extension BlobFailure {
    /// Whether there is no room for the blob, which there may be later.
    fileprivate var isForWantOfRoom: Bool {
        switch self {
        case .store(.full), .store(.tooManyBlobs), .store(.noSpace): true
        case .store, .unreachable, .tunnel, .stream, .fetch, .tooMany, .unusableKey, .cancelled: false
        }
    }
}

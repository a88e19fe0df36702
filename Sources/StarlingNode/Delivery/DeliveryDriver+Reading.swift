package import StarlingCore
package import StarlingMesh
package import StarlingWorld

/// Why a request has no answer.
package enum RequestError: Error, Equatable, Sendable {
    /// The request was not accepted.
    case delivery(DeliveryError)
    /// No answer came in time; the request's state says how far it came.
    case timedOut(MessageID)
    /// The recipient answered that it has none, with its reason.
    case failed(reason: String)
    /// The recipient does not take the request, or it expired.
    case undelivered(OutboxMessage.State)
}

// Messages that arrived: listed, handed out, answered, acknowledged.
extension DeliveryDriver {
    // MARK: Listing

    /// Messages that are not acknowledged.
    package var inboxFill: (count: Int, byteCount: Int) { (inbox.count, inbox.byteCount) }

    /// Messages that were found to be damaged, in the order of their arrival.
    package var damagedEntries: [InboxEntry] { inbox.damagedEntries }

    /// Messages past a position in the order of arrival, with what they say; at least one if there is one.
    package func inboxPage(
        after position: UInt64,
        countMax: Int,
        byteCountMax: Int
    ) async throws(StoreError) -> InboxListing {
        let entries = inbox.entries(after: position, countMax: countMax + 1)
        var listing = InboxListing(last: position)
        var byteCount = 0
        for entry in entries.prefix(countMax) {
            if let content = try await content(at: entry.position) {
                byteCount += content.payload.count
                if byteCount > byteCountMax, !listing.deliveries.isEmpty { break }
                listing.deliveries.append(InboxDelivery(entry: entry, content: content))
            } else {
                inbox.setAside(entry.position)
                // It may have been acknowledged meanwhile.
                if let entry = inbox.entry(at: entry.position), entry.state == .damaged {
                    listing.damaged.append(entry)
                }
            }
            listing.last = entry.position
        }
        listing.hasMore = (entries.last?.position ?? 0) > listing.last
        return listing
    }

    /// Suspends until a message past a position is there; `false` when the node stops or the task is cancelled.
    package func arrival(after position: UInt64) async -> Bool {
        readers.lastNumber += 1
        let number = readers.lastNumber
        return await withTaskCancellationHandler {
            await Waiter.suspend { waiter in
                if Task.isCancelled || isStopped {
                    waiter.resume(returning: false)
                } else if !inbox.entries(after: position, countMax: 1).isEmpty {
                    waiter.resume(returning: true)
                } else {
                    readers.arrivalWaiters[number] = (position, waiter)
                }
            }
        } onCancel: {
            loop.startTask { await self.endArrivalWait(number) }
        }
    }

    private func endArrivalWait(_ number: UInt64) {
        readers.arrivalWaiters.removeValue(forKey: number)?.waiter.resume(returning: false)
    }

    func content(at position: UInt64) async throws(StoreError) -> MessageContent? {
        guard let row = try await world.store.read(StoreKey(DeliveryTables.inbox, position)) else {
            return nil
        }
        do throws(DeliveryRowError) {
            let content = try InboxRow(row.span, position: position).content
            do throws(ContentError) { return try MessageContent(parsing: content.span) } catch { return nil }
        } catch {
            world.log(
                .error,
                "a message cannot be read back",
                ["position": "\(position)", "reason": "\(error)"]
            )
            return nil
        }
    }

    // MARK: Handing out

    /// The first message past a position that nobody has, and that waits for no handler.
    package func nextWaiting(after position: UInt64) -> UInt64? {
        var last = position
        while true {
            let entries = inbox.entries(after: last, countMax: 64)
            guard let end = entries.last?.position else { return nil }
            if let found = entries.first(where: readers.leaves) { return found.position }
            last = end
        }
    }

    /// The next message for a reader, which acknowledges it or gives it back; suspends until there is one.
    ///
    /// - Returns: the message, and the reader's place after it; `nil` when the node stops or the task is cancelled.
    package func next(_ place: InboxPlace) async -> (delivery: InboxDelivery, place: InboxPlace)? {
        var place = place
        while !isStopped, !Task.isCancelled {
            if let position = nextWaiting(after: place.position) {
                place.position = position
                if let delivery = await take(position) {
                    guard Task.isCancelled, giveBack(delivery) else { return (delivery, place) }
                    return nil
                }
                // Another reader was quicker, or the disk gave nothing and may give it another time.
                if place.retryAt == nil { place.retryAt = loop.now + limits.readRetryInterval }
            } else if isDue(restart(of: place)) {
                place = InboxPlace(returnCount: readers.returnCount, beganAt: loop.now)
            } else {
                place.position = lastPosition(after: place.position)
                await waitForMessage(place)
            }
        }
        // Those who have passed what it was not given try for it.
        if place.retryAt != nil { tellReturn() }
        return nil
    }

    /// When a reader begins from the start again, for what came back to the inbox or what the disk did not give; `nil` where there
    /// is nothing of the kind.
    ///
    /// The second time it waits a little: who gives back what it is handed, again and again, does not go round without a pause.
    private func restart(of place: InboxPlace) -> Instant? {
        guard place.returnCount != readers.returnCount else { return place.retryAt }
        return .earlier(place.beganAt.map { $0 + limits.readRetryInterval } ?? loop.now, place.retryAt)
    }

    private func isDue(_ time: Instant?) -> Bool { time.map { $0 <= loop.now } ?? false }

    private func waitForMessage(_ place: InboxPlace) async {
        guard let time = restart(of: place) else { return await waitForNews(place) }
        await loop.withDeadline(time) { await self.waitForNews(place) }
    }

    /// Suspends until there may be a message for a reader that has found none up to its place, the node stops or the task is
    /// cancelled.
    private func waitForNews(_ place: InboxPlace) async {
        readers.lastNumber += 1
        let number = readers.lastNumber
        await withTaskCancellationHandler {
            _ = await Waiter.suspend { waiter in
                let isNews = nextWaiting(after: place.position) != nil || isDue(restart(of: place))
                if Task.isCancelled || isStopped || isNews {
                    waiter.resume(returning: true)
                } else {
                    // Whatever arrives or comes back from now on.
                    readers.arrivalWaiters[number] = (0, waiter)
                }
            }
        } onCancel: {
            loop.startTask { await self.endArrivalWait(number) }
        }
    }

    /// A reader has no use for a message: it waits for the next reader, or for a handler of its type.
    ///
    /// - Returns: Whether it had the message, and nobody has been handed it since.
    package func giveBack(_ delivery: InboxDelivery) -> Bool {
        let position = delivery.entry.position
        guard !isStopped, readers.claims[position] == nil, let entry = inbox.entry(at: position),
            entry.state == .handedOut, entry.attempt == delivery.entry.attempt
        else { return false }
        putBack(position)
        pump()
        return true
    }

    /// Nobody has an entry any more: those who have passed it look for it again.
    private func putBack(_ position: UInt64) {
        inbox.putBack(position)
        readers.returnCount += 1
    }

    private func tellReturn() {
        readers.returnCount += 1
        announce(.max)
    }

    /// The position of the newest message, or the one given where there is none past it.
    package func lastPosition(after position: UInt64) -> UInt64 {
        inbox.entries(after: position, countMax: .max).last?.position ?? position
    }

    /// Hands an entry to the caller, who acknowledges it or is handed it again later, with a higher attempt.
    ///
    /// - Returns: `nil` when it is gone, or somebody else has it.
    package func take(_ position: UInt64) async -> InboxDelivery? {
        await Waiter.suspend { waiter in
            // Together with the claim: the disk may be quicker than this task.
            guard !isStopped, readers.claims[position] == nil, inbox.handOut(position) else {
                waiter.resume(returning: nil)
                return
            }
            readers.claims[position] = .reader(waiter)
            pump()
        }
    }

    func arrived(_ position: UInt64) {
        guard let entry = inbox.entry(at: position) else { return }
        if readers.offer(entry) {
            _ = inbox.handOut(position)
        } else {
            announce(position)
        }
    }

    private func announce(_ position: UInt64) {
        let waiting = readers.arrivalWaiters.filter { $0.value.after < position }.sorted { $0.key < $1.key }
        for (number, entry) in waiting {
            readers.arrivalWaiters[number] = nil
            entry.waiter.resume(returning: true)
        }
    }

    /// The disk knows that an entry is handed out.
    func handOut(_ position: UInt64, attempt: Int) {
        guard readers.claims[position] != nil else { return }
        if let content = freshContents.removeValue(forKey: position) {
            deliver(position, content)
            return
        }
        startTask { driver in
            do throws(StoreError) {
                await driver.deliver(read: try await driver.content(at: position), at: position)
            } catch {
                await driver.deliverNothing(at: position)
            }
        }
    }

    private func deliver(read content: MessageContent?, at position: UInt64) {
        if content == nil {
            // It will not be better the next time.
            inbox.setAside(position)
            if case .request(let correlation)? = readers.claims[position] { endRequest(correlation) }
            release(position)
        } else {
            deliver(position, content)
        }
        pump()
    }

    /// The disk gave no answer, and may give one another time.
    private func deliverNothing(at position: UInt64) {
        deliver(position, nil)
        pump()
    }

    private func deliver(_ position: UInt64, _ content: MessageContent?) {
        guard let claim = readers.claims[position] else { return }
        let delivery: InboxDelivery? =
            if let content, let entry = inbox.entry(at: position) {
                InboxDelivery(entry: entry, content: content)
            } else {
                nil
            }
        switch claim {
        case .reader(let waiter):
            readers.claims[position] = nil
            waiter.resume(returning: delivery)
            // Its row may be read another time.
            if delivery == nil { putBack(position) }
        case .request(let correlation):
            readers.claims[position] = nil
            answer(correlation, delivery, at: position)
        case .handler(let type, _):
            guard let handler = readers.handler(of: position), let entry = inbox.entry(at: position) else {
                handlerDone(type, position)
                putBack(position)
                break
            }
            startTask { driver in
                if let delivery {
                    await driver.run(handler.body, on: delivery)
                } else {
                    await driver.handOutLater(entry)
                }
            }
        }
    }

    /// Gives a request its answer; an answer that comes too late stays in the inbox.
    private func answer(_ correlation: MessageID, _ delivery: InboxDelivery?, at position: UInt64) {
        switch readers.requests[correlation] {
        case .waiting(let waiter):
            readers.requests[correlation] = nil
            waiter.resume(returning: delivery)
        case .expected: readers.requests[correlation] = .answered(delivery)
        case .answered, nil: return putBack(position)
        }
        if delivery == nil { putBack(position) } else { _ = inbox.acknowledge(position) }
    }

    /// Whoever waits for an entry does not get it: it is not there.
    func release(_ position: UInt64) {
        switch readers.claims[position] {
        case .reader(let waiter)?:
            readers.claims[position] = nil
            waiter.resume(returning: nil)
        case .handler(let type, _)?: handlerDone(type, position)
        case .request?: readers.claims[position] = nil
        case nil: break
        }
    }

    // MARK: Handlers

    /// Gives messages of a type to a handler, those that wait already first; at most `concurrencyMax` at once.
    ///
    /// - Returns: `false` when the type has a handler already.
    package func handle(_ type: MessageType, concurrencyMax: Int, _ body: @escaping MessageReceiver) -> Bool {
        guard readers.handlers[type] == nil, !isStopped else { return false }
        readers.lastNumber += 1
        readers.set(
            .init(number: readers.lastNumber, body: body, concurrencyMax: concurrencyMax),
            for: type
        )
        offerEntries(of: type)
        pump()
        return true
    }

    /// Takes no more messages of a type, which are for readers then; those that a handler has it keeps.
    package func stopHandling(_ type: MessageType) {
        readers.set(nil, for: type)
        tellReturn()
    }

    private func run(_ body: MessageReceiver, on delivery: InboxDelivery) async {
        let (position, type) = (delivery.entry.position, delivery.entry.type)
        do {
            let answer = try await body(delivery)
            if delivery.entry.kind == .request { try await respond(to: delivery, answer) }
            _ = inbox.acknowledge(position)
            handlerDone(type, position)
            pump()
        } catch {
            world.log(
                .warning,
                "a handler failed; its message is handed out again",
                ["type": "\(type)", "attempt": "\(delivery.entry.attempt)", "reason": "\(error)"]
            )
            await handOutLater(delivery.entry)
        }
    }

    /// The wait grows with the attempts, to a minute.
    private func handOutLater(_ entry: InboxEntry) async {
        do throws(CancellationError) {
            try await loop.sleep(for: .seconds(min(entry.attempt, 60)))
        } catch {
            return
        }
        if readers.handler(of: entry.position) == nil {
            handlerDone(entry.type, entry.position)
            putBack(entry.position)
        } else if !inbox.handOut(entry.position) {
            handlerDone(entry.type, entry.position)
        }
        pump()
    }

    /// Accepts the answer to a request, once however often it is called.
    package func respond(
        to delivery: InboxDelivery,
        _ answer: MessageContent?
    ) async throws(DeliveryError) {
        var content = answer ?? MessageContent(type: delivery.entry.type, payload: [])
        if content.kind == .message || content.kind == .request { content.kind = .response }
        content.correlation = delivery.content.correlation
        if content.traceparent.isEmpty { content.traceparent = delivery.content.traceparent }
        var draft = MessageDraft(to: delivery.entry.from, content: content)
        draft.priority = delivery.entry.priority
        draft.privacy = delivery.entry.privacy
        // A handler that ran twice answers once.
        draft.key = Array("answer:".utf8) + delivery.entry.id.bytes
        _ = try await accept(draft)
    }

    private func handlerDone(_ type: MessageType, _ position: UInt64) {
        readers.handlerDone(type, position)
        while let waiting = readers.nextInBacklog(type) {
            if let entry = inbox.entry(at: waiting), readers.offer(entry) { _ = inbox.handOut(waiting) }
        }
        if readers.looksForMore(type) { offerEntries(of: type) }
    }

    /// Offers what waits in the inbox to the handler of a type.
    private func offerEntries(of type: MessageType) {
        for entry in inbox.entries(countMax: .max) where entry.type == type {
            if readers.offer(entry) { _ = inbox.handOut(entry.position) }
        }
    }

    // MARK: Requests

    /// Sends a request and returns with its answer, which is acknowledged.
    ///
    /// An answer that comes later stays in the inbox. Cancellation: as at the deadline.
    package func request(
        _ draft: MessageDraft,
        deadline: Instant
    ) async throws(RequestError) -> InboxDelivery {
        var draft = draft
        let correlation = MessageID(random: world.random.bytes(count: MessageID.byteCount))
        draft.content.kind = .request
        draft.content.correlation = correlation
        let id: MessageID
        readers.requests[correlation] = .expected
        do throws(DeliveryError) { id = try await accept(draft) } catch {
            readers.requests[correlation] = nil
            throw .delivery(error)
        }
        guard let delivery = await answer(to: correlation, before: deadline) else {
            if let state = outbox.message(id)?.state, state.isFinal, state != .delivered {
                throw .undelivered(state)
            }
            throw .timedOut(id)
        }
        guard delivery.content.kind == .response else {
            throw .failed(reason: String(decoding: delivery.content.payload, as: UTF8.self))
        }
        return delivery
    }

    private func answer(to correlation: MessageID, before deadline: Instant) async -> InboxDelivery? {
        let timer = loop.makeTimer { [weak self] in self?.enter { $0.endRequest(correlation) } }
        timer.arm(at: deadline)
        defer { timer.disarm() }
        return await withTaskCancellationHandler {
            await Waiter.suspend { waiter in
                if case .answered(let delivery) = readers.requests[correlation] {
                    readers.requests[correlation] = nil
                    waiter.resume(returning: delivery)
                } else if Task.isCancelled || isStopped {
                    readers.requests[correlation] = nil
                    waiter.resume(returning: nil)
                } else {
                    readers.requests[correlation] = .waiting(waiter)
                }
            }
        } onCancel: {
            loop.startTask { await self.endRequest(correlation) }
        }
    }

    private func endRequest(_ correlation: MessageID) {
        let request = readers.requests.removeValue(forKey: correlation)
        if case .waiting(let waiter) = request { waiter.resume(returning: nil) }
    }

    // MARK: Acknowledging

    /// Forgets a message that was dealt with; when this returns, the disk has forgotten it too.
    ///
    /// - Returns: Whether it was there.
    /// - Throws: the store's error; the message is handed out again after a restart then, unless a later write succeeds.
    @discardableResult
    package func acknowledge(_ position: UInt64) async throws(StoreError) -> Bool {
        let isThere = inbox.acknowledge(position)
        if isThere { try await forgotten() }
        return isThere
    }

    /// Forgets all messages without files up to and including a position; how many those were.
    ///
    /// - Throws: as ``acknowledge(_:)``.
    @discardableResult
    package func acknowledge(through position: UInt64) async throws(StoreError) -> Int {
        let count = inbox.acknowledge(through: position)
        if count > 0 { try await forgotten() }
        return count
    }

    /// Forgets those messages without files that are at these positions; how many those were.
    ///
    /// - Throws: as ``acknowledge(_:)``.
    package func acknowledge(only positions: [UInt64]) async throws(StoreError) -> Int {
        let count = inbox.acknowledge(only: positions)
        if count > 0 { try await forgotten() }
        return count
    }

    private func forgotten() async throws(StoreError) {
        let hadBatch = inboxTakenCount > inboxDoneCount
        pump()
        let target = hadBatch ? inboxDoneCount + 2 : inboxTakenCount
        await disk(target)
        // Nobody knows any more whether it was written.
        if isStopped, inboxDoneCount < target { throw .closed }
        if let inboxStoreError { throw inboxStoreError }
    }

    /// Nobody gets anything any more.
    func endReading() {
        for (_, request) in readers.requests.sorted(by: {
            $0.key.bytes.lexicographicallyPrecedes($1.key.bytes)
        }) {
            if case .waiting(let waiter) = request { waiter.resume(returning: nil) }
        }
        readers.requests = [:]
        for (_, entry) in readers.arrivalWaiters.sorted(by: { $0.key < $1.key }) {
            entry.waiter.resume(returning: false)
        }
        readers.arrivalWaiters = [:]
        for (_, claim) in readers.claims.sorted(by: { $0.key < $1.key }) {
            if case .reader(let waiter) = claim { waiter.resume(returning: nil) }
        }
        readers.claims = [:]
    }
}

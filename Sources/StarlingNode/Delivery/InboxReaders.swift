internal import StarlingCore
package import StarlingMesh
internal import StarlingWorld

/// An entry with what it says, as a reader gets it.
package struct InboxDelivery: Sendable, Equatable {
    package var entry: InboxEntry
    package var content: MessageContent
}

/// Messages of the inbox in the order of their arrival, with what they say.
package struct InboxListing: Sendable, Equatable {
    package var deliveries: [InboxDelivery] = []
    /// Those that cannot be read back from the disk.
    package var damaged: [InboxEntry] = []
    /// The last position that was looked at.
    package var last: UInt64
    /// Whether more wait past it.
    package var hasMore = false
}

/// How far a reader has come among the messages that nobody has.
package struct InboxPlace: Sendable, Equatable {
    /// The last one that it was handed or that it has passed.
    var position: UInt64 = 0
    /// How many had come back to the inbox when the reader began from its start: later ones may lie before the position.
    var returnCount: UInt64 = 0
    /// When it begins from the start again for what it was not given; `nil` where it has all.
    var retryAt: Instant?
    /// When it last began from the start again.
    var beganAt: Instant?

    package init() {}

    init(returnCount: UInt64, beganAt: Instant) {
        self.returnCount = returnCount
        self.beganAt = beganAt
    }
}

/// Deals with one message of a type; what it returns is the answer to a request.
///
/// The message is acknowledged when it returns. When it throws, the message is handed out again, with a higher attempt,
/// after a while.
package typealias MessageReceiver = @Sendable (InboxDelivery) async throws -> MessageContent?

/// Who gets the messages that arrive: handlers by type, requests that wait for their answers, and readers.
struct InboxReaders {
    /// Who has an entry that is handed out.
    enum Claim {
        /// The handler of this type, and its number: it may have been removed since, and another one set.
        case handler(MessageType, UInt64)
        /// The request with this correlation.
        case request(MessageID)
        /// A reader that asked for the entry.
        case reader(Waiter<InboxDelivery?>)
    }

    struct Recipient {
        let number: UInt64
        var body: MessageReceiver
        var concurrencyMax: Int
        /// Messages that it has.
        var activeCount = 0
        /// Positions of the first messages that wait for it; some may be gone.
        var backlog = RingQueue<UInt64>()
        /// Whether more wait in the inbox than the backlog has places for.
        var hasMore = false
    }

    /// Positions in one handler's backlog; more wait in the inbox, which is looked through when it is empty.
    static let backlogCountMax = 1024

    private(set) var handlers: [MessageType: Recipient] = [:]
    /// A request and its answer.
    enum Request {
        /// It is being accepted; the answer may be quicker than who waits for it.
        case expected
        case waiting(Waiter<InboxDelivery?>)
        case answered(InboxDelivery?)
    }

    var requests: [MessageID: Request] = [:]
    var claims: [UInt64: Claim] = [:]
    /// Who waits for a message past a position.
    var arrivalWaiters: [UInt64: (after: UInt64, waiter: Waiter<Bool>)] = [:]
    var lastNumber: UInt64 = 0
    /// How often messages came back to the inbox that somebody had, or that waited for a handler.
    var returnCount: UInt64 = 0

    /// Whether an entry is for whoever reads: nobody has it, and there is no handler for it.
    func leaves(_ entry: InboxEntry) -> Bool {
        guard entry.state == .waiting, claims[entry.position] == nil else { return false }
        switch entry.kind {
        case .message, .request: return handlers[entry.type] == nil
        case .response, .failure: return true
        }
    }

    /// Whether somebody takes a message with this content at once.
    func wants(_ content: MessageContent) -> Bool {
        claim(on: content.type, content.kind, content.correlation) != nil
    }

    private func claim(
        on type: MessageType,
        _ kind: MessageContent.Kind,
        _ correlation: MessageID?
    ) -> Claim? {
        switch kind {
        case .response, .failure:
            guard let correlation, requests[correlation] != nil else { return nil }
            return .request(correlation)
        case .message, .request:
            guard let handler = handlers[type], handler.activeCount < handler.concurrencyMax else {
                return nil
            }
            return .handler(type, handler.number)
        }
    }

    /// Gives an entry to whoever wants it.
    mutating func claim(_ position: UInt64, _ content: MessageContent) {
        guard let claim = claim(on: content.type, content.kind, content.correlation) else { return }
        if case .handler(let type, _) = claim { handlers[type]?.activeCount += 1 }
        claims[position] = claim
    }

    /// Gives an entry that nobody has to the handler of its type, or puts it in the handler's backlog.
    ///
    /// - Returns: Whether the handler has it.
    mutating func offer(_ entry: InboxEntry) -> Bool {
        guard entry.kind == .message || entry.kind == .request, entry.state == .waiting,
            claims[entry.position] == nil, let handler = handlers[entry.type]
        else { return false }
        guard handler.activeCount < handler.concurrencyMax else {
            if handler.hasMore || handler.backlog.count >= Self.backlogCountMax {
                handlers[entry.type]?.hasMore = true
            } else {
                handlers[entry.type]?.backlog.append(entry.position)
            }
            return false
        }
        handlers[entry.type]?.activeCount += 1
        claims[entry.position] = .handler(entry.type, handler.number)
        return true
    }

    mutating func set(_ handler: Recipient?, for type: MessageType) { handlers[type] = handler }

    /// The handler that has an entry; `nil` when it was removed, or a reader or a request has the entry.
    func handler(of position: UInt64) -> Recipient? {
        guard case .handler(let type, let number)? = claims[position], let handler = handlers[type],
            handler.number == number
        else { return nil }
        return handler
    }

    /// A handler is done with an entry, also one that was removed meanwhile.
    mutating func handlerDone(_ type: MessageType, _ position: UInt64) {
        if handler(of: position) != nil { handlers[type]?.activeCount -= 1 }
        claims[position] = nil
    }

    /// The next position that waits for a handler; `nil` when there is none, or the handler has enough.
    mutating func nextInBacklog(_ type: MessageType) -> UInt64? {
        guard let handler = handlers[type], handler.activeCount < handler.concurrencyMax else { return nil }
        return handlers[type]?.backlog.popFirst()
    }

    /// Whether a handler has room, and what waits for it has to be looked for in the inbox, which the caller does.
    mutating func looksForMore(_ type: MessageType) -> Bool {
        guard let handler = handlers[type], handler.hasMore, handler.activeCount < handler.concurrencyMax,
            handler.backlog.count == 0
        else { return false }
        handlers[type]?.hasMore = false
        return true
    }
}

package import StarlingCore

/// Spreads messages that are for everybody: each goes to every neighbour that is not known to have it.
///
/// A node that takes one holds it back for a moment of random length; each neighbour from which the same message comes
/// meanwhile needs none. So of two neighbours that got it at the same time mostly one sends it to the other, and a message
/// crosses little more links than a tree has. For as long as it is of use it is kept, and new neighbours get it too.
///
/// Whoever hands a message in here has checked its signature.
///
/// Spec: docs/specs/message.md, "Broadcast".
package struct Flood: Sendable {
    package struct Limits: Sendable {
        /// Messages that are kept for neighbours; with more, the oldest are not spread any further.
        package var keptCountMax = 256
        /// Their bytes, likewise.
        package var keptByteCountMax = 8_388_608
        /// Those of one sender: nobody pushes out the messages of all others.
        package var senderKeptCountMax = 64
        /// Messages that are recognised when they come again; the oldest are forgotten first.
        package var seenCountMax = 16_384
        /// The largest message in its envelope: each node carries it for all.
        package var byteCountMax = 73_728
        /// The longest lifetime: as long is remembered who has had it.
        package var lifetimeMax: Duration = .seconds(3600)
        /// By how much the clocks of two nodes may differ.
        package var clockTolerance: Duration = .seconds(900)
        /// How long at least a message is kept of which the clocks say that it is over.
        package var keptDurationMin: Duration = .seconds(5)
        /// How long a message is held back at most before it goes on.
        package var holdMax: Duration = .milliseconds(30)
        /// Messages that go to one neighbour at once, and in a second in the long run; more wait.
        package var sentRate = RouteRate(perSecond: 24, atOnce: 192)
        /// New ones that one neighbour may hand over: a little more, so that nobody who keeps to his rate loses any.
        package var takenRate = RouteRate(perSecond: 32, atOnce: 256)
        /// Neighbours that have gone of whom it is remembered what they handed over.
        package var goneCountMax = 256
        /// From a neighbour that had no room for a message to the next try.
        package var retryInterval: Duration = .seconds(1)

        package init() {}
    }

    /// Why a message is not taken.
    package enum Refusal: Hashable, Sendable {
        /// Its lifetime is over.
        case expired
        /// It lives for longer than messages to everybody may, or its sender's clock is far ahead.
        case lifetime
        case tooLarge
        /// Its neighbour hands over too many.
        case tooFast
    }

    package enum Verdict: Equatable, Sendable {
        /// It is new here: deliver it.
        case new
        /// It came before.
        case known
        case refused(Refusal)
    }

    /// What the driver is to do.
    package enum Action: Equatable, Sendable {
        /// Send a message, ``frame(of:for:)``, to neighbours; tell ``missed(_:by:now:)`` for those that have no room for it.
        case send(MessageName, to: [PeerID])
    }

    struct Kept: Sendable {
        let from: PeerID
        let priority: MessagePriority
        /// When its neighbours take it no more, by this node's clock.
        let expires: WallTime
        /// The frame that goes to neighbours; `nil` when it has crossed as many links as it may.
        let wire: [UInt8]?
        /// Neighbours that have it, or will.
        var has: Set<PeerID>
        var sendAt: Instant?
        let forgetAt: Instant
    }

    package let limits: Limits
    private var draws: SplitMix64
    /// What may be sent to each neighbour.
    private var neighbours: [PeerID: RouteAllowance] = [:]
    /// What they hand over.
    private var taking: NeighbourAllowances
    private var kept: [MessageName: Kept] = [:]
    /// In the order of their coming.
    private var order: [MessageName] = []
    private var keptByteCount = 0
    private var seen: Set<MessageName> = []
    private var seenOrder = RingQueue<MessageName>()
    private var actions = RingQueue<Action>()
    /// Messages that were new here.
    package private(set) var takenCount: UInt64 = 0
    /// Those that were not taken, by the reason.
    package private(set) var refusedCounts: [Refusal: UInt64] = [:]

    /// - Parameter seed: Eight random bytes, which spread the moments at which messages go on.
    package init(seed: UInt64, limits: Limits = Limits()) {
        self.limits = limits
        draws = SplitMix64(seed: seed)
        taking = NeighbourAllowances(limits.takenRate, goneCountMax: limits.goneCountMax)
    }

    /// What to do next; pull until `nil` after every call.
    package mutating func nextAction() -> Action? { actions.popFirst() }

    /// When ``advance(to:)`` must next be called.
    package private(set) var nextDeadline: Instant?

    private mutating func setDeadline() {
        nextDeadline = nil
        for entry in kept.values {
            nextDeadline = .earlier(nextDeadline, .earlier(entry.sendAt, entry.forgetAt))
        }
    }

    // MARK: Neighbours

    /// A neighbour is connected: it gets what is kept.
    package mutating func linkUp(_ neighbour: PeerID, now: Instant) {
        guard neighbours[neighbour] == nil else { return }
        neighbours[neighbour] = RouteAllowance(limits.sentRate, now: now)
        taking.came(neighbour, now: now)
        for name in order {
            let sendAt = kept[name]?.sendAt ?? now + holdTime()
            kept[name]?.sendAt = sendAt
        }
        setDeadline()
    }

    package mutating func linkDown(_ neighbour: PeerID) {
        guard neighbours.removeValue(forKey: neighbour) != nil else { return }
        taking.left(neighbour)
        // Between two connections it may lose what it was sent.
        for name in order { kept[name]?.has.remove(neighbour) }
    }

    // MARK: Messages

    /// Takes a message of this node's own.
    package mutating func spread(_ envelope: Envelope, now: Instant, wallNow: WallTime) -> Verdict {
        take(envelope, from: nil, now: now, wallNow: wallNow)
    }

    /// Takes a message that a neighbour handed over.
    package mutating func receive(
        _ envelope: Envelope,
        from neighbour: PeerID,
        now: Instant,
        wallNow: WallTime
    ) -> Verdict {
        take(envelope, from: neighbour, now: now, wallNow: wallNow)
    }

    private mutating func take(
        _ envelope: Envelope,
        from neighbour: PeerID?,
        now: Instant,
        wallNow: WallTime
    ) -> Verdict {
        let header = envelope.header
        let name = MessageName(header)
        if seen.contains(name) {
            if let neighbour { kept[name]?.has.insert(neighbour) }
            return .known
        }
        var counted = envelope
        if neighbour != nil { counted.hopCount = envelope.hopCount == .max ? .max : envelope.hopCount + 1 }
        let wire = MessageFrame(.envelope, counted.encoded).encoded
        let left = header.expires.millisecondsSince1970.subtractingReportingOverflow(
            wallNow.millisecondsSince1970
        )
        let leftMax = (limits.lifetimeMax + limits.clockTolerance).milliseconds
        guard header.lifetimeMilliseconds <= limits.lifetimeMax.milliseconds, !left.overflow,
            left.partialValue <= leftMax
        else { return refuse(.lifetime) }
        guard left.partialValue >= -limits.clockTolerance.milliseconds else { return refuse(.expired) }
        guard wire.count <= limits.byteCountMax else { return refuse(.tooLarge) }
        if let neighbour, neighbours[neighbour] == nil || !taking.take(neighbour, now: now) {
            return refuse(.tooFast)
        }
        recognize(name)
        takenCount += 1
        let mayGoOn = counted.hopCount < min(UInt32(header.hopLimit), TransitFrame.hopLimitMax)
        let duration = max(.milliseconds(left.partialValue), limits.keptDurationMin)
        keep(
            name,
            Kept(
                from: header.from,
                priority: header.priority,
                expires: header.expires.advanced(by: limits.clockTolerance),
                wire: mayGoOn ? wire : nil,
                has: Set([neighbour].compactMap { $0 }),
                sendAt: mayGoOn ? now + (neighbour == nil ? .zero : holdTime()) : nil,
                forgetAt: now + duration
            )
        )
        advance(to: now)
        return .new
    }

    /// A neighbour had no room for a message.
    package mutating func missed(_ name: MessageName, by neighbour: PeerID, now: Instant) {
        guard let entry = kept[name] else { return }
        kept[name]?.has.remove(neighbour)
        kept[name]?.sendAt = .earlier(entry.sendAt, now + limits.retryInterval)
        setDeadline()
    }

    /// The frame of a message for a neighbour; `nil` when it is not kept any more.
    package func frame(of name: MessageName, for neighbour: PeerID) -> TransitFrame? {
        guard let entry = kept[name], let wire = entry.wire else { return nil }
        return TransitFrame(flood: wire, to: neighbour, priority: entry.priority, expires: entry.expires)
    }

    package mutating func advance(to now: Instant) {
        for name in order {
            guard let entry = kept[name] else { continue }
            if entry.forgetAt <= now {
                forget(name)
                continue
            }
            guard let time = entry.sendAt, time <= now else { continue }
            kept[name]?.sendAt = nil
            guard entry.wire != nil else { continue }
            var (to, waitsUntil): ([PeerID], Instant?) = ([], nil)
            for neighbour in neighbours.keys.sorted()
            where neighbour != entry.from && !entry.has.contains(neighbour) {
                if neighbours[neighbour]?.take(now: now) == true {
                    to.append(neighbour)
                } else if let ready = neighbours[neighbour]?.ready {
                    waitsUntil = .earlier(waitsUntil, ready)
                }
            }
            kept[name]?.sendAt = waitsUntil
            guard !to.isEmpty else { continue }
            kept[name]?.has.formUnion(to)
            actions.append(.send(name, to: to))
        }
        setDeadline()
    }

    // MARK: Parts

    private mutating func keep(_ name: MessageName, _ entry: Kept) {
        kept[name] = entry
        order.append(name)
        keptByteCount += entry.wire?.count ?? 0
        let own = order.filter { kept[$0]?.from == entry.from }
        if own.count > limits.senderKeptCountMax, let oldest = own.first { forget(oldest) }
        while order.count > limits.keptCountMax || keptByteCount > limits.keptByteCountMax,
            let oldest = order.first
        {
            forget(oldest)
        }
    }

    private mutating func forget(_ name: MessageName) {
        guard let entry = kept.removeValue(forKey: name) else { return }
        keptByteCount -= entry.wire?.count ?? 0
        order.removeAll { $0 == name }
    }

    private mutating func recognize(_ name: MessageName) {
        seen.insert(name)
        seenOrder.append(name)
        if seenOrder.count > limits.seenCountMax, let oldest = seenOrder.popFirst() { seen.remove(oldest) }
    }

    private mutating func refuse(_ refusal: Refusal) -> Verdict {
        refusedCounts[refusal, default: 0] += 1
        return .refused(refusal)
    }

    private mutating func holdTime() -> Duration {
        .nanoseconds(Int64(draws.next() % UInt64(limits.holdMax.nanosecondsClamped)))
    }

    /// The tables that have a limit.
    package var tableFills: [TableFill] {
        [
            TableFill("flood kept", order.count, of: limits.keptCountMax),
            TableFill("flood kept bytes", keptByteCount, of: limits.keptByteCountMax),
            TableFill("flood seen", seenOrder.count, of: limits.seenCountMax),
            taking.tableFill("flood gone"),
        ]
    }
}

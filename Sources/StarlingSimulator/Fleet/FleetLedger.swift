internal import StarlingCore
internal import StarlingMesh
internal import StarlingNode

/// What the applications of a fleet know for certain, whatever crashes: what they asked to send, what was accepted, what
/// became of it, and what their peers got to see.
///
/// Each note is checked against those before it; what contradicts is a violation.
final class FleetLedger: @unchecked Sendable {  // tidy-ok: one thread
    /// How an entry was seen by its recipient.
    private struct Sighting {
        /// Its place in the inbox; 0 as long as it was not seen.
        var position: UInt64 = 0
        /// How often it had been handed out.
        var attempt = 0
        /// Whether the recipient was told that it is gone from the disk.
        var isGone = false
        /// The recipient's life in which a handler returned for it, or a request had it for its answer; 0 for none.
        var finishedLife: Int32 = 0
        /// When that was.
        var finished: Int64 = 0
    }

    private struct Record {
        var sender: Int32
        var recipient: Int32
        var id: MessageID?
        /// When the application first asked to send it.
        var asked: Int64
        var end: OutboxMessage.State?
        var message = Sighting()
        var answer = Sighting()
        /// Whether its handler has returned: an answer is due.
        var isHandled = false
    }

    struct Counts: Equatable, Sendable {
        var accepted = 0
        var delivered = 0
        var expired = 0
        /// Messages that the recipient does not take.
        var refused = 0
        /// Times that a node took no further message, and its application asked again later.
        var held = 0
        var answered = 0
        var duplicated = 0
        var lost = 0
        /// Entries that were handed out again after a reader, a handler or a node died.
        var repeated = 0
    }

    private(set) var counts = Counts()
    private var found = FleetViolations()
    /// What happened last at the nodes where the first rules were broken.
    private(set) var events: [String] = []
    /// The first rules that were broken, in words, and how many more there were.
    var violations: [String] { found.texts }
    /// When the first of them was found.
    var firstViolation: FleetMoment? { found.first }

    /// Whose last events are told with a violation.
    var recentEvents: (Int) -> [String] = { _ in [] }

    /// Broken rules that are told with the last events of the members involved.
    private static let tracedCountMax = 2
    /// Events that are told in all: those of eight members.
    private static let eventCountMax = 480
    /// How long after a handler's return the disk may know nothing of it.
    ///
    /// A simulated disk takes 250 µs for what waits together; what a handler returned for may wait for two such turns, of the
    /// inbox and of what came in between, before its own.
    static let writeTimeMax = Duration.milliseconds(2)

    private let seed: UInt64
    private let lifetimeMin: Duration
    private let peerIDs: [PeerID]
    private var records: [Record] = []
    /// Numbers of each sender whose end is not known, in the order of their sending.
    private var open: [[UInt64]]
    /// By member, when those of its lives crashed that did.
    private var crashes: [[Int: Int64]]
    /// Numbers that are delivered by the sender's word, and that their recipient has not seen.
    private var unseen: [UInt64] = []
    private(set) var healing = FleetHealing()
    private let moment: () -> FleetMoment

    /// - Parameters:
    ///   - capacity: How many messages to expect: their records are there from the beginning, so that they do not look
    ///     like growth.
    ///   - lifetimeMin: no message lives shorter.
    init(
        seed: UInt64,
        peerIDs: [PeerID],
        capacity: Int,
        lifetimeMin: Duration = .zero,
        moment: @escaping () -> FleetMoment
    ) {
        self.seed = seed
        self.lifetimeMin = lifetimeMin
        self.peerIDs = peerIDs
        self.moment = moment
        open = [[UInt64]](repeating: [], count: peerIDs.count)
        crashes = [[Int: Int64]](repeating: [:], count: peerIDs.count)
        records.reserveCapacity(capacity)
    }

    private func now() -> Int64 { moment().nanoseconds }

    // MARK: Senders

    /// Notes that an application is about to send a message, and numbers it.
    func ask(from sender: Int, to recipient: Int) -> UInt64 {
        let number = UInt64(records.count)
        records.append(Record(sender: Int32(sender), recipient: Int32(recipient), asked: now()))
        open[sender].append(number)
        return number
    }

    /// The messages of a sender whose end is not known.
    func openNumbers(of sender: Int) -> [UInt64] { open[sender] }

    func message(_ number: UInt64) -> FleetMessage {
        FleetMessage(number, seed: seed, lifetimeMin: lifetimeMin)
    }

    func draft(_ number: UInt64) -> MessageDraft {
        message(number).draft(to: peerIDs[Int(records[Int(number)].recipient)])
    }

    /// The id under which a message was accepted, where the application has heard so.
    func id(of number: UInt64) -> MessageID? { records[Int(number)].id }

    func accepted(_ number: UInt64, as id: MessageID) {
        switch records[Int(number)].id {
        case nil:
            records[Int(number)].id = id
            counts.accepted += 1
        case id: break
        case let known?:
            counts.duplicated += 1
            violate("message \(number) was accepted as \(known), and again as \(id)", number)
        }
    }

    func held() { counts.held += 1 }

    /// What the sender's node says of a message at last.
    func ended(_ number: UInt64, _ end: OutboxMessage.State, clockTolerance: Duration) {
        let record = records[Int(number)]
        open[Int(record.sender)].removeAll { $0 == number }
        guard record.end == nil else {
            return violate("message \(number) ended twice: \(end)", number)
        }
        records[Int(number)].end = end
        healing.ended(number, now: now())
        let lifetime = message(number).lifetime
        switch end {
        case .delivered:
            counts.delivered += 1
            if record.message.position == 0 { unseen.append(number) }
        case .expired:
            counts.expired += 1
            let age = Duration.nanoseconds(now() - record.asked)
            if age + clockTolerance < lifetime {
                violate("message \(number) expired after \(age), its lifetime is \(lifetime)", number)
            }
        case .refused(let outcome):
            counts.refused += 1
            violate("message \(number) was refused: \(outcome)", number)
        case .storing, .queued, .sent, .fetching, .damaged:
            violate("message \(number) ended as \(end)", number)
        }
    }

    /// The sender's node knows nothing of a message that it accepted.
    func unknown(_ number: UInt64) {
        counts.lost += 1
        open[Int(records[Int(number)].sender)].removeAll { $0 == number }
        violate("message \(number) was accepted, and its node knows nothing of it", number)
    }

    // MARK: Recipients

    /// Notes that an application sees an entry, and says which message it is.
    ///
    /// - Parameter life: which of the member's lives it has, the first of which is 1.
    func sighted(_ delivery: InboxDelivery, by member: Int, in life: Int) -> FleetMessage? {
        guard let label = FleetMessage.label(of: delivery.content.payload), label.number < records.count
        else {
            violate("node \(member) sees an entry that nobody sent", involving: [member])
            return nil
        }
        let (number, side) = label
        let message = message(number)
        let record = records[Int(number)]
        let (from, to) =
            side == .message ? (record.sender, record.recipient) : (record.recipient, record.sender)
        if to != member || peerIDs[Int(from)] != delivery.entry.from {
            violate(
                "node \(member) sees message \(number), which is not for it or not from its sender",
                number
            )
        }
        if !message.matches(delivery.content.payload, side) {
            violate("message \(number) is not what was sent", number)
        }
        if side == .message, let id = record.id, id != delivery.entry.id {
            violate("message \(number) was accepted as \(id) and arrives as \(delivery.entry.id)", number)
        }
        if side == .message, case .refused? = record.end {
            violate("message \(number) was refused, and arrives all the same", number)
        }
        note(delivery.entry, number, side, of: member, life)
        return message
    }

    private func note(
        _ entry: InboxEntry,
        _ number: UInt64,
        _ side: FleetMessage.Side,
        of member: Int,
        _ life: Int
    ) {
        let sighting = side == .message ? records[Int(number)].message : records[Int(number)].answer
        if sighting.position == 0 {
            if side == .answer { counts.answered += 1 }
        } else if sighting.position != entry.position {
            counts.duplicated += 1
            violate(
                "\(side) \(number) is delivered twice, at \(sighting.position) and \(entry.position)",
                number
            )
        } else if sighting.isGone {
            counts.duplicated += 1
            violate("\(side) \(number) was acknowledged, and is handed out again", number)
        } else if sighting.finishedLife == Int32(clamping: life) {
            counts.duplicated += 1
            violate("\(side) \(number) was dealt with, and the same node hands it out again", number)
        } else if sighting.finishedLife > 0, isOnDisk(sighting, of: member) {
            counts.duplicated += 1
            violate("\(side) \(number) was dealt with, and a later life hands it out again", number)
        } else if entry.attempt <= sighting.attempt {
            counts.duplicated += 1
            violate(
                "\(side) \(number) is handed out again as attempt \(entry.attempt), after \(sighting.attempt)",
                number
            )
        } else {
            counts.repeated += 1
        }
        change(number, side) { $0 = Sighting(position: entry.position, attempt: entry.attempt) }
    }

    /// Whether the disk knows that an entry was dealt with: the life in which it was did not crash right then.
    ///
    /// Who is stopped in order has written it before its end.
    private func isOnDisk(_ sighting: Sighting, of member: Int) -> Bool {
        guard let crash = crashes[member][Int(sighting.finishedLife)] else { return true }
        return crash - sighting.finished > Self.writeTimeMax.nanosecondsClamped
    }

    private func change(_ number: UInt64, _ side: FleetMessage.Side, _ body: (inout Sighting) -> Void) {
        switch side {
        case .message: body(&records[Int(number)].message)
        case .answer: body(&records[Int(number)].answer)
        }
    }

    /// The recipient was told that the disk has forgotten an entry.
    func gone(_ delivery: InboxDelivery) {
        guard let (number, side) = FleetMessage.label(of: delivery.content.payload), number < records.count
        else { return }
        change(number, side) { $0.isGone = true }
    }

    /// An application is done with an entry that its node forgets by itself: it is seen again only where the node crashed
    /// before the disk could know of that.
    func finished(_ delivery: InboxDelivery, in life: Int) {
        guard let (number, side) = FleetMessage.label(of: delivery.content.payload), number < records.count
        else { return }
        change(number, side) { ($0.finishedLife, $0.finished) = (Int32(clamping: life), now()) }
    }

    /// A member's node has crashed in a life.
    func crashed(in life: Int, of member: Int) { crashes[member][life] = now() }

    /// A handler has dealt with a request and returns its answer.
    func handled(_ number: UInt64) { records[Int(number)].isHandled = true }

    // MARK: Checking

    /// A partition has ended: all that is accepted and has no end yet waits for that.
    func beginHealing() {
        healing.begin(open.joined().filter { records[Int($0)].id != nil }, now: now())
    }

    /// What waited for the end of a partition had to come to an end soon after that.
    func checkHealing(within limit: Duration) {
        guard let number = healing.straggler(beyond: limit) else { return }
        let time = healing.longest.map { "\($0.inSeconds) s" } ?? "to the end"
        let waited = "what waited for the end of a partition took \(time), not \(limit.inSeconds) s"
        violate("\(waited), such as message \(number)", number)
    }

    /// Looks for messages that are delivered by their sender's word and are not with their recipient.
    ///
    /// - Parameter holds: Whether a member's inbox holds a message; `nil` when that member is down.
    func checkDelivered(_ holds: (_ member: Int, _ id: MessageID) -> Bool?) {
        guard !unseen.isEmpty else { return }
        unseen.removeAll { number in
            let record = records[Int(number)]
            guard record.message.position == 0, let id = record.id else { return true }
            guard let isThere = holds(Int(record.recipient), id) else { return false }
            if !isThere {
                counts.lost += 1
                violate("message \(number) is delivered by its sender's word, and not in the inbox", number)
            }
            // It is looked for until it has been seen.
            return !isThere
        }
    }

    /// What must hold at the end.
    ///
    /// - Returns: How many messages were accepted and have no end, and how many were never accepted.
    func finish() -> (pending: Int, unaccepted: Int) {
        if counts.accepted == 0 { violate("no message was accepted: nothing was tried", involving: []) }
        for number in unseen {
            counts.lost += 1
            violate("message \(number) is delivered by its sender's word, and nobody saw it", number)
        }
        var (pending, unaccepted) = (0, 0)
        for (number, record) in records.enumerated() {
            let number = UInt64(number)
            if record.end == nil {
                let isAccepted = record.id != nil
                if isAccepted { pending += 1 } else { unaccepted += 1 }
                violate("message \(number) is \(isAccepted ? "pending" : "not accepted") at the end", number)
            }
            if record.isHandled, record.answer.position == 0 {
                counts.lost += 1
                violate("request \(number) was handled, and its answer was never seen", number)
            }
        }
        return (pending, unaccepted)
    }

    /// Notes a broken rule about a message.
    private func violate(_ text: String, _ number: UInt64) {
        let record = records[Int(number)]
        let text = "\(text) (from node \(record.sender) to node \(record.recipient))"
        violate(text, involving: [Int(record.sender), Int(record.recipient)])
    }

    /// Notes a broken rule, with the last events of the members involved for the first few.
    func violate(_ text: String, involving members: [Int]) {
        guard found.note(text, at: moment()) <= Self.tracedCountMax else { return }
        let told = members.flatMap { member in recentEvents(member).map { "node \(member): \($0)" } }
        events += told.prefix(Self.eventCountMax - events.count)
    }
}

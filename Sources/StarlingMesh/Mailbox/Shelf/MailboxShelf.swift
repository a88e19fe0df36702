package import StarlingCore

/// What a node keeps for peers that are away: envelopes until their recipients fetch them, and then the recipients'
/// receipts until the senders do.
///
/// A copy is on the disk before it counts as stored, and its bytes are only there: memory has what it takes to find
/// it. One batch is on its way to the disk at a time.
///
/// Whoever asks is known by its connection. Envelopes and receipts that come in here have had their signatures checked,
/// so that what is fetched proves itself, or proves that the mailbox lies.
///
/// When there is no room, the oldest and largest gives way, see ``makeRoom(_:sender:recipient:now:)``.
package struct MailboxShelf: Sendable {
    package struct Limits: Sendable {
        /// Copies in all; for one more the oldest and largest of whoever has left most of them gives way.
        package var countMax = 10_000
        /// Bytes of all copies, likewise.
        package var byteCountMax = 268_435_456
        /// Copies that one sender has left, an eighth of all; for one more the oldest and largest of them gives way.
        package var senderCountMax = 1250
        /// Bytes of them, likewise.
        package var senderByteCountMax = 33_554_432
        /// Copies for one recipient, a quarter of all; for one more the oldest and largest of whoever has left most
        /// there gives way.
        package var recipientCountMax = 2500
        /// Bytes of them, likewise.
        package var recipientByteCountMax = 67_108_864
        /// How long anything is kept, whatever its own lifetime is; then it is let go, and not taken again.
        package var lifetime = Self.lifetimes.upperBound
        /// The shortest and the longest ``lifetime`` that a user may ask for: no message is of use for longer.
        package static let lifetimes: ClosedRange<Duration> = .seconds(60)...MessageHeader.lifetimeMax
        /// Messages that were let go and are recognised when they are offered again; the oldest are forgotten first.
        package var letGoCountMax = 10_000
        /// Bytes that wait to be written, in memory; with more, offers fail for the time being.
        package var unwrittenByteCountMax = 16_777_216
        /// Bytes of copies that are written together; the first one counts as within.
        package var batchByteCount = 4_194_304
        /// Ids of erasures whose answers wait for the disk; those beyond are erased and not answered, and asked again.
        package var erasedCountMax = 16_384
        /// By how much the clocks of two nodes may differ; a copy is kept so much longer than it is of use.
        package var clockTolerance: Duration = .seconds(900)

        package init() {}
    }

    struct Slot: Sendable {
        enum State: Sendable {
            case free
            /// It waits for the disk.
            case storing
            case kept
        }

        var state = State.storing
        let id: MessageID
        /// Who left it: an envelope's sender, or a receipt's signer.
        let sender: Int
        /// Whom it is kept for.
        let recipient: Int
        /// Where an envelope stands among those of its sender; `nil` for a receipt.
        let place: MessageHeader.Place?
        /// The messages that a receipt ends and that its recipient has not erased; empty for an envelope.
        var receipted: [MessageID] = []
        let byteCount: Int
        let received: WallTime
        /// ``received``, by the clock that does not jump.
        let since: Instant
        /// When it is of no more use: an envelope's lifetime is over, or those of all that a receipt ends.
        let ends: Instant
        /// When it goes: then, or when it has been here for as long as anything is kept.
        let expires: Instant
        /// The row's.
        var position: UInt64 = 0
        /// Whether the row is on the disk, or on its way there.
        var mayHaveRow = false
        /// Counts up within the box.
        var ordinal: UInt64 = 0
        /// The neighbours in the recipient's box; -1 for none.
        var previous: Int32 = -1
        var next: Int32 = -1
        /// What the sender has in the recipient's box; -1 while it gives no room, see ``MailboxShelf/Pair``.
        var pair: Int32 = -1

        var isReceipt: Bool { place == nil }
    }

    /// A peer that has left something, or that something is kept for.
    struct Party: Sendable {
        let id: PeerID
        /// What it has left.
        var leftCount = 0
        var leftByteCount = 0
        /// What is kept for it, in the order in which it came.
        var first: Int32 = -1
        var last: Int32 = -1
        var count = 0
        var byteCount = 0
        var nextOrdinal: UInt64 = 1
        /// The senders of what is kept for it, as far as it can give way.
        var pairs: [Int32] = []
    }

    /// A sender, and a recipient for whom something of it is kept.
    struct Pair: Sendable {
        struct Name: Hashable, Sendable {
            var sender: Int
            var recipient: Int
        }

        let name: Name
        /// Where it stands among those of its recipient.
        var place: Int
    }

    /// What can be full.
    enum Part {
        /// What a sender has left.
        case left(Int)
        /// What is kept for a recipient.
        case box(Int)
        case whole
    }

    /// What of a part can be full.
    enum Measure {
        case count
        case bytes
    }

    /// A message by its sender's word: ids of others are no concern of it.
    struct Name: Hashable, Sendable {
        var sender: Int
        var id: MessageID
    }

    /// Something new, until it is on the disk.
    struct Unwritten: Sendable {
        let slot: Int
        let position: UInt64
        /// Empty once it is in a batch.
        var row: [UInt8]
        let id: MessageID
        /// Who waits for the verdict; nobody for a receipt.
        let sender: PeerID?
    }

    /// What a batch on its way to the disk will change here.
    struct Batch: Sendable {
        /// Rows that go.
        var bookkeeping = StoreBatch()
        /// What has its row with it.
        var added: [Unwritten] = []
        /// Answers that are true once it is written.
        var erased: [(to: PeerID, ids: [MessageID])] = []
        /// The ids in them.
        var erasedCount = 0

        var isEmpty: Bool { bookkeeping.isEmpty && added.isEmpty && erased.isEmpty }
    }

    let own: PeerID
    let limits: Limits
    /// For whom envelopes are kept.
    ///
    /// What was taken before it changed stays until it is erased or its lifetime ends.
    package var policy: MailboxPolicy

    var slots: [Slot] = []
    var freeSlots: [Int] = []
    var parties: [Party] = []
    var freeParties: [Int] = []
    var partyIndex: [PeerID: Int] = [:]
    /// Envelopes by their senders.
    var copies: [Name: Int] = [:]
    /// Envelopes by their recipients.
    var boxed = MailboxNames()
    /// Receipts by the messages that they end.
    var receipts: [Name: Int] = [:]
    /// What can give way, by sender.
    var left = MailboxShares()
    /// What can give way, by sender and recipient.
    var shared = MailboxShares()
    var pairs: [Pair] = []
    var freePairs: [Int] = []
    var pairIndex: [Pair.Name: Int] = [:]
    var nextPosition: UInt64 = 1
    /// When a slot goes.
    var lifetimes = DeadlineHeap()
    /// Messages that have been here for as long as anything is kept and are still of use, with the ends of that.
    var letGo: Set<MessageName> = []
    var letGoOrder = RingQueue<(name: MessageName, ends: Instant)>()

    var pending = Batch()
    var unwritten = RingQueue<Unwritten>()
    var unwrittenByteCount = 0
    var inFlight: Batch?
    var isWriteTold = false
    var actions = RingQueue<MailboxShelfAction>()

    /// What is kept, in number, with what is being written.
    package internal(set) var count = 0
    /// The bytes of it.
    package internal(set) var byteCount = 0
    /// Grows with everything that comes and goes.
    package internal(set) var changeCount: UInt64 = 0
    /// Copies of this run that gave way to others.
    package internal(set) var displacedCount = 0

    /// - Parameter own: Whose shelf it is: nothing is kept for it here.
    package init(own: PeerID, policy: MailboxPolicy = .nobody, limits: Limits = Limits()) {
        self.own = own
        self.policy = policy
        self.limits = limits
    }

    /// What to do next; pull until `nil` after every call.
    package mutating func nextAction() -> MailboxShelfAction? { actions.popFirst() }

    /// When ``advance(to:)`` must next be called.
    package var nextDeadline: Instant? { lifetimes.first }

    /// What has come due.
    package mutating func advance(to now: Instant) {
        while let slot = lifetimes.popFirst(through: now) {
            noteLetGo(slot, now: now)
            remove(slot)
        }
        while let first = letGoOrder.first, first.ends <= now { forgetLetGo() }
        tellWrite()
    }

    /// Remembers a message that goes though it is of use: its sender may leave it again.
    private mutating func noteLetGo(_ slot: Int, now: Instant) {
        let entry = slots[slot]
        guard entry.state != .free, !entry.isReceipt, entry.ends > now else { return }
        let name = MessageName(from: parties[entry.sender].id, id: entry.id)
        guard letGo.insert(name).inserted else { return }
        letGoOrder.append((name, entry.ends))
        if letGoOrder.count > limits.letGoCountMax { forgetLetGo() }
    }

    private mutating func forgetLetGo() {
        if let oldest = letGoOrder.popFirst() { letGo.remove(oldest.name) }
    }

    /// The messages of which there are copies, in no order.
    package var keptMessages: [MessageName] {
        copies.keys.map { MessageName(from: parties[$0.sender].id, id: $0.id) }
    }

    // MARK: Offers

    /// Why an envelope with this header is not kept; `nil` when its signature is worth checking.
    ///
    /// - Parameters:
    ///   - byteCount: The size of the encoded envelope.
    ///   - peer: Who offers it, by the connection.
    package func refusal(
        of header: MessageHeader,
        byteCount: Int,
        from peer: PeerID,
        wallNow: WallTime
    ) -> MailboxVerdict? {
        guard header.from == peer, let to = header.to, header.place != nil else { return .refusedForeign }
        guard to != own, to != peer, policy.serves(to) else { return .refusedByPolicy }
        guard header.privacy == .private else { return .refusedReadable }
        let byteCountMax = min(
            min(limits.senderByteCountMax, limits.recipientByteCountMax),
            min(limits.byteCountMax, limits.unwrittenByteCountMax)
        )
        guard byteCount <= byteCountMax else { return .refusedTooLarge }
        let isOver = timeLeft(of: header, wallNow: wallNow) == nil
        return isOver || letGo.contains(MessageName(header)) ? .expired : nil
    }

    /// Takes an envelope to keep it; ``MailboxShelfAction/verdict(to:_:)`` tells what became of it.
    ///
    /// - Parameters:
    ///   - envelope: One whose signature holds.
    ///   - peer: Who offers it, by the connection.
    package mutating func offer(
        _ envelope: Envelope,
        from peer: PeerID,
        now: Instant,
        wallNow: WallTime
    ) {
        let header = envelope.header
        let encoded = envelope.encoded
        if let refusal = refusal(of: header, byteCount: encoded.count, from: peer, wallNow: wallNow) {
            return answer(peer, header.id, refusal)
        }
        guard let to = header.to, let left = timeLeft(of: header, wallNow: wallNow) else { return }
        if let sender = partyIndex[peer] {
            let name = Name(sender: sender, id: header.id)
            if receipts[name] != nil { return answer(peer, header.id, .settled) }
            if let slot = copies[name] {
                // One that waits for the disk is answered when the disk has it.
                if case .kept = slots[slot].state { answer(peer, header.id, .stored) }
                return
            }
        }
        guard unwrittenByteCount + encoded.count <= limits.unwrittenByteCountMax else {
            return answer(peer, header.id, .failed)
        }
        guard makeRoom(encoded.count, sender: peer, recipient: to, now: now) else {
            return answer(peer, header.id, .refusedFull)
        }
        let slot = insert(
            Slot(
                id: header.id,
                sender: party(peer),
                recipient: party(to),
                place: header.place,
                byteCount: encoded.count,
                received: wallNow,
                since: now,
                ends: now + left,
                expires: now + min(left, limits.lifetime)
            )
        )
        write(slot, .envelope(encoded, received: wallNow))
    }

    /// How long a copy is of use; `nil` when its lifetime is over.
    ///
    /// A header that is dated in the future lives no longer than one that is made right now.
    func timeLeft(of header: MessageHeader, wallNow: WallTime) -> Duration? {
        let (left, overflow) = header.expires.millisecondsSince1970
            .subtractingReportingOverflow(wallNow.millisecondsSince1970)
        // Only a clock before 1970 makes it more than 64 bits can say.
        let rest = overflow ? header.lifetimeMilliseconds : min(left, header.lifetimeMilliseconds)
        let kept = rest + limits.clockTolerance.milliseconds
        return kept >= 0 ? .milliseconds(kept) : nil
    }

    mutating func answer(_ peer: PeerID, _ id: MessageID, _ verdict: MailboxVerdict) {
        actions.append(.verdict(to: peer, .init(id: id, verdict: verdict)))
    }
}

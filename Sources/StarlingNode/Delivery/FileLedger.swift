internal import StarlingCore
internal import StarlingMesh
internal import StarlingWorld

/// Which messages need which blobs, and how far those are that move.
///
/// A blob stays for as long as something needs it. What is here is worked out again at every start, from the rows of
/// outbox and inbox: a blob that none of them names is nobody's.
struct FileLedger {
    /// What needs a blob.
    enum Need: Hashable {
        /// A file that is being sent, until its message is accepted or is not.
        case sending(UInt64)
        /// A message that is not settled.
        case message(MessageID)
        /// A message that waits for its file.
        case held(UInt64)
        /// An entry of the inbox.
        case entry(UInt64)
        /// A file that is being written out.
        case saving(UInt64)
    }

    struct TransferKey: Hashable {
        var id: BlobID
        var peer: PeerID
        var course: BlobTransfer.Course
    }

    /// The erasing of one blob.
    private struct Erasing {
        /// How many times it is under way: each time that nothing needed the blob any more.
        var count = 0
        /// Who waits for the end of all.
        var waiters: [Waiter<Void>] = []
    }

    private var needs: [BlobID: Set<Need>] = [:]
    private var blobs: [Need: BlobID] = [:]
    /// Whom a message lets fetch its blob.
    private var offers: [MessageID: PeerID] = [:]
    /// Blobs that are being erased.
    private var erasing: [BlobID: Erasing] = [:]
    /// How far each blob was when it last moved, or why it did not.
    private(set) var transfers: [TransferKey: BlobTransfer] = [:]
    /// Fetches that run, by the position of the message that waits.
    var fetches: [UInt64: Task<Void, Never>] = [:]
    private var lastToken: UInt64 = 0

    mutating func makeToken() -> UInt64 {
        lastToken += 1
        return lastToken
    }

    // MARK: Needs

    mutating func add(_ need: Need, _ id: BlobID) {
        blobs[need] = id
        needs[id, default: []].insert(need)
    }

    /// Notes that a message needs a blob, which its recipient may fetch.
    mutating func offer(_ message: MessageID, _ id: BlobID, to peer: PeerID) {
        add(.message(message), id)
        offers[message] = peer
    }

    /// Takes a need away; the blob that nothing needs any more, if there is one.
    mutating func remove(_ need: Need) -> BlobID? {
        guard let id = blobs.removeValue(forKey: need) else { return nil }
        needs[id]?.remove(need)
        if case .held = need, held(for: id).isEmpty {
            transfers = transfers.filter { $0.key.id != id || $0.key.course != .receiving }
        }
        guard needs[id]?.isEmpty == true else { return nil }
        needs[id] = nil
        return id
    }

    /// Takes a message's offer away; what is to be withdrawn, unless another message offers the same to the same peer.
    mutating func withdraw(_ message: MessageID) -> (id: BlobID, peer: PeerID)? {
        guard let peer = offers.removeValue(forKey: message), let id = blobs[.message(message)] else {
            return nil
        }
        let key = TransferKey(id: id, peer: peer, course: .sending)
        guard !messages(of: id, to: peer).contains(where: { $0 != message }) else { return nil }
        transfers[key] = nil
        return (id, peer)
    }

    func isNeeded(_ id: BlobID) -> Bool { needs[id] != nil }

    /// The messages that let a peer fetch a blob, in a fixed order.
    func messages(of id: BlobID, to peer: PeerID) -> [MessageID] {
        (needs[id] ?? []).compactMap { need in
            guard case .message(let message) = need, offers[message] == peer else { return nil }
            return message
        }.sorted()
    }

    /// The positions of the messages that wait for a blob, in order.
    func held(for id: BlobID) -> [UInt64] {
        (needs[id] ?? []).compactMap { need in if case .held(let position) = need { position } else { nil } }
            .sorted()
    }

    // MARK: Erasing

    func isErasing(_ id: BlobID) -> Bool { erasing[id] != nil }

    mutating func beginErasing(_ id: BlobID) {
        erasing[id, default: Erasing()].count += 1
        transfers = transfers.filter { $0.key.id != id }
    }

    mutating func endErasing(_ id: BlobID) {
        erasing[id]?.count -= 1
        if erasing[id]?.count == 0 { endWaits(id) }
    }

    private mutating func endWaits(_ id: BlobID) {
        for waiter in erasing.removeValue(forKey: id)?.waiters ?? [] { waiter.resume() }
    }

    /// Has a waiter resume when a blob is erased, or at once when it is not being erased.
    mutating func awaitErased(_ id: BlobID, _ waiter: Waiter<Void>) {
        guard erasing[id] != nil else { return waiter.resume() }
        erasing[id]?.waiters.append(waiter)
    }

    mutating func endAllWaits() {
        for id in erasing.keys.sorted(by: { $0.description < $1.description }) { endWaits(id) }
    }

    // MARK: Progress

    /// Takes what is told of a blob; `false` when no message offers it, or waits for it, any more.
    mutating func take(_ transfer: BlobTransfer) -> Bool {
        switch transfer.course {
        case .sending: if messages(of: transfer.id, to: transfer.peer).isEmpty { return false }
        case .receiving: if held(for: transfer.id).isEmpty { return false }
        }
        transfers[TransferKey(id: transfer.id, peer: transfer.peer, course: transfer.course)] = transfer
        return true
    }

    func transfer(_ id: BlobID, _ peer: PeerID, _ course: BlobTransfer.Course) -> BlobTransfer? {
        transfers[TransferKey(id: id, peer: peer, course: course)]
    }

    /// Forgets how far a blob was that is no longer on its way.
    mutating func endTransfer(_ id: BlobID, _ peer: PeerID, _ course: BlobTransfer.Course) {
        transfers[TransferKey(id: id, peer: peer, course: course)] = nil
    }
}

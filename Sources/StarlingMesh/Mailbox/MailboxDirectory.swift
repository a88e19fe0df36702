package import StarlingCore

/// The lists of mailboxes that this node knows, by peer; the newest of each counts.
///
/// They prove themselves, so it does not matter who told; a list that comes in here has had its signature checked.
package struct MailboxDirectory: Sendable {
    package struct Limits: Sendable {
        /// Lists that are kept; beyond it the one that was told of longest ago is forgotten.
        package var listCountMax = 4096
        /// By how much the clocks of two nodes may differ: a list is used so much longer than it holds.
        package var clockTolerance: Duration = .seconds(900)

        package init() {}
    }

    private let limits: Limits
    private var lists: [PeerID: (list: MailboxList, told: UInt64)] = [:]
    private var order = RingQueue<(peer: PeerID, told: UInt64)>()
    private var toldCount: UInt64 = 0
    /// Peers whose lists have changed since they were written last.
    private var changed: Set<PeerID> = []
    /// Peers that may have a row on the disk.
    private var rows: Set<PeerID> = []
    private var inFlight: Batch?

    /// What is on its way to the disk.
    private struct Batch {
        var added: [PeerID] = []
        /// Those of the added that had no row before.
        var fresh: [PeerID] = []
        var removed: [PeerID] = []
    }

    package init(limits: Limits = Limits()) { self.limits = limits }

    package var count: Int { lists.count }

    /// Notes a list.
    ///
    /// - Returns: Whether it is newer than what was known: tell ``MailboxSender/list(_:of:now:)``.
    package mutating func take(_ list: MailboxList, wallNow: WallTime) -> Bool {
        guard note(list, wallNow: wallNow) else { return false }
        changed.insert(list.peer)
        while lists.count > limits.listCountMax, let oldest = order.popFirst() {
            // It has been told of since.
            guard lists[oldest.peer]?.told == oldest.told else { continue }
            lists[oldest.peer] = nil
            forgetRow(of: oldest.peer)
        }
        return true
    }

    /// Whether a list says more than what is known.
    package func isNews(_ list: MailboxList, wallNow: WallTime) -> Bool {
        guard !isOver(list, wallNow) else { return false }
        guard let known = lists[list.peer]?.list, known.sequence >= list.sequence else { return true }
        return isOver(known, wallNow)
    }

    /// The list of a peer; `nil` when none is known, or when it holds no more.
    package func list(of peer: PeerID, wallNow: WallTime) -> MailboxList? {
        guard let list = lists[peer]?.list, !isOver(list, wallNow) else { return nil }
        return list
    }

    /// What is to be written next; `nil` when there is nothing, or when the last batch is still on its way.
    package mutating func takeBatch() -> StoreBatch? {
        guard inFlight == nil, !changed.isEmpty else { return nil }
        var (batch, taken) = (StoreBatch(), Batch())
        for peer in changed.sorted() {
            if let list = lists[peer]?.list {
                batch.put(Self.key(of: peer), list.encoded)
                taken.added.append(peer)
                if rows.insert(peer).inserted { taken.fresh.append(peer) }
            } else {
                batch.remove(Self.key(of: peer))
                taken.removed.append(peer)
            }
        }
        changed = []
        inFlight = taken
        return batch
    }

    /// The batch is on the disk.
    package mutating func stored() {
        guard let batch = inFlight else { return }
        inFlight = nil
        rows.subtract(batch.removed)
    }

    /// The batch was not written, and nothing of it is on the disk.
    package mutating func storeFailed() {
        guard let batch = inFlight else { return }
        inFlight = nil
        rows.subtract(batch.fresh)
        for peer in batch.added + batch.removed {
            if lists[peer] != nil { changed.insert(peer) } else { forgetRow(of: peer) }
        }
    }

    /// Sees that the row of a peer goes whose list is forgotten; where there is none, nothing is left to write.
    private mutating func forgetRow(of peer: PeerID) {
        if rows.contains(peer) { changed.insert(peer) } else { changed.remove(peer) }
    }

    /// Takes one row of ``MailboxTables/lists``; one that holds no more goes.
    package mutating func restore(_ row: StoreRow, wallNow: WallTime) throws(DeliveryRowError) {
        guard row.key.table == MailboxTables.lists, case .name(let name) = row.key.place else {
            throw .unknownTable
        }
        let list: MailboxList
        do throws(EnvelopeError) { list = try MailboxList(verifying: row.value.span) } catch {
            guard case .malformed(let reason) = error else { throw .inconsistent }
            throw .malformed(reason)
        }
        guard list.peer.multihash == name, lists[list.peer] == nil, lists.count < limits.listCountMax else {
            throw .inconsistent
        }
        rows.insert(list.peer)
        if !note(list, wallNow: wallNow) { forgetRow(of: list.peer) }
    }

    /// The table that has a limit.
    package var tableFills: [TableFill] { [TableFill("lists of mailboxes", count, of: limits.listCountMax)] }

    private mutating func note(_ list: MailboxList, wallNow: WallTime) -> Bool {
        guard isNews(list, wallNow: wallNow) else { return false }
        toldCount += 1
        lists[list.peer] = (list, toldCount)
        order.append((list.peer, toldCount))
        // Entries of lists that were told of again are left behind; now and then they go.
        if order.count > 2 * limits.listCountMax {
            var kept = RingQueue<(peer: PeerID, told: UInt64)>()
            while let entry = order.popFirst() {
                if lists[entry.peer]?.told == entry.told { kept.append(entry) }
            }
            order = kept
        }
        return true
    }

    private func isOver(_ list: MailboxList, _ wallNow: WallTime) -> Bool {
        let (end, overflow) = list.expires.millisecondsSince1970
            .addingReportingOverflow(limits.clockTolerance.milliseconds)
        return !overflow && end < wallNow.millisecondsSince1970
    }

    private static func key(of peer: PeerID) -> StoreKey { StoreKey(MailboxTables.lists, peer.multihash) }
}

package import StarlingCore
internal import StarlingCrypto
internal import StarlingMesh
internal import StarlingWorld

/// A search for the list of a peer that others look for, among the neighbours of this node.
struct ListSearch {
    /// Those that have not answered.
    var asked: Set<PeerID>
    /// Who waits for its end; `nil` where nobody does yet.
    var waiter: Waiter<Void>?
}

// Lists that neither this node nor whoever asks it knows.
extension MailboxDriver {
    /// The list of a peer, for a peer that asks; empty where none is found.
    ///
    /// Where this node knows none it asks two of its neighbours, as far as the question may go on. Each peer is looked for once in
    /// a while for others, for each neighbour so seldom that the others' questions and this node's own find answers, and for all
    /// of them within bounds.
    ///
    /// - Parameter hopLimit: Links that the question might cross, the one on which it came included.
    package func encodedList(of peer: PeerID, for asker: PeerID, hopLimit: UInt8) async -> [UInt8] {
        let known = encodedList(of: peer)
        let hopLimit = min(hopLimit, limits.listHopLimit) - 1
        guard known.isEmpty, hopLimit > 0, peer != identity.peerID, !isStopped, links.contains(asker) else {
            return known
        }
        if let last = sought[peer], last + limits.searchInterval > loop.now { return known }
        // What cannot be passed on anyway does not count as the asker's.
        guard searchingOfAll.ready <= loop.now, searching.take(asker, now: loop.now),
            searchingOfAll.take(now: loop.now)
        else { return known }
        sought.set(loop.now, for: peer)
        await search(for: peer, asker, hopLimit: hopLimit)
        return encodedList(of: peer)
    }

    private func search(for peer: PeerID, _ asker: PeerID, hopLimit: UInt8) async {
        // Who is being asked already answers one after the other.
        let able = await neighboursToAsk(of: peer, besides: asker).filter { visits[$0]?.listAsked == nil }
        guard !able.isEmpty, !isStopped, searches[peer] == nil, searches.count < limits.searchCountMax else {
            return
        }
        seekCursor = (seekCursor + limits.searchFanOut) % able.count
        let asked = (0..<min(able.count, limits.searchFanOut)).map { able[(seekCursor + $0) % able.count] }
        searches[peer] = ListSearch(asked: Set(asked))
        for neighbour in asked { ask(.list(peer, hopLimit: hopLimit), of: neighbour) }
        let timer = loop.makeTimer { [weak self] in self?.enter { $0.endSearch(for: peer) } }
        timer.arm(at: loop.now + limits.searchPatiencePerHop * Int(hopLimit))
        defer { timer.disarm() }
        await withTaskCancellationHandler {
            await Waiter.suspend { waiter in
                if searches[peer] != nil { searches[peer]?.waiter = waiter } else { waiter.resume() }
                if Task.isCancelled || isStopped { endSearch(for: peer) }
            }
        } onCancel: {
            loop.startTask { await self.endSearch(for: peer) }
        }
    }

    /// A neighbour has answered what it knows of a peer's mailboxes.
    func searched(for peer: PeerID, at neighbour: PeerID) {
        guard searches[peer] != nil else { return }
        searches[peer]?.asked.remove(neighbour)
        if searches[peer]?.asked.isEmpty == true || !encodedList(of: peer).isEmpty { endSearch(for: peer) }
    }

    func endSearch(for peer: PeerID) {
        searches.removeValue(forKey: peer)?.waiter?.resume()
    }

    func endAllSearches() {
        for peer in searches.keys.sorted() { endSearch(for: peer) }
    }
}

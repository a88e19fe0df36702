internal import StarlingCore
internal import StarlingCrypto
package import StarlingMesh
internal import StarlingWorld

// Lists: which mailboxes peers have, this node among them.
extension MailboxDriver {
    // MARK: Own

    /// Sees that this node's list says what its user wants, and holds for long.
    func signOwnList() {
        let wallNow = world.wallClock.now
        listDue = loop.now + limits.listLifetime / 2
        let known = directory.list(of: identity.peerID, wallNow: wallNow)
        if let known, known.mailboxes == own {
            let half = known.lifetimeMilliseconds / 2
            let (left, overflow) = known.expires.millisecondsSince1970
                .subtractingReportingOverflow(wallNow.millisecondsSince1970)
            if !overflow, left > half {
                listDue = loop.now + .milliseconds(left - half)
                ownList = known
                return
            }
        }
        // Who never named any has nothing to take back.
        if known == nil, own.isEmpty {
            listDue = nil
            return
        }
        // Later than all before, also when the store has lost them.
        let time = UInt64(clamping: wallNow.millisecondsSince1970)
        let list = MailboxList(
            of: own,
            sequence: max(time, known.map { $0.sequence &+ 1 } ?? 0),
            created: wallNow,
            lifetime: limits.listLifetime,
            from: identity
        )
        _ = directory.take(list, wallNow: wallNow)
        ownList = list
        for peer in links.union(far.intersection(own.map(\.peer))).sorted() { tellOwnList(to: peer) }
    }

    func tellOwnList(to peer: PeerID) {
        if let ownList { ask(.told(ownList.encoded), of: peer) }
    }

    // MARK: Others

    /// Finds out which mailboxes a peer has.
    func seek(_ peer: PeerID) {
        if let list = directory.list(of: peer, wallNow: world.wallClock.now) { return use(list) }
        startTask { driver in await driver.askNeighbours(of: peer) }
    }

    /// Reads from the lists where the mailboxes are that may have copies: receipts may be there.
    func useKnownLists() {
        for peer in Set(sender.copies.map(\.to)).sorted() {
            if let list = directory.list(of: peer, wallNow: world.wallClock.now) { use(list) }
        }
    }

    /// Asks neighbours that speak of mailboxes, those first that were not asked last time.
    private func askNeighbours(of peer: PeerID) async {
        // What comes back as a question of others is answered at once.
        sought.set(loop.now, for: peer)
        let able = await neighboursToAsk(of: peer, besides: nil)
        guard !able.isEmpty else { return }
        seekCursor = (seekCursor + limits.neighbourCountMax) % able.count
        for index in 0..<min(able.count, limits.neighbourCountMax) {
            ask(
                .list(peer, hopLimit: limits.listHopLimit),
                of: able[(seekCursor + index) % able.count]
            )
        }
        pump()
    }

    /// What a mailbox knows of a peer's mailboxes, by that peer's word.
    ///
    /// - Returns: Whether it is that peer's word.
    func take(list bytes: [UInt8], of peer: PeerID, from teller: PeerID) -> Bool {
        do throws(EnvelopeError) {
            let list = try MailboxList(verifying: bytes.span)
            guard list.peer == peer else { return false }
            note(list)
            return true
        } catch {
            world.log(
                .warning,
                "a list of mailboxes does not hold",
                ["from": "\(teller)", "reason": "\(error)"]
            )
            return false
        }
    }

    /// Whether a list is worth checking its signature for that its peer tells: it is newer, and the peer has not told many lately.
    func hears(_ list: MailboxList) -> Bool {
        !isStopped && list.peer != identity.peerID
            && directory.isNews(list, wallNow: world.wallClock.now)
            && telling.take(list.peer, now: loop.now)
    }

    /// A peer has told which mailboxes it has, and was heard; the list's signature holds.
    package func take(_ list: MailboxList) {
        guard !isStopped else { return }
        note(list)
        pump()
    }

    private func note(_ list: MailboxList) {
        guard list.peer != identity.peerID, directory.take(list, wallNow: world.wallClock.now) else { return }
        use(list)
    }

    /// Notes where the mailboxes of a peer are, where there is something to leave with them: lists that peers tell unasked push
    /// nobody else's addresses out.
    private func use(_ list: MailboxList) {
        guard sender.hasMessages(to: list.peer) else { return }
        sender.list(list.mailboxes.map(\.peer), of: list.peer, now: loop.now)
        let (left, overflow) = list.expires.millisecondsSince1970
            .subtractingReportingOverflow(world.wallClock.now.millisecondsSince1970)
        let longest = MailboxList.lifetimeMax.milliseconds
        let lifetime = Duration.milliseconds(overflow ? longest : min(max(0, left), longest))
        swarm.enter((list.mailboxes, lifetime)) { swarm, known in
            for mailbox in known.0 where !mailbox.addresses.isEmpty && mailbox.peer != swarm.peerID {
                swarm.peerBook.add(
                    mailbox.addresses,
                    of: mailbox.peer,
                    source: .hearsay,
                    lifetime: known.1,
                    now: swarm.loop.now
                )
            }
        }
    }

    /// The neighbours that speak of mailboxes, but for the peer itself and another one, by name.
    func neighboursToAsk(of peer: PeerID, besides other: PeerID?) async -> [PeerID] {
        let book = await swarm.peerBook
        return links.sorted().filter {
            $0 != peer && $0 != other && book[$0]?.protocols.contains(MailboxProtocol.id) == true
        }
    }

    /// The list of a peer, as it is handed on; empty where none is known.
    func encodedList(of peer: PeerID) -> [UInt8] {
        directory.list(of: peer, wallNow: world.wallClock.now)?.encoded ?? []
    }
}

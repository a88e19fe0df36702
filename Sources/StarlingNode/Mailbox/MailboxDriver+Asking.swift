internal import StarlingCore
internal import StarlingMesh
internal import StarlingTransports
internal import StarlingWorld

// The streams on which mailboxes are asked: one to each, which opens with the first ask and closes when all is said.
extension MailboxDriver {
    // MARK: Reaching

    /// Sees that a mailbox is connected, and tells whoever wants it.
    func reach(_ peer: PeerID, for part: Part) {
        if let rest = rests[peer], rest.until > loop.now { return unreachable(peer, part) }
        if canAsk(peer) { return linked(peer) }
        toReach.append((peer, part))
        reachNext()
    }

    private func reachNext() {
        while reaching < limits.reachCountMax, let next = toReach.popFirst() {
            reaching += 1
            startTask { driver in await driver.dial(next.peer, for: next.part) }
        }
    }

    private func dial(_ peer: PeerID, for part: Part) async {
        do throws(DialError) { _ = try await swarm.connect(to: peer) } catch {
            world.log(.debug, "a mailbox was not reached", ["peer": "\(peer)", "reason": "\(error)"])
        }
        // The swarm's event has told of a connection, unless that has gone already.
        if !links.contains(peer) { await reachFar(peer) }
        reaching -= 1
        if canAsk(peer) { linked(peer) } else { unreachable(peer, part) }
        pump()
        reachNext()
    }

    /// Opens a stream over others to a mailbox that cannot be dialled, where there is a way.
    private func reachFar(_ peer: PeerID) async {
        guard let tunnels, !isStopped, !far.contains(peer), hasRoomFar(for: peer) else { return }
        guard await tunnels.hasWay(to: peer) else { return await delivery.lookForRoute(to: peer) }
        let tunnel: Tunnel
        do throws(TunnelError) { tunnel = try await tunnels.openStream(to: peer, MailboxProtocol.id) } catch {
            world.log(
                .debug,
                "a mailbox was not reached over others",
                ["peer": "\(peer)", "reason": "\(error)"]
            )
            return
        }
        // There may be others by now, or a link.
        guard !isStopped, !links.contains(peer), hasRoomFar(for: peer), far.insert(peer).inserted else {
            return await tunnel.stream.reset()
        }
        begin(peer, over: tunnel)
        if own.contains(where: { $0.peer == peer }) { tellOwnList(to: peer) }
    }

    /// Whether one more mailbox may be asked over others: this node's own always.
    private func hasRoomFar(for peer: PeerID) -> Bool {
        far.count < limits.farCountMax || own.contains { $0.peer == peer }
    }

    /// Forgets that a mailbox can be asked over others, where nothing is left to say to it: whoever wants it reaches for it anew.
    func letGoFar(_ peer: PeerID) {
        guard far.contains(peer), visits[peer] == nil, !watched.contains(peer) else { return }
        far.remove(peer)
        unlinked(peer)
    }

    /// Whether a mailbox is connected, or can be asked over others.
    func canAsk(_ peer: PeerID) -> Bool { links.contains(peer) || far.contains(peer) }

    private func unreachable(_ peer: PeerID, _ part: Part) {
        switch part {
        case .sender: sender.unreachable(peer, now: loop.now)
        case .fetcher: fetcher.unreachable(peer, now: loop.now)
        }
    }

    // MARK: Asking

    /// Says something to a mailbox that is connected, or to which there is a way over others.
    func ask(_ ask: MailboxAsk, of peer: PeerID) {
        guard !isStopped, canAsk(peer) else { return }
        if visits[peer]?.isClosing ?? true { begin(peer, over: nil) }
        visits[peer]?.ask(ask, now: loop.now, limits)
        guard visits[peer]?.unwrittenByteCount ?? 0 > limits.unwrittenByteCountMax else { return }
        world.log(.warning, "a mailbox takes nothing", ["peer": "\(peer)"])
        rest(peer, isOfTheWay: true)
    }

    /// Begins to ask a mailbox.
    ///
    /// - Parameter stream: The one that is there already; without it one is opened.
    private func begin(_ peer: PeerID, over tunnel: Tunnel?) {
        let number = nextNumber()
        visits[peer] = MailboxVisit(number: number, now: loop.now)
        startTask { driver in await driver.visit(peer, number, over: tunnel) }
        sweepLater()
    }

    private func openStream(to peer: PeerID) async throws(MailboxStreamError) -> (Stream, via: PeerID?) {
        if let tunnels, far.contains(peer) {
            do throws(TunnelError) {
                let tunnel = try await tunnels.openStream(to: peer, MailboxProtocol.id)
                return (tunnel.stream, tunnel.via)
            } catch {
                throw .noTunnel(error)
            }
        }
        do throws(SwarmError) {
            return (try await swarm.openStream(to: peer, [MailboxProtocol.id], priority: .low), nil)
        } catch {
            throw .notOpened(error)
        }
    }

    private func visit(_ peer: PeerID, _ number: UInt64, over tunnel: Tunnel?) async {
        let (stream, via): (Stream, PeerID?)
        if let tunnel {
            (stream, via) = (tunnel.stream, tunnel.via)
        } else {
            do throws(MailboxStreamError) { (stream, via) = try await openStream(to: peer) } catch {
                return failed(peer, number, error)
            }
        }
        if visits[peer]?.number == number {
            visits[peer]?.opened(stream, via: via, now: loop.now)
            fetcher.opened(peer, now: loop.now)
        }
        let reading = loop.startTask { await self.read(stream, peer, number) }
        do throws(StreamError) {
            while let frames = await nextFrames(peer, number) { try await stream.write(frames) }
            try await stream.closeWrite()
        } catch {
            failed(peer, number, .stream(error))
        }
        // The mailbox ends its side, too; one that does not is not waited for.
        let (loop, patience) = (loop, isStopped ? .zero : limits.closingDuration)
        let closing = loop.startTask {
            do throws(CancellationError) { try await loop.sleep(for: patience) } catch {}
            await stream.reset()
        }
        await withTaskCancellationHandler {
            await reading.value
        } onCancel: {
            closing.cancel()
        }
        closing.cancel()
        await closing.value
        if visits[peer]?.number == number {
            visits[peer] = nil
            letGoFar(peer)
            pump()
        }
    }

    /// What is to be written next; `nil` when the stream is to end.
    private func nextFrames(_ peer: PeerID, _ number: UInt64) async -> [UInt8]? {
        while visits[peer]?.number == number, !isStopped {
            if let frames = visits[peer]?.takeFrames(now: loop.now), !frames.isEmpty { return frames }
            if visits[peer]?.isIdle == true { sweepLater() }
            let goesOn = await Waiter.suspend { waiter in
                if visits[peer]?.number == number, !isStopped {
                    visits[peer]?.wait(waiter)
                } else {
                    waiter.resume(returning: false)
                }
            }
            guard goesOn else { return nil }
        }
        return nil
    }

    /// Reads answers until the stream ends.
    private func read(_ stream: Stream, _ peer: PeerID, _ number: UInt64) async {
        let hold = ByteHold(swarm.protocols, of: peer, for: .unfinishedMessages)
        var frames = FrameStream(stream, frameByteCountMax: MailboxProtocol.answerByteCountMax) {
            [weak self] byteCount in
            if byteCount > 0 { self?.enter { $0.heard(from: peer, number) } }
            return hold.set(byteCount)
        }
        do throws(MailboxStreamError) {
            while true {
                let bytes: [UInt8]?
                do throws(FrameError) { bytes = try await frames.next() } catch { throw .frames(error) }
                guard let bytes, visits[peer]?.number == number, !isStopped else { break }
                let answer: MailboxAnswer?
                do throws(ProtobufError) { answer = try MailboxAnswer.parse(bytes.span) } catch {
                    throw .malformed(error)
                }
                if let answer { take(answer, from: peer) }
            }
            // A mailbox that ends the stream first takes asks with it.
            failed(peer, number, .ended)
        } catch {
            failed(peer, number, error)
        }
    }

    /// A part of an answer has come: a long one over a slow link is not given up.
    private func heard(from peer: PeerID, _ number: UInt64) {
        guard visits[peer]?.number == number, !isStopped else { return }
        visits[peer]?.heard(now: loop.now, limits)
        fetcher.heard(from: peer, now: loop.now)
    }

    /// A stream to a mailbox has failed, unless it was being closed.
    private func failed(_ peer: PeerID, _ number: UInt64, _ failure: MailboxStreamError) {
        guard let visit = visits[peer], visit.number == number, !visit.isClosing else { return }
        world.log(
            failure.isBreach ? .warning : .debug,
            "a stream to a mailbox failed",
            ["peer": "\(peer)", "reason": "\(failure)"]
        )
        rest(peer, isSilent: failure.isSilence, isOfTheWay: failure.isOfTheWay)
        pump()
    }

    /// Gives up the stream to a mailbox, also one that is not read from; the next ask opens another one.
    func endVisit(_ peer: PeerID) {
        guard var visit = visits.removeValue(forKey: peer) else { return }
        visit.wake(goesOn: false)
        guard let stream = visit.stream else { return }
        startTask { _ in await stream.reset() }
    }

    /// Leaves a mailbox alone for a while: what became of open asks is not known.
    ///
    /// - Parameter isOfTheWay: Whether somebody who carries the stream over others may have done it.
    func rest(_ peer: PeerID, isSilent: Bool = false, isOfTheWay: Bool = false) {
        // Somebody on the way may take tunnels and carry nothing; so may the mailbox seem to.
        if isOfTheWay, let tunnels, let via = visits[peer]?.via {
            startTask { _ in await tunnels.doubted(to: peer, via: via) }
        }
        endVisit(peer)
        far.remove(peer)
        let last = rests[peer]?.wait ?? .zero
        let wait = isSilent ? limits.restMax : min(max(limits.restMin, last * 2), limits.restMax)
        if rests[peer] == nil { makeRoomToRest() }
        rests[peer] = Rest(until: loop.now + wait, wait: wait)
        unlinked(peer)
    }

    /// Forgets rests of mailboxes that are no neighbours when there are too many: those that are over, else the first to be.
    private func makeRoomToRest() {
        let strangers = rests.filter { !links.contains($0.key) }
        guard strangers.count >= limits.farCountMax, let first = strangers.values.map(\.until).min() else {
            return
        }
        for (other, rest) in strangers where rest.until <= max(loop.now, first) { rests[other] = nil }
    }

    func unlinked(_ peer: PeerID) {
        sender.linkDown(peer, now: loop.now)
        fetcher.linkDown(peer, now: loop.now)
    }

    // MARK: Answers

    private func take(_ answer: MailboxAnswer, from peer: PeerID) {
        let (now, wallNow) = (loop.now, world.wallClock.now)
        let listAsked = visits[peer]?.listAsked
        visits[peer]?.answered(answer, now: now, limits)
        var isAccepted = false
        switch answer {
        case .verdicts(let verdicts):
            for verdict in verdicts {
                if sender.verdict(verdict, from: peer, now: now, wallNow: wallNow) { isAccepted = true }
            }
        case .page(let page):
            // Whether the signatures in it hold is not known yet.
            let isEmpty = page.envelopes.isEmpty && page.receipts.isEmpty
            isAccepted = fetcher.page(page, from: peer, now: now) && isEmpty
        case .erased(let ids):
            isAccepted = sender.erased(ids, by: peer, now: now)
            fetcher.erased(ids, by: peer)
        case .status(let status): isAccepted = sender.status(status, from: peer, now: now)
        case .list(let bytes):
            guard let listAsked else { break }
            isAccepted = bytes.isEmpty || take(list: bytes, of: listAsked, from: peer)
            searched(for: listAsked, at: peer)
        }
        // What nobody has asked for is no sign that it does well.
        if isAccepted { rests[peer] = nil }
        pump()
    }
}

package import StarlingCore
package import StarlingTransports
internal import StarlingWorld

/// One dial of a peer, and everyone who waits for it.
struct SharedDial {
    /// Tells a dial from an earlier one of the same peer that nobody waits for and that is not over yet.
    var number: UInt64
    var task: Task<Void, Never>
    /// What the dial knew when it began.
    var addresses: Set<Multiaddr>
    /// How far it has come.
    var progress: DialProgress
    /// Each caller by its number; `nil` between its call and its waiting.
    var waiters: [UInt64: Waiter<Result<any Connection, DialError>>?] = [:]
}

/// A dial that no other caller shares.
struct OwnDial {
    var addresses: [Multiaddr]
    var progress: DialProgress
    var deadline: Instant?
    var task: Task<Result<any Connection, DialError>, any Error>?
}

extension Swarm {
    /// The connection with a peer, dialled where there is none.
    ///
    /// Callers at the same time share one dial. Known addresses are used besides `addresses`.
    /// With `ignoringBackoff`, addresses that failed a moment ago are tried all the same. A caller who brings an address
    /// that the dial under way does not try has it tried at once, and waits for that dial only where it fails.
    ///
    /// At `deadline` this caller hears how far the dial has come.
    ///
    /// Cancellation: this caller stops waiting; the dial ends when nobody waits for it.
    package func connect(
        to peer: PeerID,
        addresses: [Multiaddr] = [],
        ignoringBackoff: Bool = false,
        until deadline: Instant? = nil
    ) async throws(DialError) -> any Connection {
        if isStopped { throw DialError(peer: peer, cause: .stopped) }
        if peer == peerID { throw DialError(peer: peer, cause: .dialledSelf) }
        if let connection = connection(to: peer) { return connection }
        if !addresses.isEmpty {
            peerBook.add(addresses, of: peer, source: .user, lifetime: .seconds(600), now: loop.now)
        }
        if let dial = dials[peer] {
            let plain = addresses.compactMap(\.withoutPeerID)
            let fresh =
                ignoringBackoff && !dial.progress.isIgnoringBackoff
                ? plain : plain.filter { !dial.addresses.contains($0) }
            if !fresh.isEmpty,
                let connection = try? await runAlone(
                    fresh,
                    DialProgress(peer, ignoringBackoff: ignoringBackoff),
                    until: deadline
                )
            {
                finish(dial.number, of: peer, with: connection)
                return connection
            }
            // It may have ended meanwhile, either way.
            if Task.isCancelled { throw DialError(peer: peer, cause: .cancelled) }
            if isStopped { throw DialError(peer: peer, cause: .stopped) }
            if let connection = connection(to: peer) { return connection }
        }
        if dials[peer] == nil { try startDial(peer, ignoringBackoff: ignoringBackoff) }
        let waiter = nextWaiter
        nextWaiter += 1
        dials[peer]?.waiters[waiter] = .some(nil)
        let timer = deadline.map { deadline in
            let timer = loop.makeTimer { [weak self] in
                self?.assumeIsolated { $0.stopWaiting(waiter, for: peer, .timedOut) }
            }
            timer.arm(at: deadline)
            return timer
        }
        defer { timer?.disarm() }
        let result: Result<any Connection, DialError> = await withTaskCancellationHandler {
            await Waiter.suspend { continuation in
                if let result = earlyResults.removeValue(forKey: waiter) {
                    continuation.resume(returning: result)
                } else {
                    dials[peer]?.waiters[waiter] = continuation
                }
            }
        } onCancel: {
            loop.startTask { await self.stopWaiting(waiter, for: peer, .cancelled) }
        }
        return try result.get()
    }

    /// Begins the dial that all callers share.
    private func startDial(_ peer: PeerID, ignoringBackoff: Bool) throws(DialError) {
        if !ignoringBackoff, let until = backoff.waitsUntil(.peer(peer), now: loop.now) {
            throw DialError(peer: peer, cause: .backingOff(remaining: loop.now.duration(to: until)))
        }
        nextWaiter += 1
        let number = nextWaiter
        let task = loop.startTask {
            let result: Result<any Connection, DialError>
            do throws(DialError) {
                result = .success(try await self.dial(peer, number, ignoringBackoff: ignoringBackoff))
            } catch {
                result = .failure(error)
            }
            await self.dialEnded(peer, number, result)
        }
        dials[peer] = SharedDial(
            number: number,
            task: task,
            addresses: Set(peerBook.addresses(of: peer, now: loop.now)),
            progress: DialProgress(peer, ignoringBackoff: ignoringBackoff)
        )
    }

    /// Ends a dial that another was faster than: who waits for it gets that one's connection.
    private func finish(_ number: UInt64, of peer: PeerID, with connection: any Connection) {
        guard let dial = dials[peer], dial.number == number else { return }
        dial.task.cancel()
        dialEnded(peer, number, .success(connection))
    }

    /// Connects to an address, whoever is there when it names no peer.
    package func connect(
        to address: Multiaddr,
        until deadline: Instant? = nil
    ) async throws(DialError) -> any Connection {
        if let peer = address.peerID {
            return try await connect(to: peer, addresses: [address], ignoringBackoff: true, until: deadline)
        }
        return try await runAlone([address], DialProgress(nil, ignoringBackoff: true), until: deadline)
    }

    /// Dials for one caller, until its task or the swarm ends.
    private func runAlone(
        _ addresses: [Multiaddr],
        _ progress: DialProgress,
        until deadline: Instant?
    ) async throws(DialError) -> any Connection {
        if isStopped { throw DialError(peer: progress.peer, cause: .stopped) }
        nextWaiter += 1
        let number = nextWaiter
        ownDials[number] = OwnDial(addresses: addresses, progress: progress, deadline: deadline)
        let task = loop.startTask(returning: Result<any Connection, DialError>.self) {
            await self.runOwn(number)
        }
        ownDials[number]?.task = task
        let result = await withTaskCancellationHandler {
            await task.result
        } onCancel: {
            task.cancel()
        }
        ownDials[number] = nil
        switch result {
        case .success(let result): return try result.get()
        case .failure: throw DialError(peer: progress.peer, cause: .cancelled)
        }
    }

    private func runOwn(_ number: UInt64) async -> Result<any Connection, DialError> {
        guard let dial = ownDials[number] else { return .failure(DialError(peer: nil, cause: .cancelled)) }
        do throws(DialError) {
            return .success(try await run(dial.addresses, dial.progress, until: dial.deadline))
        } catch {
            return .failure(error)
        }
    }

    private func stopWaiting(_ waiter: UInt64, for peer: PeerID, _ cause: DialError.Cause) {
        guard let dial = dials[peer], let continuation = dials[peer]?.waiters.removeValue(forKey: waiter)
        else {
            return
        }
        let attempts = cause == .timedOut ? dial.progress.attempts(at: loop.now) : []
        answer(waiter, continuation, .failure(DialError(peer: peer, cause: cause, attempts: attempts)))
        // Whoever comes from here on gets a dial of its own, not the end of this one.
        if dials[peer]?.waiters.isEmpty == true { dials.removeValue(forKey: peer)?.task.cancel() }
    }

    private func dialEnded(
        _ peer: PeerID,
        _ number: UInt64,
        _ result: Result<any Connection, DialError>
    ) {
        guard let dial = dials[peer], dial.number == number else { return }
        dials[peer] = nil
        for (waiter, continuation) in dial.waiters.sorted(by: { $0.key < $1.key }) {
            answer(waiter, continuation, result)
        }
    }

    /// Gives a caller its result, or keeps it until the caller waits.
    private func answer(
        _ waiter: UInt64,
        _ continuation: Waiter<Result<any Connection, DialError>>?,
        _ result: Result<any Connection, DialError>
    ) {
        if let continuation {
            continuation.resume(returning: result)
        } else {
            earlyResults[waiter] = result
        }
    }

    private func dial(
        _ peer: PeerID,
        _ number: UInt64,
        ignoringBackoff: Bool
    ) async throws(DialError) -> any Connection {
        let addresses = peerBook.addresses(of: peer, now: loop.now)
        guard !addresses.isEmpty else { throw DialError(peer: peer, cause: .noAddresses) }
        guard let shared = dials[peer], shared.number == number else {
            throw DialError(peer: peer, cause: .cancelled)
        }
        do throws(DialError) {
            return try await run(addresses, shared.progress)
        } catch {
            // The peer may have reached us meanwhile.
            if let connection = connection(to: peer) { return connection }
            if case .allFailed = error.cause { backoff.failed(.peer(peer), now: loop.now) }
            throw error
        }
    }

    private enum Step: Sendable {
        case ended(Int, Result<any Connection, ConnectionError>)
        case resolved(Multiaddr, Result<[Multiaddr], ResolverError>)
        case deadline(Instant)
    }

    /// Resolves, filters, ranks and tries addresses until one connects.
    ///
    /// Names are resolved while the addresses that need none are tried.
    private func run(
        _ named: [Multiaddr],
        _ dial: DialProgress,
        until deadline: Instant? = nil
    ) async throws(DialError) -> any Connection {
        let peer = dial.peer
        do throws(ResourceError) {
            try protocols.withLedger { ledger throws(ResourceError) in try ledger.beginDial() }
        } catch {
            throw DialError(peer: peer, cause: .limit(error.text))
        }
        defer { protocols.withLedger { $0.endDial() } }
        let startedAt = loop.now
        let latest = startedAt + limits.dialTimeout
        let giveUpAt = min(latest, deadline ?? latest)
        let names = named.filter(\.isName)
        let numbers = usable(named.filter { !$0.isName }, dial)
        var plan = DialPlan(addresses: numbers, limits: limits.plan, now: startedAt)
        var unresolvedCount = min(names.count, limits.nameCountMax)
        for name in names.dropFirst(limits.nameCountMax) {
            dial.attempts.append(.init(address: name, failure: .notTried, duration: .zero))
        }
        let resolver = AddressResolver(
            resolver: world.resolver,
            depthMax: limits.resolveDepthMax,
            lookupCountMax: limits.lookupCountMaxPerName
        )
        let (transports, loop) = (transports, loop)
        var winner: (any Connection)?
        var timerDeadline: Instant?
        var hasGivenUp = false

        await withTaskGroup(of: Step.self) { group in
            for name in names.prefix(limits.nameCountMax) {
                dial.begin(name, at: startedAt)
                group.addTask {
                    do throws(ResolverError) {
                        return .resolved(name, .success(try await resolver.resolve(name, expecting: peer)))
                    } catch {
                        return .resolved(name, .failure(error))
                    }
                }
            }
            while winner == nil && !(plan.isExhausted && unresolvedCount == 0) && !Task.isCancelled {
                while let action = plan.nextAction() {
                    guard case .start(let index) = action else { continue }
                    let address = plan.addresses[index]
                    dial.begin(address, at: loop.now)
                    group.addTask {
                        guard let transport = transports.first(where: { $0.canDial(address) }) else {
                            return .ended(index, .failure(.socket(.addressUnavailable)))
                        }
                        do throws(ConnectionError) {
                            return .ended(index, .success(try await transport.dial(address, expecting: peer)))
                        } catch {
                            return .ended(index, .failure(error))
                        }
                    }
                }
                let deadline = min(plan.nextDeadline ?? giveUpAt, giveUpAt)
                if !hasGivenUp, timerDeadline.map({ deadline < $0 }) ?? true {
                    timerDeadline = deadline
                    group.addTask {
                        try? await loop.sleep(until: deadline)
                        return .deadline(deadline)
                    }
                }
                guard let step = await group.next() else { break }
                switch step {
                case .deadline(let deadline):
                    if timerDeadline == deadline { timerDeadline = nil }
                    if loop.now < giveUpAt {
                        plan.advance(to: loop.now)
                    } else if !hasGivenUp {
                        hasGivenUp = true
                        for address in plan.giveUp() {
                            dial.attempts.append(.init(address: address, failure: .notTried, duration: .zero))
                        }
                        group.cancelAll()
                    }
                case .resolved(let name, let result):
                    unresolvedCount -= 1
                    switch result {
                    case .success(let addresses):
                        dial.forget(name)
                        plan.add(usable(addresses, dial), now: loop.now)
                    case .failure(let error):
                        dial.end(name, hasGivenUp ? .outOfTime : .resolver(error), at: loop.now)
                    }
                case .ended(let index, .success(let connection)):
                    plan.attemptSucceeded()
                    backoff.succeeded(.address(peer, plan.addresses[index]))
                    winner = connection
                case .ended(let index, .failure(let error)):
                    let address = plan.addresses[index]
                    let isCutOff = hasGivenUp && error == .cancelled
                    dial.end(address, isCutOff ? .outOfTime : .connection(error), at: loop.now)
                    // Who gave up says nothing about the address, and neither does a limit of this process.
                    if error != .cancelled && error != .socket(.tooManyOpenFiles) {
                        backoff.failed(.address(peer, address), now: loop.now)
                    }
                    plan.attemptFailed(now: loop.now)
                }
            }
            group.cancelAll()
            // An attempt may have succeeded after the decision.
            for await step in group {
                if case .ended(_, .success(let connection)) = step { closeSoon(connection, .redundant) }
            }
        }
        guard let winner else {
            let isTimedOut = hasGivenUp && giveUpAt == deadline
            let cause: DialError.Cause =
                isStopped ? .stopped : Task.isCancelled ? .cancelled : isTimedOut ? .timedOut : dial.cause
            throw DialError(peer: peer, cause: cause, attempts: dial.attempts)
        }
        do throws(ConnectionError) {
            try await register(winner)
        } catch {
            switch error {
            case .dialledSelf: throw DialError(peer: peer, cause: .dialledSelf, attempts: dial.attempts)
            case .refusedByLimit(let limit):
                throw DialError(peer: peer, cause: .limit(limit), attempts: dial.attempts)
            default: throw DialError(peer: peer, cause: .stopped, attempts: dial.attempts)
            }
        }
        return winner
    }

    /// Those of the addresses that can be dialled; why others cannot goes to the dial's attempts.
    private func usable(_ addresses: [Multiaddr], _ dial: DialProgress) -> [Multiaddr] {
        let own = Set(listenAddresses.compactMap(\.withoutPeerID))
        var usable: [Multiaddr] = []
        for address in addresses {
            var failure: DialError.Attempt.Failure?
            // Another node may listen where we do on another machine, but nobody else on our own addresses.
            if let plain = address.withoutPeerID, own.contains(plain), dial.peer != nil {
                failure = .ownAddress
            } else if !transports.contains(where: { $0.canDial(address) }) {
                failure = .unsupported
            } else if !dial.isIgnoringBackoff,
                let until = backoff.waitsUntil(.address(dial.peer, address), now: loop.now)
            {
                failure = .backingOff(remaining: loop.now.duration(to: until))
            }
            if let failure {
                dial.attempts.append(.init(address: address, failure: failure, duration: .zero))
            } else {
                usable.append(address)
            }
        }
        return usable
    }
}

extension Multiaddr {
    /// Whether it has to be resolved before it can be dialled.
    fileprivate var isName: Bool {
        if case .dns = host { true } else { false }
    }
}

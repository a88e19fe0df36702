package import StarlingCore
package import StarlingTransports
internal import StarlingWorld

/// One dial of a peer, and everyone who waits for it.
struct SharedDial {
    /// Tells a dial from an earlier one of the same peer that nobody waits for and that is not over yet.
    var number: UInt64
    var task: Task<Void, Never>
    /// Each caller by its number; `nil` between its call and its waiting.
    var waiters: [UInt64: Waiter<Result<any Connection, DialError>>?] = [:]
}

extension Swarm {
    /// The connection with a peer, dialled where there is none.
    ///
    /// Callers at the same time share one dial. Known addresses are used besides `addresses`.
    /// With `ignoringBackoff`, addresses that failed a moment ago are tried all the same.
    ///
    /// Cancellation: this caller stops waiting; the dial ends when nobody waits for it.
    package func connect(
        to peer: PeerID,
        addresses: [Multiaddr] = [],
        ignoringBackoff: Bool = false
    ) async throws(DialError) -> any Connection {
        if isStopped { throw DialError(peer: peer, cause: .stopped) }
        if peer == peerID { throw DialError(peer: peer, cause: .dialledSelf) }
        if let connection = connections[peer]?.first { return connection }
        if !addresses.isEmpty {
            peerBook.add(addresses, of: peer, source: .user, lifetime: .seconds(600), now: loop.now)
        }
        if dials[peer] == nil {
            if !ignoringBackoff, let until = backoff.waitsUntil(.peer(peer), now: loop.now) {
                throw DialError(peer: peer, cause: .backingOff(remaining: loop.now.duration(to: until)))
            }
            nextWaiter += 1
            let number = nextWaiter
            let task = loop.startTask {
                let result: Result<any Connection, DialError>
                do throws(DialError) {
                    result = .success(try await self.dial(peer, ignoringBackoff: ignoringBackoff))
                } catch {
                    result = .failure(error)
                }
                await self.dialEnded(peer, number, result)
            }
            dials[peer] = SharedDial(number: number, task: task)
        }
        let waiter = nextWaiter
        nextWaiter += 1
        dials[peer]?.waiters[waiter] = .some(nil)
        let result: Result<any Connection, DialError> = await withTaskCancellationHandler {
            await Waiter.suspend { continuation in
                if let result = earlyResults.removeValue(forKey: waiter) {
                    continuation.resume(returning: result)
                } else {
                    dials[peer]?.waiters[waiter] = continuation
                }
            }
        } onCancel: {
            loop.startTask { await self.stopWaiting(waiter, for: peer) }
        }
        return try result.get()
    }

    /// Connects to an address, whoever is there when it names no peer.
    package func connect(to address: Multiaddr) async throws(DialError) -> any Connection {
        if let peer = address.peerID {
            return try await connect(to: peer, addresses: [address], ignoringBackoff: true)
        }
        return try await run([address], peer: nil, ignoringBackoff: true)
    }

    private func stopWaiting(_ waiter: UInt64, for peer: PeerID) {
        guard let continuation = dials[peer]?.waiters.removeValue(forKey: waiter) else { return }
        answer(waiter, continuation, .failure(DialError(peer: peer, cause: .cancelled)))
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

    private func dial(_ peer: PeerID, ignoringBackoff: Bool) async throws(DialError) -> any Connection {
        let addresses = peerBook.addresses(of: peer, now: loop.now)
        guard !addresses.isEmpty else { throw DialError(peer: peer, cause: .noAddresses) }
        do throws(DialError) {
            return try await run(addresses, peer: peer, ignoringBackoff: ignoringBackoff)
        } catch {
            // The peer may have reached us meanwhile.
            if let connection = connections[peer]?.first { return connection }
            if case .allFailed = error.cause { backoff.failed(.peer(peer), now: loop.now) }
            throw error
        }
    }

    private enum Step: Sendable {
        case ended(Int, Result<any Connection, ConnectionError>)
        case deadline
    }

    /// Resolves, filters, ranks and tries addresses until one connects.
    private func run(
        _ named: [Multiaddr],
        peer: PeerID?,
        ignoringBackoff: Bool
    ) async throws(DialError) -> any Connection {
        var attempts: [DialError.Attempt] = []
        let addresses = await usable(named, peer: peer, ignoringBackoff, &attempts)
        guard !addresses.isEmpty else {
            throw DialError(peer: peer, cause: .noUsableAddresses, attempts: attempts)
        }
        let startedAt = loop.now
        var plan = DialPlan(addresses: addresses, limits: limits.plan, now: startedAt)
        let (transports, loop) = (transports, loop)
        let giveUpAt = startedAt + limits.dialTimeout
        var starts: [Int: Instant] = [:]
        var winner: (any Connection)?
        var isTimerSet = false

        await withTaskGroup(of: Step.self) { group in
            while winner == nil && !plan.isExhausted && !Task.isCancelled {
                while let action = plan.nextAction() {
                    guard case .start(let index) = action else { continue }
                    let address = plan.addresses[index]
                    starts[index] = loop.now
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
                if !isTimerSet {
                    isTimerSet = true
                    let deadline = min(plan.nextDeadline ?? giveUpAt, giveUpAt)
                    group.addTask {
                        try? await loop.sleep(until: deadline)
                        return .deadline
                    }
                }
                guard let step = await group.next() else { break }
                switch step {
                case .deadline:
                    isTimerSet = false
                    plan.advance(to: loop.now)
                    if loop.now >= giveUpAt { group.cancelAll() }
                case .ended(let index, .success(let connection)):
                    plan.attemptSucceeded()
                    backoff.succeeded(.address(peer, plan.addresses[index]))
                    winner = connection
                case .ended(let index, .failure(let error)):
                    let address = plan.addresses[index]
                    let duration = (starts[index] ?? startedAt).duration(to: loop.now)
                    attempts.append(.init(address: address, failure: .connection(error), duration: duration))
                    // Who gave up says nothing about the address.
                    if error != .cancelled { backoff.failed(.address(peer, address), now: loop.now) }
                    plan.attemptFailed(now: loop.now)
                }
            }
            group.cancelAll()
            // An attempt may have succeeded after the decision.
            for await step in group {
                if case .ended(_, .success(let connection)) = step { await connection.close(.redundant) }
            }
        }
        guard let winner else {
            throw DialError(peer: peer, cause: Task.isCancelled ? .cancelled : .allFailed, attempts: attempts)
        }
        do throws(ConnectionError) {
            try await register(winner)
        } catch {
            switch error {
            case .dialledSelf: throw DialError(peer: peer, cause: .dialledSelf, attempts: attempts)
            case .refusedByLimit(let limit):
                throw DialError(peer: peer, cause: .limit(limit), attempts: attempts)
            default: throw DialError(peer: peer, cause: .stopped, attempts: attempts)
            }
        }
        return winner
    }

    /// The addresses that can be dialled, names resolved; why others cannot goes to `attempts`.
    private func usable(
        _ named: [Multiaddr],
        peer: PeerID?,
        _ ignoringBackoff: Bool,
        _ attempts: inout [DialError.Attempt]
    ) async -> [Multiaddr] {
        let own = Set(listenAddresses.compactMap(\.withoutPeerID))
        let resolver = AddressResolver(resolver: world.resolver, depthMax: limits.resolveDepthMax)
        var usable: [Multiaddr] = []
        for name in named {
            let startedAt = loop.now
            let addresses: [Multiaddr]
            do throws(ResolverError) {
                addresses = try await resolver.resolve(name, expecting: peer)
            } catch {
                let duration = startedAt.duration(to: loop.now)
                attempts.append(.init(address: name, failure: .resolver(error), duration: duration))
                continue
            }
            for address in addresses {
                // Another node may listen where we do on another machine, but nobody else on our own addresses.
                if let plain = address.withoutPeerID, own.contains(plain) && peer != nil { continue }
                if !transports.contains(where: { $0.canDial(address) }) {
                    attempts.append(.init(address: address, failure: .unsupported, duration: .zero))
                } else if !ignoringBackoff,
                    let until = backoff.waitsUntil(.address(peer, address), now: loop.now)
                {
                    let remaining = loop.now.duration(to: until)
                    attempts.append(
                        .init(address: address, failure: .backingOff(remaining: remaining), duration: .zero)
                    )
                } else {
                    usable.append(address)
                }
            }
        }
        return usable
    }
}

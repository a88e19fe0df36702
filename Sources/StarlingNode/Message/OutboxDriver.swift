package import StarlingCore
package import StarlingMesh
package import StarlingWorld

/// Why a message was not accepted.
package enum OutboxError: Error, Equatable, Sendable {
    /// It is not one that can be sent.
    case message(MessageFailure)
    /// Too many messages, or bytes of them, wait already.
    case full
    /// The node is stopping.
    case stopped
}

/// What is known of a message that was accepted.
package enum OutboxState: Sendable, Equatable {
    /// It has not been delivered; why the last attempt failed, once one did.
    case waiting(MessageFailure?)
    case delivered(Delivery)
    /// It never will be.
    case failed(MessageFailure)
}

/// Messages that this node owes others: tried until delivered, refused, or too old.
///
/// Kept in memory: what waits is lost when the process ends.
package actor OutboxDriver {
    package struct Limits: Sendable {
        /// Messages that wait; more are not accepted.
        package var entryCountMax = 1000
        /// Their payloads, likewise.
        package var payloadByteCountMax = 67_108_864
        /// How long a message is tried.
        package var lifetime: Duration = .seconds(86_400)
        /// From one attempt to the next.
        ///
        /// A peer that is away costs nothing meanwhile: the swarm's back-off spaces the dials.
        package var interval: Duration = .seconds(2)
        /// Messages whose end is remembered for those who ask; the oldest is forgotten beyond it.
        package var settledCountMax = 1024

        package init() {}
    }

    private struct Entry {
        var task: Task<Void, Never>?
        var lastFailure: MessageFailure?
        var payloadByteCount: Int
        var waiters: [UInt64: Waiter<OutboxState>] = [:]
    }

    private let messages: MessageDriver
    private let limits: Limits
    private nonisolated let loop: any EventLoop
    private var entries: [MessageID: Entry] = [:]
    private var settled: [MessageID: OutboxState] = [:]
    private var settledInOrder = RingQueue<MessageID>()
    private var payloadByteCount = 0
    private var nextWaiter: UInt64 = 0
    private var isStopped = false

    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    package init(messages: MessageDriver, loop: any EventLoop, limits: Limits = Limits()) {
        self.messages = messages
        self.loop = loop
        self.limits = limits
    }

    /// Messages that wait.
    package var count: Int { entries.count }

    /// Accepts a message, and begins to deliver it.
    package func accept(type: String, payload: [UInt8], to peer: PeerID) async throws(OutboxError)
        -> MessageID
    {
        let envelope: Envelope
        do throws(MessageFailure) {
            envelope = try await messages.seal(type: type, payload: payload, to: peer)
        } catch {
            throw .message(error)
        }
        if isStopped { throw .stopped }
        guard entries.count < limits.entryCountMax,
            payloadByteCount + payload.count <= limits.payloadByteCountMax
        else { throw .full }
        let id = envelope.header.id
        payloadByteCount += payload.count
        entries[id] = Entry(payloadByteCount: payload.count)
        entries[id]?.task = loop.startTask { await self.deliver(envelope) }
        return id
    }

    /// What becomes of a message until `deadline`.
    ///
    /// Cancellation: returns what is known.
    package func state(of id: MessageID, waitingUntil deadline: Instant) async -> OutboxState {
        let outcome = await loop.withDeadline(deadline) { await self.outcome(of: id) }
        return outcome ?? known(of: id)
    }

    private func known(of id: MessageID) -> OutboxState {
        settled[id] ?? .waiting(entries[id]?.lastFailure)
    }

    /// Gives up what waits.
    package func stop() async {
        isStopped = true
        let running = entries.sorted { $0.key.bytes.lexicographicallyPrecedes($1.key.bytes) }.compactMap(
            \.value.task
        )
        for task in running { task.cancel() }
        for task in running { await task.value }
    }

    private func outcome(of id: MessageID) async -> OutboxState {
        let number = nextWaiter
        nextWaiter += 1
        return await withTaskCancellationHandler {
            await Waiter.suspend { waiter in
                if entries[id] == nil || Task.isCancelled {
                    waiter.resume(returning: known(of: id))
                } else {
                    entries[id]?.waiters[number] = waiter
                }
            }
        } onCancel: {
            loop.startTask { await self.stopWaiting(number, for: id) }
        }
    }

    private func stopWaiting(_ number: UInt64, for id: MessageID) {
        let waiter = entries[id]?.waiters.removeValue(forKey: number)
        waiter?.resume(returning: known(of: id))
    }

    private func deliver(_ envelope: Envelope) async {
        let id = envelope.header.id
        let deadline = loop.now + limits.lifetime
        while true {
            let failure: MessageFailure
            do throws(MessageFailure) {
                settle(id, .delivered(try await messages.deliver(envelope)))
                return
            } catch {
                failure = error
            }
            entries[id]?.lastFailure = failure
            guard failure.mayPass, loop.now < deadline else {
                settle(id, .failed(failure))
                return
            }
            do { try await loop.sleep(for: limits.interval) } catch {
                settle(id, .waiting(failure))
                return
            }
        }
    }

    private func settle(_ id: MessageID, _ state: OutboxState) {
        guard let entry = entries.removeValue(forKey: id) else { return }
        payloadByteCount -= entry.payloadByteCount
        settled[id] = state
        settledInOrder.append(id)
        if settledInOrder.count > limits.settledCountMax, let oldest = settledInOrder.popFirst() {
            settled[oldest] = nil
        }
        for (_, waiter) in entry.waiters.sorted(by: { $0.key < $1.key }) { waiter.resume(returning: state) }
    }
}

extension MessageFailure {
    /// Whether another attempt may fare better.
    package var mayPass: Bool {
        switch self {
        case .unreachable(let error): error.cause != .dialledSelf
        case .stream, .receiptTimedOut: true
        case .refused(let outcome): outcome.isTransient
        case .message, .invalidType, .invalidReceipt, .ownAddress: false
        }
    }
}

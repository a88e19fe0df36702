package import StarlingCore
internal import StarlingCrypto
internal import StarlingProtocols
package import StarlingWorld

/// A connection over a stream socket: negotiate → secure → multiplex, then streams.
///
/// It lives on one loop with its socket. Bytes go through it synchronously, from the socket's callback to the
/// reader of a stream and from a writer to one system call at the end of the turn; `async` is at the edges only.
package actor SocketConnection: Connection {
    /// Of one word: it is looked at with each record, and with the upgrade in it that would be a copy of all its parts.
    indirect enum State {
        case idle
        case upgrading(ConnectionUpgrade)
        case open
        case closed(ConnectionError)
    }

    package nonisolated let id: ConnectionID
    package nonisolated let loop: any EventLoop
    let setup: ConnectionSetup
    let direction: Direction

    var state = State.idle
    var socket: (any StreamSocket)?
    /// The addresses as multiaddrs know them, which a socket address may not tell (names, WebSocket paths).
    var localAddress: Multiaddr?
    var remoteAddress: Multiaddr?
    var channel: (any SecureChannel)?
    var yamux: YamuxSession
    var streams: [YamuxStreamID: StreamState] = [:]
    /// Streams that wait to write, in turn.
    var writers = WriterQueue()
    /// What has been written past the queue since the last flush, in bytes.
    var turnByteCount = 0
    var pace = SendPace()
    /// Inbound streams whose protocol is not agreed yet, with the moment at which they are given up.
    var negotiations = RingQueue<StreamDeadline>()
    /// Streams that wait for the peer's end after the application left, likewise.
    var lingering = RingQueue<StreamDeadline>()
    var builder = RecordBuilder(headroom: 0, contentByteCountMax: 0)
    var outgoing = RingQueue<BufferSlice>()
    var isFlushScheduled = false
    var nextToken: UInt64 = 0
    /// Streams to which bytes came in this turn of the loop that nobody waited for.
    var unsettled: [StreamState] = []
    /// What all streams hold unread, in bytes.
    var unreadByteCount = 0
    /// What was said about protocols and is not written yet, on all streams, in bytes.
    var unsentPreambleByteCount = 0
    /// What is charged to the node for them, or for what windows have grown by, whichever is more.
    var charge = MemoryCharge(nil)
    var hasPeerGoneAway = false
    /// Who waits for the peer's answer to a ping of the multiplexer.
    var measuring: [(token: UInt64, waiter: Waiter<Void>)] = []

    /// A socket that was closed in good order and waits for the peer's end, and who waits with it.
    private var parting: (any StreamSocket)?
    private var waitingForPart: [Waiter<Void>] = []
    /// What of the parting socket's queue was left when its timer was armed, and whether the peer spoke since.
    private var partingByteCount = 0
    private var hasHeardWhileParting = false
    /// When the parting socket is closed in any case.
    private var partingDeadline: Instant?
    private var timer: (any LoopTimer)?
    private var timerDeadline: Instant?
    private var upgradeDeadline: Instant?
    private var establishing: Waiter<ConnectionError?>?
    /// Written once, before anyone but this actor can see the connection.
    private nonisolated let openInfo = OnceBox<ConnectionInfo>()

    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    package init(id: ConnectionID, loop: any EventLoop, direction: Direction, setup: ConnectionSetup) {
        self.id = id
        self.loop = loop
        self.direction = direction
        self.setup = setup
        yamux = YamuxSession(
            role: direction == .outbound ? .dialer : .listener,
            limits: setup.limits.yamux,
            now: loop.now
        )
    }

    /// Fixed once the connection is open; traps before.
    package nonisolated var info: ConnectionInfo {
        guard let info = openInfo.value else { preconditionFailure("the connection is not open yet") }
        return info
    }

    package var streamCount: Int { streams.count }

    package var roundTrip: Duration? { yamux.roundTrip }

    package var closeReason: ConnectionError? {
        if case .closed(let reason) = state { return reason }
        return nil
    }

    // MARK: Establishing

    /// Connects to `address` and returns once the connection is open.
    ///
    /// Cancellation: the socket is closed, and ``ConnectionError/cancelled`` thrown.
    package func dial(_ remote: SocketAddress, named address: Multiaddr?) async throws(ConnectionError) {
        try await establish { connection throws(ConnectionError) in
            connection.remoteAddress = address
            do throws(SocketError) {
                return try connection.loop.connect(to: remote, delegate: connection)
            } catch {
                throw .socket(error)
            }
        }
    }

    /// Takes an accepted socket and returns once the connection is open.
    ///
    /// Cancellation: the socket is closed, and ``ConnectionError/cancelled`` thrown.
    package func accept(
        _ accepted: AcceptedSocket,
        local: Multiaddr?,
        remote: Multiaddr?
    ) async throws(ConnectionError) {
        guard case .idle = state, !Task.isCancelled else {
            // It gave way before its turn came. The descriptor is ours by now: it has to be closed.
            if let socket = try? loop.adopt(accepted, delegate: self) { socket.close() }
            fail(.cancelled)
            throw closeReason ?? .cancelled
        }
        try await establish { connection throws(ConnectionError) in
            connection.localAddress = local
            connection.remoteAddress = remote
            do throws(SocketError) {
                let socket = try connection.loop.adopt(accepted, delegate: connection)
                connection.socket = socket
                connection.beginUpgrade()
                return socket
            } catch { throw .socket(error) }
        }
    }

    /// Closes a connection that is not open yet, for the sake of another.
    func giveWay() {
        switch state {
        case .idle, .upgrading: fail(.refusedByLimit("inbound connections that are not open yet"))
        case .open, .closed: break
        }
    }

    private func establish(
        _ open: (isolated SocketConnection) throws(ConnectionError) -> any StreamSocket
    ) async throws(ConnectionError) {
        guard case .idle = state else { throw .closedLocally }
        if Task.isCancelled { throw .cancelled }
        let deadline = loop.now + setup.limits.upgradeTimeout
        upgradeDeadline = deadline
        timer = loop.makeTimer { [weak self] in self?.assumeIsolated { $0.timerFired() } }
        arm(deadline)
        do throws(ConnectionError) { socket = try open(self) } catch {
            fail(error)
            throw error
        }
        let failure: ConnectionError?
        switch state {
        case .closed(let reason): failure = reason
        case .open: failure = nil
        case .idle, .upgrading:
            failure = await withTaskCancellationHandler {
                await Waiter.suspend { waiter in
                    switch state {
                    case .closed(let reason): waiter.resume(returning: reason)
                    case .open: waiter.resume(returning: nil)
                    case .idle, .upgrading: establishing = waiter
                    }
                }
            } onCancel: {
                loop.startTask { await self.fail(.cancelled) }
            }
        }
        if let failure { throw failure }
    }

    func beginUpgrade() {
        var upgrade = ConnectionUpgrade(direction: direction, setup: setup, loop: loop)
        upgrade.start()
        state = .upgrading(upgrade)
        socket?.resumeReading()
        sendUpgradeOutput()
    }

    private func sendUpgradeOutput() {
        guard case .upgrading(var upgrade) = state, socket != nil else { return }
        state = .idle  // so that the machine below is the only copy
        while let bytes = upgrade.nextOutput() { outgoing.append(bytes) }
        state = .upgrading(upgrade)
        writeOut()
    }

    func upgradeDidReceive(_ bytes: BufferSlice) {
        guard case .upgrading(var upgrade) = state else { return }
        state = .idle
        do {
            try upgrade.receive(bytes)
        } catch {
            // What the peer should still see, such as an alert, goes out before the end.
            while let bytes = upgrade.nextOutput() { outgoing.append(bytes) }
            writeOut()
            return fail(error)
        }
        let result = upgrade.takeResult()
        state = .upgrading(upgrade)
        sendUpgradeOutput()
        if let result { becomeOpen(result) }
    }

    private func becomeOpen(_ result: ConnectionUpgrade.Result) {
        let local = localAddress ?? socket.flatMap { try? Multiaddr(stream: $0.local) }
        let remote = remoteAddress ?? socket.flatMap { try? Multiaddr(stream: $0.remote) }
        openInfo.set(
            ConnectionInfo(
                direction: direction,
                peer: result.peer,
                key: result.key,
                local: local,
                remote: remote,
                security: result.security,
                muxer: result.muxer,
                openedAt: loop.now
            )
        )
        channel = result.channel
        charge = MemoryCharge(setup.owner.memoryHold(for: result.peer), limits: setup.limits.charge)
        builder = RecordBuilder(
            headroom: result.channel.headroom,
            contentByteCountMax: result.channel.contentByteCountMax
        )
        state = .open
        upgradeDeadline = nil
        if let waiting = establishing {
            establishing = nil
            waiting.resume(returning: nil)
        }
        if let bytes = result.leftover { multiplexerDidReceive(bytes) }
        drainChannel()
        scheduleFlush()
        rearm()
    }

    // MARK: Time

    private func timerFired() {
        timerDeadline = nil
        let now = loop.now
        if let deadline = upgradeDeadline, deadline <= now {
            return fail(.timedOut(upgradePhase))
        }
        if case .open = state {
            do { try yamux.advance(to: now) } catch { return multiplexerFailed(error) }
            handleMultiplexerEvents()
            expireStreams(now)
            scheduleFlush()
        }
        rearm()
    }

    private var upgradePhase: UpgradePhase {
        switch state {
        case .idle: .connecting
        case .upgrading(let upgrade): upgrade.phase
        case .open, .closed: .open
        }
    }

    /// Arms the timer for the earliest deadline.
    ///
    /// Later ones wait: a fired timer looks again.
    func rearm() {
        var earliest = upgradeDeadline
        if case .open = state {
            earliest = .earlier(earliest, inPlace(&yamux) { $0.nextDeadline })
            earliest = .earlier(earliest, .earlier(negotiations.first?.deadline, lingering.first?.deadline))
        }
        if let earliest { arm(earliest) }
    }

    func arm(_ deadline: Instant) {
        if let timerDeadline, timerDeadline <= deadline { return }
        timerDeadline = deadline
        timer?.arm(at: deadline)
    }

    // MARK: The end

    package func close(_ reason: ConnectionError) async {
        guard case .open = state else { return fail(reason) }
        yamux.goAway(.normal)
        flush()
        channel?.close(into: &outgoing)
        writeOut()
        // A socket that is closed with unread bytes resets, which may take from the peer what we sent last:
        // it is read until the peer's end has come, for a while.
        let socket = socket.take()
        end(reason)
        guard let socket else { return }
        parting = socket
        partingDeadline = loop.now + setup.limits.partingTimeoutMax
        socket.closeWrite()
        timer = loop.makeTimer { [weak self] in self?.assumeIsolated { $0.partUnlessMoving() } }
        armParting(socket)
        await Waiter.suspend { waiter in
            if parting == nil { waiter.resume() } else { waitingForPart.append(waiter) }
        }
    }

    private func armParting(_ socket: any StreamSocket) {
        partingByteCount = socket.queuedByteCount
        hasHeardWhileParting = false
        let next = loop.now + setup.limits.partingTimeout
        timer?.arm(at: min(next, partingDeadline ?? next))
    }

    /// A peer that still takes or says something has not all that we wrote: on a slow link that takes its time.
    private func partUnlessMoving() {
        guard let parting, let partingDeadline, loop.now < partingDeadline else { return part() }
        if parting.queuedByteCount < partingByteCount || (hasHeardWhileParting && partingByteCount > 0) {
            armParting(parting)
        } else {
            part()
        }
    }

    /// Lets go of a socket that was closed in good order.
    private func part() {
        timer?.disarm()
        timer = nil
        parting?.close()
        parting = nil
        let waiting = waitingForPart
        waitingForPart = []
        for continuation in waiting { continuation.resume() }
    }

    /// Ends the connection at once.
    ///
    /// Does nothing the second time.
    func fail(_ reason: ConnectionError) {
        if case .closed = state { return }
        socket?.close()
        socket = nil
        end(reason)
    }

    /// Ends everything that waits on the connection.
    private func end(_ reason: ConnectionError) {
        let wasOpen: Bool
        if case .open = state { wasOpen = true } else { wasOpen = false }
        state = .closed(reason)
        timer?.disarm()
        timer = nil
        channel = nil
        outgoing.removeAll()
        writers.removeAll()
        let ended = streams.sorted { $0.key < $1.key }
        streams = [:]
        for (id, stream) in ended {
            stream.fail(.connectionClosed(reason))
            // What came before the end can still be read.
            if stream.isHeld && (!stream.received.isEmpty || stream.hasEnded) {
                streams[id] = stream
            } else {
                drop(stream)
            }
        }
        if let waiting = establishing {
            establishing = nil
            waiting.resume(returning: reason)
        }
        roundTripIsKnown()
        settleCharge()
        if wasOpen { setup.owner.connectionDidClose(self, reason) }
    }
}

extension SocketConnection: StreamSocketDelegate, EndOfTurnWork {
    package nonisolated func socketDidConnect() { assumeIsolated { $0.beginUpgrade() } }

    package nonisolated func socketDidRead(_ bytes: BufferSlice) {
        enter(bytes) { connection, bytes in
            connection.setup.meter.didReceive(bytes.count)
            switch connection.state {
            case .upgrading: connection.upgradeDidReceive(bytes)
            case .open:
                connection.channel?.feed(bytes)
                connection.drainChannel()
            case .closed: connection.hasHeardWhileParting = true
            case .idle: break
            }
        }
    }

    package nonisolated func socketDidEnd() {
        assumeIsolated { connection in
            switch connection.state {
            case .idle: connection.fail(.closedByPeer(.connecting))
            case .upgrading(let upgrade): connection.fail(.closedByPeer(upgrade.phase))
            case .open: connection.fail(connection.hasPeerGoneAway ? .goneAway : .closedByPeer(.open))
            case .closed: connection.part()
            }
        }
    }

    package nonisolated func socketDidDrain() {
        enter { connection in
            connection.pace.drained(at: connection.loop.now)
            connection.scheduleFlush()
        }
    }

    package nonisolated func socketDidFail(_ error: SocketError) {
        assumeIsolated { connection in
            if case .closed = connection.state { return connection.part() }
            connection.fail(.socket(error))
        }
    }

    package nonisolated func endOfTurn() {
        enter { connection in
            connection.settleStreams()
            connection.flush()
        }
    }
}

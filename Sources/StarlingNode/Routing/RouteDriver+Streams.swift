internal import StarlingCore
internal import StarlingMesh
internal import StarlingTransports
internal import StarlingWorld

// The streams of routes: one that this node writes to each neighbour, and one that it reads of each.
extension RouteDriver {
    private func isOpen(_ session: RouteSession) -> Bool { !isStopped && !session.isOver }

    // MARK: Telling

    /// Has a peer told what there is to tell, unless that goes on already.
    func tell(_ peer: PeerID) {
        guard !isParting, let session = sessions[peer], !session.isTelling else { return }
        session.isTelling = true
        startTask { [number = session.number] driver in await driver.tell(peer, number) }
    }

    /// Writes to a peer, over one stream after the other, as long as it is connected and takes them.
    private func tell(_ peer: PeerID, _ number: UInt64) async {
        guard let session = sessions[peer], session.number == number else { return }
        var wait = limits.reopenWaitMin
        while isOpen(session), !isParting {
            let start = loop.now
            do throws(RouteStreamError) {
                try await write(to: peer, session)
            } catch {
                world.log(.debug, "a stream of routes failed", ["peer": "\(peer)", "reason": "\(error)"])
            }
            // Who opens no stream of its own speaks of no routes, and is asked no more.
            guard isOpen(session), !isParting, session.isSpoken else { break }
            table.outgoingReset(peer, now: loop.now, wallNow: world.wallClock.now)
            pump()
            session.livenessFrames = RingQueue()
            notify(.interrupted(peer, .closed))
            if start + limits.reopenWaitMax <= loop.now { wait = limits.reopenWaitMin }
            do { try await loop.sleep(for: wait) } catch { break }
            wait = min(wait * 2, limits.reopenWaitMax)
        }
        session.isTelling = false
    }

    private func write(to peer: PeerID, _ session: RouteSession) async throws(RouteStreamError) {
        let stream: Stream
        let surplusCount = session.surplusCount
        do throws(SwarmError) {
            stream = try await swarm.openStream(to: peer, [RouteFrame.protocolID], priority: .high)
        } catch {
            throw .notOpened(error)
        }
        guard isOpen(session), session.surplusCount == surplusCount else {
            return await stream.reset()
        }
        let number = nextNumber()
        session.outbound = number
        session.outboundStream = stream
        startTask { driver in
            // Nothing comes on it but its end, and that the peer does not speak of routes.
            _ = try? await stream.read()
            await driver.outgoingEnded(peer, number)
        }
        do throws(StreamError) {
            // An empty frame, so that the peer hears of the stream.
            try await stream.write(RouteFrame().encoded)
            if session.isSpoken { notify(.resumed(peer)) }
            while await hasToTell(session, number) {
                while isOpen(session), let frame = nextFrame(for: peer, session) {
                    try await stream.write(frame.encoded)
                }
                pump()
                if isParting { break }
            }
            // The peer ends the stream when it has read all.
            if isParting { try await stream.closeWrite() } else { await stream.reset() }
        } catch {
            await stream.reset()
            throw .stream(error)
        }
    }

    /// What there is to tell of routes, and a frame of the liveness protocol with it.
    private func nextFrame(for peer: PeerID, _ session: RouteSession) -> RouteFrame? {
        let liveness = session.livenessFrames.popFirst()
        let frame = table.nextFrame(for: peer, isSentAnyway: liveness != nil, now: loop.now)
        guard let liveness else { return frame }
        var both = frame ?? RouteFrame()
        both.liveness = liveness
        return both
    }

    /// Sends a neighbour a frame of the liveness protocol, in order; none is dropped before the stream ends.
    func send(liveness frame: [UInt8], to peer: PeerID) {
        guard let session = sessions[peer], session.isSpoken else { return }
        guard session.livenessFrames.count < limits.livenessFrameCountMax else {
            return giveUp(peer)
        }
        session.livenessFrames.append(frame)
        session.wake(goesOn: true)
    }

    /// A neighbour does not take what is told to it: all that waits goes with its stream.
    private func giveUp(_ peer: PeerID) {
        sessions[peer]?.livenessFrames = RingQueue()
        notify(.interrupted(peer, .lost))
        guard let stream = sessions[peer]?.outboundStream else { return }
        startTask { _ in await stream.reset() }
    }

    /// Ends the stream to a peer, unless it is on the connection that the swarm prefers, where the next one opens.
    func moveStream(to peer: PeerID) {
        let preferred = swarm.assumeIsolated { $0.connection(to: peer)?.id }
        if let used = sessions[peer]?.outboundStream?.connection.id, used == preferred { return }
        sessions[peer]?.surplusCount += 1
        if let outbound = sessions[peer]?.outbound { outgoingEnded(peer, outbound) }
    }

    private func outgoingEnded(_ peer: PeerID, _ number: UInt64) {
        guard sessions[peer]?.outbound == number else { return }
        sessions[peer]?.outbound = nil
        sessions[peer]?.outboundStream = nil
        sessions[peer]?.wake(goesOn: false)
        writingEnded()
    }

    /// Suspends until there may be something to tell; `false` when the stream is to end.
    private func hasToTell(_ session: RouteSession, _ number: UInt64) async -> Bool {
        await Waiter.suspend { waiter in
            if isOpen(session), session.outbound == number {
                session.wait(waiter)
            } else {
                waiter.resume(returning: false)
            }
        }
    }

    // MARK: Listening

    /// Reads a stream that a peer opened, until it ends.
    nonisolated func serve(_ stream: Stream) async {
        let peer = stream.peer
        guard let number = await beginReading(peer) else { return await stream.reset() }
        let hold = ByteHold(swarm.protocols, of: peer, for: .unfinishedMessages)
        var frames = FrameStream(stream, frameByteCountMax: RouteFrame.byteCountMax) { hold.set($0) }
        do throws(RouteStreamError) {
            while true {
                let bytes: [UInt8]?
                do throws(FrameError) { bytes = try await frames.next() } catch { throw .frames(error) }
                guard let bytes else { break }
                let frame: RouteFrame
                do throws(ProtobufError) { frame = try RouteFrame.parse(bytes.span) } catch {
                    throw .malformed(error)
                }
                guard try await take(frame, from: peer, number) else { break }
            }
        } catch {
            world.log(
                error.isBreach ? .warning : .debug,
                "a peer's stream of routes failed",
                ["peer": "\(peer)", "reason": "\(error)"]
            )
        }
        await stream.reset()
        await endReading(peer, number)
    }

    private func beginReading(_ peer: PeerID) async -> UInt64? {
        guard !isStopped, !isParting, let session = sessions[peer] else { return nil }
        let number = nextNumber()
        session.inbound = number
        if !session.isSpoken {
            let roundTrip = await roundTrip(to: peer)
            guard isOpen(session), !isParting else { return nil }
            if !session.isSpoken {
                session.isSpoken = true
                linkUp(peer, roundTrip)
            }
        } else {
            table.incomingReset(peer, now: loop.now, wallNow: world.wallClock.now)
        }
        pump()
        tell(peer)
        // Meanwhile the peer may have opened another one.
        return !session.isOver && session.inbound == number ? number : nil
    }

    /// Takes a frame; suspends where the peer has told more than its share.
    ///
    /// - Returns: `false` when another stream is read now.
    private func take(_ frame: RouteFrame, from peer: PeerID, _ number: UInt64) async throws(RouteStreamError)
        -> Bool
    {
        guard !isStopped, sessions[peer]?.inbound == number else { return false }
        defer { pump() }
        do throws(RouteBreach) {
            try table.receive(frame, from: peer, now: loop.now, wallNow: world.wallClock.now)
        } catch {
            throw .breach(error)
        }
        if frame.liveness.isEmpty {
            notify(.heard(peer))
        } else if let error = takeLiveness?(frame.liveness, peer) {
            throw .liveness(error)
        }
        guard let ready = table.pausesReading(of: peer, now: loop.now) else { return true }
        pump()
        do { try await loop.sleep(for: loop.now.duration(to: ready)) } catch { return false }
        return true
    }

    private func endReading(_ peer: PeerID, _ number: UInt64) {
        guard !isStopped, sessions[peer]?.inbound == number else { return }
        sessions[peer]?.inbound = nil
        // Whoever goes itself finds no other ways.
        guard !isParting else { return }
        table.incomingReset(peer, now: loop.now, wallNow: world.wallClock.now)
        pump()
    }
}

/// Why a stream of routes ended.
enum RouteStreamError: Error, Equatable, Sendable {
    case notOpened(SwarmError)
    case stream(StreamError)
    case frames(FrameError)
    /// The peer sends what is no frame of routes.
    case malformed(ProtobufError)
    /// The peer breaks the protocol's rules.
    case breach(RouteBreach)
    /// The part of a frame that speaks of who is alive is none.
    case liveness(LivenessFrameError)

    /// Whether the peer did what no honest peer does.
    var isBreach: Bool {
        switch self {
        case .malformed, .breach, .liveness: true
        case .notOpened, .stream, .frames: false
        }
    }
}

package import StarlingCore
internal import StarlingCrypto
package import StarlingMesh
internal import StarlingTransports
package import StarlingWorld

/// Finds out from the neighbours where other members can be dialled, and tells them what it knows itself.
///
/// What goes from hand to hand are the records that the members have signed.
package actor RecordDriver {
    package struct Limits: Sendable {
        /// Neighbours that a request may go through: as many as a route.
        package var hopLimit: UInt8 = 10
        /// Neighbours that are asked for one record, one after the other.
        package var neighbourCountMax = 2
        /// How long an answer may take for each link that the request may cross.
        package var patiencePerHop: Duration = .milliseconds(500)
        /// Requests of one neighbour; more are answered with nothing.
        package var requestRate = RouteRate(perSecond: 10, atOnce: 64)
        /// Neighbours that have gone of whom it is remembered what they asked.
        package var goneCountMax = 256
        /// Requests of one neighbour that are served at a time; its further streams are reset.
        package var streamCountMaxPerPeer = 16
        /// Searches under way, for this node and for others; more find nothing.
        package var searchCountMax = 64
        /// Those of them for others: whoever asks much leaves this node some.
        package var othersSearchCountMax = 48
        /// How long an address that was found may be dialled: whoever loses all neighbours has no newer one.
        package var addressLifetime: Duration = .seconds(86_400)

        package init() {}
    }

    private let swarm: Swarm
    private let routes: RouteDriver
    private let identify: IdentifyDriver
    private let limits: Limits
    private let world: World
    package nonisolated let loop: any EventLoop
    private var allowances: NeighbourAllowances
    private var searchCount = 0
    private var othersSearchCount = 0
    private var isStopped = false

    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    package init(
        swarm: Swarm,
        routes: RouteDriver,
        identify: IdentifyDriver,
        limits: Limits = Limits()
    ) {
        self.swarm = swarm
        self.routes = routes
        self.identify = identify
        self.limits = limits
        world = swarm.world
        loop = world.loops[0]
        allowances = NeighbourAllowances(limits.requestRate, goneCountMax: limits.goneCountMax)
    }

    package func start() async {
        await routes.observe { [weak self] event in
            self?.enter(event) { driver, event in driver.take(event) }
        }
        swarm.protocols.set(
            RecordRequest.protocolID,
            streamCountMaxPerPeer: limits.streamCountMaxPerPeer
        ) { [weak self] stream in await self?.serve(stream) }
    }

    private func take(_ event: NeighbourEvent) {
        switch event {
        case .up(let peer): allowances.came(peer, now: loop.now)
        case .down(let peer, _): allowances.left(peer)
        case .interrupted, .resumed, .heard, .measured: break
        }
    }

    package func stop() {
        isStopped = true
        swarm.protocols.set(RecordRequest.protocolID, nil)
    }

    // MARK: Asking

    /// Looks for a newer record of a peer than the one that is known, and puts its addresses into the peer book; for any
    /// where those that were known are forgotten.
    ///
    /// - Returns: Whether one was found.
    package func find(_ peer: PeerID) async -> Bool {
        let isForgotten = await swarm.peerBook.addresses(of: peer, now: loop.now).isEmpty
        let known = isForgotten ? 0 : await swarm.peerBook[peer]?.recordSequence ?? 0
        let request = RecordRequest(peer, newerThan: known, hopLimit: limits.hopLimit)
        return await search(request, for: nil) != nil
    }

    /// Asks the neighbours on the way to a peer for its record.
    ///
    /// - Parameter asker: Whom it is for, which is not asked itself; `nil` for this node.
    private func search(_ request: RecordRequest, for asker: PeerID?) async -> [UInt8]? {
        guard !isStopped, searchCount < limits.searchCountMax,
            asker == nil || othersSearchCount < limits.othersSearchCountMax
        else { return nil }
        let othersCount = asker == nil ? 0 : 1
        searchCount += 1
        othersSearchCount += othersCount
        defer {
            searchCount -= 1
            othersSearchCount -= othersCount
        }
        var hops = await routes.nextHops(to: request.peer)
        // Somebody who is just there may be known to others already, before the way to it is known here.
        if hops.isEmpty, asker == nil { hops = await drawnNeighbours() }
        // Those on the way ask one each, or a search would double at every hop.
        let askedCountMax = asker == nil ? limits.neighbourCountMax : 1
        for hop in hops.filter({ $0 != asker }).prefix(askedCountMax) {
            if let record = await ask(hop, request) { return record }
        }
        return nil
    }

    private func drawnNeighbours() async -> [PeerID] {
        var draws = SplitMix64(seed: world.random.word())
        return await routes.neighbours.shuffled(using: &draws)
    }

    /// Asks one neighbour, and takes note of what it answers.
    private func ask(_ neighbour: PeerID, _ request: RecordRequest) async -> [UInt8]? {
        guard let connection = await swarm.connection(to: neighbour) else { return nil }
        let patience = limits.patiencePerHop * Int(request.hopLimit)
        do throws(RecordFailure) {
            let answer = try await loop.withDeadline(loop.now + patience) {
                () async throws(RecordFailure) in try await Self.exchange(request, over: connection)
            }
            guard let answer, !answer.record.isEmpty else { return nil }
            return try await take(answer.record, request, over: connection)
        } catch {
            world.log(
                .debug,
                "a neighbour was asked for a record in vain",
                ["peer": "\(request.peer)", "neighbour": "\(neighbour)", "reason": "\(error)"]
            )
            return nil
        }
    }

    private static func exchange(
        _ request: RecordRequest,
        over connection: any Connection
    ) async throws(RecordFailure) -> RecordAnswer {
        let stream: Stream
        do throws(StreamError) {
            stream = try await connection.openStream([RecordRequest.protocolID])
            try await stream.write(request.encoded)
            try await stream.closeWrite()
        } catch {
            throw .stream(error)
        }
        do throws(RecordFailure) {
            guard let bytes = try await next(of: stream, byteCountMax: RecordAnswer.byteCountMax) else {
                throw .stream(.ended)
            }
            let answer: RecordAnswer
            do throws(ProtobufError) { answer = try RecordAnswer(parsing: bytes.span) } catch {
                throw .malformed(error)
            }
            await stream.reset()
            return answer
        } catch {
            await stream.reset()
            throw error
        }
    }

    /// Puts the addresses of a record that holds what it should into the peer book.
    private func take(
        _ envelope: [UInt8],
        _ request: RecordRequest,
        over connection: any Connection
    ) async throws(RecordFailure) -> [UInt8]? {
        let record: PeerRecord
        do throws(PeerRecordError) { record = try PeerRecord(parsing: envelope) } catch {
            throw .forged(error)
        }
        guard record.peerID == request.peer else { throw .otherPeer }
        guard record.sequenceNumber > request.newerThan else { return nil }
        await swarm.take(
            record,
            in: envelope,
            // What the neighbour can reach, this node may.
            metAt: connection.info.remote,
            lifetime: limits.addressLifetime
        )
        return envelope
    }

    // MARK: Answering

    private nonisolated func serve(_ stream: Stream) async {
        do throws(RecordFailure) {
            let request = try await loop.withDeadline(loop.now + limits.patiencePerHop * Int(limits.hopLimit))
            {
                () async throws(RecordFailure) -> RecordRequest? in
                guard let bytes = try await Self.next(of: stream, byteCountMax: RecordRequest.byteCountMax)
                else { return nil }
                do throws(ProtobufError) { return try RecordRequest(parsing: bytes.span) } catch {
                    throw .malformed(error)
                }
            }
            guard let request = request ?? nil else { return await stream.reset() }
            let answer = await answer(request, of: stream.peer)
            do throws(StreamError) {
                try await stream.write(answer.encoded)
                try await stream.closeWrite()
            } catch {
                throw .stream(error)
            }
        } catch {
            world.log(
                .debug,
                "a request for a record was not answered",
                ["peer": "\(stream.peer)", "reason": "\(error)"]
            )
            await stream.reset()
        }
    }

    private func answer(_ request: RecordRequest, of neighbour: PeerID) async -> RecordAnswer {
        let nothing = RecordAnswer(record: [])
        // Others than neighbours have no part in the mesh.
        guard !isStopped, await routes.isNeighbour(neighbour), allowances.take(neighbour, now: loop.now)
        else {
            return nothing
        }
        if request.peer == swarm.peerID {
            let own = await identify.ownRecord()
            return own.sequenceNumber > request.newerThan ? RecordAnswer(record: own.envelope) : nothing
        }
        if let known = await swarm.peerBook[request.peer], !known.record.isEmpty,
            known.recordSequence > request.newerThan
        {
            return RecordAnswer(record: known.record)
        }
        guard request.hopLimit > 1 else { return nothing }
        var onward = request
        onward.hopLimit = min(request.hopLimit, limits.hopLimit) - 1
        return RecordAnswer(record: await search(onward, for: neighbour) ?? [])
    }

    private static func next(of stream: Stream, byteCountMax: Int) async throws(RecordFailure) -> [UInt8]? {
        var frames = FrameStream(stream, frameByteCountMax: byteCountMax)
        do throws(FrameError) { return try await frames.next() } catch { throw .frames(error) }
    }

    /// The tables that have a limit.
    package var tableFills: [TableFill] {
        [
            TableFill("record searches", searchCount, of: limits.searchCountMax),
            TableFill("record searches for others", othersSearchCount, of: limits.othersSearchCountMax),
            inPlace(&allowances) { $0.tableFill("record gone") },
        ]
    }
}

/// Why an exchange about a record came to nothing.
enum RecordFailure: Error, Equatable, Sendable {
    case stream(StreamError)
    case frames(FrameError)
    case malformed(ProtobufError)
    /// What came is no record that its peer has signed.
    case forged(PeerRecordError)
    /// It is another peer's record than was asked for.
    case otherPeer
}

internal import StarlingCore
internal import StarlingCrypto
internal import StarlingMesh
internal import StarlingTransports
internal import StarlingWorld

// Tunnels that peers open: those of others are carried on, those for this node end here.
extension TunnelDriver {
    nonisolated func take(_ stream: Stream) async {
        let loop = stream.connection.loop
        let asked: Asked?
        do throws(TunnelError) {
            asked = try await loop.withDeadline(loop.now + limits.requestTimeout) {
                () async throws(TunnelError) in try await Asked(reading: stream)
            }
        } catch {
            if case .malformed = error { return await Self.refuse(stream, .malformed) }
            return await stream.reset()
        }
        guard let asked else { return await stream.reset() }
        let request = asked.request
        switch await admit(request, from: stream.peer) {
        case .refuse(let reason):
            swarm.world.log(
                .debug,
                "a tunnel is refused",
                ["to": "\(request.to)", "neighbour": "\(stream.peer)", "reason": "\(reason)"]
            )
            await Self.refuse(stream, reason)
        case .relay(let next):
            await carry(stream, asked, to: next)
            await ended(request.id)
        case .end:
            await serve(stream, asked)
            await ended(request.id)
        }
    }

    private func admit(_ request: TunnelRequest, from neighbour: PeerID) async -> TunnelTable.Verdict {
        let hops = request.to == swarm.peerID ? [] : await delivery.hops(to: request.to, without: neighbour)
        return table.admit(request, from: neighbour, hops: hops, now: loop.now)
    }

    private func ended(_ id: TunnelID) { table.ended(id) }

    private static func refuse(_ stream: Stream, _ reason: TunnelAnswer.Refusal) async {
        do throws(StreamError) {
            try await stream.write(TunnelAnswer.refused(reason).encoded)
            try await stream.closeWrite()
        } catch {
            await stream.reset()
        }
    }

    // MARK: Of others

    private nonisolated func carry(_ stream: Stream, _ asked: Asked, to next: PeerID) async {
        let request = asked.request
        // What is others' gives way to what is the node's own.
        await stream.setPriority(.low)
        let onward: Stream
        do throws(StreamError) {
            guard let connection = await swarm.connection(to: next) else { throw .closed }
            onward = try await connection.openStream([TunnelProtocol.id], priority: .low)
            try await onward.write(request.carriedOn.encoded)
            if let unread = asked.unread { try await onward.write(unread) }
        } catch {
            await doubted(to: request.to, via: next)
            return await Self.refuse(stream, .noRoute)
        }
        let pipe = TunnelPipe(
            stream,
            onward,
            idleTimeout: limits.idleTimeout,
            refusal: TunnelAnswer.refused(.noRoute).encoded
        )
        let end = await pipe.run()
        swarm.world.log(
            .debug,
            "a tunnel of others has ended",
            ["to": "\(request.to)", "neighbour": "\(stream.peer)", "next": "\(next)", "end": "\(end)"]
        )
        // Both ends are others, and either may have brought it about.
        if end.isOfTheWay { await doubted(to: request.to, via: next) }
    }

    // MARK: Ending here

    private nonisolated func serve(_ stream: Stream, _ asked: Asked) async {
        let request = asked.request
        guard let action = action(for: request.protocolID) else {
            return await Self.refuse(stream, .protocolNotSpoken)
        }
        let loop = stream.connection.loop
        let setup = setup(on: loop)
        let inside: Stream?
        do throws(NoiseStreamError) {
            inside = try await loop.withDeadline(loop.now + limits.openTimeout) {
                () async throws(NoiseStreamError) in
                do throws(StreamError) { try await stream.write(TunnelAnswer.accepted.encoded) } catch {
                    throw .stream(error)
                }
                return try await NoiseStream.secure(
                    stream,
                    .responder,
                    with: request.from,
                    speaking: request.protocolID,
                    binding: request.binding,
                    unread: asked.unread,
                    setup: setup
                )
            }
        } catch {
            swarm.world.log(
                .debug,
                "a tunnel's handshake failed",
                ["from": "\(request.from)", "neighbour": "\(stream.peer)", "reason": "\(error)"]
            )
            return await stream.reset()
        }
        guard let inside, await begin(request.from) else { return await stream.reset() }
        await action(inside)
        await end(request.from)
    }

    private func begin(_ peer: PeerID) -> Bool { table.begin(peer) }

    private func end(_ peer: PeerID) { table.end(peer) }
}

/// A request, and what came behind it.
private struct Asked: Sendable {
    var request: TunnelRequest
    var unread: BufferSlice?

    init(reading stream: Stream) async throws(TunnelError) {
        var frames = FrameStream(stream, frameByteCountMax: TunnelProtocol.frameByteCountMax)
        let frame: [UInt8]?
        do throws(FrameError) { frame = try await frames.next() } catch {
            guard case .stream(let error) = error else { throw .malformed }
            throw .broken(error)
        }
        guard let frame else { throw .broken(.ended) }
        do throws(ProtobufError) { request = try TunnelRequest.parse(frame.span) } catch { throw .malformed }
        unread = frames.takeUnread()
    }
}

package import StarlingCore
package import StarlingCrypto
internal import StarlingProtocols
package import StarlingWorld

/// A stream with a Noise session of its own inside: two peers that others carry bytes between are authenticated to each
/// other, and the others see ciphertext.
///
/// To whoever uses it, it is a stream of a connection with the peer at the far end; that connection has this one stream
/// and no more. It lives on the loop of the stream that carries it.
///
/// Each direction ends with an empty record: an end that is made up on the way is told from the peer's own.
///
/// Spec: docs/specs/tunnel.md, "Inside".
package actor NoiseStream: Connection, StreamBackend {
    /// What a node brings to each of them.
    package struct Setup: Sendable {
        package let identity: NoiseIdentity
        package let random: any RandomSource
        /// The cipher of the loop that the stream lives on.
        package let cipher: ChaChaPoly

        package init(identity: NoiseIdentity, random: any RandomSource, cipher: ChaChaPoly) {
            self.identity = identity
            self.random = random
            self.cipher = cipher
        }
    }

    /// Content of one record: with its own header and tag, and a frame's header before it, it fits into one record of
    /// the connection that carries it, so that it arrives in one piece.
    private static let contentByteCountMax =
        NoiseRecord.contentByteCountMax - NoiseRecord.headerByteCount - NoiseRecord.tagByteCount
        - YamuxSession.frameHeaderByteCount

    package nonisolated let loop: any EventLoop
    private let carrier: Stream
    private let channel: NoiseChannel
    private nonisolated let openInfo = OnceBox<ConnectionInfo>()

    /// Content that was opened and not read yet.
    private var unread: BufferSlice?
    private var isReading = false
    private var readFailure: StreamError?
    private var isWriting = false
    private var isWriteClosed = false
    private var writeFailure: StreamError?

    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    private init(_ carrier: Stream, _ channel: NoiseChannel) {
        self.carrier = carrier
        self.channel = channel
        loop = carrier.connection.loop
    }

    /// Makes a handshake over a stream, and returns the stream inside.
    ///
    /// - Parameters:
    ///   - role: who speaks first.
    ///   - peer: who has to be at the far end.
    ///   - protocolID: what is spoken inside.
    ///   - binding: what both ends must have seen alike.
    ///   - unread: what was read of the stream and belongs to the handshake.
    ///
    /// Cancellation: throws; the stream is of no use any more.
    package static func secure(
        _ carrier: Stream,
        _ role: NoiseRole,
        with peer: PeerID,
        speaking protocolID: String,
        binding: [UInt8],
        unread: BufferSlice? = nil,
        setup: Setup
    ) async throws(NoiseStreamError) -> Stream {
        var seed = setup.random.bytes(count: 32)
        let handshake = NoiseHandshake(
            role: role,
            identity: setup.identity,
            ephemeralSeed: SecretBytes(wiping: &seed),
            expectedPeer: peer,
            prologue: binding
        )
        let loop = carrier.connection.loop
        let channel = NoiseChannel(handshake, setup.cipher, farewell: .emptyRecord, loop)
        let end = NoiseStream(carrier, channel)
        try await end.shakeHands(role, unread)
        return Stream(
            id: 0,
            direction: role == .initiator ? .outbound : .inbound,
            protocolID: protocolID,
            connection: end,
            backend: end
        )
    }

    private func shakeHands(_ role: NoiseRole, _ unread: BufferSlice?) async throws(NoiseStreamError) {
        if let unread { channel.feed(unread) }
        while true {
            var output = RingQueue<BufferSlice>()
            let peer: SecuredPeer?
            do throws(ConnectionError) { peer = try channel.handshake(into: &output) } catch {
                throw .security(error)
            }
            do throws(StreamError) {
                while let bytes = output.popFirst() { try await carrier.write(bytes) }
                if let peer { return becomeOpen(peer, role) }
                guard let bytes = try await carrier.read() else { throw .ended }
                channel.feed(bytes)
            } catch {
                throw .stream(error)
            }
        }
    }

    private func becomeOpen(_ peer: SecuredPeer, _ role: NoiseRole) {
        let carrying = carrier.connection.info
        openInfo.set(
            ConnectionInfo(
                direction: role == .initiator ? .outbound : .inbound,
                peer: peer.peer,
                key: peer.key,
                local: nil,
                // Wherever the peer is, it is not where the neighbour is that its bytes come from.
                remote: try? Multiaddr("/p2p/\(carrying.peer)/p2p-circuit"),
                security: NoiseHandshake.protocolID,
                muxer: "",
                openedAt: loop.now
            )
        )
    }

    // MARK: Connection

    /// That of the connection which carries it: streams have none of their own.
    package nonisolated var id: ConnectionID { carrier.connection.id }

    /// Fixed once the handshake is over; traps before.
    package nonisolated var info: ConnectionInfo {
        guard let info = openInfo.value else { preconditionFailure("the handshake is not over yet") }
        return info
    }

    package func openStream(
        _ protocols: [String],
        priority: StreamPriority
    ) async throws(StreamError) -> Stream {
        throw .tooManyStreams
    }

    package var streamCount: Int { 1 }

    package var closeReason: ConnectionError? { get async { await carrier.connection.closeReason } }

    package var roundTrip: Duration? { nil }

    /// There is nothing on it but the stream.
    package func measureRoundTrip() -> Duration? { nil }
    package var packetCounts: PacketCounts? { nil }

    package func close(_ reason: ConnectionError) async { await carrier.reset() }

    // MARK: Stream

    package func read(_ id: UInt64, byteCountMax: Int) async throws(StreamError) -> BufferSlice? {
        guard !isReading else { throw .busy }
        isReading = true
        defer { isReading = false }
        while true {
            if var bytes = unread {
                let taken = bytes.removePrefix(min(bytes.count, byteCountMax))
                unread = bytes.isEmpty ? nil : bytes
                return taken
            }
            if let readFailure { throw readFailure }
            do throws(ConnectionError) { unread = try channel.nextContent() } catch {
                readFailure = .forged
                await carrier.reset()
                throw .forged
            }
            if unread != nil { continue }
            if channel.isEnded { return nil }
            guard let bytes = try await carrier.read() else {
                readFailure = .ended
                throw .ended
            }
            channel.feed(bytes)
        }
    }

    package func write(_ id: UInt64, _ bytes: StreamBytes) async throws(StreamError) {
        if let writeFailure { throw writeFailure }
        guard !isWriteClosed else { throw .closed }
        guard !isWriting else { throw .busy }
        isWriting = true
        defer { isWriting = false }
        var offset = 0
        while offset < bytes.count {
            let byteCount = min(bytes.count - offset, Self.contentByteCountMax)
            let block = loop.takeRecordBuffer()
            switch bytes {
            case .array(let array):
                block.write(array.span.extracting(offset..<offset + byteCount), at: channel.headroom)
            case .slice(let slice):
                slice.withSpan {
                    block.write($0.extracting(offset..<offset + byteCount), at: channel.headroom)
                }
            }
            try await send { channel, output throws(ConnectionError) in
                try channel.seal(block, channel.headroom..<channel.headroom + byteCount, into: &output)
            }
            offset += byteCount
        }
    }

    package func closeWrite(_ id: UInt64) async throws(StreamError) {
        if let writeFailure { throw writeFailure }
        guard !isWriting else { throw .busy }
        guard !isWriteClosed else { return }
        isWriteClosed = true
        try await send { channel, output in channel.close(into: &output) }
        try await carrier.closeWrite()
    }

    /// Writes what the channel makes of something; when that fails, what the peer has of it is of no use to it.
    private func send(
        _ make: (NoiseChannel, inout RingQueue<BufferSlice>) throws(ConnectionError) -> Void
    ) async throws(StreamError) {
        var output = RingQueue<BufferSlice>()
        do throws(ConnectionError) { try make(channel, &output) } catch {
            writeFailure = .closed
            throw .closed
        }
        do throws(StreamError) {
            while let record = output.popFirst() { try await carrier.write(record) }
        } catch {
            writeFailure = error == .cancelled ? .closed : error
            throw error
        }
    }

    package func reset(_ id: UInt64) async { await carrier.reset() }

    package func setPriority(_ id: UInt64, _ priority: StreamPriority) async {
        await carrier.setPriority(priority)
    }

    /// The stream that carries it goes with it.
    package nonisolated func abandon(_ id: UInt64) {}
}

/// Why there is no session inside a stream.
package enum NoiseStreamError: Error, Equatable, Sendable {
    case stream(StreamError)
    /// The handshake failed: somebody else is at the far end, or bytes were changed on the way.
    case security(ConnectionError)
}

package import StarlingCore

/// Who opened the connection, which decides who speaks first.
package enum NoiseRole: Sendable {
    /// The dialer.
    case initiator
    /// The listener.
    case responder
}

/// One Noise handshake as libp2p does it: authenticates both sides and agrees on keys and a multiplexer.
///
///     var handshake = NoiseHandshake(role: .initiator, identity: mine, ephemeralSeed: seed, expectedPeer: peer)
///     while !handshake.isFinished {
///         if let message = try handshake.nextMessage() { … send it with a two-byte length before it … }
///         else { try handshake.receive(…) }
///     }
///     var session = try handshake.finish()
///
/// Messages go in and out without their length. After an error, and after
/// ``finish()``, every call throws ``NoiseError/outOfTurn``.
///
/// Spec: libp2p/specs noise r5, where the prologue is empty; `connections/inlined-muxer-negotiation.md` r1,
/// "Multiplexer Negotiation over Noise".
package struct NoiseHandshake: ~Copyable {
    /// What a peer may make us hold before it has proved who it is.
    package struct Limits: Sendable {
        /// The longest message in bytes, so that half-open handshakes stay cheap; an identity with the
        /// largest RSA key needs some 2,300.
        ///
        /// A longer one ends the handshake: its reader should refuse it by its length, before it is read.
        package var messageByteCountMax = 8192
        /// The most multiplexers that a peer may offer, several times those that exist.
        ///
        /// More end the handshake.
        package var muxerCountMax = 32
        /// The longest name of a multiplexer in bytes; those in use have 13.
        ///
        /// A longer one ends the handshake.
        package var muxerByteCountMax = 128

        package init() {}
    }

    /// The protocol's name in negotiations.
    package static let protocolID = "/noise"

    /// The messages of a whole handshake, both directions together.
    package static let messageCount = NoiseXX.messageCount

    private let role: NoiseRole
    private let identity: NoiseIdentity
    private let expectedPeer: PeerID?
    private let muxers: [String]
    private let limits: Limits

    private var pattern: NoiseXX
    /// Whether it failed, or its session was taken.
    private var isOver = false
    private var remoteKey: PublicKey?
    private var muxer: String?

    /// Begins a handshake.
    ///
    /// - Parameters:
    ///   - role: Whether this side dialed.
    ///   - identity: Who this side is.
    ///   - ephemeralSeed: 32 random bytes that nothing else uses.
    ///   - expectedPeer: Whom the dialer wants to reach; `nil` accepts anyone.
    ///   - muxers: The multiplexers to agree on during the handshake, the preferred one first. With none,
    ///     they are negotiated afterwards.
    ///   - prologue: What both sides must have seen alike; libp2p's connections have none.
    ///   - limits: What the peer may use.
    /// - Precondition: the seed has 32 bytes.
    package init(
        role: NoiseRole,
        identity: NoiseIdentity,
        ephemeralSeed: consuming SecretBytes,
        expectedPeer: PeerID? = nil,
        muxers: [String] = [],
        prologue: [UInt8] = [],
        limits: Limits = Limits()
    ) {
        self.role = role
        self.identity = identity
        self.expectedPeer = expectedPeer
        self.muxers = muxers
        self.limits = limits
        pattern = NoiseXX(
            isInitiator: role == .initiator,
            ephemeral: X25519Key(seed: ephemeralSeed),
            prologue: prologue.span
        )
    }

    /// Whether all messages were written and read, and the peer is who it says.
    package var isFinished: Bool { pattern.isFinished && !isOver }

    /// The next message to send, or `nil` when it is the peer's turn or the handshake is over.
    package mutating func nextMessage() throws(NoiseError) -> [UInt8]? {
        guard !isOver else { throw .outOfTurn }
        guard pattern.isOurTurn else { return nil }
        // The first message is in the clear: it says nothing.
        var payload: [UInt8] = []
        if pattern.messageIndex > 0 {
            var content = identity.payload
            content.muxers = muxers
            payload = content.encoded()
        }
        do throws(NoiseError) {
            return try pattern.write(payload.span, staticKey: identity.staticKey)
        } catch {
            isOver = true
            throw error
        }
    }

    /// Reads the peer's next message, without its length.
    package mutating func receive(_ message: Span<UInt8>) throws(NoiseError) {
        guard !isOver else { throw .outOfTurn }
        do throws(NoiseError) {
            guard message.count <= limits.messageByteCountMax else { throw .messageTooLong }
            let isFirst = pattern.messageIndex == 0
            let payload = try pattern.read(message)
            // Nothing vouches for what the first message carries, and no version of the protocol uses it.
            if !isFirst { try accept(payload) }
        } catch {
            isOver = true
            throw error
        }
    }

    /// The session that the handshake agreed on, once: two of them would use the same nonces.
    package mutating func finish() throws(NoiseError) -> NoiseSession {
        guard isFinished, let remoteKey else { throw .outOfTurn }
        isOver = true
        return NoiseSession(remoteKey: remoteKey, muxer: muxer, keys: pattern.split(), role: role)
    }

    private mutating func accept(_ bytes: [UInt8]) throws(NoiseError) {
        let payload: NoisePayload
        do throws(ProtobufError) {
            payload = try NoisePayload(parsing: bytes.span, limits)
        } catch {
            throw .malformedPayload(error)
        }
        let key: PublicKey
        do throws(KeyError) {
            key = try PublicKey(protobuf: payload.identityKey)
        } catch {
            throw .invalidIdentityKey(error)
        }
        guard key.verify(payload.identitySignature, over: NoisePayload.signed(pattern.remoteStatic)) else {
            throw .invalidSignature
        }
        let peer = key.peerID
        guard expectedPeer == nil || expectedPeer == peer else { throw .unexpectedPeer(peer) }
        muxer = try chooseMuxer(payload.muxers)
        remoteKey = key
    }

    /// The first of the initiator's multiplexers that the responder has too; `nil` when a side named none.
    private func chooseMuxer(_ theirs: [String]) throws(NoiseError) -> String? {
        guard !muxers.isEmpty, !theirs.isEmpty else { return nil }
        let (preferred, others) = role == .initiator ? (muxers, theirs) : (theirs, muxers)
        guard let muxer = preferred.first(where: others.contains) else { throw .noCommonMuxer }
        return muxer
    }
}

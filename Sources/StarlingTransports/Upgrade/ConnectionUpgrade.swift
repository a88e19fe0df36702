internal import StarlingCore
internal import StarlingCrypto
internal import StarlingProtocols
internal import StarlingTLS
internal import StarlingWorld

/// Takes a connected socket to a secured, multiplexed connection: negotiate → secure → multiplex.
///
/// Bytes in, bytes out; the multiplexer is chosen inside the handshake where both sides can.
///
/// Spec: libp2p/specs `connections/README.md`, "Upgrading Connections";
/// `connections/inlined-muxer-negotiation.md`.
struct ConnectionUpgrade {
    /// What the connection needs once the upgrade is through.
    struct Result {
        var channel: any SecureChannel
        var peer: PeerID
        var key: PublicKey
        var security: String
        var muxer: String
        /// Content that came behind the last message of the upgrade: the multiplexer's first bytes.
        var leftover: BufferSlice?
    }

    fileprivate enum Negotiation {
        case dialling(MultistreamDialer)
        case listening(MultistreamListener)
    }

    private enum State {
        case security(Negotiation)
        case handshake(any SecureChannel, SecurityProtocol)
        case muxer(any SecureChannel, SecurityProtocol, SecuredPeer, Negotiation)
        case done
    }

    private let direction: Direction
    private let setup: ConnectionSetup
    private let loop: any EventLoop
    private var state: State
    private var output = RingQueue<BufferSlice>()
    private var result: Result?

    init(direction: Direction, setup: ConnectionSetup, loop: any EventLoop) {
        self.direction = direction
        self.setup = setup
        self.loop = loop
        state = .security(Self.negotiation(direction, setup.securities.map(\.rawValue)))
    }

    var phase: UpgradePhase {
        switch state {
        case .security: .security
        case .handshake: .handshake
        case .muxer: .muxer
        case .done: .open
        }
    }

    /// Begins; ``nextOutput()`` may have something.
    mutating func start() {
        if case .security(var negotiation) = state {
            send(negotiation.takeOutput())
            state = .security(negotiation)
        }
    }

    /// Bytes for the socket.
    mutating func nextOutput() -> BufferSlice? { output.popFirst() }

    /// The result, once there is one.
    mutating func takeResult() -> Result? { result.take() }

    /// Takes bytes from the socket.
    mutating func receive(_ bytes: BufferSlice) throws(ConnectionError) {
        switch state {
        case .security(var negotiation):
            var rest = bytes
            let agreed = try negotiation.receive(
                &rest,
                supporting: setup.securities.map(\.rawValue),
                .security
            )
            send(negotiation.takeOutput())
            state = .security(negotiation)
            guard let agreed, let security = SecurityProtocol(rawValue: agreed) else { return }
            try beginHandshake(security)
            if !rest.isEmpty { try receive(rest) }
        case .handshake(let channel, let security):
            channel.feed(bytes)
            try shakeHands(channel, security)
        case .muxer(let channel, let security, let peer, let negotiation):
            channel.feed(bytes)
            try negotiateMuxer(channel, security, peer, negotiation)
        case .done:
            break
        }
    }

    // MARK: Security

    private mutating func beginHandshake(_ security: SecurityProtocol) throws(ConnectionError) {
        let isDialler = direction == .outbound
        let channel: any SecureChannel
        switch security {
        case .noise:
            channel = NoiseChannel(isDialler ? .initiator : .responder, setup, loop)
        case .tls:
            guard let credentials = setup.tls else { throw .noCommonSecurity }
            channel = try TLSChannel(isDialler ? .client : .server, setup, credentials, loop)
        }
        state = .handshake(channel, security)
        try shakeHands(channel, security)
    }

    private mutating func shakeHands(
        _ channel: any SecureChannel,
        _ security: SecurityProtocol
    ) throws(ConnectionError) {
        guard let peer = try channel.handshake(into: &output) else { return }
        if let muxer = peer.muxer { return finish(channel, security, peer, muxer: muxer, leftover: nil) }
        try negotiateMuxer(channel, security, peer, Self.negotiation(direction, setup.muxers))
    }

    // MARK: Multiplexer

    private mutating func negotiateMuxer(
        _ channel: any SecureChannel,
        _ security: SecurityProtocol,
        _ peer: SecuredPeer,
        _ negotiation: Negotiation
    ) throws(ConnectionError) {
        do throws(ConnectionError) {
            try agreeOnMuxer(channel, security, peer, negotiation)
        } catch {
            // The peer is told why, or that nothing more comes.
            channel.close(into: &output)
            throw error
        }
    }

    private mutating func agreeOnMuxer(
        _ channel: any SecureChannel,
        _ security: SecurityProtocol,
        _ peer: SecuredPeer,
        _ machine: Negotiation
    ) throws(ConnectionError) {
        var negotiation = machine
        try sendSealed(negotiation.takeOutput(), channel)
        while var content = try channel.nextContent() {
            let agreed = try negotiation.receive(&content, supporting: setup.muxers, .muxer)
            try sendSealed(negotiation.takeOutput(), channel)
            if let agreed {
                let leftover = content.isEmpty ? nil : content
                return finish(channel, security, peer, muxer: agreed, leftover: leftover)
            }
        }
        state = .muxer(channel, security, peer, negotiation)
    }

    private mutating func finish(
        _ channel: any SecureChannel,
        _ security: SecurityProtocol,
        _ peer: SecuredPeer,
        muxer: String,
        leftover: BufferSlice?
    ) {
        state = .done
        result = Result(
            channel: channel,
            peer: peer.peer,
            key: peer.key,
            security: security.rawValue,
            muxer: muxer,
            leftover: leftover
        )
    }

    // MARK: Output

    private mutating func send(_ bytes: [UInt8]) {
        if !bytes.isEmpty { output.append(BufferSlice(copying: bytes.span)) }
    }

    private mutating func sendSealed(_ bytes: [UInt8], _ channel: any SecureChannel) throws(ConnectionError) {
        guard !bytes.isEmpty else { return }
        let block = loop.takeRecordBuffer()
        block.write(bytes.span, at: channel.headroom)
        try channel.seal(block, channel.headroom..<channel.headroom + bytes.count, into: &output)
    }

    private static func negotiation(_ direction: Direction, _ protocols: [String]) -> Negotiation {
        switch direction {
        case .outbound: .dialling(MultistreamDialer(protocols: protocols))
        case .inbound: .listening(MultistreamListener())
        }
    }
}

extension ConnectionUpgrade.Negotiation {
    mutating func takeOutput() -> [UInt8] {
        var output: [UInt8] = []
        switch self {
        case .dialling(var dialer):
            while let bytes = dialer.nextOutput() { output += bytes }
            self = .dialling(dialer)
        case .listening(var listener):
            while let bytes = listener.nextOutput() { output += bytes }
            self = .listening(listener)
        }
        return output
    }

    /// Feeds bytes, and cuts off those that the negotiation took.
    ///
    /// - Returns: The protocol, once one is agreed.
    mutating func receive(
        _ bytes: inout BufferSlice,
        supporting protocols: [String],
        _ phase: UpgradePhase
    ) throws(ConnectionError) -> String? {
        do throws(MultistreamError) {
            let byteCount: Int
            let state: MultistreamState
            switch self {
            case .dialling(var dialer):
                byteCount = try bytes.withSpan { span throws(MultistreamError) in try dialer.receive(span) }
                state = dialer.state
                self = .dialling(dialer)
            case .listening(var listener):
                byteCount = try bytes.withSpan { span throws(MultistreamError) in
                    try listener.receive(span, supporting: protocols)
                }
                state = listener.state
                self = .listening(listener)
            }
            _ = bytes.removePrefix(byteCount)
            if case .agreed(let agreed) = state { return agreed }
            return nil
        } catch {
            guard error == .notSupported else { throw .negotiation(error) }
            throw phase == .muxer ? .noCommonMuxer : .noCommonSecurity
        }
    }
}

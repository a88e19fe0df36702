package import StarlingCore
package import StarlingCrypto
package import StarlingMesh
package import StarlingTransports
internal import StarlingWorld

/// Why a message was not delivered.
package enum MessageFailure: Error, Equatable, Sendable {
    /// The message itself is not one that can be sent.
    case message(SealError)
    /// The type's name is empty, or longer than a type's name may be.
    case invalidType
    /// The recipient could not be reached.
    case unreachable(DialError)
    /// The stream to the recipient failed; whether the message arrived is not known.
    case stream(FrameError)
    /// No receipt came in time; whether the message arrived is not known.
    case receiptTimedOut
    /// The recipient's receipt is not valid, or for another message.
    case invalidReceipt(EnvelopeError?)
    /// The recipient's receipt says that it refused.
    case refused(Receipt.Outcome)
    /// Messages to this node itself go nowhere.
    case ownAddress
}

/// What the sender knows of a delivered message.
package struct Delivery: Sendable, Equatable {
    package var id: MessageID
    package var receipt: Receipt
    /// From the written envelope to the receipt.
    package var roundTrip: Duration
}

/// Sends messages to direct peers and takes theirs, each with a signed receipt.
package actor MessageDriver {
    package struct Limits: Sendable {
        package var envelope = Envelope.Limits()
        package var receipt = Receipt.Limits()
        package var inbox = Inbox.Limits()
        /// How long a message is of use.
        package var lifetimeMilliseconds: Int64 = 86_400_000
        /// From the written envelope to its receipt.
        package var receiptTimeout: Duration = .seconds(30)

        package init() {}
    }

    private let swarm: Swarm
    private let identity: IdentityKey
    private let world: World
    private let limits: Limits
    private nonisolated let loop: any EventLoop
    private var inbox: Inbox
    private var observers: [@Sendable (InboxEntry) -> Void] = []

    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    package init(swarm: Swarm, identity: IdentityKey, limits: Limits = Limits()) {
        self.swarm = swarm
        self.identity = identity
        self.limits = limits
        world = swarm.world
        loop = swarm.world.loops[0]
        inbox = Inbox(limits: limits.inbox)
    }

    /// Takes messages from here on.
    package nonisolated func start() {
        swarm.protocols.set(MessageFrame.protocolID) { [weak self] stream in await self?.serve(stream) }
    }

    /// Hears of every message that arrives from here on, on the node's loop.
    package func observe(_ observer: @escaping @Sendable (InboxEntry) -> Void) {
        observers.append(observer)
    }

    /// Messages that arrived after the one with this number, the oldest first.
    package func entries(after number: UInt64, countMax: Int) -> [InboxEntry] {
        inbox.entries(after: number, countMax: countMax)
    }

    /// Forgets the messages up to and including this number; how many those were.
    package func take(through number: UInt64) -> Int { inbox.take(through: number) }

    /// The number of messages in the inbox.
    package var inboxCount: Int { inbox.count }

    // MARK: Sending

    /// Sends a message and returns with the recipient's receipt.
    ///
    /// Cancellation: the stream is reset; whether the message arrived is not known then.
    package func send(
        type: String,
        payload: [UInt8],
        to recipient: PeerID
    ) async throws(MessageFailure) -> Delivery {
        try await deliver(seal(type: type, payload: payload, to: recipient))
    }

    /// A signed envelope with a fresh id, which may be delivered any number of times and arrives once.
    package func seal(type: String, payload: [UInt8], to recipient: PeerID) throws(MessageFailure) -> Envelope
    {
        guard recipient != identity.peerID else { throw .ownAddress }
        guard let type = MessageType(type) else { throw .invalidType }
        let header = MessageHeader(
            id: MessageID(random: world.random.bytes(count: MessageID.byteCount)),
            from: identity.peerID,
            to: recipient,
            created: world.wallClock.now,
            lifetimeMilliseconds: limits.lifetimeMilliseconds,
            // Nothing is kept between two runs, so every message begins a series of its own.
            place: .init(
                series: world.random.bytes(count: 8).reduce(0) { $0 << 8 | UInt64($1) },
                number: 1,
                floor: 1
            )
        )
        do throws(SealError) {
            return try Envelope(
                header,
                content: MessageContent(type: type, payload: payload),
                from: identity,
                limits: limits.envelope
            )
        } catch {
            throw .message(error)
        }
    }

    /// Delivers an envelope of ours, and returns with the recipient's receipt.
    ///
    /// Cancellation: the stream is reset; whether the message arrived is not known then.
    package func deliver(_ envelope: Envelope) async throws(MessageFailure) -> Delivery {
        guard let recipient = envelope.header.to else { preconditionFailure("made for one peer") }
        let stream: Stream
        do throws(SwarmError) {
            stream = try await swarm.openStream(to: recipient, [MessageFrame.protocolID])
        } catch {
            switch error {
            case .dial(let error): throw .unreachable(error)
            case .stream(let error): throw .stream(.stream(error))
            }
        }
        let startedAt = loop.now
        let exchanged = try await loop.withDeadline(startedAt + limits.receiptTimeout) {
            [limits] () async throws(MessageFailure) -> Receipt in
            try await Self.exchange(envelope, over: stream, limits)
        }
        guard let receipt = exchanged else {
            await stream.reset()
            throw .receiptTimedOut
        }
        return Delivery(id: envelope.header.id, receipt: receipt, roundTrip: startedAt.duration(to: loop.now))
    }

    /// Writes an envelope and reads the receipt that answers it.
    private static func exchange(
        _ envelope: Envelope,
        over stream: Stream,
        _ limits: Limits
    ) async throws(MessageFailure) -> Receipt {
        var frames = FrameStream(stream, frameByteCountMax: limits.receipt.receiptByteCountMax)
        do throws(StreamError) {
            try await stream.write(MessageFrame(.envelope, envelope.encoded).encoded)
            try await stream.closeWrite()
        } catch {
            await stream.reset()
            throw .stream(.stream(error))
        }
        while true {
            let bytes: [UInt8]?
            do throws(FrameError) { bytes = try await frames.next() } catch {
                await stream.reset()
                throw .stream(error)
            }
            guard let bytes else { throw .stream(.stream(.ended)) }
            let frame: MessageFrame?
            do throws(ProtobufError) { frame = try MessageFrame.parse(bytes.span) } catch {
                await stream.reset()
                throw .invalidReceipt(.malformed(error))
            }
            // Other kinds are for later versions.
            if let frame, frame.kind == .receipt { return try check(frame.bytes, of: envelope, limits) }
        }
    }

    private static func check(
        _ bytes: [UInt8],
        of envelope: Envelope,
        _ limits: Limits
    ) throws(MessageFailure) -> Receipt {
        let receipt: Receipt
        do throws(EnvelopeError) {
            receipt = try Receipt(verifying: bytes.span, limits: limits.receipt)
        } catch {
            throw .invalidReceipt(error)
        }
        guard receipt.from == envelope.header.to, receipt.to == envelope.header.from,
            let entry = receipt.entries.first(where: { $0.id == envelope.header.id })
        else { throw .invalidReceipt(nil) }
        guard entry.outcome == .delivered else { throw .refused(entry.outcome) }
        return receipt
    }

    // MARK: Receiving

    private func serve(_ stream: Stream) async {
        let hold = ByteHold(swarm.protocols, of: stream.peer)
        var frames = FrameStream(stream, frameByteCountMax: MessageFrame.byteCountMax) { hold.set($0) }
        do {
            while let bytes = try await frames.next() {
                guard let frame = try MessageFrame.parse(bytes.span), frame.kind == .envelope else {
                    continue
                }
                let receipt = try take(frame.bytes, from: stream.peer)
                try await stream.write(MessageFrame(.receipt, receipt.encoded).encoded)
            }
            try await stream.closeWrite()
        } catch {
            world.log(.warning, "message stream failed", ["peer": "\(stream.peer)", "reason": "\(error)"])
            await stream.reset()
        }
    }

    /// Takes an envelope into the inbox, or says in the receipt why not.
    private func take(_ bytes: [UInt8], from peer: PeerID) throws(EnvelopeError) -> Receipt {
        let envelope = try Envelope(verifying: bytes.span, limits: limits.envelope)
        let outcome: Receipt.Outcome
        if envelope.header.to != identity.peerID || envelope.header.from != peer {
            // Direct peers only: an envelope of somebody else has no way here yet.
            outcome = .refusedByPolicy
        } else {
            outcome = add(envelope)
        }
        return Receipt(
            for: [.init(id: envelope.header.id, outcome: outcome)],
            to: envelope.header.from,
            created: world.wallClock.now,
            from: identity
        )
    }

    private func add(_ envelope: Envelope) -> Receipt.Outcome {
        let content: MessageContent
        do throws(OpenError) { content = try envelope.content() } catch { return error.outcome }
        switch inbox.add(envelope.header, content, received: world.wallClock.now) {
        case .added(let entry):
            for observer in observers { observer(entry) }
            return .delivered
        case .repeated: return .delivered
        case .full: return .refusedFull
        }
    }
}

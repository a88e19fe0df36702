internal import StarlingCore
internal import StarlingCrypto
internal import StarlingMesh
internal import StarlingWorld

/// One frame of a peer, read and proven: what is left to do needs the node's state.
enum MessageArrival: Sendable {
    case message(ArrivedMessage)
    case receipt(Receipt)
    case settlement(Settlement)
    /// A message to everybody whose signature holds, in its envelope.
    case broadcast(Envelope, ArrivedMessage)
    /// It is for another node, and proven to nobody here.
    case transit(TransitFrame)
}

extension MessageArrival {
    /// What it holds of memory beyond a few words.
    var byteCount: Int {
        switch self {
        case .message(let message): message.byteCount
        case .broadcast(let envelope, let message): envelope.body.count + message.byteCount
        case .receipt, .settlement: 0
        case .transit(let frame): frame.wire.count + (frame.proof?.bodyBytes.count ?? 0)
        }
    }

    /// Whether the inbox is to take it.
    var isMessage: Bool {
        switch self {
        case .message, .broadcast: true
        case .receipt, .settlement, .transit: false
        }
    }
}

/// A message for this node whose signature holds.
struct ArrivedMessage: Sendable {
    var header: MessageHeader
    /// What it holds of memory: the size of the body, or of what was unpacked from it where that is more.
    var byteCount: Int
    /// The links that it crossed, the first one first, where its sender asks for that.
    var path: [MessageHop]
    /// Its content with the payload unpacked, or why it cannot be read.
    var content: Result<MessageContent, OpenError>
}

/// Reads frames and does for them what takes time: checking signatures, opening what is sealed, unpacking.
///
/// It belongs to one stream, so the work is done on the loop of the stream's connection.
struct MessageReader: ~Copyable {
    private let own: PeerID
    private let keys: MessageKeys
    private let cipher: ChaChaPoly
    private let limits: Envelope.Limits
    private var codec = PayloadCodec()

    init(own: PeerID, keys: MessageKeys, on loop: any EventLoop, limits: Envelope.Limits) {
        self.own = own
        self.keys = keys
        cipher = keys.cipher(on: loop)
        self.limits = limits
    }

    /// The frame in these bytes, which a neighbour sent; `nil` when its kind, or what it is for, is for later versions.
    ///
    /// - Throws: ``EnvelopeError``: the neighbour sends what no honest one does.
    mutating func read(
        _ bytes: [UInt8],
        from neighbour: PeerID,
        wallNow: WallTime
    ) throws(EnvelopeError) -> MessageArrival? {
        let frame: MessageFrame?
        do throws(ProtobufError) { frame = try MessageFrame.parse(bytes.span) } catch {
            throw .malformed(error)
        }
        guard let frame else { return nil }
        switch frame.kind {
        case .envelope:
            var envelope = try Envelope(parsing: frame.bytes.span, limits: limits)
            envelope.crossed(from: neighbour, at: wallNow)
            guard envelope.header.to != nil else {
                // What is sealed is for one recipient.
                guard envelope.header.privacy == .standard,
                    frame.bytes.count <= Flood.Limits().byteCountMax
                else { return nil }
                try envelope.verify()
                return .broadcast(envelope, message(envelope))
            }
            guard envelope.header.to == own else {
                return TransitFrame(envelope, crossed: 1).map { .transit($0) }
            }
            guard try holds(envelope.header.from, neighbour, envelope.verify) else { return nil }
            return .message(message(envelope))
        case .receipt:
            let receipt = try Receipt(parsing: frame.bytes.span)
            guard receipt.to == own else { return .transit(TransitFrame(receipt, crossed: 1)) }
            guard try holds(receipt.from, neighbour, receipt.verify) else { return nil }
            return .receipt(receipt)
        case .settlement:
            let settlement = try Settlement(parsing: frame.bytes.span)
            guard settlement.to == own else { return .transit(TransitFrame(settlement, crossed: 1)) }
            guard try holds(settlement.from, neighbour, settlement.verify) else { return nil }
            return .settlement(settlement)
        // Streams carry envelopes whole.
        case .fragment, .fragmentRequest: return nil
        }
    }

    /// Whether the signature of a frame holds.
    ///
    /// Relays check none: what others made and does not hold is dropped, and only its own is the neighbour's fault.
    ///
    /// - Throws: where the neighbour itself sent what does not hold.
    private func holds(
        _ author: PeerID,
        _ neighbour: PeerID,
        _ verify: () throws(EnvelopeError) -> Void
    ) throws(EnvelopeError) -> Bool {
        do throws(EnvelopeError) { try verify() } catch {
            guard author != neighbour else { throw error }
            return false
        }
        return true
    }

    /// The message of an envelope to this node whose signature holds.
    mutating func message(_ envelope: Envelope) -> ArrivedMessage {
        let content = open(envelope)
        var byteCount = envelope.body.count
        if case .success(let content) = content {
            byteCount = max(byteCount, content.payload.count + content.attachment.count)
        }
        return ArrivedMessage(
            header: envelope.header,
            byteCount: byteCount,
            path: envelope.path,
            content: content
        )
    }

    private mutating func open(_ envelope: Envelope) -> Result<MessageContent, OpenError> {
        do throws(OpenError) {
            guard envelope.header.privacy == .private else {
                return .success(try unpack(try envelope.content()))
            }
            let agreement: StaticAgreement
            do throws(HPKEError) {
                agreement = try keys.agreement(with: envelope.header.from)
            } catch {
                throw .unsealable(error)
            }
            return .success(try unpack(try envelope.content(openedWith: agreement, cipher)))
        } catch {
            return .failure(error)
        }
    }

    private mutating func unpack(_ content: MessageContent) throws(OpenError) -> MessageContent {
        guard content.compression != .none else { return content }
        var content = content
        do throws(CompressionError) {
            content.payload = try codec.decompress(
                CompressedPayload(
                    method: UInt64(content.compression.rawValue),
                    byteCount: UInt64(content.payloadByteCount),
                    bytes: content.payload
                )
            )
        } catch {
            throw .content(.malformed(.invalidValue(fieldNumber: 3)))
        }
        content.compression = .none
        return content
    }
}

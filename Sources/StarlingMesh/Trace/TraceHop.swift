package import StarlingCore

/// What one peer says of a ``TraceAsk``.
///
///     message Hop { bytes peer = 1; uint32 standing = 2; bytes next = 3; }
///
/// Nobody signs it: a relay can invent what lies behind it. What a hop's time says is measured by whoever asked.
///
/// Spec: docs/specs/trace.md, "Stream".
package struct TraceHop: Equatable, Sendable {
    /// The longest hop, without its length.
    package static let byteCountMax = 256

    /// How the question stands at a peer.
    package enum Standing: Equatable, Sendable {
        /// It goes on to this neighbour.
        case passedOn(to: PeerID)
        /// The peer is the one whose way is asked for.
        case arrived
        /// The peer knows no way on.
        case noRoute
        /// The question may not go on.
        case hopLimit
        /// The peer has passed it on before.
        case looped
        /// This neighbour, to which it was passed on, did not answer.
        case unanswered(by: PeerID)
        /// The peer deals with as many questions as it may.
        case busy

        /// Whether no further hop follows.
        package var isEnd: Bool { if case .passedOn = self { false } else { true } }
    }

    package var peer: PeerID
    package var standing: Standing

    package init(peer: PeerID, standing: Standing) {
        self.peer = peer
        self.standing = standing
    }

    /// The hop in `bytes`, without the length before it.
    package init(parsing bytes: Span<UInt8>) throws(ProtobufError) {
        var (peer, number, next): (PeerID?, UInt64?, PeerID?) = (nil, nil, nil)
        var cursor = ProtobufCursor(bytes)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1: peer = try field.peerID(in: bytes)
            case 2: number = try field.varint()
            case 3: next = try field.peerID(in: bytes)
            default: break
            }
        }
        guard let peer else { throw .missingField(fieldNumber: 1) }
        guard let number else { throw .missingField(fieldNumber: 2) }
        guard let standing = Standing(number, next) else { throw .invalidValue(fieldNumber: 2) }
        self.init(peer: peer, standing: standing)
    }

    /// The hop as it goes onto the stream, its length before it.
    package var encoded: [UInt8] {
        var writer = ProtobufWriter()
        writer.name(1, peer)
        writer.varint(2, standing.number)
        if let next = standing.next { writer.name(3, next) }
        return writer.framed
    }
}

extension TraceHop.Standing {
    fileprivate init?(_ number: UInt64, _ next: PeerID?) {
        switch (number, next) {
        case (1, let next?): self = .passedOn(to: next)
        case (2, _): self = .arrived
        case (3, _): self = .noRoute
        case (4, _): self = .hopLimit
        case (5, _): self = .looped
        case (6, let next?): self = .unanswered(by: next)
        case (7, _): self = .busy
        default: return nil
        }
    }

    fileprivate var number: UInt64 {
        switch self {
        case .passedOn: 1
        case .arrived: 2
        case .noRoute: 3
        case .hopLimit: 4
        case .looped: 5
        case .unanswered: 6
        case .busy: 7
        }
    }

    fileprivate var next: PeerID? {
        switch self {
        case .passedOn(let next), .unanswered(let next): next
        case .arrived, .noRoute, .hopLimit, .looped, .busy: nil
        }
    }
}

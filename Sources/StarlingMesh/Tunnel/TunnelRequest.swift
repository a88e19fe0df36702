package import StarlingCore

/// The protocol by which two peers that are not connected have a stream between them, over those who are.
///
/// Spec: docs/specs/tunnel.md.
package enum TunnelProtocol {
    /// The stream protocol.
    package static let id = "/starling/tunnel/1"
    /// The longest frame, without the length before it.
    package static let frameByteCountMax = 512
    /// The longest name of a protocol that can be asked for, in bytes.
    package static let nameByteCountMax = 128
    /// Links that a tunnel may cross, whatever its request says.
    package static let hopLimitMax: UInt32 = 10
}

/// Tells a tunnel from all others: 16 random bytes of whoever opens it.
package struct TunnelID: Hashable, Sendable {
    package static let byteCount = 16

    package let bytes: [UInt8]

    /// `nil` for another number of bytes.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = bytes
    }
}

/// The first frame of a tunnel: who wants a stream of which protocol to whom, and how far it has come.
///
///     message Request { bytes to = 1; bytes from = 2; string protocol = 3; bytes id = 4; uint32 hop_count = 5;
///                       uint32 hop_limit = 6; }
///
/// Nothing in it is signed. The two ends make what they need of it the prologue of their handshake, ``binding``: a
/// relay that changes it gets no tunnel.
///
/// Spec: docs/specs/tunnel.md, "Request".
package struct TunnelRequest: Equatable, Sendable {
    package let to: PeerID
    package let from: PeerID
    /// The protocol that is spoken inside.
    package let protocolID: String
    package let id: TunnelID
    /// Links that the request had crossed when it was written; its writer's own is not among them.
    package private(set) var hopCount: UInt32
    /// Links that it may cross.
    package let hopLimit: UInt32

    package init(
        to: PeerID,
        from: PeerID,
        protocolID: String,
        id: TunnelID,
        hopCount: UInt32 = 0,
        hopLimit: UInt32 = TunnelProtocol.hopLimitMax
    ) {
        self.to = to
        self.from = from
        self.protocolID = protocolID
        self.id = id
        self.hopCount = hopCount
        self.hopLimit = hopLimit
    }

    /// The request as the next relay is to see it: one link farther.
    package var carriedOn: TunnelRequest {
        var next = self
        next.hopCount += 1
        return next
    }

    /// Whether it may cross a further link, after the one on which it came.
    package var mayGoOn: Bool { hopCount + 1 < min(hopLimit, TunnelProtocol.hopLimitMax) }

    /// What both ends must have seen alike: the prologue of their handshake.
    package var binding: [UInt8] {
        var writer = ProtobufWriter()
        writeEnds(to: &writer)
        return Array(TunnelProtocol.id.utf8) + writer.bytes
    }

    /// The frame in `bytes`, without the length before it.
    package static func parse(_ bytes: Span<UInt8>) throws(ProtobufError) -> TunnelRequest {
        var (to, from, id): (PeerID?, PeerID?, TunnelID?) = (nil, nil, nil)
        var (name, hopCount, hopLimit): (String?, UInt64, UInt64) = (nil, 0, 0)
        var cursor = ProtobufCursor(bytes)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1: to = try field.peerID(in: bytes)
            case 2: from = try field.peerID(in: bytes)
            case 3: name = try field.string(in: bytes)
            case 4: id = TunnelID(try field.bytes(in: bytes))
            case 5: hopCount = try field.varint()
            case 6: hopLimit = try field.varint()
            default: break
            }
        }
        guard let to else { throw .missingField(fieldNumber: 1) }
        guard let from else { throw .missingField(fieldNumber: 2) }
        guard from != to else { throw .invalidValue(fieldNumber: 2) }
        guard let name, !name.isEmpty, name.utf8.count <= TunnelProtocol.nameByteCountMax else {
            throw .invalidValue(fieldNumber: 3)
        }
        guard let id else { throw .invalidValue(fieldNumber: 4) }
        guard hopLimit >= 1, hopLimit <= UInt64(UInt8.max) else { throw .invalidValue(fieldNumber: 6) }
        guard hopCount < hopLimit else { throw .invalidValue(fieldNumber: 5) }
        return TunnelRequest(
            to: to,
            from: from,
            protocolID: name,
            id: id,
            hopCount: UInt32(hopCount),
            hopLimit: UInt32(hopLimit)
        )
    }

    /// The frame as it goes onto the stream, its length before it.
    package var encoded: [UInt8] {
        var writer = ProtobufWriter()
        writeEnds(to: &writer)
        if hopCount > 0 { writer.varint(5, UInt64(hopCount)) }
        writer.varint(6, UInt64(hopLimit))
        return writer.framed
    }

    private func writeEnds(to writer: inout ProtobufWriter) {
        writer.name(1, to)
        writer.name(2, from)
        writer.string(3, protocolID)
        writer.bytes(4, id.bytes)
    }
}

/// What the end of a tunnel, or a relay that cannot carry it on, says to the request.
///
///     message Answer { uint32 refusal = 1; }
///
/// Without a refusal the stream belongs to the two ends from here on. What a relay says nobody can prove: it costs no
/// more than a tunnel that relay could have cut anyway.
///
/// Spec: docs/specs/tunnel.md, "Answer".
package enum TunnelAnswer: Equatable, Sendable {
    package enum Refusal: UInt64, Sendable, CaseIterable {
        /// A relay knows no way on, or the way that it knew is broken.
        case noRoute = 1
        /// The tunnel would cross more links than its request allows.
        case tooFar = 2
        /// A relay carries, or the end has, as many tunnels as it takes.
        case busy = 3
        /// The end does not speak the protocol in tunnels.
        case protocolNotSpoken = 4
        /// A relay carries this tunnel already: its way leads in a circle.
        case circle = 5
        /// The request could not be understood.
        case malformed = 6
    }

    case accepted
    case refused(Refusal)

    /// The frame in `bytes`, without the length before it.
    package static func parse(_ bytes: Span<UInt8>) throws(ProtobufError) -> TunnelAnswer {
        var refusal: UInt64 = 0
        var cursor = ProtobufCursor(bytes)
        while let field = try cursor.next(in: bytes) {
            if field.number == 1 { refusal = try field.varint() }
        }
        guard refusal != 0 else { return .accepted }
        // A reason of a later version is as good as none.
        return .refused(Refusal(rawValue: refusal) ?? .noRoute)
    }

    /// The frame as it goes onto the stream, its length before it.
    package var encoded: [UInt8] {
        var writer = ProtobufWriter()
        if case .refused(let refusal) = self { writer.varint(1, refusal.rawValue) }
        return writer.framed
    }
}

package import StarlingCore

/// A question for the way that a message to a peer would take, as it goes from neighbour to neighbour.
///
///     message Ask { bytes to = 1; uint32 hop_limit = 2; repeated bytes path = 3; }
///
/// Spec: docs/specs/trace.md, "Stream".
package struct TraceAsk: Equatable, Sendable {
    /// The stream protocol.
    package static let protocolID = "/starling/trace/1"
    /// The longest way that is asked for: no message crosses more links by its sender's default, and no route is longer.
    package static let hopLimitMax = 10
    /// The longest ask, without its length.
    package static let byteCountMax = 1024

    /// Whose way is asked for.
    package var to: PeerID
    /// Links that the question may cross from the peer on that reads it, 0 to ``hopLimitMax``.
    package var hopLimit: Int
    /// Who has passed it on, whoever asked first at its beginning.
    package var path: [PeerID]

    package init(to: PeerID, hopLimit: Int, path: [PeerID]) {
        self.to = to
        self.hopLimit = hopLimit
        self.path = path
    }

    /// The ask in `bytes`, without the length before it.
    package init(parsing bytes: Span<UInt8>) throws(ProtobufError) {
        var (to, hopLimit, path): (PeerID?, UInt64, [PeerID]) = (nil, 0, [])
        var cursor = ProtobufCursor(bytes)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1: to = try field.peerID(in: bytes)
            case 2: hopLimit = try field.varint()
            case 3:
                guard path.count < Self.hopLimitMax else { throw .tooManyEntries(fieldNumber: 3) }
                path.append(try field.peerID(in: bytes))
            default: break
            }
        }
        guard let to else { throw .missingField(fieldNumber: 1) }
        guard hopLimit <= UInt64(Self.hopLimitMax) else { throw .invalidValue(fieldNumber: 2) }
        self.init(to: to, hopLimit: Int(hopLimit), path: path)
    }

    /// The ask as it goes onto the stream, its length before it.
    package var encoded: [UInt8] {
        var writer = ProtobufWriter()
        writer.name(1, to)
        writer.varint(2, UInt64(hopLimit))
        for peer in path { writer.name(3, peer) }
        return writer.framed
    }

    /// What a peer that is asked answers, and whom it asks next.
    ///
    /// - Parameter next: Over whom its own messages to ``to`` go when they come from whoever asks; `nil` where there is no way.
    package func answer(of own: PeerID, next: PeerID?) -> (hop: TraceHop, ask: TraceAsk?) {
        func end(_ standing: TraceHop.Standing) -> (TraceHop, TraceAsk?) {
            (TraceHop(peer: own, standing: standing), nil)
        }
        if to == own { return end(.arrived) }
        if path.contains(own) { return end(.looped) }
        if hopLimit == 0 || path.count >= Self.hopLimitMax { return end(.hopLimit) }
        guard let next else { return end(.noRoute) }
        let ask = TraceAsk(to: to, hopLimit: hopLimit - 1, path: path + [own])
        return (TraceHop(peer: own, standing: .passedOn(to: next)), ask)
    }
}

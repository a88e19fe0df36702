package import StarlingCore

/// Asks a neighbour for its route to one destination, or for all that it has.
///
///     message RouteRequest { bytes destination = 1; uint32 hop_limit = 2; }
///
/// A neighbour that has no route to the destination asks its own neighbours in turn, as far as the hop limit says.
///
/// Spec: docs/specs/routing.md, "Requests".
package struct RouteRequest: Equatable, Sendable {
    /// `nil`: everything, with the proofs.
    package var destination: PeerID?
    /// Links that the request may cross, this one included; at least 1.
    package var hopLimit: UInt8

    package init(destination: PeerID?, hopLimit: UInt8 = 1) {
        self.destination = destination
        self.hopLimit = hopLimit
    }

    func write(to writer: inout ProtobufWriter) {
        if let destination { writer.name(1, destination) }
        writer.varint(2, UInt64(hopLimit))
    }

    static func parse(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(ProtobufError) -> RouteRequest {
        var (destination, hopLimit): (PeerID?, UInt8?) = (nil, nil)
        var cursor = ProtobufCursor(range: range)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1: destination = try field.peerID(in: bytes)
            case 2: hopLimit = try field.hopLimit()
            default: break
            }
        }
        guard let hopLimit else { throw .missingField(fieldNumber: 2) }
        // Everything is asked of neighbours only: forwarded, it would be everything of everybody.
        guard destination != nil || hopLimit == 1 else { throw .invalidValue(fieldNumber: 2) }
        return RouteRequest(destination: destination, hopLimit: hopLimit)
    }
}

/// Asks for a route to a destination with this sequence number or a higher one.
///
///     message NumberRequest { bytes destination = 1; uint64 number = 2; uint32 hop_limit = 3; Proof proof = 4; }
///
/// It is asked by who has only routes that might lead back to itself. A neighbour that has none of that number either
/// passes the request on towards the destination, which counts up.
///
/// Spec: docs/specs/routing.md, "Requests".
package struct NumberRequest: Equatable, Sendable {
    package var destination: PeerID
    package var number: UInt64
    /// Links that the request may cross, this one included; at least 1.
    package var hopLimit: UInt8
    /// The destination's own proof of the number before: it believes nobody else that it had counted so far.
    package var proof: RouteProof?

    package init(destination: PeerID, number: UInt64, hopLimit: UInt8, proof: RouteProof? = nil) {
        self.destination = destination
        self.number = number
        self.hopLimit = hopLimit
        self.proof = proof
    }

    func write(to writer: inout ProtobufWriter) {
        writer.name(1, destination)
        writer.varint(2, number)
        writer.varint(3, UInt64(hopLimit))
        if let proof { writer.message(4) { proof.write(to: &$0) } }
    }

    static func parse(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(ProtobufError) -> NumberRequest {
        var (destination, number, hopLimit): (PeerID?, UInt64?, UInt8?) = (nil, nil, nil)
        var proof: Range<Int>?
        var cursor = ProtobufCursor(range: range)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1: destination = try field.peerID(in: bytes)
            case 2: number = try field.varint()
            case 3: hopLimit = try field.hopLimit()
            case 4: proof = try field.range()
            default: break
            }
        }
        guard let destination else { throw .missingField(fieldNumber: 1) }
        guard let number else { throw .missingField(fieldNumber: 2) }
        guard (1...RouteProof.numberMax).contains(number) else { throw .invalidValue(fieldNumber: 2) }
        guard let hopLimit else { throw .missingField(fieldNumber: 3) }
        var request = NumberRequest(destination: destination, number: number, hopLimit: hopLimit)
        if let proof { request.proof = try RouteProof.parse(bytes, proof, of: destination) }
        return request
    }
}

extension ProtobufField {
    /// A number of links, from 1 to 255.
    fileprivate func hopLimit() throws(ProtobufError) -> UInt8 {
        guard let limit = UInt8(exactly: try varint()), limit > 0 else {
            throw .invalidValue(fieldNumber: number)
        }
        return limit
    }
}

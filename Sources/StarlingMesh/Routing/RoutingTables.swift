package import StarlingCore

/// The tables in which routes keep what must survive a restart.
///
/// Routes themselves do not: neighbours tell them again.
package enum RoutingTables {
    /// What this node has to know of its own past.
    ///
    /// Row 1: the sequence number up to which it may have signed. Row 2, while it is there: the distances are lost, and
    /// what was told before may not be void yet.
    package static let numbers = StoreTable("route_number_1", .numbers)
    /// The feasibility distance of each destination, by its PeerID.
    package static let distances = StoreTable("route_distance_1", .names)

    /// The tables, in the order in which they are restored.
    package static let all = [numbers, distances]

    static let reservationKey = StoreKey(numbers, 1)
    static let lossKey = StoreKey(numbers, 2)

    static func distanceKey(_ destination: PeerID) -> StoreKey { StoreKey(distances, destination.multihash) }
}

/// Why a row was not restored.
package enum RouteRowError: Error, Equatable, Sendable {
    /// It is not a row of its form.
    case malformed(ProtobufError)
    /// It belongs to a table that the machine does not have.
    case unknownTable
    /// There are more distances than the table keeps.
    case tooMany
}

/// What a node knows at its start of what it told before.
package enum RouteMemory: Equatable, Sendable {
    /// The rows are those of its last run.
    case kept
    /// The identity is new: nothing was ever told.
    case fresh
    /// The rows are lost, or some of them: nothing is known, and something was told.
    case lost
}

enum RouteRow {
    /// `message Reservation { uint64 number = 1; }`.
    static func reservation(_ number: UInt64) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.varint(1, number)
        return writer.bytes
    }

    static func reservation(_ bytes: Span<UInt8>) throws(ProtobufError) -> UInt64 {
        var number: UInt64?
        var cursor = ProtobufCursor(bytes)
        while let field = try cursor.next(in: bytes) {
            if field.number == 1 { number = try field.varint() }
        }
        guard let number else { throw .missingField(fieldNumber: 1) }
        guard number <= RouteProof.numberMax else { throw .invalidValue(fieldNumber: 1) }
        return number
    }

    /// `message Distance { uint64 number = 1; uint32 metric_us = 2; Proof proof = 3; }`: the proof is of this number or a higher one,
    /// and may be left out.
    static func distance(_ distance: RouteDistance, proof: RouteProof?) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.varint(1, distance.number)
        writer.varint(2, UInt64(distance.metric.microseconds))
        if let proof { writer.message(3) { proof.write(to: &$0) } }
        return writer.bytes
    }

    static func distance(
        _ bytes: Span<UInt8>,
        of destination: PeerID
    ) throws(ProtobufError) -> (distance: RouteDistance, proof: RouteProof?) {
        var (number, metric): (UInt64?, UInt64?) = (nil, nil)
        var proof: RouteProof?
        var cursor = ProtobufCursor(bytes)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1: number = try field.varint()
            case 2: metric = try field.varint()
            case 3: proof = try RouteProof.parse(bytes, field.range(), of: destination)
            default: break
            }
        }
        guard let number else { throw .missingField(fieldNumber: 1) }
        guard let metric else { throw .missingField(fieldNumber: 2) }
        guard (1...RouteProof.numberMax).contains(number) else { throw .invalidValue(fieldNumber: 1) }
        guard let metric = RouteMetric(microseconds: metric) else { throw .invalidValue(fieldNumber: 2) }
        return (RouteDistance(number: number, metric: metric), proof)
    }
}

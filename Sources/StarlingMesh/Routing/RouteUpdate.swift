package import StarlingCore

/// One route as a neighbour has it, or that it has none any more.
///
///     message Update { bytes destination = 1; Proof proof = 2; uint32 metric_us = 3; uint32 hops = 4; }
///
/// Without a metric it withdraws what was told of the destination. The proof is left out where the last one that was
/// told on this stream for the destination still stands.
///
/// Spec: docs/specs/routing.md, "Update".
package struct RouteUpdate: Equatable, Sendable {
    /// A way to the destination.
    package struct Way: Equatable, Sendable {
        /// From the sender to the destination; zero when the sender is the destination, and only then.
        package var metric: RouteMetric
        /// Links from the sender to the destination.
        package var hops: UInt8

        package init(metric: RouteMetric, hops: UInt8) {
            self.metric = metric
            self.hops = hops
        }

        /// Whether this is told in place of `other`, where small differences of the metric are not.
        func isNews(after other: Way, partOfMetric part: UInt32) -> Bool {
            hops != other.hops || metric.differs(from: other.metric, byMoreThanOnePartIn: part)
        }
    }

    package let destination: PeerID
    package let proof: RouteProof?
    package let way: Way?

    /// Tells a route with the proof that its number stands in.
    package init(_ way: Way, proof: RouteProof) {
        destination = proof.destination
        self.proof = proof
        self.way = way
    }

    /// Tells that the route, of the number told last, is another one.
    package init(_ way: Way, to destination: PeerID) {
        self.destination = destination
        proof = nil
        self.way = way
    }

    /// Withdraws what was told.
    package init(withdrawing destination: PeerID) {
        self.destination = destination
        proof = nil
        way = nil
    }

    func write(to writer: inout ProtobufWriter) {
        writer.name(1, destination)
        if let proof { writer.message(2) { proof.write(to: &$0) } }
        if let way {
            writer.varint(3, UInt64(way.metric.microseconds))
            writer.varint(4, UInt64(way.hops))
        }
    }

    static func parse(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(ProtobufError) -> RouteUpdate {
        var (destination, proof): (PeerID?, Range<Int>?) = (nil, nil)
        var (metric, hops): (RouteMetric?, UInt8?) = (nil, nil)
        var cursor = ProtobufCursor(range: range)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1: destination = try field.peerID(in: bytes)
            case 2: proof = try field.range()
            case 3:
                guard let value = RouteMetric(microseconds: try field.varint()) else {
                    throw .invalidValue(fieldNumber: 3)
                }
                metric = value
            case 4:
                guard let value = UInt8(exactly: try field.varint()) else {
                    throw .invalidValue(fieldNumber: 4)
                }
                hops = value
            default: break
            }
        }
        guard let destination else { throw .missingField(fieldNumber: 1) }
        guard let metric else {
            // Who has no route has nothing to prove and no hops to count.
            guard proof == nil, hops == nil else { throw .missingField(fieldNumber: 3) }
            return RouteUpdate(withdrawing: destination)
        }
        guard let hops else { throw .missingField(fieldNumber: 4) }
        guard (hops == 0) == (metric == .zero) else { throw .invalidValue(fieldNumber: 4) }
        let way = Way(metric: metric, hops: hops)
        guard let proof else { return RouteUpdate(way, to: destination) }
        return RouteUpdate(way, proof: try RouteProof.parse(bytes, proof, of: destination))
    }
}

/// What a neighbour has told on its stream so far, in 64 bits and a count.
///
///     message Digest { uint64 count = 1; fixed64 hash = 2; }
///
/// It says that everything told still stands: that is why routes do not have to be told again and again. A reader that
/// has counted otherwise has read otherwise, and asks for everything.
///
/// Spec: docs/specs/routing.md, "Digest".
package struct RouteDigest: Equatable, Sendable {
    /// How many updates were told.
    package private(set) var count: UInt64 = 0
    /// XXH64 of the last update, with the hash of those before it as its seed.
    package private(set) var hash: UInt64 = 0

    /// That of a stream on which nothing was told.
    package init() {}

    /// Counts an update that was written or read.
    package mutating func add(_ update: RouteUpdate) {
        // What no update has stands for what this one has not: numbers begin with 1, and metrics end before 2⁶³.
        let number = update.proof?.number ?? 0
        let metric = update.way.map { UInt64($0.metric.microseconds) } ?? .max
        let seed = hash
        hash = update.destination.withMultihash { name in
            var bytes = InlineArray<64, UInt8>(repeating: 0)
            for offset in name.indices { bytes[offset] = name[offset] }
            let end = name.count
            for index in 0..<8 {
                bytes[end + index] = UInt8(truncatingIfNeeded: number >> UInt64(56 - 8 * index))
                bytes[end + 8 + index] = UInt8(truncatingIfNeeded: metric >> UInt64(56 - 8 * index))
            }
            bytes[end + 16] = update.way?.hops ?? 0
            return XXH64.hash(bytes.span.extracting(0..<end + 17), seed: seed)
        }
        count += 1
    }

    func write(to writer: inout ProtobufWriter) {
        writer.varint(1, count)
        writer.fixed64(2, hash)
    }

    static func parse(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(ProtobufError) -> RouteDigest {
        var (count, hash): (UInt64?, UInt64?) = (nil, nil)
        var cursor = ProtobufCursor(range: range)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1: count = try field.varint()
            case 2: hash = try field.fixed64()
            default: break
            }
        }
        guard let count else { throw .missingField(fieldNumber: 1) }
        guard let hash else { throw .missingField(fieldNumber: 2) }
        var digest = RouteDigest()
        (digest.count, digest.hash) = (count, hash)
        return digest
    }
}

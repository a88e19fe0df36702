import StarlingCore
import StarlingCrypto
import StarlingMesh

/// Proofs and ways for the tests of routes; peers and malformed fields come from ``MessageKit``.
enum RouteKit {
    static let expires = WallTime(millisecondsSince1970: 1_767_232_800_000)
    static let proof = RouteProof(number: 7, expires: expires, from: MessageKit.alice)

    static func metric(_ microseconds: UInt64) -> RouteMetric {
        guard let metric = RouteMetric(microseconds: microseconds) else {
            preconditionFailure("more than an hour is no metric")
        }
        return metric
    }

    static func way(_ microseconds: UInt64, hops: UInt8) -> RouteUpdate.Way {
        RouteUpdate.Way(metric: metric(microseconds), hops: hops)
    }

    /// A frame without its length, read back.
    static func parse(_ frame: RouteFrame, _ limits: RouteFrame.Limits = .init()) throws -> RouteFrame {
        var offset = 0
        let wire = frame.encoded
        let byteCount = try Varint.read(wire.span, at: &offset)
        guard byteCount == UInt64(wire.count - offset) else { throw VarintError.truncated }
        return try parse(Array(wire[offset...]), limits)
    }

    static func parse(_ bytes: [UInt8], _ limits: RouteFrame.Limits = .init()) throws(ProtobufError)
        -> RouteFrame
    {
        try RouteFrame.parse(bytes.span, limits: limits)
    }
}

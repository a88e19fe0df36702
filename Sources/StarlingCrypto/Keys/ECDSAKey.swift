internal import CGcrypt
internal import StarlingCore

/// An ECDSA public key, as far as checking a signature needs it.
///
/// Spec: SEC 1, section 4.1.4; the key's form is RFC 5480's SubjectPublicKeyInfo, the signature's RFC 3279's
/// Ecdsa-Sig-Value.
struct ECDSAKey {
    private let curve: EllipticCurve
    private let point: [UInt8]

    /// A key whose point was checked before.
    init(curve: EllipticCurve, point: [UInt8]) {
        self.curve = curve
        self.point = point
    }

    /// Parses PKIX DER with a named curve and an uncompressed point.
    init(_ der: Span<UInt8>) throws(KeyError) {
        do {
            var outer = DERReader(0..<der.count)
            var info = try outer.nested(DERReader.sequence, in: der)
            try outer.finish()
            var algorithm = try info.nested(DERReader.sequence, in: der)
            let identifier = try algorithm.element(DERReader.objectIdentifier, in: der)
            guard der.array(identifier) == [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01] else {
                throw KeyError.unsupportedParameters
            }
            let curveIdentifier = try algorithm.element(DERReader.objectIdentifier, in: der)
            try algorithm.finish()
            guard let curve = EllipticCurve(objectIdentifier: der.extracting(curveIdentifier)) else {
                throw KeyError.unsupportedParameters
            }
            let content = try info.octets(in: der)
            try info.finish()
            self.init(curve: curve, point: der.array(content))
        } catch let error as KeyError {
            throw error
        } catch {
            throw .malformedDER
        }
        guard point.first == 0x04, curve.uncompressed(point) != nil else { throw .invalidPoint }
    }

    func verify(_ signature: Span<UInt8>, digest: [UInt8]) -> Bool {
        guard let (r, s) = try? Self.parse(signature), let point = curve.uncompressed(point) else {
            return false
        }
        typealias E = KeyExpression
        guard
            let key = E(
                E.list(
                    "public-key",
                    E.list("ecc", E.list("curve", E.token(curve.name)), E.list("q", E.token(point)))
                )
            ),
            let data = E(
                E.list("data", E.list("flags", E.token("raw")), E.list("value", E.token(digest)))
            ),
            let value = E(
                E.list(
                    "sig-val",
                    E.list("ecdsa", E.number("r", signature.array(r)), E.number("s", signature.array(s)))
                )
            )
        else { return false }
        return unsafe gcry_pk_verify(value.handle, data.handle, key.handle) == 0
    }

    private static func parse(_ signature: Span<UInt8>) throws(DERError) -> (r: Range<Int>, s: Range<Int>) {
        var outer = DERReader(0..<signature.count)
        var pair = try outer.nested(DERReader.sequence, in: signature)
        try outer.finish()
        let r = try pair.magnitude(in: signature)
        let s = try pair.magnitude(in: signature)
        try pair.finish()
        return (r, s)
    }
}

internal import CGcrypt
internal import StarlingCore

/// The short Weierstrass curves on which peers may have keys.
enum EllipticCurve: Sendable {
    case p256
    case p384
    case p521
    case secp256k1

    /// The name that libgcrypt knows.
    var name: StaticString {
        switch self {
        case .p256: "NIST P-256"
        case .p384: "NIST P-384"
        case .p521: "NIST P-521"
        case .secp256k1: "secp256k1"
        }
    }

    /// The bytes of one coordinate.
    var coordinateByteCount: Int {
        switch self {
        case .p256, .secp256k1: 32
        case .p384: 48
        case .p521: 66
        }
    }

    /// The curve that an object identifier (its DER content) names in a PKIX key.
    init?(objectIdentifier: Span<UInt8>) {
        switch objectIdentifier.array() {
        case [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]: self = .p256
        case [0x2b, 0x81, 0x04, 0x00, 0x22]: self = .p384
        case [0x2b, 0x81, 0x04, 0x00, 0x23]: self = .p521
        default: return nil
        }
    }

    /// The uncompressed form of a point, or `nil` when it is on no curve.
    ///
    /// Takes both forms of SEC 1, 2.3.4. Everything else that libgcrypt would accept as a point is refused.
    func uncompressed(_ point: [UInt8]) -> [UInt8]? {
        let isUncompressed = point.count == 1 + 2 * coordinateByteCount && point[0] == 0x04
        let isCompressed = point.count == 1 + coordinateByteCount && (point[0] == 0x02 || point[0] == 0x03)
        guard isUncompressed || isCompressed else { return nil }
        guard
            let curve = KeyExpression(
                KeyExpression.list("ecc", KeyExpression.list("curve", KeyExpression.token(name)))
            )
        else { return nil }
        return unsafe decode(point, on: curve.handle)
    }

    private func decode(_ point: [UInt8], on curve: gcry_sexp_t) -> [UInt8]? {
        var context: gcry_ctx_t?
        guard unsafe gcry_mpi_ec_new(&context, curve, nil) == 0 else { return nil }
        defer { unsafe gcry_ctx_release(context) }
        let value = unsafe gcry_mpi_set_opaque_copy(nil, point, UInt32(point.count * 8))
        let x = unsafe gcry_mpi_new(0)
        let y = unsafe gcry_mpi_new(0)
        let decoded = unsafe gcry_mpi_point_new(0)
        defer {
            unsafe gcry_mpi_release(value)
            unsafe gcry_mpi_release(x)
            unsafe gcry_mpi_release(y)
            unsafe gcry_mpi_point_release(decoded)
        }
        guard unsafe gcry_mpi_ec_decode_point(decoded, value, context) == 0,
            unsafe gcry_mpi_ec_curve_point(decoded, context) != 0,
            unsafe gcry_mpi_ec_get_affine(x, y, decoded, context) == 0,
            let xBytes = unsafe coordinate(x), let yBytes = unsafe coordinate(y)
        else { return nil }
        let result = [0x04] + xBytes + yBytes
        // A coordinate above the field's prime would give a second name to the same point.
        let isSame = point[0] == 0x04 ? result == point : xBytes == Array(point.dropFirst())
        return isSame ? result : nil
    }

    private func coordinate(_ number: gcry_mpi_t?) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: coordinateByteCount)
        var count = 0
        let code = unsafe gcry_mpi_print(GCRYMPI_FMT_USG, &bytes, bytes.count, &count, number)
        guard code == 0, count <= bytes.count else { return nil }
        return [UInt8](repeating: 0, count: bytes.count - count) + bytes.prefix(count)
    }
}

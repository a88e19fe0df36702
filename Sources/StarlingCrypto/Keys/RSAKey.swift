internal import CGcrypt
internal import StarlingCore

/// An RSA public key, as far as checking a signature needs it.
///
/// Spec: RFC 8017, section 8.2.2; the key's form is RFC 5280's SubjectPublicKeyInfo.
struct RSAKey {
    private let modulus: [UInt8]
    private let exponent: [UInt8]

    /// Parses PKIX DER.
    init(_ der: Span<UInt8>) throws(KeyError) {
        let parts: (modulus: Range<Int>, exponent: Range<Int>)
        do {
            var outer = DERReader(0..<der.count)
            var info = try outer.nested(DERReader.sequence, in: der)
            try outer.finish()
            var algorithm = try info.nested(DERReader.sequence, in: der)
            let identifier = try algorithm.element(DERReader.objectIdentifier, in: der)
            guard der.array(identifier) == [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01] else {
                throw KeyError.unsupportedParameters
            }
            guard try algorithm.element(DERReader.null, in: der).isEmpty else { throw KeyError.malformedDER }
            try algorithm.finish()
            let content = try info.octets(in: der)
            try info.finish()
            var keyOuter = DERReader(content)
            var key = try keyOuter.nested(DERReader.sequence, in: der)
            try keyOuter.finish()
            parts = (try key.magnitude(in: der), try key.magnitude(in: der))
            try key.finish()
        } catch let error as KeyError {
            throw error
        } catch {
            throw .malformedDER
        }
        modulus = der.array(parts.modulus)
        exponent = der.array(parts.exponent)
        let bitCount = modulus.count * 8 - (modulus.first?.leadingZeroBitCount ?? 0)
        guard bitCount >= PublicKey.rsaBitCountMin, bitCount <= PublicKey.rsaBitCountMax,
            let lastOfModulus = modulus.last, lastOfModulus & 1 == 1,
            // An exponent of 1 signs anything; one above 32 bits only costs time.
            let lastOfExponent = exponent.last, lastOfExponent & 1 == 1, exponent.count <= 4, exponent != [1]
        else { throw .unsupportedParameters }
    }

    func verify(_ signature: Span<UInt8>, digest: [UInt8]) -> Bool {
        guard signature.count == modulus.count else { return false }
        typealias E = KeyExpression
        guard
            let key = E(
                E.list("public-key", E.list("rsa", E.number("n", modulus), E.number("e", exponent)))
            ),
            let data = E(
                E.list(
                    "data",
                    E.list("flags", E.token("pkcs1")),
                    E.list("hash", E.token("sha256"), E.token(digest))
                )
            ),
            let value = E(E.list("sig-val", E.list("rsa", E.number("s", signature.array()))))
        else { return false }
        return unsafe gcry_pk_verify(value.handle, data.handle, key.handle) == 0
    }
}

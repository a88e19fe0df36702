import StarlingCore
import StarlingCrypto
import Testing

@testable import StarlingTLS

@Suite struct TLSCertificateTests {
    static func bytes(_ hex: String) throws -> [UInt8] { try #require(Hex.decode(hex)) }

    static func refusal(_ bytes: [UInt8], now: WallTime = .testNow) -> TLSCertificateError? {
        do throws(TLSCertificateError) {
            _ = try TLSCertificate.verify(chain: [bytes], now: now)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [
        (CertificateVectors.ed25519, "12D3KooWM6CgA9iBFZmcYAHA6A2qvbAxqfkmrYiRQuz3XEsk4Ksv"),
        (CertificateVectors.ecdsa, "QmfXbAwNjJLXfesgztEHe8HwgVDCMMpZ9Eax1HYq6hn9uE"),
        (CertificateVectors.secp256k1, "16Uiu2HAkutTMoTzDw1tCvSRtu6YoixJwS46S1ZFxW8hSx9fWHiPs"),
    ])
    func theSpecificationsCertificatesNameTheirPeers(hex: String, name: String) throws {
        let certificate = try TLSCertificate.verify(chain: [try Self.bytes(hex)], now: .testNow)
        #expect(certificate.hostKey.peerID.base58 == name)
    }

    @Test func theSpecificationsInvalidCertificateIsRefused() throws {
        #expect(Self.refusal(try Self.bytes(CertificateVectors.invalid)) == .hostSignatureInvalid)
    }

    @Test func ourOwnCertificateProvesOurIdentity() throws {
        let node = try TestNode(7)
        let certificate = try TLSCertificate.verify(chain: [node.credentials.certificate], now: .testNow)
        #expect(certificate.hostKey == node.identity.publicKey)
        #expect(node.credentials.certificate.count < 512)
    }

    @Test func eachCertificateHasAKeyOfItsOwn() throws {
        let fields = try [TestNode(7), TestNode(7)].map { node in
            let bytes = node.credentials.certificate
            return bytes.span.array(try CertificateFields(bytes.span).keyInfo)
        }
        #expect(fields[0] != fields[1])
    }

    @Test func aChainMustHaveOneCertificate() throws {
        let bytes = try TestNode(7).credentials.certificate
        #expect(throws: TLSCertificateError.notOneCertificate(count: 0)) {
            try TLSCertificate.verify(chain: [], now: .testNow)
        }
        #expect(throws: TLSCertificateError.notOneCertificate(count: 2)) {
            try TLSCertificate.verify(chain: [bytes, bytes], now: .testNow)
        }
    }

    @Test func validityBeginsAnHourEarlyAndEndsInAHundredYears() throws {
        let bytes = try TestNode(7).credentials.certificate
        let century: Int64 = 100 * 365 * 86_400
        #expect(Self.refusal(bytes, now: .testNow.advanced(seconds: -3601)) == .notYetValid)
        #expect(Self.refusal(bytes, now: .testNow.advanced(seconds: -3600)) == nil)
        #expect(Self.refusal(bytes, now: .testNow.advanced(seconds: century)) == nil)
        #expect(Self.refusal(bytes, now: .testNow.advanced(seconds: century + 1)) == .expired)
    }

    @Test func validityIsReadInBothForms() throws {
        let bytes = try Self.bytes(CertificateVectors.ed25519)
        let fields = try CertificateFields(bytes.span)
        #expect(fields.notBefore.rfc3339 == "1975-01-01T13:00:00.000Z")
        #expect(fields.notAfter.rfc3339 == "4096-01-01T13:00:00.000Z")
    }

    @Test func aCertificateAboveTheSizeLimitIsNotRead() throws {
        let limit = TLSCertificate.byteCountMax
        #expect(Self.refusal([UInt8](repeating: 0x30, count: limit)) == .malformed)
        #expect(Self.refusal([UInt8](repeating: 0x30, count: limit + 1)) == .tooLarge(byteCount: limit + 1))
    }

    @Test func everyChangedByteIsNoticed() throws {
        let bytes = try TestNode(7).credentials.certificate
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 0x01
            #expect(Self.refusal(changed) != nil, "byte \(index)")
        }
    }

    @Test func everyPrefixAndEveryAdditionIsMalformed() throws {
        let bytes = try TestNode(7).credentials.certificate
        for count in bytes.indices { #expect(Self.refusal(Array(bytes[..<count])) == .malformed) }
        #expect(Self.refusal(bytes + [0]) == .malformed)
    }

    @Test(arguments: 0..<40 as Range<UInt64>) func damagedCertificatesAreRefusedWithoutATrap(seed: UInt64)
        throws
    {
        var random = SeededRandom(seed: seed)
        let vectors = [CertificateVectors.ed25519, CertificateVectors.ecdsa, CertificateVectors.secp256k1]
        for _ in 0..<100 {
            var bytes = try Self.bytes(vectors[Int(random.next() % 3)])
            let original = bytes
            for _ in 0..<(1 + random.next() % 4) {
                let index = Int(random.next() % UInt64(bytes.count))
                switch random.next() % 3 {
                case 0: bytes[index] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: index)
                default: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: index)
                }
            }
            if bytes != original { #expect(Self.refusal(bytes) != nil, "seed \(seed)") }
        }
    }

    @Test func randomBytesAreRefusedWithoutATrap() {
        var random = SeededRandom(seed: 11)
        for count in 0..<500 { #expect(Self.refusal(random.bytes(count)) != nil) }
    }
}

/// Certificates whose extensions are rewritten; their signatures are void, so each case must fail earlier.
@Suite struct CertificateExtensionTests {
    /// Our certificate with its list of extensions replaced.
    private func certificate(extensions: [[UInt8]]) throws -> [UInt8] {
        let bytes = try TestNode(7).credentials.certificate
        let fields = try CertificateFields(bytes.span)
        let body = Array(bytes[fields.signed])
        let end = try #require(fields.keyInfo.upperBound - fields.signed.lowerBound as Int?)
        let headerCount = body[1] == 0x82 ? 4 : body[1] == 0x81 ? 3 : 2
        let kept = Array(body[headerCount..<end])
        let list = extensions.isEmpty ? [] : der(0xa3, der(0x30, extensions.flatMap { $0 }))
        let rest = Array(bytes[fields.signed.upperBound...])
        return der(0x30, der(0x30, kept + list) + rest)
    }

    private func der(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
        content.count < 0x80
            ? [tag, UInt8(content.count)] + content
            : [tag, 0x82, UInt8(content.count >> 8), UInt8(content.count & 0xff)].fixed() + content
    }

    private func entry(_ identifier: [UInt8], critical: Bool = false, _ content: [UInt8]) -> [UInt8] {
        der(0x30, der(0x06, identifier) + (critical ? [0x01, 0x01, 0xff] : []) + der(0x04, content))
    }

    private func signedKey() throws -> [UInt8] {
        let bytes = try TestNode(7).credentials.certificate
        let fields = try CertificateFields(bytes.span)
        return bytes.span.array(try #require(fields.libp2pExtension))
    }

    private func refusal(_ extensions: [[UInt8]]) throws -> TLSCertificateError? {
        TLSCertificateTests.refusal(try certificate(extensions: extensions))
    }

    @Test func withoutTheExtensionTheCertificateProvesNothing() throws {
        #expect(try refusal([]) == .missingExtension)
        #expect(try refusal([entry([0x55, 0x1d, 0x13], [0x30, 0x00])]) == .missingExtension)
    }

    @Test func unknownExtensionsAreIgnoredUnlessCritical() throws {
        let own = entry(CertificateFields.libp2pIdentifier, critical: true, try signedKey())
        #expect(try refusal([own, entry([0x2a, 0x03], [1])]) == .selfSignatureInvalid)
        #expect(try refusal([own, entry([0x2a, 0x03], critical: true, [1])]) == .unknownCriticalExtension)
    }

    @Test func knownExtensionsMayBeCritical() throws {
        let own = entry(CertificateFields.libp2pIdentifier, try signedKey())
        #expect(
            try refusal([own, entry([0x55, 0x1d, 0x13], critical: true, [0x30, 0])]) == .selfSignatureInvalid
        )
    }

    @Test func anExtensionMayNotStandTwice() throws {
        let own = entry(CertificateFields.libp2pIdentifier, try signedKey())
        #expect(try refusal([own, own]) == .duplicateExtension)
    }

    @Test func theNumberOfExtensionsIsLimited() throws {
        let own = entry(CertificateFields.libp2pIdentifier, try signedKey())
        let others = (0..<CertificateFields.extensionCountMax).map { entry([0x2a, UInt8($0)], [1]) }
        #expect(try refusal([own] + others.dropLast()) == .selfSignatureInvalid)
        #expect(try refusal([own] + others) == .malformed)
    }

    @Test func theExtensionMustBeASignedKey() throws {
        func own(_ content: [UInt8]) -> [[UInt8]] { [entry(CertificateFields.libp2pIdentifier, content)] }
        #expect(try refusal(own([])) == .malformedExtension)
        #expect(try refusal(own([0x30, 0x00])) == .malformedExtension)
        #expect(try refusal(own(try signedKey() + [0])) == .malformedExtension)
        let key = der(0x30, der(0x04, [8, 9, 0x12, 1, 0]) + der(0x04, [1]))
        #expect(try refusal(own(key)) == .invalidHostKey(.unsupportedType(9)))
    }
}

extension [UInt8] {
    /// A header whose two length bytes are shortened to one where DER demands it.
    fileprivate func fixed() -> [UInt8] { self[2] == 0 ? [self[0], 0x81, self[3]] : self }
}

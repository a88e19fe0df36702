internal import StarlingCore
internal import StarlingCrypto

/// Where the parts of an X.509 certificate stand that matter between libp2p peers.
///
/// Names, serial number and unknown extensions are stepped over. Every element must be where RFC 5280 puts
/// it, and nothing may follow.
///
/// Spec: RFC 5280, section 4.1; libp2p/specs `tls/tls.md`, "Peer Authentication".
struct CertificateFields: Equatable, Sendable {
    /// What is signed: the element with its header.
    var signed: Range<Int>
    /// The content of the signature algorithm, which stands inside and outside of ``signed`` alike.
    var algorithm: Range<Int>
    /// The signature without the count of unused bits.
    var signature: Range<Int>
    /// SubjectPublicKeyInfo, the element with its header.
    var keyInfo: Range<Int>
    var notBefore: WallTime
    var notAfter: WallTime
    /// The content of the libp2p extension.
    var libp2pExtension: Range<Int>?

    /// The object identifier 1.3.6.1.4.1.53594.1.1.
    static let libp2pIdentifier: [UInt8] = [0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xa2, 0x5a, 0x01, 0x01]

    /// Extensions that may be critical, because their meaning is known and constrains nothing here: basic
    /// constraints, key usage (GnuTLS enforces it), extended key usage.
    private static let understoodIdentifiers: [[UInt8]] = [
        [0x55, 0x1d, 0x13], [0x55, 0x1d, 0x0f], [0x55, 0x1d, 0x25],
    ]

    /// More extensions than this are refused, since each is compared with each.
    static let extensionCountMax = 32

    private static let boolean: UInt8 = 0x01
    private static let utcTime: UInt8 = 0x17
    private static let generalizedTime: UInt8 = 0x18
    /// The tag of a constructed, context-specific element.
    private static func context(_ number: UInt8) -> UInt8 { 0xa0 | number }

    init(_ bytes: Span<UInt8>) throws(TLSCertificateError) {
        do {
            self = try Self.parse(bytes)
        } catch let error as TLSCertificateError {
            throw error
        } catch {
            throw .malformed
        }
    }

    private init(
        signed: Range<Int>,
        algorithm: Range<Int>,
        signature: Range<Int>,
        keyInfo: Range<Int>,
        validity: (WallTime, WallTime)
    ) {
        (self.signed, self.algorithm, self.signature, self.keyInfo) = (signed, algorithm, signature, keyInfo)
        (notBefore, notAfter) = validity
    }

    private static func parse(_ bytes: Span<UInt8>) throws -> CertificateFields {
        var outer = DERReader(0..<bytes.count)
        var certificate = try outer.nested(DERReader.sequence, in: bytes)
        try outer.finish()
        let signedStart = certificate.offset
        var body = try certificate.nested(DERReader.sequence, in: bytes)
        let signed = signedStart..<certificate.offset
        let algorithm = try certificate.element(DERReader.sequence, in: bytes)
        let signature = try certificate.octets(in: bytes)
        try certificate.finish()

        guard body.peek(in: bytes) == context(0) else { throw TLSCertificateError.unsupportedVersion }
        var version = try body.nested(context(0), in: bytes)
        let number = try version.magnitude(in: bytes)
        try version.finish()
        guard number.count == 1, bytes[number.lowerBound] == 2 else {
            throw TLSCertificateError.unsupportedVersion
        }
        _ = try body.element(DERReader.integer, in: bytes)
        let innerAlgorithm = try body.element(DERReader.sequence, in: bytes)
        guard bytes.extracting(innerAlgorithm).isEqual(to: bytes.extracting(algorithm)) else {
            throw TLSCertificateError.malformed
        }
        _ = try body.element(DERReader.sequence, in: bytes)  // issuer
        var period = try body.nested(DERReader.sequence, in: bytes)
        let validity = (try time(&period, in: bytes), try time(&period, in: bytes))
        try period.finish()
        _ = try body.element(DERReader.sequence, in: bytes)  // subject
        let keyInfoStart = body.offset
        _ = try body.element(DERReader.sequence, in: bytes)
        var fields = CertificateFields(
            signed: signed,
            algorithm: algorithm,
            signature: signature,
            keyInfo: keyInfoStart..<body.offset,
            validity: validity
        )
        if let tag = body.peek(in: bytes), tag & 0x1f == 1 || tag & 0x1f == 2 {
            throw TLSCertificateError.hasUniqueIdentifiers
        }
        if !body.isAtEnd {
            var wrapper = try body.nested(context(3), in: bytes)
            try fields.readExtensions(try wrapper.nested(DERReader.sequence, in: bytes), in: bytes)
            try wrapper.finish()
        }
        try body.finish()
        return fields
    }

    private mutating func readExtensions(_ list: DERReader, in bytes: Span<UInt8>) throws {
        var list = list
        var seen: [[UInt8]] = []
        while !list.isAtEnd {
            var entry = try list.nested(DERReader.sequence, in: bytes)
            let identifier = bytes.array(try entry.element(DERReader.objectIdentifier, in: bytes))
            var isCritical = false
            if entry.peek(in: bytes) == Self.boolean {
                let flag = try entry.element(Self.boolean, in: bytes)
                guard flag.count == 1 else { throw TLSCertificateError.malformed }
                isCritical = bytes[flag.lowerBound] != 0
            }
            let content = try entry.element(DERReader.octetString, in: bytes)
            try entry.finish()
            guard seen.count < Self.extensionCountMax else { throw TLSCertificateError.malformed }
            guard !seen.contains(identifier) else { throw TLSCertificateError.duplicateExtension }
            seen.append(identifier)
            if identifier == Self.libp2pIdentifier {
                libp2pExtension = content
            } else if isCritical && !Self.understoodIdentifiers.contains(identifier) {
                throw TLSCertificateError.unknownCriticalExtension
            }
        }
    }

    /// Reads `YYMMDDHHMMSSZ` (years 1950 to 2049) or `YYYYMMDDHHMMSSZ`.
    private static func time(_ reader: inout DERReader, in bytes: Span<UInt8>) throws -> WallTime {
        let isShort = reader.peek(in: bytes) == utcTime
        let range = try reader.element(isShort ? utcTime : generalizedTime, in: bytes)
        let text = bytes.extracting(range)
        guard text.count == (isShort ? 13 : 15), text[text.count - 1] == UInt8(ascii: "Z") else {
            throw TLSCertificateError.malformed
        }
        var numbers: [Int64] = []
        for index in 0..<(text.count - 1) / 2 {
            let (tens, ones) = (text[2 * index], text[2 * index + 1])
            guard (0x30...0x39).contains(tens), (0x30...0x39).contains(ones) else {
                throw TLSCertificateError.malformed
            }
            numbers.append(Int64(tens - 0x30) * 10 + Int64(ones - 0x30))
        }
        let first = numbers.removeFirst()
        let year = isShort ? (first < 50 ? 2000 : 1900) + first : first * 100 + numbers.removeFirst()
        let (month, day, hour, minute, second) = (numbers[0], numbers[1], numbers[2], numbers[3], numbers[4])
        guard (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 60 else {
            throw TLSCertificateError.malformed
        }
        let seconds = daysSince1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second
        return WallTime(millisecondsSince1970: seconds * 1000)
    }

    /// Counts the days of the proleptic Gregorian calendar, in years that begin in March.
    private static func daysSince1970(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let marchYear = month <= 2 ? year - 1 : year
        let era = (marchYear >= 0 ? marchYear : marchYear - 399) / 400
        let yearOfEra = marchYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}

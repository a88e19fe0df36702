internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingCrypto

/// Messages sealed to a recipient and opened there, in this process, one after the other.
struct SealBench {
    private static let payloadByteCount = 1024
    /// About the size of a message's header, which is authenticated along.
    private static let headerByteCount = 160
    private static let batchCount = 50
    private static let roundSeconds = 0.25

    private let settings: BenchSettings
    private let cipher: ChaChaPoly
    private let recipientIdentity: IdentityKey
    private let sender: OpeningKey
    private let recipient: OpeningKey
    private let info = Array("starling bench".utf8)
    private let header = [UInt8](repeating: 1, count: headerByteCount)
    private let payload = [UInt8](repeating: 2, count: payloadByteCount)

    init(_ settings: BenchSettings) throws {
        self.settings = settings
        cipher = try ChaChaPoly()
        recipientIdentity = try IdentityKey(seed: [UInt8](repeating: 2, count: IdentityKey.seedByteCount))
        sender = OpeningKey(
            converting: try IdentityKey(seed: [UInt8](repeating: 1, count: IdentityKey.seedByteCount))
        )
        recipient = OpeningKey(converting: recipientIdentity)
    }

    func measure() throws -> BenchReport {
        let outward = try StaticAgreement(sender, recipient.sealingKey)
        let inward = try StaticAgreement(recipient, sender.sealingKey)
        let sealed = try seal(outward)
        var figures: [BenchFigure] = []
        func add(_ key: String, _ label: String, _ body: () throws -> Void) throws {
            var figure = BenchFigure(key, label, "µs")
            for _ in 0..<BenchPace.roundCount {
                figure.rounds.append(try Self.secondsEach(body) * 1e6)
            }
            figures.append(figure)
        }
        try add("seal_us", "seal, agreement kept") { _ = try seal(outward) }
        try add("seal_first_us", "seal, agreement made") {
            _ = try seal(StaticAgreement(sender, recipient.sealingKey))
        }
        try add("open_us", "open, agreement kept") { _ = try open(sealed, inward) }
        try add("open_first_us", "open, agreement made") {
            _ = try open(sealed, StaticAgreement(recipient, sender.sealingKey))
        }
        try add("convert_us", "convert an identity") {
            _ = try SealingKey(converting: recipientIdentity.publicKey)
        }
        let facts: [(key: String, value: JSON)] = [
            ("bench", .string(settings.subject.rawValue)),
            ("payload_bytes", .integer(Int64(Self.payloadByteCount))),
        ]
        return BenchReport(facts: facts, figures: figures)
    }

    private static func secondsEach(_ body: () throws -> Void) throws -> Double {
        let start = BenchClock.seconds
        var (count, elapsed) = (0, 0.0)
        while elapsed < roundSeconds {
            for _ in 0..<batchCount { try body() }
            count += batchCount
            elapsed = BenchClock.seconds - start
        }
        return elapsed / Double(count)
    }

    /// Every message with the same ephemeral key, since none leaves this process.
    private func seal(_ agreement: StaticAgreement) throws -> HPKE.Sealed {
        var seed = [UInt8](repeating: 3, count: X25519Key.byteCount)
        return try HPKE.seal(
            payload.span,
            agreement,
            info: info.span,
            authenticating: header.span,
            ephemeralSeed: SecretBytes(wiping: &seed),
            cipher
        )
    }

    private func open(_ sealed: HPKE.Sealed, _ agreement: StaticAgreement) throws -> [UInt8] {
        try HPKE.open(
            sealed,
            agreement,
            info: info.span,
            authenticating: header.span,
            cipher
        )
    }
}

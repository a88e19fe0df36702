internal import StarlingCore

/// The handshake pattern XX with Curve25519: three messages, each with a payload that this type does not read.
///
///     -> e
///     <- e, ee, s, es
///     -> s, se
///
/// Spec: The Noise Protocol Framework r34, sections 5.3 and 7.5.
struct NoiseXX: ~Copyable {
    static let protocolName = "Noise_XX_25519_ChaChaPoly_SHA256"
    static let messageCount = 3

    private static let keyByteCount = X25519Key.byteCount
    private static let sealedKeyByteCount = X25519Key.byteCount + NoiseSymmetricState.tagByteCount

    private let isInitiator: Bool
    private let ephemeral: X25519Key
    private var symmetric: NoiseSymmetricState
    private var remoteEphemeral: [UInt8] = []

    /// The peer's static key, once it came.
    private(set) var remoteStatic: [UInt8] = []
    /// The messages that were written or read; three when the handshake is over.
    private(set) var messageIndex = 0

    init(isInitiator: Bool, ephemeral: consuming X25519Key, prologue: Span<UInt8>) {
        self.isInitiator = isInitiator
        self.ephemeral = ephemeral
        symmetric = NoiseSymmetricState(protocolName: Self.protocolName, prologue: prologue)
    }

    var isFinished: Bool { messageIndex == Self.messageCount }
    var isOurTurn: Bool { !isFinished && (messageIndex % 2 == 0) == isInitiator }
    var transcriptHash: [UInt8] { symmetric.transcriptHash }

    /// The next message, with `payload` in it.
    mutating func write(
        _ payload: Span<UInt8>,
        staticKey: borrowing X25519Key
    ) throws(NoiseError) -> [UInt8] {
        guard isOurTurn else { throw .outOfTurn }
        var message: [UInt8] = []
        if messageIndex < 2 {
            let publicBytes = ephemeral.publicBytes
            message += publicBytes
            symmetric.mixHash(publicBytes.span)
        }
        if messageIndex == 1 {
            symmetric.mixKey(try Self.secret(ephemeral, remoteEphemeral))
        }
        if messageIndex > 0 {
            symmetric.encryptAndHash(staticKey.publicBytes.span, appendingTo: &message)
            symmetric.mixKey(try Self.secret(staticKey, remoteEphemeral))
        }
        symmetric.encryptAndHash(payload, appendingTo: &message)
        messageIndex += 1
        return message
    }

    /// Reads the peer's next message and returns its payload.
    mutating func read(_ message: Span<UInt8>) throws(NoiseError) -> [UInt8] {
        guard !isOurTurn, !isFinished else { throw .outOfTurn }
        var offset = 0
        if messageIndex < 2 {
            guard message.count >= Self.keyByteCount else { throw .messageTooShort }
            offset = Self.keyByteCount
            let key = message.extracting(0..<offset)
            remoteEphemeral = key.array()
            symmetric.mixHash(key)
        }
        if messageIndex == 1 {
            symmetric.mixKey(try Self.secret(ephemeral, remoteEphemeral))
        }
        if messageIndex > 0 {
            guard message.count - offset >= Self.sealedKeyByteCount else { throw .messageTooShort }
            let end = offset + Self.sealedKeyByteCount
            remoteStatic = try symmetric.decryptAndHash(message.extracting(offset..<end))
            symmetric.mixKey(try Self.secret(ephemeral, remoteStatic))
            offset = end
        }
        let payload = try symmetric.decryptAndHash(message.extracting(offset..<message.count))
        messageIndex += 1
        return payload
    }

    /// The keys of both directions.
    borrowing func split() -> NoiseKeys {
        symmetric.split()
    }

    private static func secret(
        _ mine: borrowing X25519Key,
        _ theirs: [UInt8]
    ) throws(NoiseError) -> SecretBytes {
        do {
            return try mine.sharedSecret(with: theirs.span)
        } catch {
            throw .invalidDiffieHellmanKey
        }
    }
}

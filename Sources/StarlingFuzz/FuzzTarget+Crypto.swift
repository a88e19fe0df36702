internal import StarlingCore
internal import StarlingCrypto
internal import StarlingTLS

extension FuzzTarget {
    /// Fixed keys: a fuzzer that finds something must find it again.
    static let identity = try? IdentityKey(seed: [UInt8](repeating: 7, count: 32))
    /// Inside the validity of the certificates in the corpus.
    static let wallTime = WallTime(millisecondsSince1970: 1_767_225_600_000)

    private static let noiseIdentity = identity.map {
        NoiseIdentity($0, staticSeed: SecretBytes(copying: [UInt8](repeating: 8, count: 32).span))
    }

    static func publicKey(_ input: [UInt8]) throws(BrokenPromise) {
        _ = try? IdentityKey(protobuf: input.span)
        guard let key = try? PublicKey(protobuf: input.span) else { return }
        try promise(key.protobuf == input, "a key has one encoding")
        try promise(
            PublicKey(peerID: key.peerID).map { $0 == key } ?? true,
            "a peer ID that holds a key holds the one it was made of"
        )
        // Half of the input is as good a signature as any.
        let signature = Array(input.suffix(input.count / 2))
        try promise(!key.verify(signature, over: input), "garbage is no signature")
    }

    static func signedEnvelope(_ input: [UInt8]) throws(BrokenPromise) {
        guard let envelope = try? SignedEnvelope(parsing: input.span, domain: PeerRecord.domain) else {
            return
        }
        let again = try? SignedEnvelope(parsing: envelope.encoded(), domain: PeerRecord.domain)
        try promise(again == envelope, "an envelope reads what it writes")
        _ = try? PeerRecord(envelope: envelope)
    }

    /// The record's message alone: it is signed here, since no mutation keeps a signature.
    static func peerRecord(_ input: [UInt8]) throws(BrokenPromise) {
        guard let identity else { return }
        let envelope = SignedEnvelope(
            signing: input,
            type: PeerRecord.payloadType,
            domain: PeerRecord.domain,
            with: identity
        )
        guard let record = try? PeerRecord(envelope: envelope) else { return }
        try promise(record.peerID == identity.peerID, "a record is about its signer")
        let again = try? PeerRecord(parsing: record.sealed(with: identity).encoded())
        try promise(again == record, "a record reads what it writes")
    }

    static func noisePayload(_ input: [UInt8]) throws(BrokenPromise) {
        let limits = NoiseHandshake.Limits()
        guard let payload = try? NoisePayload(parsing: input.span, limits) else { return }
        let again = try? NoisePayload(parsing: payload.encoded().span, limits)
        try promise(again == payload, "a payload reads what it writes")
        _ = try? PublicKey(protobuf: payload.identityKey)
    }

    /// The first byte picks the side, the rest is the peer's messages.
    static func noiseHandshake(_ input: [UInt8]) throws(BrokenPromise) {
        guard let noiseIdentity, let first = input.first else { return }
        var handshake = NoiseHandshake(
            role: first & 1 == 0 ? .initiator : .responder,
            identity: noiseIdentity,
            ephemeralSeed: SecretBytes(copying: [UInt8](repeating: 9, count: 32).span),
            muxers: first & 2 == 0 ? [] : ["/yamux/1.0.0"]
        )
        var messages = Array(input.dropFirst()).packets[...]
        for _ in 0..<8 {
            do {
                if try handshake.nextMessage() != nil { continue }
                guard !handshake.isFinished, let message = messages.popFirst() else { break }
                try handshake.receive(message.span)
            } catch {
                try promise(!handshake.isFinished, "a handshake that failed is not finished")
                return
            }
        }
    }

    /// An encapsulated key and a ciphertext behind it; both are from strangers, and so is a key to seal to.
    static func sealedMessage(_ input: [UInt8]) throws(BrokenPromise) {
        guard let identity, let cipher = try? ChaChaPoly() else { return }
        let own = OpeningKey(converting: identity)
        let nothing: [UInt8] = []
        let sealed = HPKE.Sealed(
            encapsulatedKey: Array(input.prefix(HPKE.encapsulatedKeyByteCount)),
            ciphertext: Array(input.dropFirst(HPKE.encapsulatedKeyByteCount))
        )
        let opened = try? HPKE.open(
            sealed,
            with: own,
            info: nothing.span,
            authenticating: nothing.span,
            cipher
        )
        if let opened {
            try promise(opened.count == input.count - HPKE.overheadByteCount, "a seal has one length")
        }
        if let stranger = try? PublicKey(kind: .ed25519, data: sealed.encapsulatedKey.span) {
            _ = try? SealingKey(converting: stranger)
        }
        guard let peer = try? SealingKey(id: 1, publicBytes: sealed.encapsulatedKey.span),
            let agreement = try? StaticAgreement(own, peer)
        else { return }
        let forged = try? HPKE.open(
            sealed,
            agreement,
            info: nothing.span,
            authenticating: nothing.span,
            cipher
        )
        try promise(forged == nil, "garbage is no seal")
    }

    static func certificate(_ input: [UInt8]) throws(BrokenPromise) {
        guard let certificate = try? TLSCertificate.verify(input.span, now: wallTime) else { return }
        let key = try? PublicKey(protobuf: certificate.hostKey.protobuf)
        try promise(key == certificate.hostKey, "a certificate's host key is a key")
    }
}

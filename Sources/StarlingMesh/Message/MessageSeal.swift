internal import StarlingCore
package import StarlingCrypto

extension Envelope {
    /// What HPKE's two sides know about the use of their keys.
    private static let sealInfo = Array("starling-message-1".utf8)

    /// Signs content that whoever carries it may read.
    ///
    /// - Precondition: the header says `standard`.
    package init(
        _ header: MessageHeader,
        content: MessageContent,
        from sender: IdentityKey,
        limits: Limits = Limits(),
        contentLimits: MessageContent.Limits = .init()
    ) throws(SealError) {
        precondition(header.privacy == .standard)
        do throws(ContentError) { try content.check(contentLimits) } catch { throw .content(error) }
        do throws(EnvelopeError) {
            try self.init(header, body: content.encoded, from: sender, limits: limits)
        } catch {
            throw .envelope(error)
        }
    }

    /// Seals content to the agreement's peer, and signs it.
    ///
    /// The header is authenticated with the content, so that neither fits another.
    ///
    /// - Parameter ephemeralSeed: 32 random bytes that nothing else uses.
    /// - Precondition: the header says `private` and has the number of the agreement's key, and the agreement is
    ///   between the sender and the recipient.
    package init(
        _ header: MessageHeader,
        sealing content: MessageContent,
        with agreement: StaticAgreement,
        ephemeralSeed: consuming SecretBytes,
        _ cipher: ChaChaPoly,
        from sender: IdentityKey,
        limits: Limits = Limits(),
        contentLimits: MessageContent.Limits = .init()
    ) throws(SealError) {
        precondition(header.privacy == .private && header.recipientKeyID == agreement.peer.id)
        do throws(ContentError) { try content.check(contentLimits) } catch { throw .content(error) }
        let headerBytes = header.encoded
        let sealed: HPKE.Sealed
        do throws(HPKEError) {
            sealed = try HPKE.seal(
                content.encoded.span,
                agreement,
                info: Self.sealInfo.span,
                authenticating: headerBytes.span,
                ephemeralSeed: ephemeralSeed,
                cipher
            )
        } catch {
            throw .recipientKey(error)
        }
        do throws(EnvelopeError) {
            try self.init(
                header,
                headerBytes: headerBytes,
                body: sealed.encapsulatedKey + sealed.ciphertext,
                from: sender,
                limits: limits
            )
        } catch {
            throw .envelope(error)
        }
    }

    /// The content of a message that is not sealed.
    package func content(_ limits: MessageContent.Limits = .init()) throws(OpenError) -> MessageContent {
        guard header.privacy == .standard else { throw .sealed }
        do throws(ContentError) {
            return try MessageContent(parsing: body.span, limits: limits)
        } catch {
            throw .content(error)
        }
    }

    /// The content of a message that the agreement's peer sealed to its owner.
    package func content(
        openedWith agreement: StaticAgreement,
        _ cipher: ChaChaPoly,
        _ limits: MessageContent.Limits = .init()
    ) throws(OpenError) -> MessageContent {
        guard header.privacy == .private else { return try content(limits) }
        guard header.recipientKeyID == agreement.own.sealingKey.id else {
            throw .unknownKey(id: header.recipientKeyID)
        }
        guard body.count >= HPKE.overheadByteCount else { throw .unsealable(.authenticationFailed) }
        let sealed = HPKE.Sealed(
            encapsulatedKey: body.span.array(0..<HPKE.encapsulatedKeyByteCount),
            ciphertext: body.span.array(HPKE.encapsulatedKeyByteCount..<body.count)
        )
        let plaintext: [UInt8]
        do throws(HPKEError) {
            plaintext = try HPKE.open(
                sealed,
                agreement,
                info: Self.sealInfo.span,
                authenticating: headerBytes.span,
                cipher
            )
        } catch {
            throw .unsealable(error)
        }
        do throws(ContentError) {
            return try MessageContent(parsing: plaintext.span, limits: limits)
        } catch {
            throw .content(error)
        }
    }
}

/// Why a message cannot be made.
package enum SealError: Error, Equatable, Sendable {
    case content(ContentError)
    case envelope(EnvelopeError)
    /// The recipient's key is none that anything can be sealed to: send `standard`, or to a peer with an Ed25519 key.
    case recipientKey(HPKEError)
}

/// Why a message cannot be read by its recipient.
package enum OpenError: Error, Equatable, Sendable {
    /// It is sealed, and was to be read as if it were not.
    case sealed
    /// It is sealed to a key that is not this one.
    case unknownKey(id: UInt32)
    /// It was sealed to someone else, or changed.
    case unsealable(HPKEError)
    case content(ContentError)

    /// What the sender is told.
    package var outcome: Receipt.Outcome {
        switch self {
        case .content(.payloadTooLarge): .refusedTooLarge
        case .sealed, .unknownKey, .unsealable, .content: .unreadable
        }
    }
}

package import StarlingCore
package import StarlingCrypto

/// A peer's signed word on who keeps envelopes for it.
///
///     message List { bytes body = 1; bytes signature = 2; }
///     message Body { bytes peer = 1; uint64 sequence = 2; uint64 created_ms = 3; uint64 lifetime_ms = 4;
///                    repeated Mailbox mailboxes = 5; }
///     message Mailbox { bytes peer = 1; repeated bytes addresses = 2; }
///
/// It proves itself, so anybody may hand it on. An empty list says that there are none.
///
/// Spec: docs/specs/mailbox.md, "List".
package struct MailboxList: Equatable, Sendable {
    package struct Limits: Sendable {
        /// Mailboxes of one peer: twice the copies of a message, so that half of them may be away.
        package var mailboxCountMax = 2 * MailboxProtocol.copyCountMax
        /// Addresses of one mailbox: one for each network that it is likely to be met in.
        package var addressCountMax = 4
        /// Bytes of one address.
        package var addressByteCountMax = 256

        package init() {}

        /// The most bytes that a list within these limits takes.
        package var listByteCountMax: Int {
            mailboxCountMax * (addressCountMax * (addressByteCountMax + 4) + 64) + 512
        }
    }

    /// A node that the peer has keep envelopes for it.
    package struct Mailbox: Equatable, Sendable {
        package var peer: PeerID
        /// Where it listens, as far as the peer knows.
        ///
        /// Addresses that do not parse are left out: one that is newer than this code must not hide the others.
        package var addresses: [Multiaddr]

        package init(peer: PeerID, addresses: [Multiaddr] = []) {
            self.peer = peer
            self.addresses = addresses
        }
    }

    /// The longest time that a list holds without being made anew.
    package static let lifetimeMax: Duration = .seconds(30 * 86_400)

    /// Whose mailboxes these are, who signs.
    package let peer: PeerID
    /// Grows with every list of a peer; the highest one counts.
    package let sequence: UInt64
    package let created: WallTime
    package let lifetimeMilliseconds: Int64
    /// The one that the peer asks first stands first.
    package let mailboxes: [Mailbox]
    package let bodyBytes: [UInt8]
    package let signature: [UInt8]

    private static let signatureDomain = Array("starling-mailbox-list-1:".utf8)

    /// Signs a list.
    ///
    /// - Precondition: it is within the limits, names nobody twice and not the signer, and its lifetime is one of a
    ///   millisecond to ``lifetimeMax``.
    package init(
        of mailboxes: [Mailbox],
        sequence: UInt64,
        created: WallTime,
        lifetime: Duration,
        from owner: IdentityKey,
        limits: Limits = Limits()
    ) {
        peer = owner.peerID
        self.sequence = sequence
        self.created = created
        lifetimeMilliseconds = lifetime.milliseconds
        self.mailboxes = mailboxes
        precondition(lifetimeMilliseconds >= 1 && lifetime <= Self.lifetimeMax)
        precondition(Self.namesEachOnce(mailboxes, of: owner.peerID))
        precondition(mailboxes.count <= limits.mailboxCountMax)
        precondition(mailboxes.allSatisfy { $0.addresses.count <= limits.addressCountMax })
        var writer = ProtobufWriter()
        writer.name(1, owner.peerID)
        writer.varint(2, sequence)
        writer.varint(3, UInt64(clamping: created.millisecondsSince1970))
        writer.varint(4, UInt64(lifetimeMilliseconds))
        for mailbox in mailboxes {
            writer.message(5) { inner in
                inner.name(1, mailbox.peer)
                for address in mailbox.addresses { inner.bytes(2, address.bytes) }
            }
        }
        bodyBytes = writer.bytes
        signature = owner.sign(Self.signatureDomain + bodyBytes)
    }

    /// Reads a list and checks its form and its signature.
    package init(verifying message: Span<UInt8>, limits: Limits = Limits()) throws(EnvelopeError) {
        try self.init(parsing: message, limits: limits)
        try verify()
    }

    /// Reads a list and checks its form: who signs it is what it says itself, until ``verify()``.
    package init(parsing message: Span<UInt8>, limits: Limits = Limits()) throws(EnvelopeError) {
        guard message.count <= limits.listByteCountMax else {
            throw .bodyTooLarge(byteCountMax: limits.listByteCountMax)
        }
        do throws(ProtobufError) {
            let signed = try SignedBody(message)
            let parsed = try Parsed(signed.body.span, limits)
            (bodyBytes, signature) = (signed.body, signed.signature)
            (peer, sequence, mailboxes) = (parsed.peer, parsed.sequence, parsed.mailboxes)
            (created, lifetimeMilliseconds) = (parsed.created, parsed.lifetimeMilliseconds)
        } catch {
            throw .malformed(error)
        }
    }

    /// Checks the signature.
    package func verify() throws(EnvelopeError) {
        try SignedBody.verify(signature, over: Self.signatureDomain + bodyBytes, by: peer)
    }

    /// The list in its wire form.
    package var encoded: [UInt8] { SignedBody.encode(bodyBytes, signature) }

    /// When it holds no more, by the clock of its peer.
    package var expires: WallTime {
        let (sum, overflow) = created.millisecondsSince1970.addingReportingOverflow(lifetimeMilliseconds)
        return WallTime(millisecondsSince1970: overflow ? .max : sum)
    }

    private static func namesEachOnce(_ mailboxes: [Mailbox], of peer: PeerID) -> Bool {
        for (index, mailbox) in mailboxes.enumerated() {
            if mailbox.peer == peer || mailboxes[..<index].contains(where: { $0.peer == mailbox.peer }) {
                return false
            }
        }
        return true
    }
}

extension MailboxList {
    private struct Parsed {
        var peer: PeerID
        var sequence: UInt64
        var created: WallTime
        var lifetimeMilliseconds: Int64
        var mailboxes: [Mailbox] = []

        init(_ body: Span<UInt8>, _ limits: Limits) throws(ProtobufError) {
            var (peer, sequence): (PeerID?, UInt64?) = (nil, nil)
            var (created, lifetime): (UInt64?, UInt64?) = (nil, nil)
            var mailboxes: [Mailbox] = []
            var cursor = ProtobufCursor(body)
            while let field = try cursor.next(in: body) {
                switch field.number {
                case 1: peer = try field.peerID(in: body)
                case 2: sequence = try field.varint()
                case 3: created = try field.varint()
                case 4: lifetime = try field.varint()
                case 5:
                    guard mailboxes.count < limits.mailboxCountMax else {
                        throw .tooManyEntries(fieldNumber: 5)
                    }
                    mailboxes.append(try mailbox(body, try field.range(), limits))
                default: break
                }
            }
            guard let peer else { throw .missingField(fieldNumber: 1) }
            guard let sequence else { throw .missingField(fieldNumber: 2) }
            guard let created else { throw .missingField(fieldNumber: 3) }
            guard let lifetime else { throw .missingField(fieldNumber: 4) }
            guard lifetime >= 1, lifetime <= UInt64(MailboxList.lifetimeMax.milliseconds) else {
                throw .invalidValue(fieldNumber: 4)
            }
            guard namesEachOnce(mailboxes, of: peer) else { throw .invalidValue(fieldNumber: 5) }
            (self.peer, self.sequence, self.mailboxes) = (peer, sequence, mailboxes)
            self.created = WallTime(millisecondsSince1970: Int64(clamping: created))
            lifetimeMilliseconds = Int64(lifetime)
        }
    }

    private static func mailbox(
        _ body: Span<UInt8>,
        _ range: Range<Int>,
        _ limits: Limits
    ) throws(ProtobufError) -> Mailbox {
        var (peer, addresses, count): (PeerID?, [Multiaddr], Int) = (nil, [], 0)
        var cursor = ProtobufCursor(range: range)
        while let field = try cursor.next(in: body) {
            switch field.number {
            case 1: peer = try field.peerID(in: body)
            case 2:
                guard count < limits.addressCountMax else { throw .tooManyEntries(fieldNumber: 2) }
                count += 1
                let range = try field.range()
                guard range.count <= limits.addressByteCountMax else { throw .invalidValue(fieldNumber: 2) }
                if let address = try? Multiaddr(bytes: body.extracting(range)) { addresses.append(address) }
            default: break
            }
        }
        guard let peer else { throw .missingField(fieldNumber: 1) }
        return Mailbox(peer: peer, addresses: addresses)
    }
}

package import StarlingCore

/// Why an envelope holds no acceptable peer record.
package enum PeerRecordError: Error, Equatable, Sendable {
    /// The envelope around it is not valid.
    case invalidEnvelope(SignedEnvelopeError)
    /// The envelope holds something else.
    case wrongPayloadType
    /// The payload is not the protobuf message, or has more than ``PeerRecord/addressCountMax`` addresses.
    case malformedMessage(ProtobufError)
    /// The record's name of the peer is none.
    case invalidPeerID(PeerIDError)
    /// The record is about another peer than the one that signed it.
    case wrongSigner
}

/// Where a peer can be reached, in its own words and with its signature.
///
/// Spec: libp2p/specs `RFC/0003-routing-records.md`; domain and payload type are the ones in use, which differ from
/// that text: `libp2p-peer-record` and the bytes 03 01.
package struct PeerRecord: Hashable, Sendable {
    /// The purpose that the signature is for.
    package static let domain = "libp2p-peer-record"
    /// The payload's type: the multicodec 0x0301, as two plain bytes.
    package static let payloadType: [UInt8] = [0x03, 0x01]
    /// The most addresses in a record, ten times what a well-connected peer has.
    ///
    /// A record with more is refused.
    package static let addressCountMax = 256

    /// The peer.
    package let peerID: PeerID
    /// Grows with every record of a peer; the highest one counts.
    package let sequenceNumber: UInt64
    /// Where it listens.
    ///
    /// Addresses that do not parse are left out: one that is newer than this code must not hide the others.
    package let addresses: [Multiaddr]

    package init(peerID: PeerID, sequenceNumber: UInt64, addresses: [Multiaddr]) {
        self.peerID = peerID
        self.sequenceNumber = sequenceNumber
        self.addresses = addresses
    }

    /// Parses the record in a checked envelope, and checks that the signer speaks for itself.
    package init(envelope: SignedEnvelope) throws(PeerRecordError) {
        guard envelope.payloadType == Self.payloadType else { throw .wrongPayloadType }
        var name: [UInt8]?
        var sequenceNumber: UInt64 = 0
        var addresses: [Multiaddr] = []
        let message = envelope.payload.span
        do throws(ProtobufError) {
            var addressCount = 0
            var cursor = ProtobufCursor(message)
            while let field = try cursor.next(in: message) {
                switch field.number {
                case 1: name = try field.bytes(in: message)
                case 2: sequenceNumber = try field.varint()
                case 3:
                    guard addressCount < Self.addressCountMax else { throw .tooManyEntries(fieldNumber: 3) }
                    addressCount += 1
                    if let address = try Self.address(field.range(), in: message) {
                        addresses.append(address)
                    }
                default: break
                }
            }
            guard name != nil else { throw .missingField(fieldNumber: 1) }
        } catch {
            throw .malformedMessage(error)
        }
        do throws(PeerIDError) {
            peerID = try PeerID(multihash: name ?? [])
        } catch {
            throw .invalidPeerID(error)
        }
        guard peerID == envelope.signer else { throw .wrongSigner }
        self.sequenceNumber = sequenceNumber
        self.addresses = addresses
    }

    /// Parses an envelope with a record in it, and checks the signature and the signer.
    package init(parsing envelope: Span<UInt8>) throws(PeerRecordError) {
        let checked: SignedEnvelope
        do throws(SignedEnvelopeError) {
            checked = try SignedEnvelope(parsing: envelope, domain: Self.domain)
        } catch {
            throw .invalidEnvelope(error)
        }
        try self.init(envelope: checked)
    }

    /// Parses an envelope with a record in it, and checks the signature and the signer.
    package init(parsing envelope: [UInt8]) throws(PeerRecordError) {
        try self.init(parsing: envelope.span)
    }

    /// The record in an envelope, signed by the peer that it is about.
    ///
    /// - Precondition: `identity` is that peer's.
    package func sealed(with identity: IdentityKey) -> SignedEnvelope {
        precondition(identity.peerID == peerID)
        return SignedEnvelope(
            signing: encoded(),
            type: Self.payloadType,
            domain: Self.domain,
            with: identity
        )
    }

    /// The message inside the envelope.
    package func encoded() -> [UInt8] {
        var writer = ProtobufWriter()
        writer.name(1, peerID)
        // Zero is not written, as in every proto3 message.
        if sequenceNumber > 0 { writer.varint(2, sequenceNumber) }
        for address in addresses {
            writer.message(3) { $0.bytes(1, address.bytes) }
        }
        return writer.bytes
    }

    private static func address(
        _ range: Range<Int>,
        in message: Span<UInt8>
    ) throws(ProtobufError) -> Multiaddr? {
        var address: Multiaddr?
        var cursor = ProtobufCursor(range: range)
        while let field = try cursor.next(in: message) {
            guard field.number == 1 else { continue }
            address = try? Multiaddr(bytes: message.extracting(field.range()))
        }
        return address
    }
}

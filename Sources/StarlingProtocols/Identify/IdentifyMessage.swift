package import StarlingCore

/// What a peer says of itself: addresses, protocols, versions, and how it sees us.
///
/// A field that a peer did not send is `nil` or empty; in a push that means "unchanged". Nothing in here is
/// checked against the peer's identity: that is ``IdentifiedPeer``.
///
/// Spec: libp2p/specs `identify/README.md` r1, "The Identify Message"; field 8, the signed peer record, from
/// `RFC/0003-routing-records.md`.
package struct IdentifyMessage: Equatable, Sendable {
    /// What a peer may make us read and keep.
    package struct Limits: Sendable {
        /// Bytes in one message; a longer one is an error.
        ///
        /// go-libp2p reads 8 KiB, rust-libp2p 4.
        package var messageByteCountMax = 64 << 10
        /// Messages in one answer; more are an error.
        ///
        /// go-libp2p reads ten.
        package var messageCountMax = 10
        /// Addresses kept; further ones are skipped and counted.
        package var addressCountMax = 256
        /// Protocols kept; further ones are skipped and counted.
        package var protocolCountMax = 1024
        /// Bytes in a protocol's name; longer ones are skipped and counted.
        ///
        /// multistream-select allows no more.
        package var protocolByteCountMax = 1023
        /// Bytes kept of the version texts; the rest is cut off.
        package var versionByteCountMax = 256

        package init() {}
    }

    /// The peer's public key as libp2p's protobuf message.
    package var publicKey: [UInt8]?
    /// Where the peer listens.
    package var listenAddresses: [Multiaddr] = []
    /// The protocols that it accepts streams for.
    package var protocols: [String] = []
    /// The address from which the peer sees us connected.
    package var observedAddress: Multiaddr?
    /// The family of protocols, such as `/my-network/0.1.0`.
    package var protocolVersion: String?
    /// The software, such as `starling/0.1.0`.
    ///
    /// Free text of the peer's: escape it before showing it.
    package var agentVersion: String?
    /// A signed envelope with a peer record.
    package var signedPeerRecord: [UInt8]?
    /// Addresses and protocols that were skipped: unreadable, or beyond a limit.
    package private(set) var skippedCount = 0

    package init() {}

    /// Takes the fields of one more message in: lists grow, single values are replaced.
    ///
    /// That is what protobuf's merging does, so an answer in several messages is the same as in one.
    package mutating func merge(
        _ message: Span<UInt8>,
        limits: Limits = Limits()
    ) throws(ProtobufError) {
        var cursor = ProtobufCursor(message)
        while let field = try cursor.next(in: message) {
            switch field.number {
            case 1: publicKey = try field.bytes(in: message)
            case 2: take(address: message.extracting(try field.range()), limits)
            case 3: take(protocol: try field.bytes(in: message), limits)
            case 4:
                let range = try field.range()
                observedAddress = try? Multiaddr(bytes: message.extracting(range))
            case 5: protocolVersion = Self.text(try field.bytes(in: message), limits)
            case 6: agentVersion = Self.text(try field.bytes(in: message), limits)
            case 8: signedPeerRecord = try field.bytes(in: message)
            default: break
            }
        }
    }

    private mutating func take(address bytes: Span<UInt8>, _ limits: Limits) {
        guard listenAddresses.count < limits.addressCountMax, let address = try? Multiaddr(bytes: bytes)
        else {
            skippedCount += 1
            return
        }
        listenAddresses.append(address)
    }

    private mutating func take(protocol bytes: [UInt8], _ limits: Limits) {
        guard protocols.count < limits.protocolCountMax, !bytes.isEmpty,
            bytes.count <= limits.protocolByteCountMax,
            let name = String(validating: bytes, as: UTF8.self)
        else {
            skippedCount += 1
            return
        }
        protocols.append(name)
    }

    /// Text for people: what is not UTF-8 in it is replaced, not refused.
    private static func text(_ bytes: [UInt8], _ limits: Limits) -> String {
        String(decoding: bytes.prefix(limits.versionByteCountMax), as: UTF8.self)
    }

    // MARK: - Writing

    /// Messages up to this size are read by every implementation; a longer answer is sent in several.
    private static let writtenByteCountMax = 4096

    /// The message, or several, each with its length: all that is written to the stream.
    ///
    /// The signed record stands last, so that a reader of the first message alone has everything else.
    package func frames() -> [UInt8] {
        var fields: [[UInt8]] = []
        func add(_ body: (inout ProtobufWriter) -> Void) {
            var writer = ProtobufWriter()
            body(&writer)
            fields.append(writer.bytes)
        }
        if let publicKey { add { $0.bytes(1, publicKey) } }
        if let observedAddress { add { $0.bytes(4, observedAddress.bytes) } }
        if let protocolVersion { add { $0.string(5, protocolVersion) } }
        if let agentVersion { add { $0.string(6, agentVersion) } }
        for address in listenAddresses { add { $0.bytes(2, address.bytes) } }
        for name in protocols { add { $0.string(3, name) } }
        if let signedPeerRecord { add { $0.bytes(8, signedPeerRecord) } }

        var frames: [UInt8] = []
        var message: [UInt8] = []
        for field in fields {
            if !message.isEmpty, message.count + field.count > Self.writtenByteCountMax {
                VarintFrame.append(message, to: &frames)
                message = []
            }
            message += field
        }
        VarintFrame.append(message, to: &frames)
        return frames
    }
}

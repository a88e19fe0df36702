internal import StarlingCore

/// Where a negotiation stands.
package enum MultistreamState: Equatable, Sendable {
    /// Neither agreed nor failed yet.
    case negotiating
    /// Both sides speak this protocol; what follows in the stream is its own.
    case agreed(String)
    /// The negotiation is over without a protocol; the stream is of no use.
    case failed(MultistreamError)
}

/// The wire form of multistream-select: a varint length, a text, a newline that the length includes.
///
/// Spec: multiformats/multistream-select, "Protocol"; libp2p/specs `connections/README.md`,
/// "multistream-select".
package enum Multistream {
    /// The first message of both sides, as it stands on the wire.
    static let headerBytes: [UInt8] = {
        var bytes: [UInt8] = []
        append(ProtocolID.multistream, to: &bytes)
        return bytes
    }()

    /// The longest message, with its newline and without its length.
    ///
    /// The specification names no limit; this is the one that go-libp2p and rust-libp2p hold.
    package static let messageByteCountMax = 1024

    /// What a listener answers to a protocol that it does not speak.
    static let notAvailable = "na"
    /// What a dialer sends to see the listener's protocols.
    static let list = "ls"

    /// Appends one message.
    ///
    /// - Precondition: it fits ``messageByteCountMax``.
    package static func append(_ text: String, to bytes: inout [UInt8]) {
        let byteCount = text.utf8.count + 1
        precondition(byteCount <= messageByteCountMax)
        Varint.append(UInt64(byteCount), to: &bytes)
        bytes.append(contentsOf: text.utf8)
        bytes.append(UInt8(ascii: "\n"))
    }

    /// Appends the answer to `ls`: one message that holds a message per protocol.
    ///
    /// Protocols that do not fit ``messageByteCountMax`` are left out: a longer answer would be refused.
    static func appendListing(_ protocols: [String], to bytes: inout [UInt8]) {
        var body: [UInt8] = []
        for text in protocols where !text.isEmpty {
            let byteCount = text.utf8.count + 1
            let framedByteCount = Varint.byteCount(of: UInt64(byteCount)) + byteCount
            guard body.count + framedByteCount + 1 <= messageByteCountMax else { continue }
            append(text, to: &body)
        }
        body.append(UInt8(ascii: "\n"))
        Varint.append(UInt64(body.count), to: &bytes)
        bytes += body
    }
}

/// Puts messages together from bytes that are split at any boundary.
struct MultistreamAssembler: Sendable {
    /// Bytes of a message that is not complete; never more than a length and a message.
    private var partial: [UInt8] = []

    /// The next message, without its newline, or `nil` when more bytes are needed.
    ///
    /// `offset` moves past what was taken, which includes the bytes that are kept for later.
    mutating func next(_ bytes: Span<UInt8>, at offset: inout Int) throws(MultistreamError) -> String? {
        if partial.isEmpty {
            var end = offset
            if let body = try Self.body(bytes, at: &end) {
                offset = end
                return try Self.text(bytes, body)
            }
        }
        // The message straddles chunks: take byte by byte until it is whole, and not one byte more.
        while offset < bytes.count {
            partial.append(bytes[offset])
            offset += 1
            var end = 0
            if let body = try Self.body(partial.span, at: &end) {
                let text = try Self.text(partial.span, body)
                partial = []
                return text
            }
        }
        return nil
    }

    /// Throws as soon as the bytes cannot be the header, so that a peer that speaks something else is told apart
    /// at its first wrong byte, and not when its time is up.
    ///
    /// `bytes` are those that came behind the ones that are kept.
    func checkHeader(_ bytes: Span<UInt8>) throws(MultistreamError) {
        let expected = Multistream.headerBytes
        for index in bytes.indices {
            let position = partial.count + index
            guard position < expected.count else { return }
            guard bytes[index] == expected[position] else { throw .wrongHeader }
        }
    }

    /// Where the body of the message at `offset` stands, `nil` when it is not all there.
    private static func body(
        _ bytes: Span<UInt8>,
        at offset: inout Int
    ) throws(MultistreamError) -> Range<Int>? {
        var start = offset
        let byteCount: UInt64
        do {
            byteCount = try Varint.read(bytes, at: &start)
        } catch {
            // Two bytes of length hold 16,383: a third one is over the limit whatever it says.
            if error == .truncated && bytes.count - offset <= 2 { return nil }
            throw .messageTooLong
        }
        guard byteCount <= UInt64(Multistream.messageByteCountMax) else { throw .messageTooLong }
        guard byteCount > 0 else { throw .malformedMessage }
        guard bytes.count - start >= Int(byteCount) else { return nil }
        offset = start + Int(byteCount)
        return start..<offset
    }

    private static func text(_ bytes: Span<UInt8>, _ body: Range<Int>) throws(MultistreamError) -> String {
        let last = body.upperBound - 1
        guard bytes[last] == UInt8(ascii: "\n"),
            let text = String(validating: bytes.array(body.lowerBound..<last), as: UTF8.self)
        else { throw .malformedMessage }
        return text
    }
}

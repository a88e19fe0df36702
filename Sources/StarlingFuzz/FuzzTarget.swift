/// A promise of a decoder that an input broke.
package struct BrokenPromise: Error, Equatable, Sendable {
    /// The promise.
    package let text: String
}

/// One decoder, ready to be fed with anything.
///
/// A fuzzer and the replay of the corpora call the same function. Errors that the decoder throws are its answer
/// to hostile bytes; a trap, or a broken promise, is a bug.
package struct FuzzTarget: Sendable {
    /// What the target is called on the command line; its corpus lies in `fuzz/corpus/` under this name.
    package let name: String
    /// Feeds one input.
    package let run: @Sendable ([UInt8]) throws(BrokenPromise) -> Void

    /// Every target, in the order of the layers.
    package static let all: [FuzzTarget] = [
        FuzzTarget(name: "varint", run: varint),
        FuzzTarget(name: "protobuf", run: protobuf),
        FuzzTarget(name: "json", run: json),
        FuzzTarget(name: "peer-id", run: peerID),
        FuzzTarget(name: "multiaddr-bytes", run: multiaddrBytes),
        FuzzTarget(name: "multiaddr-text", run: multiaddrText),
        FuzzTarget(name: "public-key", run: publicKey),
        FuzzTarget(name: "signed-envelope", run: signedEnvelope),
        FuzzTarget(name: "peer-record", run: peerRecord),
        FuzzTarget(name: "noise-payload", run: noisePayload),
        FuzzTarget(name: "noise-handshake", run: noiseHandshake),
        FuzzTarget(name: "sealed-message", run: sealedMessage),
        FuzzTarget(name: "certificate", run: certificate),
        FuzzTarget(name: "frame", run: frame),
        FuzzTarget(name: "multistream-dialer", run: multistreamDialer),
        FuzzTarget(name: "multistream-listener", run: multistreamListener),
        FuzzTarget(name: "yamux", run: yamux),
        FuzzTarget(name: "identify", run: identify),
        FuzzTarget(name: "dns-message", run: dnsMessage),
        FuzzTarget(name: "mdns", run: mdns),
        FuzzTarget(name: "message-frame", run: messageFrame),
        FuzzTarget(name: "envelope", run: envelope),
        FuzzTarget(name: "receipt", run: receipt),
        FuzzTarget(name: "compressed-payload", run: compressedPayload),
        FuzzTarget(name: "settlement", run: settlement),
        FuzzTarget(name: "message-header", run: messageHeader),
        FuzzTarget(name: "message-content", run: messageContent),
        FuzzTarget(name: "blob-attachment", run: blobAttachment),
        FuzzTarget(name: "blob-frames", run: blobFrames),
        FuzzTarget(name: "blob-fetch", run: blobFetch),
        FuzzTarget(name: "blob-offer", run: blobOffer),
        FuzzTarget(name: "fragment", run: fragment),
        FuzzTarget(name: "fragment-request", run: fragmentRequest),
        FuzzTarget(name: "reassembly", run: reassembly),
        FuzzTarget(name: "liveness-frame", run: livenessFrame),
        FuzzTarget(name: "liveness", run: liveness),
        FuzzTarget(name: "record-request", run: recordRequest),
        FuzzTarget(name: "record-answer", run: recordAnswer),
        FuzzTarget(name: "delivery-row", run: deliveryRow),
        FuzzTarget(name: "route-frame", run: routeFrame),
        FuzzTarget(name: "route-row", run: routeRow),
        FuzzTarget(name: "route-table", run: routeTable),
        FuzzTarget(name: "trace-frames", run: traceFrames),
        FuzzTarget(name: "mailbox-frames", run: mailboxFrames),
        FuzzTarget(name: "mailbox-list", run: mailboxList),
        FuzzTarget(name: "mailbox-row", run: mailboxRow),
        FuzzTarget(name: "mailbox-copies", run: mailboxCopies),
        FuzzTarget(name: "mailbox-fetcher", run: mailboxFetcher),
        FuzzTarget(name: "tunnel-frames", run: tunnelFrames),
        FuzzTarget(name: "tunnel-table", run: tunnelTable),
        FuzzTarget(name: "store-files", run: storeFiles),
        FuzzTarget(name: "scenario", run: scenario),
    ]
}

/// Holds a decoder to its word.
func promise(_ holds: Bool, _ text: String) throws(BrokenPromise) {
    if !holds { throw BrokenPromise(text: text) }
}

extension Array where Element == UInt8 {
    /// The array in pieces of `byteCount` bytes, the last one shorter.
    func pieces(of byteCount: Int) -> [[UInt8]] {
        stride(from: 0, to: count, by: byteCount).map { Array(self[$0..<Swift.min($0 + byteCount, count)]) }
    }

    /// What lengths of two bytes cut out of the array; the last packet may be shorter than it says.
    var packets: [[UInt8]] {
        var packets: [[UInt8]] = []
        var rest = self[...]
        while rest.count >= 2, packets.count < 16 {
            let byteCount = Int(rest.removeFirst()) << 8 | Int(rest.removeFirst())
            packets.append(Array<UInt8>(rest.prefix(byteCount)))
            rest = rest.dropFirst(byteCount)
        }
        return packets
    }
}

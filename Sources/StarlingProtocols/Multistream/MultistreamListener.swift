internal import StarlingCore

/// The listener of a multistream-select negotiation: accepts the first proposal that the node speaks.
///
/// What the node speaks is handed in with every call, so that no table is copied into the machine.
/// A lazy dialer's first bytes stay unconsumed behind its proposal.
///
/// Spec: multiformats/multistream-select, "Protocol" and "Listing"; libp2p/specs `connections/README.md`.
package struct MultistreamListener: Sendable {
    /// What a dialer may ask of one negotiation.
    package struct Limits: Sendable {
        /// Requests (proposals and `ls`) that are answered; one more fails the negotiation.
        ///
        /// Dialers propose a handful; without a limit, one could keep a stream negotiating forever.
        package var requestCountMax: Int

        package init(requestCountMax: Int = 64) {
            self.requestCountMax = requestCountMax
        }
    }

    /// Where the negotiation stands.
    package private(set) var state = MultistreamState.negotiating

    private let limits: Limits
    private var requestCount = 0
    private var hasSeenHeader = false
    private var assembler = MultistreamAssembler()
    private var output: [UInt8] = []

    package init(limits: Limits = Limits()) {
        self.limits = limits
    }

    /// Feeds bytes from the stream, split at any boundary.
    ///
    /// - Parameters:
    ///   - bytes: What arrived.
    ///   - isSupported: Whether the node speaks a protocol.
    ///   - listing: The protocols that `ls` shows; asked for only then.
    /// - Returns: How many bytes the negotiation took. The rest belongs to the agreed protocol.
    /// - Throws: Why the negotiation failed; ``state`` keeps it, and later calls throw it again.
    package mutating func receive(
        _ bytes: Span<UInt8>,
        isSupported: (String) -> Bool,
        listing: () -> [String] = { [] }
    ) throws(MultistreamError) -> Int {
        var offset = 0
        do {
            if try isOpen(), !hasSeenHeader { try assembler.checkHeader(bytes) }
            while try isOpen(), let text = try assembler.next(bytes, at: &offset) {
                try accept(text, isSupported, listing)
            }
        } catch {
            state = .failed(error)
            throw error
        }
        return offset
    }

    /// Feeds bytes from the stream to a listener that speaks a few protocols, as in a connection's upgrade.
    ///
    /// - Returns: How many bytes the negotiation took. The rest belongs to the agreed protocol.
    package mutating func receive(
        _ bytes: Span<UInt8>,
        supporting protocols: [String]
    ) throws(MultistreamError) -> Int {
        try receive(bytes, isSupported: { protocols.contains($0) }, listing: { protocols })
    }

    /// The peer ended the stream.
    ///
    /// - Throws: ``MultistreamError/endedEarly`` when nothing was agreed yet.
    package mutating func receiveEnd() throws(MultistreamError) {
        guard try isOpen() else { return }
        state = .failed(.endedEarly)
        throw .endedEarly
    }

    /// The bytes to send next, `nil` when there are none.
    ///
    /// All answers to one ``receive(_:isSupported:listing:)`` come as one.
    package mutating func nextOutput() -> [UInt8]? {
        guard !output.isEmpty else { return nil }
        defer { output = [] }
        return output
    }

    private func isOpen() throws(MultistreamError) -> Bool {
        switch state {
        case .negotiating: return true
        case .agreed: return false
        case .failed(let error): throw error
        }
    }

    private mutating func accept(
        _ text: String,
        _ isSupported: (String) -> Bool,
        _ listing: () -> [String]
    ) throws(MultistreamError) {
        guard hasSeenHeader else {
            guard text == ProtocolID.multistream else { throw .wrongHeader }
            hasSeenHeader = true
            Multistream.append(ProtocolID.multistream, to: &output)
            return
        }
        requestCount += 1
        guard requestCount <= limits.requestCountMax else { throw .tooManyRequests }
        if text == Multistream.list {
            Multistream.appendListing(listing(), to: &output)
        } else if isSupported(text) {
            Multistream.append(text, to: &output)
            state = .agreed(text)
        } else {
            Multistream.append(Multistream.notAvailable, to: &output)
        }
    }
}

internal import StarlingCore

/// The dialer of a multistream-select negotiation: proposes protocols in order until one is accepted.
///
/// Feed what arrives to ``receive(_:)``, send what ``nextOutput()`` gives, and look at ``state``. The
/// header and the first proposal leave together.
///
/// Spec: multiformats/multistream-select, "Protocol Selection"; libp2p/specs `connections/README.md`.
package struct MultistreamDialer: Sendable {
    /// Whether the dialer waits for the answer before it speaks the protocol.
    package enum Pace: Sendable {
        /// Nothing of the protocol is sent before it was agreed.
        case patient
        /// The protocol's first bytes follow the proposal at once; a refusal fails the stream.
        ///
        /// It saves a round trip, and fits a single protocol that the peer is known or likely to speak.
        case lazy
    }

    /// Where the negotiation stands.
    package private(set) var state = MultistreamState.negotiating

    private let protocols: [String]
    private let pace: Pace
    private var proposalIndex = 0
    private var hasSeenHeader = false
    private var assembler = MultistreamAssembler()
    private var output: [UInt8] = []

    /// Starts a negotiation; ``nextOutput()`` has its first bytes at once.
    ///
    /// - Precondition: there is a protocol, and exactly one when lazy; each fits a message.
    package init(protocols: [String], pace: Pace = .patient) {
        precondition(!protocols.isEmpty && (pace == .patient || protocols.count == 1))
        self.protocols = protocols
        self.pace = pace
        Multistream.append(ProtocolID.multistream, to: &output)
        Multistream.append(protocols[0], to: &output)
    }

    /// Whether bytes of the protocol may be sent, after everything that ``nextOutput()`` gave.
    package var mayWrite: Bool {
        switch state {
        case .negotiating: pace == .lazy
        case .agreed: true
        case .failed: false
        }
    }

    /// Feeds bytes from the stream, split at any boundary.
    ///
    /// - Returns: How many bytes the negotiation took. The rest belongs to the agreed protocol.
    /// - Throws: Why the negotiation failed; ``state`` keeps it, and later calls throw it again.
    package mutating func receive(_ bytes: Span<UInt8>) throws(MultistreamError) -> Int {
        var offset = 0
        do {
            if try isOpen(), !hasSeenHeader { try assembler.checkHeader(bytes) }
            while try isOpen(), let text = try assembler.next(bytes, at: &offset) { try accept(text) }
        } catch {
            state = .failed(error)
            throw error
        }
        return offset
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

    private mutating func accept(_ text: String) throws(MultistreamError) {
        guard hasSeenHeader else {
            guard text == ProtocolID.multistream else { throw .wrongHeader }
            hasSeenHeader = true
            return
        }
        if text == protocols[proposalIndex] {
            state = .agreed(protocols[proposalIndex])
        } else if text == Multistream.notAvailable {
            proposalIndex += 1
            guard proposalIndex < protocols.count else { throw .notSupported }
            Multistream.append(protocols[proposalIndex], to: &output)
        } else {
            throw .unexpectedAnswer
        }
    }
}

internal import StarlingCore
internal import StarlingCrypto
internal import StarlingProtocols

/// The machines that read streams: how their input is cut must not matter.
extension FuzzTarget {
    private static let protocols = ["/yamux/1.0.0", "/ipfs/ping/1.0.0", "/a"]

    /// The first byte is the size of the pieces.
    private static func cut(_ input: [UInt8]) -> (whole: [UInt8], pieces: [[UInt8]])? {
        guard let first = input.first else { return nil }
        let whole = Array(input.dropFirst())
        return (whole, whole.pieces(of: Int(first % 16) + 1))
    }

    static func frame(_ input: [UInt8]) throws(BrokenPromise) {
        guard let (whole, pieces) = cut(input) else { return }
        try promise(frames([whole]) == frames(pieces), "frames do not depend on how the bytes are cut")
    }

    private static func frames(_ pieces: [[UInt8]]) -> [[UInt8]?] {
        var reader = VarintFrameReader(messageByteCountMax: 1000)
        var frames: [[UInt8]?] = []
        for piece in pieces {
            var offset = 0
            while true {
                do {
                    guard let frame = try reader.next(piece.span, at: &offset) else { break }
                    frames.append(frame)
                } catch {
                    return frames + [nil]
                }
            }
        }
        return frames
    }

    static func multistreamDialer(_ input: [UInt8]) throws(BrokenPromise) {
        guard let (whole, pieces) = cut(input) else { return }
        func run(_ pieces: [[UInt8]]) -> (MultistreamState, Int) {
            var dialer = MultistreamDialer(protocols: protocols)
            var byteCount = 0
            for piece in pieces where dialer.state == .negotiating {
                guard let taken = try? dialer.receive(piece.span) else { return (dialer.state, 0) }
                byteCount += taken
                _ = dialer.nextOutput()
            }
            return (dialer.state, byteCount)
        }
        try promise(run([whole]) == run(pieces), "a dialer does not depend on how the bytes are cut")
    }

    static func multistreamListener(_ input: [UInt8]) throws(BrokenPromise) {
        guard let (whole, pieces) = cut(input) else { return }
        func run(_ pieces: [[UInt8]]) -> (MultistreamState, Int, [UInt8]) {
            var listener = MultistreamListener()
            var byteCount = 0
            var output: [UInt8] = []
            for piece in pieces where listener.state == .negotiating {
                guard let taken = try? listener.receive(piece.span, supporting: protocols) else {
                    return (listener.state, 0, [])
                }
                byteCount += taken
                output += listener.nextOutput() ?? []
            }
            return (listener.state, byteCount, output)
        }
        try promise(run([whole]) == run(pieces), "a listener does not depend on how the bytes are cut")
    }

    static func identify(_ input: [UInt8]) throws(BrokenPromise) {
        guard let (whole, pieces) = cut(input) else { return }
        let result = read([whole])
        try promise(result == read(pieces), "an answer does not depend on how the bytes are cut")
        guard case .success(var message) = result else { return }
        if let identity { _ = try? IdentifiedPeer(message, of: identity.peerID) }
        // Texts are cut to a size and mended, so they may change once more.
        (message.protocolVersion, message.agentVersion) = (nil, nil)
        guard case .success(let again) = read([message.frames()]) else { return }
        try promise(again.frames() == message.frames(), "an answer reads what it writes")
    }

    private static func read(_ pieces: [[UInt8]]) -> Result<IdentifyMessage, IdentifyError> {
        var reader = IdentifyReader()
        do throws(IdentifyError) {
            for piece in pieces { try reader.receive(piece.span) }
            return .success(try reader.receiveEnd())
        } catch {
            return .failure(error)
        }
    }
}

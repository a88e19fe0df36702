internal import StarlingCore
internal import StarlingNode
internal import StarlingTransports

/// The inbound streams that every driver serves beside the node's own, and what is told of them.
enum PeerStreams {
    /// Sends every byte back and ends when the far side does, telling how it opened and ended.
    static func echo(_ lines: PeerLines) -> StreamAction {
        { stream in
            tellOpened(stream, lines)
            var byteCount = 0
            var end = "eof"
            do throws(StreamError) {
                while let bytes = try await stream.read() {
                    byteCount += bytes.count
                    try await stream.write(bytes)
                }
                try await stream.closeWrite()
            } catch {
                end = error == .reset ? "reset" : "\(error)"
                await stream.reset()
            }
            lines.write([
                "event": "echoed", "proto": .string(stream.protocolID), "peer": .string(stream.peer.base58),
                "bytes": JSON(byteCount), "end": .string(end),
            ])
        }
    }

    /// Reads one byte, then resets the stream.
    static func reset(_ lines: PeerLines) -> StreamAction {
        { stream in
            tellOpened(stream, lines)
            _ = try? await stream.read(byteCountMax: 1)
            await stream.reset()
        }
    }

    private static func tellOpened(_ stream: Stream, _ lines: PeerLines) {
        lines.write([
            "event": "opened", "proto": .string(stream.protocolID), "peer": .string(stream.peer.base58),
        ])
    }
}

package import StarlingTransports

/// Sends every byte back, and ends when the peer does: for tests and measuring.
package enum EchoDriver {
    /// Serves one inbound stream.
    package static func serve(_ stream: Stream) async {
        do throws(StreamError) {
            // Slices pass through as they came: no byte is copied between the two directions.
            while let bytes = try await stream.read() { try await stream.write(bytes) }
            try await stream.closeWrite()
        } catch {
            await stream.reset()
        }
    }
}

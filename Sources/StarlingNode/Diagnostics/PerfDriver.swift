internal import StarlingCore
package import StarlingProtocols
package import StarlingTransports
internal import StarlingWorld

/// Runs the `/perf/1.0.0` machines over streams: how fast bytes go up, and how fast they come down.
package enum PerfDriver {
    /// Bytes written at a time.
    private static let chunkByteCount = 65_536

    /// Serves one inbound stream: reads it to its end, then sends as many bytes as were asked for.
    package static func serve(_ stream: Stream) async {
        var listener = PerfListener()
        do {
            while let bytes = try await stream.read() {
                try bytes.withSpan { span throws(PerfError) in try listener.receive(span) }
            }
            try await send(try listener.receiveEnd(), on: stream)
            try await stream.closeWrite()
        } catch {
            // Whether the client broke the protocol or went away: it learns of the end, and there is no one else.
            await stream.reset()
        }
    }

    /// Sends `upload` bytes, then receives `download` bytes.
    ///
    /// Cancellation: throws ``StreamError/cancelled``; the stream is reset.
    package static func run(
        _ stream: Stream,
        upload: UInt64,
        download: UInt64
    ) async throws(PerfFailure) -> PerfDialer.Report {
        let loop = stream.connection.loop
        var dialer = PerfDialer(uploadByteCount: upload, downloadByteCount: download, now: loop.now)
        do {
            try await stream.write(dialer.header)
            try await send(upload, on: stream)
            try await stream.closeWrite()
            dialer.uploaded(at: loop.now)
            while let bytes = try await stream.read() {
                try dialer.receive(byteCount: bytes.count, now: loop.now)
            }
            return try dialer.receiveEnd(now: loop.now)
        } catch let error as StreamError {
            await stream.reset()
            throw .stream(error)
        } catch let error as PerfError {
            await stream.reset()
            throw .perf(error)
        } catch {
            await stream.reset()
            throw .stream(.closed)
        }
    }

    private static func send(_ byteCount: UInt64, on stream: Stream) async throws(StreamError) {
        guard byteCount > 0 else { return }
        let block = Buffer(byteCount: chunkByteCount)
        block.fillWithZeros()
        var rest = byteCount
        while rest > 0 {
            let count = Int(min(rest, UInt64(chunkByteCount)))
            try await stream.write(BufferSlice(block, 0..<count))
            rest -= UInt64(count)
        }
    }
}

/// Why a perf run failed.
package enum PerfFailure: Error, Equatable, Sendable {
    case stream(StreamError)
    case perf(PerfError)
}

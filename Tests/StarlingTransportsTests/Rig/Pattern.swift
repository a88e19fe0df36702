import StarlingCore
import StarlingTransports
import Synchronization

/// Bytes that say where they stand, so that one lost, doubled or swapped is seen.
enum Pattern {
    static func byte(_ seed: Int, at offset: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: (offset &* 31) ^ (offset >> 8) ^ (seed &* 97))
    }

    static func bytes(_ seed: Int, _ range: Range<Int>) -> [UInt8] { range.map { byte(seed, at: $0) } }

    /// Writes so many bytes in pieces of `pieceByteCount`.
    static func write(_ seed: Int, _ byteCount: Int, to stream: Stream, pieceByteCount: Int) async throws {
        var offset = 0
        while offset < byteCount {
            let end = min(offset + pieceByteCount, byteCount)
            try await stream.write(bytes(seed, offset..<end))
            offset = end
        }
    }

    /// Reads to the end, and returns how many bytes came and the first place that was wrong.
    static func check(_ seed: Int, _ stream: Stream) async throws -> (byteCount: Int, wrongAt: Int?) {
        var (offset, wrongAt): (Int, Int?) = (0, nil)
        while let slice = try await stream.read() {
            slice.withSpan { bytes in
                for index in bytes.indices where bytes[index] != byte(seed, at: offset + index) {
                    wrongAt = wrongAt ?? offset + index
                }
            }
            offset += slice.count
        }
        return (offset, wrongAt)
    }
}

extension Party {
    /// Serves the protocol that sends everything back.
    func serveEcho(_ protocolID: String = "/echo") {
        owner.serve(protocolID) { stream in
            do throws(StreamError) {
                while let bytes = try await stream.read() { try await stream.write(bytes) }
                try await stream.closeWrite()
            } catch {
                await stream.reset()
            }
        }
    }

    /// Serves a protocol whose streams are kept for the test.
    func serveAndKeep(_ protocolID: String) -> StreamShelf {
        let shelf = StreamShelf()
        owner.serve(protocolID) { shelf.put($0) }
        return shelf
    }
}

/// Streams that a test took and handles itself.
final class StreamShelf: Sendable {
    private let state = Mutex<[Stream]>([])

    func put(_ stream: Stream) { state.withLock { $0.append(stream) } }

    var count: Int { state.withLock { $0.count } }

    /// The next stream, once there is one.
    func next(_ party: Party) async throws -> Stream {
        try await party.until { self.count > 0 }
        return state.withLock { $0.removeFirst() }
    }

    func drop() { state.withLock { $0 = [] } }
}

/// A number that tasks on several loops add to.
final class Counter: Sendable {
    private let number = Mutex(0)

    var value: Int { number.withLock { $0 } }

    func add(_ more: Int) { number.withLock { $0 += more } }
}

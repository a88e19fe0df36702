import StarlingCore
import StarlingSimulator
import StarlingTransports
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Bytes that say where they stand, so that one lost, doubled or swapped is seen.
///
/// They are cut from one table and compared in bulk: byte by byte, an unoptimized build takes minutes.
enum Pattern {
    /// A prime, so that no block size of a protocol is a multiple of it.
    private static let period = 65_521
    /// The period twice: any piece of it begins in the first half.
    private static let table: [UInt8] = {
        var random = SplitMix64(seed: 1)
        let once = (0..<period).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        return once + once
    }()

    /// Where in the table the byte stands.
    private static func place(_ seed: Int, _ offset: Int) -> Int { (seed * 4099 + offset) % period }

    static func byte(_ seed: Int, at offset: Int) -> UInt8 { table[place(seed, offset)] }

    static func bytes(_ seed: Int, _ range: Range<Int>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(range.count)
        while bytes.count < range.count {
            let start = place(seed, range.lowerBound + bytes.count)
            bytes += table[start..<start + min(range.count - bytes.count, period)]
        }
        return bytes
    }

    /// The first place where bytes that begin at `offset` are others than they should be.
    static func firstWrong(_ seed: Int, _ bytes: Span<UInt8>, at offset: Int) -> Int? {
        let expected = Self.bytes(seed, offset..<offset + bytes.count)
        let isRight = bytes.withUnsafeBytes { came in
            expected.withUnsafeBytes { expected in
                guard let came = came.baseAddress, let expected = expected.baseAddress else { return true }
                return memcmp(came, expected, bytes.count) == 0
            }
        }
        return isRight ? nil : bytes.indices.first { bytes[$0] != expected[$0] }.map { offset + $0 }
    }

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
            wrongAt = wrongAt ?? slice.withSpan { firstWrong(seed, $0, at: offset) }
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

internal import StarlingCommandLine
internal import StarlingCore

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// JSON lines over a pair of descriptors, for the talk between the two processes of a bench.
struct BenchPipe: ~Copyable {
    /// The longest line in bytes; a longer one ends the talk.
    private static let lineByteCountMax = 1 << 20

    private let input: Int32
    private let output: Int32
    private var unread: [UInt8] = []

    /// - Parameters:
    ///   - input: Where the other's lines come from. The caller closes it.
    ///   - output: Where ours go. The caller closes it.
    init(input: Int32, output: Int32) {
        self.input = input
        self.output = output
    }

    /// Writes one line.
    ///
    /// Returns whether the other is there to read it.
    func write(_ json: JSON) -> Bool {
        var bytes = Array((json.text + "\n").utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Self.write(output, $0) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return false }
            bytes = bytes.dropFirst(count)
        }
        return true
    }

    /// The next line; `nil` at the end, after `patience` seconds, or when it is no JSON.
    mutating func read(patience: Double? = nil) -> JSON? {
        let end = patience.map { BenchClock.seconds + $0 }
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            if let newline = unread.firstIndex(of: 0x0A) {
                let line = Array(unread[..<newline])
                unread.removeSubrange(...newline)
                return try? JSON(parsing: line.span)
            }
            guard unread.count <= Self.lineByteCountMax else { return nil }
            guard Self.waitForInput(input, until: end) else { return nil }
            let count = systemRead(input, &chunk, chunk.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return nil }
            unread += chunk[..<count]
        }
    }

    /// Whether there is something to read before `end`, in seconds of the bench's clock.
    static func waitForInput(_ descriptor: Int32, until end: Double?) -> Bool {
        while true {
            var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let milliseconds = end.map { max(0, min(1e6, ($0 - BenchClock.seconds) * 1000)) } ?? -1
            let count = poll(&wanted, 1, Int32(milliseconds.rounded(.up)))
            if count < 0 && errno == EINTR { continue }
            return count > 0
        }
    }

    private static func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        #if canImport(Glibc)
            Glibc.write(descriptor, bytes.baseAddress, bytes.count)
        #elseif canImport(Musl)
            Musl.write(descriptor, bytes.baseAddress, bytes.count)
        #else
            Darwin.write(descriptor, bytes.baseAddress, bytes.count)
        #endif
    }

    private func systemRead(_ descriptor: Int32, _ bytes: inout [UInt8], _ count: Int) -> Int {
        #if canImport(Glibc)
            Glibc.read(descriptor, &bytes, count)
        #elseif canImport(Musl)
            Musl.read(descriptor, &bytes, count)
        #else
            Darwin.read(descriptor, &bytes, count)
        #endif
    }
}

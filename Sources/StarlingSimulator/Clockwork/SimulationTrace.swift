internal import StarlingCore

/// What one run did, folded into 64 bits, so that two runs of a seed can be compared.
///
/// Not a cryptographic hash: it finds accidents, not forgeries.
package struct SimulationTrace: Sendable {
    /// What an entry of the trace is about.
    package enum Kind: UInt8, Sendable {
        case turn, timer, connect, accept, refuse, read, end, reset, timeout, datagram, fault, note
    }

    /// How much of an event enters the hash.
    package enum Detail: Sendable {
        /// Times, kinds, endpoints and bytes.
        case bytes
        /// Times, kinds, endpoints and lengths: for traffic that is encrypted with entropy of its own.
        case lengths
        /// Only what ``Simulation/note(_:)`` says: for traffic whose lengths vary too, as TLS certificates do.
        case notes
    }

    /// One remembered event, for the report of a failure.
    package struct Entry: Sendable, CustomStringConvertible {
        package var nanoseconds: Int64
        package var kind: Kind
        /// The host or connection that it came from.
        package var from: Int
        package var to: Int
        package var value: Int
        package var text: String?

        package var description: String {
            let seconds = String(nanoseconds / 1_000_000_000)
            let rest = String(nanoseconds % 1_000_000_000)
            let fraction = String(repeating: "0", count: 9 - rest.count) + rest
            return "\(seconds).\(fraction) \(kind) \(from) -> \(to) \(value)\(text.map { " " + $0 } ?? "")"
        }
    }

    /// The run so far.
    package private(set) var hash: UInt64 = 0x5374_6172_6c69_6e67
    /// Entries folded in.
    package private(set) var entryCount = 0
    package let detail: Detail

    private let tailCountMax: Int
    private var ring: [Entry] = []
    private var ringStart = 0

    init(detail: Detail, tailCountMax: Int) {
        self.detail = detail
        self.tailCountMax = tailCountMax
    }

    /// The last events, oldest first.
    package var tail: [Entry] { Array(ring[ringStart...] + ring[..<ringStart]) }

    mutating func record(_ kind: Kind, at nanoseconds: Int64, from: Int, to: Int, value: Int) {
        guard detail != .notes || kind == .note || kind == .fault else { return }
        entryCount += 1
        mix(UInt64(bitPattern: nanoseconds) &* 16 &+ UInt64(kind.rawValue))
        mix(UInt64(truncatingIfNeeded: from) << 32 ^ UInt64(truncatingIfNeeded: to))
        mix(UInt64(bitPattern: Int64(value)))
        if tailCountMax > 0, kind != .turn {
            remember(Entry(nanoseconds: nanoseconds, kind: kind, from: from, to: to, value: value))
        }
    }

    mutating func record(note: String, at nanoseconds: Int64) {
        record(.note, at: nanoseconds, from: 0, to: 0, value: note.utf8.count)
        for byte in note.utf8 { mix(UInt64(byte)) }
        if tailCountMax > 0 { ring[(ringStart + ring.count - 1) % ring.count].text = note }
    }

    mutating func record(bytes slice: BufferSlice) {
        guard detail == .bytes else { return }
        let bytes = UnsafeRawBufferPointer(slice.buffer.memory(slice.range))
        var sum = hash
        var offset = 0
        while offset + 8 <= bytes.count {
            sum = Self.mixed(sum, bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            offset += 8
        }
        while offset < bytes.count {
            sum = Self.mixed(sum, UInt64(bytes[offset]))
            offset += 1
        }
        hash = sum
    }

    private mutating func mix(_ word: UInt64) { hash = Self.mixed(hash, word) }

    /// One round of multiply and fold, which every bit of the word leaves a mark on.
    private static func mixed(_ sum: UInt64, _ word: UInt64) -> UInt64 {
        let product = (sum ^ word).multipliedFullWidth(by: 0x9e37_79b9_7f4a_7c15)
        return product.high ^ product.low &+ 0x2545_f491_4f6c_dd1d
    }

    private mutating func remember(_ entry: Entry) {
        if ring.count < tailCountMax {
            ring.append(entry)
        } else {
            ring[ringStart] = entry
            ringStart = (ringStart + 1) % tailCountMax
        }
    }
}

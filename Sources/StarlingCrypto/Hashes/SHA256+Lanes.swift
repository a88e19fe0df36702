internal import CHash
package import StarlingCore

// Several messages side by side, where the processor can.
extension SHA256 {
    /// As many messages as are hashed side by side at most; who has so many at hand asks for all at once.
    package static let laneCount = CHASH_LANE_COUNT

    /// How messages are hashed of which there are several.
    enum Order {
        /// One after the other.
        case turns
        /// Side by side, those of one size.
        case lanes

        /// Whether this processor can.
        var isAvailable: Bool { self == .turns || chash_has_lanes() != 0 }
    }

    /// Fewer are hashed one after the other: what the lanes that stay empty cost is more than what the others save.
    private static let laneCountMin = 9

    /// The digests of messages, each with one byte in front that says what is hashed.
    ///
    /// Neighbours of one size are hashed side by side; that takes less than half of the time.
    package static func hashes(domain: UInt8, _ messages: [BufferSlice]) -> [[UInt8]] {
        hashes(domain: domain, messages, by: Order.lanes.isAvailable ? .lanes : .turns)
    }

    /// - Precondition: the processor has the lanes, where these are asked for.
    static func hashes(domain: UInt8, _ messages: [BufferSlice], by order: Order) -> [[UInt8]] {
        precondition(order.isAvailable)
        var digests: [[UInt8]] = []
        digests.reserveCapacity(messages.count)
        var start = 0
        while start < messages.count {
            var end = start + 1
            while end < messages.count, end - start < laneCount, messages[end].count == messages[start].count
            {
                end += 1
            }
            if order == .lanes, end - start >= laneCountMin {
                digests += hashSideBySide(domain, messages[start..<end])
            } else {
                for message in messages[start..<end] {
                    digests.append(message.withSpan { hash(domain: domain, $0) })
                }
            }
            start = end
        }
        return digests
    }

    /// - Precondition: there is a message and no more than lanes, and all are of one size.
    private static func hashSideBySide(_ domain: UInt8, _ messages: ArraySlice<BufferSlice>) -> [[UInt8]] {
        let joined = unsafe [UInt8](unsafeUninitializedCapacity: laneCount * byteCount) { digests, count in
            let starts = unsafe (0..<laneCount).map { lane in
                // A lane without a message takes the first one's.
                let message = messages[messages.startIndex + (lane < messages.count ? lane : 0)]
                let memory = unsafe UnsafeRawPointer(message.buffer.memory(message.range).baseAddress)
                return unsafe memory?.assumingMemoryBound(to: UInt8.self)
            }
            let messageByteCount = messages.first?.count ?? 0
            withExtendedLifetime(messages) {
                unsafe chash_sha256(domain, starts, messageByteCount, digests.baseAddress)
            }
            count = laneCount * byteCount
        }
        return (0..<messages.count).map { Array(joined[$0 * byteCount..<($0 + 1) * byteCount]) }
    }
}

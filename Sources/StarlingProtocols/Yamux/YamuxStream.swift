internal import StarlingCore

/// What a session keeps of one stream: 32 bytes, no reference.
struct YamuxStream: Sendable {
    struct Flags: OptionSet, Sendable {
        let rawValue: UInt16

        /// Our first frame, which carries SYN (ours) or ACK (the peer's), was written.
        static let isAnnounced = Flags(rawValue: 1 << 0)
        /// The peer acknowledged our stream, or we the peer's.
        static let isAcknowledged = Flags(rawValue: 1 << 1)
        /// We want to end our direction.
        static let isEnding = Flags(rawValue: 1 << 2)
        /// Our FIN was written.
        static let hasSentEnd = Flags(rawValue: 1 << 3)
        /// The peer's FIN arrived.
        static let hasReceivedEnd = Flags(rawValue: 1 << 4)
        /// The application does not read: what arrives is dropped.
        static let discards = Flags(rawValue: 1 << 5)
        /// The application has more to write than the window allowed.
        static let wantsToWrite = Flags(rawValue: 1 << 6)
        /// An entry in the control queue stands for this stream.
        static let isQueued = Flags(rawValue: 1 << 7)
        /// A window update is due.
        static let owesWindow = Flags(rawValue: 1 << 8)
        /// The stream was opened by us.
        static let isOurs = Flags(rawValue: 1 << 9)
        /// An empty frame is due, for SYN or ACK alone.
        static let owesAnnouncement = Flags(rawValue: 1 << 10)
    }

    /// 0 marks a free place in the table.
    var id: UInt32 = 0
    var flags: Flags = []
    /// Bytes that the peer lets us send.
    var sendWindow: UInt32 = 0
    /// Bytes that the peer may still send.
    var credit: UInt32 = 0
    /// Bytes that were handed to the application and that it has not taken.
    var unconsumedByteCount: UInt32 = 0
    /// How much we let the peer have in flight and unconsumed.
    var receiveWindow: UInt32 = 0
    /// When the window was last reopened, for its tuning.
    var reopenedAt = Instant(nanosecondsSinceOrigin: 0)

    /// How much the next window update would reopen.
    ///
    /// Never negative: credit and unconsumed bytes sum to at most the window.
    var reopenable: UInt32 { receiveWindow - credit - unconsumedByteCount }
}

/// The streams of a session by id: open addressing over one array, so that a look-up costs a probe or two
/// and an idle stream costs its record.
struct YamuxStreamTable: Sendable {
    private var places: [YamuxStream] = []
    private(set) var count = 0

    /// The place of a stream, which holds until the next insertion or removal.
    func index(of id: UInt32) -> Int? {
        guard count > 0, id != 0 else { return nil }
        let mask = places.count - 1
        var index = Self.home(of: id) & mask
        while places[index].id != id {
            if places[index].id == 0 { return nil }
            index = (index + 1) & mask
        }
        return index
    }

    subscript(index: Int) -> YamuxStream {
        @inline(__always) get { places[index] }
        @inline(__always) _modify { yield &places[index] }
    }

    /// - Precondition: no stream with this id is there, and the id is not 0.
    mutating func insert(_ stream: YamuxStream) {
        // At most two thirds full, so that probes stay short and an absent id ends at a free place.
        if (count + 1) * 3 > places.count * 2 { resize(to: max(4, places.count * 2)) }
        place(stream)
        count += 1
    }

    mutating func remove(at index: Int) {
        count -= 1
        guard count > 0 || places.count <= 8 else {
            // A session without streams holds no large table. A small one spares a session with a stream now
            // and then the allocation.
            places = []
            return
        }
        // Close the gap: move back each follower that may stand in it.
        let mask = places.count - 1
        var gap = index
        var next = (index + 1) & mask
        while places[next].id != 0 {
            let home = Self.home(of: places[next].id) & mask
            if (next - home) & mask >= (next - gap) & mask {
                places[gap] = places[next]
                gap = next
            }
            next = (next + 1) & mask
        }
        places[gap] = YamuxStream()
        if places.count > 16, count * 8 < places.count { resize(to: places.count / 2) }
    }

    private mutating func place(_ stream: YamuxStream) {
        let mask = places.count - 1
        var index = Self.home(of: stream.id) & mask
        while places[index].id != 0 { index = (index + 1) & mask }
        places[index] = stream
    }

    private mutating func resize(to placeCount: Int) {
        let old = places
        places = [YamuxStream](repeating: YamuxStream(), count: placeCount)
        for stream in old where stream.id != 0 { place(stream) }
    }

    /// Both sides count up in steps of two: halving fills the table densely, and the other side's ids
    /// start in another quarter of it.
    private static func home(of id: UInt32) -> Int {
        Int(id >> 1) &+ (id & 1 == 0 ? 0 : 0x5555_5555)
    }
}

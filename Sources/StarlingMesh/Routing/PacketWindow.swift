/// How many packets a link loses, and how much it takes, by what is counted of a connection's packets from time to time.
///
/// A few packets say little: shares are worked out of some at a time, and each moves the measure by a quarter. What a link takes in
/// a second is believed once so much went that the connection had time to find it out.
///
///     window.add(sentCount: 500, repeatedCount: 20, bytesPerSecond: nil, over: connection)
///     LinkQuality(roundTrip: trip, lossRatio: window.lossRatio, bytesPerSecond: window.bytesPerSecond)
///
/// A connection that takes another way is another link: what was counted of the last one says nothing of it.
///
/// Spec: docs/specs/routing.md, "Metric".
package struct PacketWindow: Sendable {
    /// Packets that a share is worked out of, at least.
    package static let sampleCountMin: UInt64 = 32
    /// Packets since the last look after which what the link takes is believed: half a megabyte and more.
    package static let busyCountMin: UInt64 = 400
    /// Looks without so many after which that is forgotten: the link may have been busy just then.
    package static let quietCountMax = 10

    /// The share of packets that had to be sent again, from 0 to 1; 0 while it is not known.
    package private(set) var lossRatio = 0.0
    /// What the link takes in a second; `nil` while it is not known.
    package private(set) var bytesPerSecond: Int64?

    private var isKnown = false
    /// The counts of which the last share was worked out, and those of the last look.
    private var sampled: (sent: UInt64, repeated: UInt64) = (0, 0)
    private var seenCount: UInt64 = 0
    /// Looks since the last that told what the link takes.
    private var quietCount = 0
    private var connection: UInt64?

    package init() {}

    /// Adds what is counted by now, from the connection's beginning on.
    ///
    /// - Parameters:
    ///   - bytesPerSecond: What arrived in a second when the link limited that; `nil` where it did not.
    ///   - connection: Names the connection, also after its end.
    package mutating func add(
        sentCount: UInt64,
        repeatedCount: UInt64,
        bytesPerSecond: Int64?,
        over connection: UInt64
    ) {
        if connection != self.connection {
            self = PacketWindow()
            self.connection = connection
        }
        guard sentCount >= seenCount, repeatedCount >= sampled.repeated else {
            // The system counts with 32 bits, and has begun anew.
            (seenCount, sampled) = (sentCount, (sentCount, repeatedCount))
            return
        }
        if let bytesPerSecond, sentCount - seenCount >= Self.busyCountMin {
            (self.bytesPerSecond, quietCount) = (bytesPerSecond, 0)
        } else if quietCount + 1 < Self.quietCountMax {
            quietCount += 1
        } else {
            self.bytesPerSecond = nil
        }
        seenCount = sentCount
        let (sent, repeated) = (sentCount - sampled.sent, repeatedCount - sampled.repeated)
        guard sent >= Self.sampleCountMin else { return }
        sampled = (sentCount, repeatedCount)
        let share = min(1, Double(repeated) / Double(sent))
        lossRatio = isKnown ? lossRatio + (share - lossRatio) / 4 : share
        isKnown = true
    }
}

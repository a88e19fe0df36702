internal import Synchronization

/// Bytes that went over sockets, sealed and with all that the protocols add.
package struct Traffic: Sendable, Equatable {
    package var receivedByteCount: UInt64 = 0
    package var sentByteCount: UInt64 = 0

    package init() {}

    package static func += (sum: inout Traffic, other: Traffic) {
        sum.receivedByteCount += other.receivedByteCount
        sum.sentByteCount += other.sentByteCount
    }
}

/// Counts what the connections of one loop move; read from anywhere.
///
/// One for each loop, so that loops do not write to each other's cache lines.
package final class TrafficMeter: Sendable {
    private let received = Atomic<UInt64>(0)
    private let sent = Atomic<UInt64>(0)

    package init() {}

    package var traffic: Traffic {
        var traffic = Traffic()
        traffic.receivedByteCount = received.load(ordering: .relaxed)
        traffic.sentByteCount = sent.load(ordering: .relaxed)
        return traffic
    }

    func didReceive(_ byteCount: Int) {
        received.wrappingAdd(UInt64(clamping: byteCount), ordering: .relaxed)
    }

    /// Bytes handed to a socket, which may still wait there.
    func didSend(_ byteCount: Int) { sent.wrappingAdd(UInt64(clamping: byteCount), ordering: .relaxed) }
}

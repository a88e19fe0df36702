internal import StarlingCore
internal import StarlingMesh
internal import StarlingTransports
internal import StarlingWorld

/// The time that a connection's peer took to answer.
struct MeasuredRoundTrip: Sendable {
    var duration: Duration
    var connection: ConnectionID
}

/// What the node has with one connected peer on routes: a stream of its own, and the peer's.
///
/// Only the ``RouteDriver`` has it. It is looked at with each frame, which a value in a dictionary would be copied for.
final class RouteSession {
    /// Tells it from the sessions with the same peer before and after it.
    let number: UInt64
    /// Whether the peer is not connected any more.
    var isOver = false
    /// What was measured of the link.
    var roundTrips = RoundTripWindow()
    var packets = PacketWindow()
    /// When packets were last counted.
    var counted = Instant(nanosecondsSinceOrigin: 0)
    /// When a round trip was measured, or began to be waited for.
    var measured = Instant(nanosecondsSinceOrigin: 0)
    /// Whether the peer has opened a stream of routes.
    var isSpoken = false
    /// The peer's stream that is read: a new one takes the place of the last.
    var inbound: UInt64?
    /// Whether a task writes to the peer, or tries to.
    var isTelling = false
    /// The stream that it writes to.
    var outbound: UInt64?
    var outboundStream: Stream?
    /// Frames of the liveness protocol that wait for the stream, encoded.
    var livenessFrames = RingQueue<[UInt8]>()
    /// Connections that came beside the first one.
    var surplusCount = 0
    /// There may be something to tell.
    private var isDue = true
    private var writer: Waiter<Bool>?

    init(number: UInt64) { self.number = number }

    /// What is known of the link.
    var quality: LinkQuality {
        LinkQuality(
            roundTrip: roundTrips.least,
            lossRatio: packets.lossRatio,
            bytesPerSecond: packets.bytesPerSecond
        )
    }

    /// Has whoever writes look for frames, or come to an end.
    func wake(goesOn: Bool) {
        isDue = isDue || goesOn
        guard let writer = writer.take() else { return }
        isDue = false
        writer.resume(returning: goesOn)
    }

    /// Gives the writer's waiter its answer at once, or keeps it.
    func wait(_ waiter: Waiter<Bool>) {
        guard !isDue else {
            isDue = false
            return waiter.resume(returning: true)
        }
        writer = waiter
    }
}

package import StarlingCore

/// Many streams over one secure connection.
///
/// Inbound: hand each decrypted record to ``receive(_:now:)`` and pull ``nextEvent()`` until `nil`; data comes as
/// slices of the record, not copied. Give each slice back with ``consumed(_:on:now:)`` when the application
/// took it, which reopens the window.
///
/// Outbound: ``writeControl(to:)`` and ``write(_:on:to:)`` put frames into the record under way. Nothing is kept of
/// written data. A stream's first frame opens or acknowledges it, so opening costs no frame of its own. Which
/// stream writes next is the owner's choice.
///
/// An idle session sends only keep-alive pings, and an idle stream is 32 bytes in a table at most two thirds full.
/// No frame allocates in the steady state.
///
/// Spec: hashicorp/yamux `spec.md`; libp2p/specs `yamux/README.md` r0.
package struct YamuxSession: Sendable {
    /// Which side of the connection this is.
    package enum Role: Sendable {
        /// Opens streams with odd ids.
        case dialer
        /// Opens streams with even ids.
        case listener
    }

    /// What a peer, or the application, may make the session hold or do.
    package struct Limits: Sendable {
        /// Streams of the peer that are open; more are refused with a reset.
        package var inboundStreamCountMax = 1000
        /// Streams of ours that are open; opening more throws.
        package var outboundStreamCountMax = 1000
        /// Streams that wait for an acknowledgement, per side: more of the peer's are refused, more of ours
        /// throw.
        ///
        /// 256 is what go-yamux and rust-yamux hold.
        package var acceptBacklogMax = 256
        /// How far one stream's receive window may grow, in bytes; it starts at 256 KiB.
        package var streamWindowByteCountMax = 16 << 20
        /// How far the receive windows of all streams may grow together, in bytes.
        ///
        /// A window at its start size is always granted, the protocol knows no smaller one; at the limit
        /// windows stop growing.
        package var sessionWindowByteCountMax = 64 << 20
        /// The most data in one outgoing frame, in bytes.
        ///
        /// go-yamux takes a window, rust-yamux 1 MiB.
        package var frameByteCountMax = 64 << 10
        /// Frames without data that wait to be written: more than all streams together ever owe.
        ///
        /// At the limit a stream that the peer opens ends the session, and one of ours is refused.
        package var queuedFrameCountMax = 4096
        /// Ping answers that wait to be written; further pings are not answered.
        package var queuedPongCountMax = 32
        /// Silence after which the peer is pinged; `nil` for never.
        package var keepAliveInterval: Duration? = .seconds(30)
        /// Silence after that ping which ends the session.
        package var keepAliveTimeout: Duration = .seconds(10)
        /// How old the measured round trip may grow while windows are reopened, before the next ping.
        package var roundTripAgeMax: Duration = .seconds(30)
        /// How long the answer to a ping may take before another one is sent in its place.
        package var pingAnswerTime: Duration = .seconds(10)

        package init() {}
    }

    /// What happened on the session, in the order of the wire.
    package enum Event: Sendable {
        /// The peer opened a stream. Its first frame from us acknowledges it; ``reset(_:)`` refuses it.
        case opened(YamuxStreamID)
        /// Data arrived on a stream.
        case data(YamuxStreamID, BufferSlice)
        /// The peer ended its direction of a stream.
        case ended(YamuxStreamID)
        /// The peer reset a stream; the session has forgotten it.
        case reset(YamuxStreamID)
        /// A stream whose window was too small for a write may write again.
        case writable(YamuxStreamID)
        /// The peer takes no more streams.
        case goneAway(YamuxGoAwayCode)
        /// A ping came back.
        case roundTrip(Duration)
    }

    /// A frame without data that waits to be written.
    enum ControlFrame: Sendable {
        /// Whatever the stream owes: announcement, window update, end.
        case stream(UInt32)
        case reset(UInt32)
        case ping(UInt32)
        case pong(UInt32)
        case goAway(YamuxGoAwayCode)
    }

    /// The bytes that go before the data of a frame.
    package static let frameHeaderByteCount = YamuxHeader.byteCount

    /// Every stream's window when it opens, in both directions.
    package static let initialWindowByteCount = 256 << 10

    /// Bytes that must have arrived before the first ping measures the round trip: a session that moves
    /// less needs no larger window.
    static let roundTripTriggerByteCount = 16 << 10

    package let role: Role
    package let limits: Limits

    var streams = YamuxStreamTable()
    var nextID: UInt32
    var inboundCount = 0
    var outboundCount = 0
    var inboundUnacknowledgedCount = 0
    var outboundUnacknowledgedCount = 0
    /// The sum of all receive windows.
    var windowByteCount = 0

    var control = RingQueue<ControlFrame>()
    var queuedPongCount = 0
    var hasSentGoAway = false
    var hasReceivedGoAway = false
    var failure: YamuxError?

    // The record under way, and where in a frame it stands.
    var inbound: Buffer?
    var inboundOffset = 0
    var inboundEnd = 0
    var partialHeader = InlineArray<12, UInt8>(repeating: 0)
    var partialHeaderByteCount = 0
    /// Whose data is next; 0 when it is to be dropped.
    var payloadStreamID: UInt32 = 0
    var payloadByteCount: UInt32 = 0
    /// The stream that ends when the payload is through; 0 for none.
    var endingStreamID: UInt32 = 0

    /// When something last arrived; the session's clock for what frames cause.
    var receivedAt: Instant
    var keepAliveDeadline: Instant?
    /// When the keep-alive ping was queued that nothing has answered yet.
    var probedAt: Instant?
    var pingValue: UInt32 = 0
    var pingedAt: Instant?
    var measuredAt: Instant
    /// Data received before the first measurement, in bytes.
    var unmeasuredByteCount = 0

    /// The measured round trip, which follows falls at once and rises slowly: a ping that stood behind bulk
    /// data says little.
    ///
    /// `nil` before the first measurement.
    package internal(set) var roundTrip: Duration?
    /// Data that came for streams which were reset or do not read, in bytes.
    package internal(set) var droppedByteCount = 0
    /// Pings that were not answered because too many answers waited.
    package internal(set) var droppedPingCount = 0
    /// Streams of the peer that were refused because of a limit.
    package internal(set) var refusedStreamCount = 0

    package init(role: Role, limits: Limits = Limits(), now: Instant) {
        self.role = role
        self.limits = limits
        nextID = role == .dialer ? 1 : 2
        receivedAt = now
        measuredAt = now
        keepAliveDeadline = limits.keepAliveInterval.map { now + $0 }
    }

    /// Streams that are open in at least one direction.
    package var streamCount: Int { streams.count }

    /// By how much the receive windows of all streams have grown beyond their start size, in bytes.
    package var grownByteCount: Int { windowByteCount - streams.count * Self.initialWindowByteCount }

    /// Whether ``open(now:)`` would succeed.
    package var mayOpen: Bool {
        failure == nil && !hasSentGoAway && !hasReceivedGoAway
            && outboundCount < limits.outboundStreamCountMax
            && outboundUnacknowledgedCount < limits.acceptBacklogMax
            && control.count < limits.queuedFrameCountMax && nextID < UInt32.max - 2
    }

    /// When ``advance(to:)`` must be called.
    ///
    /// It is not moved by what arrives: a session in use pays one look per interval.
    package var nextDeadline: Instant? { keepAliveDeadline }

    /// Pings a silent peer, and gives up on one that stays silent.
    ///
    /// - Throws: ``YamuxError/peerSilent``.
    package mutating func advance(to now: Instant) throws(YamuxError) {
        if let failure { throw failure }
        guard let interval = limits.keepAliveInterval, let deadline = keepAliveDeadline, deadline <= now
        else { return }
        if let probedAt {
            let end = probedAt + limits.keepAliveTimeout
            guard end > now else { throw fail(.peerSilent) }
            keepAliveDeadline = end
        } else if receivedAt + interval <= now {
            probedAt = now
            sendPing(now: now)
            keepAliveDeadline = now + limits.keepAliveTimeout
        } else {
            keepAliveDeadline = receivedAt + interval
        }
    }

    /// Has the round trip measured by a ping, unless one is on its way; the answer comes as ``Event/roundTrip(_:)``.
    ///
    /// One that is not answered within ``Limits/pingAnswerTime`` is given up: a peer in a flood may have dropped it.
    package mutating func measureRoundTrip(now: Instant) {
        guard failure == nil else { return }
        if let pingedAt, pingedAt.duration(to: now) < limits.pingAnswerTime { return }
        sendPing(now: now)
    }

    /// A ping always takes a fresh value, so that the answer to an abandoned one is not mistaken for its own.
    mutating func sendPing(now: Instant) {
        pingValue &+= 1
        pingedAt = now
        control.append(.ping(pingValue))
    }

    /// Ends the session for good: nothing but a go-away frame may still be written.
    mutating func fail(_ error: YamuxError) -> YamuxError {
        failure = error
        control.removeAll()
        control.append(.goAway(error.goAwayCode))
        queuedPongCount = 0
        inbound = nil
        keepAliveDeadline = nil
        return error
    }

    /// Takes a stream out of the books.
    ///
    /// Frames that still come for it are dropped.
    mutating func forget(at index: Int) {
        let stream = streams[index]
        let isUnacknowledged = !stream.flags.contains(.isAcknowledged)
        if stream.flags.contains(.isOurs) {
            outboundCount -= 1
            if isUnacknowledged { outboundUnacknowledgedCount -= 1 }
        } else {
            inboundCount -= 1
            if isUnacknowledged { inboundUnacknowledgedCount -= 1 }
        }
        windowByteCount -= Int(stream.receiveWindow)
        streams.remove(at: index)
    }

    mutating func insert(id: UInt32, isOurs: Bool, now: Instant) {
        var stream = YamuxStream()
        stream.id = id
        stream.flags = isOurs ? .isOurs : []
        stream.sendWindow = UInt32(Self.initialWindowByteCount)
        stream.credit = UInt32(Self.initialWindowByteCount)
        stream.receiveWindow = UInt32(Self.initialWindowByteCount)
        stream.reopenedAt = now
        streams.insert(stream)
        windowByteCount += Self.initialWindowByteCount
        if isOurs {
            outboundCount += 1
            outboundUnacknowledgedCount += 1
        } else {
            inboundCount += 1
            inboundUnacknowledgedCount += 1
        }
    }

    /// Puts a stream into the control queue, once.
    mutating func queue(at index: Int) {
        guard !streams[index].flags.contains(.isQueued) else { return }
        streams[index].flags.insert(.isQueued)
        control.append(.stream(streams[index].id))
    }
}

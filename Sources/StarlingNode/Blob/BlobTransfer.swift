package import StarlingCore
package import StarlingMesh
package import StarlingTransports
package import StarlingWorld

/// How far one blob is on its way between this node and a peer.
package struct BlobTransfer: Equatable, Sendable {
    package enum Course: Sendable {
        /// Of a fetch: bytes are counted once they were checked and written.
        case receiving
        /// Of an offer: how far into the blob the stream has come. A peer asks for the rest in its order, so what stands
        /// before the first chunk that it asks for it has.
        case sending
    }

    package enum State: Equatable, Sendable {
        /// Bytes are moving, or about to.
        case running
        /// The next attempt waits for the peer, or for its time; why the last one ended.
        case waiting(BlobFailure)
        /// All of it is there.
        case finished
        case failed(BlobFailure)
    }

    package var id: BlobID
    package var peer: PeerID
    package var course: Course
    package var state: State
    package var byteCount: UInt64
    package var totalByteCount: UInt64 { id.byteCount }
    /// Over the last seconds; 0 while nothing moves.
    package var bytesPerSecond: Double
}

/// Why a blob is not here, or not taken in.
package enum BlobFailure: Error, Equatable, Sendable {
    case store(BlobError)
    /// The peer could not be reached.
    case unreachable(DialError)
    /// The stream to the peer failed.
    case stream(StreamError)
    /// The peer is not connected, and could not be reached over others, or not until the end.
    case tunnel(TunnelError)
    /// The attempt ended for a reason of the protocol.
    case fetch(BlobFetchError)
    /// More is offered, or asked for, than the driver's limits allow.
    case tooMany
    /// A key has another size than keys have, or the cipher cannot be had.
    case unusableKey
    /// The task was cancelled, or the node stops; what is durable stays.
    case cancelled

    /// What the user can do about it.
    package var nextStep: String {
        switch self {
        case .store(let error): error.nextStep
        case .unreachable(let error): error.nextStep
        case .tunnel(let error): error.nextStep
        case .stream: "Wait: it goes on where it was when the peer is back."
        case .fetch(.refused(.busy)), .fetch(.stalled), .fetch(.ended), .fetch(.yielded):
            "Wait: it goes on where it was at the next attempt."
        case .fetch(.refused): "Ask the sender to send the file again."
        case .fetch: "Compare the sender's version of Starling with yours."
        case .tooMany: "Wait until other files have arrived."
        case .unusableKey: "Ask the sender to send the file again."
        case .cancelled: "Ask for it again; what has arrived is kept."
        }
    }
}

/// Bytes per second over the last moments.
struct TransferRate: Sendable {
    /// How fast the past is forgotten: what is older counts less than a third.
    private static let memory: Duration = .seconds(2)

    private var weightedByteCount = 0.0
    private var weightedSeconds = 0.0
    private var last: Instant

    init(now: Instant) { last = now }

    /// Counts bytes that moved since the last call.
    mutating func add(_ byteCount: UInt64, now: Instant) {
        let seconds = max(0, last.duration(to: now).inSeconds)
        let share = 1 / (1 + seconds / Self.memory.inSeconds)
        weightedByteCount = weightedByteCount * share + Double(byteCount)
        weightedSeconds = weightedSeconds * share + seconds
        last = now
    }

    var bytesPerSecond: Double { weightedSeconds > 0 ? weightedByteCount / weightedSeconds : 0 }
}

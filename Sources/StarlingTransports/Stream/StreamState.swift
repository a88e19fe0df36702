internal import StarlingCore
internal import StarlingProtocols
internal import StarlingWorld

/// What a connection keeps of one stream: negotiation, bytes received, and the tasks that wait.
///
/// Confined to its connection.
final class StreamState {
    enum Negotiation {
        /// The protocol is agreed; bytes are the application's.
        case done
        case dialling(MultistreamDialer)
        case listening(MultistreamListener)
    }

    /// A write that waits for room in the send window or the socket.
    struct PendingWrite {
        var bytes: StreamBytes
        var writtenByteCount = 0
        var continuation: Waiter<StreamError?>
        var token: UInt64
    }

    struct PendingRead {
        var byteCountMax: Int
        var continuation: Waiter<Result<BufferSlice?, StreamError>>
        var token: UInt64
    }

    let id: YamuxStreamID
    /// What the application's ``Stream`` goes by: a peer may use an id again, and an old handle must not reach the
    /// stream that came after its own.
    let number: UInt64
    let direction: Direction
    var protocolID = ""
    var negotiation: Negotiation
    /// Negotiation bytes that go before any other.
    var preamble: [UInt8] = []
    /// Who waits for the protocol to be agreed.
    var opener: Waiter<StreamError?>?

    var received = ReceivedBytes()
    /// Whether ``received`` holds nothing that came in this turn of the loop.
    var isSettled = true
    var hasEnded = false
    var reader: PendingRead?

    var writer: PendingWrite?
    var isWriteClosed = false
    /// An end that waits for the preamble to be written.
    var wantsWriteClose = false
    var priority = StreamPriority.normal
    /// The class in which the stream stands in the connection's queue of writers; `nil` when it does not.
    var queuedPriority: StreamPriority?

    /// Set once: reads (after what was received) and writes fail with it.
    var failure: StreamError?
    /// The application dropped the stream; what still comes is thrown away.
    var isAbandoned = false

    init(id: YamuxStreamID, number: UInt64, direction: Direction, negotiation: Negotiation) {
        self.id = id
        self.number = number
        self.direction = direction
        self.negotiation = negotiation
    }

    var isNegotiated: Bool {
        if case .done = negotiation { return true }
        return false
    }

    /// Whether the application has, or is about to get, a handle of the stream.
    var isHeld: Bool { !isAbandoned && (direction == .outbound || isNegotiated) }

    /// Whether something waits to be written.
    var wantsToWrite: Bool { !preamble.isEmpty || writer != nil || wantsWriteClose }

    /// Ends all waiting, and everything that comes after it.
    func fail(_ error: StreamError) {
        if failure == nil { failure = error }
        preamble = []
        wantsWriteClose = false
        if let waiting = opener {
            opener = nil
            waiting.resume(returning: error)
        }
        if let waiting = reader {
            reader = nil
            waiting.continuation.resume(returning: .failure(error))
        }
        if let waiting = writer {
            writer = nil
            waiting.continuation.resume(returning: error)
        }
    }
}

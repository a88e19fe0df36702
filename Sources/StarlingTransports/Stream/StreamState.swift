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
    let direction: Direction
    var protocolID = ""
    var negotiation: Negotiation
    /// Negotiation bytes that go before any other.
    var preamble: [UInt8] = []
    /// Who waits for the protocol to be agreed.
    var opener: Waiter<StreamError?>?

    var received = RingQueue<BufferSlice>()
    var hasEnded = false
    var reader: PendingRead?

    var writer: PendingWrite?
    var isWriteClosed = false
    /// An end that waits for the preamble to be written.
    var wantsWriteClose = false
    /// Whether the stream stands in the connection's queue of writers.
    var isQueued = false

    /// Set once: reads (after what was received) and writes fail with it.
    var failure: StreamError?
    /// The application dropped the stream; what still comes is thrown away.
    var isAbandoned = false

    init(id: YamuxStreamID, direction: Direction, negotiation: Negotiation) {
        self.id = id
        self.direction = direction
        self.negotiation = negotiation
    }

    var isNegotiated: Bool {
        if case .done = negotiation { return true }
        return false
    }

    /// Whether something waits to be written.
    var wantsToWrite: Bool { !preamble.isEmpty || writer != nil || wantsWriteClose }

    /// Takes what was received, at most `byteCountMax`.
    func takeReceived(_ byteCountMax: Int) -> BufferSlice? {
        guard var first = received.popFirst() else { return nil }
        guard first.count > byteCountMax else { return first }
        let prefix = first.removePrefix(byteCountMax)
        received.prepend(first)
        return prefix
    }

    /// Keeps bytes for a later read.
    ///
    /// A small slice would pin its whole block, so it is copied; a large one stays where it is.
    func keep(_ bytes: BufferSlice) {
        if bytes.count * 4 < bytes.buffer.byteCount {
            received.append(bytes.withSpan { BufferSlice(copying: $0) })
        } else {
            received.append(bytes)
        }
    }

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

internal import StarlingCore
internal import StarlingTransports

/// Writes the answers of a mailbox to a stream, and has whoever asked pay for them until they are read: who reads nothing loses
/// the stream.
struct MailboxAnswerWriter {
    private let stream: Stream
    private let hold: ByteHold
    private let watch: WriteWatch?

    /// - Parameter patience: How long answers may take that are written together; `nil` where somebody else watches the stream.
    init(_ stream: Stream, _ protocols: ProtocolTable, patience: Duration?) {
        self.stream = stream
        hold = ByteHold(protocols, of: stream.peer, for: .unfinishedMessages)
        watch = patience.map { WriteWatch(stream, patience: $0) }
    }

    /// Writes answers, and returns when the last of them are on their way.
    func write(_ answers: [UInt8]) async throws(MailboxStreamError) {
        guard hold.set(answers.count) else { throw .stream(.unreadLimit) }
        watch?.begin()
        do throws(StreamError) { try await stream.write(answers) } catch {
            throw watch?.isOver == true ? .unread : .stream(error)
        }
        watch?.end()
        _ = hold.set(0)
    }
}

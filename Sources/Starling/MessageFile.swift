public import StarlingCore
public import StarlingMesh
internal import StarlingNode
internal import StarlingWorld

/// The file of a message that has arrived.
///
/// It is here as a whole, each part of it checked; it stays until the message is acknowledged.
public struct MessageFile: Sendable {
    /// What the sender called it: one name, without a path.
    public let name: String
    /// Its size.
    public let byteCount: Int

    private let position: UInt64
    private let node: Node

    init?(_ entry: InboxEntry, node: Node) {
        guard let file = entry.file else { return nil }
        name = file.name
        byteCount = Int(clamping: file.byteCount)
        position = entry.position
        self.node = node
    }

    /// Writes the file to a path where nothing is yet.
    ///
    /// Cancellation: no file stays.
    ///
    /// - Parameter progress: hears how many bytes were written, and how many there are.
    /// - Throws: ``NodeError/Code/invalidRequest`` when something is at the path, it may not be written to, or the message was
    ///   acknowledged; ``NodeError/Code/storeFailed`` when the disk takes no more.
    public func save(
        to path: String,
        progress: @Sendable (_ byteCount: Int, _ totalByteCount: Int) -> Void = { _, _ in }
    ) async throws(NodeError) {
        do throws(FileSaveError) {
            try await node.node.delivery.saveFile(at: position, to: path) { byteCount, total in
                progress(Int(clamping: byteCount), Int(clamping: total))
            }
        } catch {
            throw NodeError(error)
        }
    }
}

/// How far the file of a message is on its way to the recipient.
public struct FileProgress: Equatable, Sendable {
    /// How much of it the recipient has, as far as this node knows.
    public let arrivedByteCount: Int
    /// The file's size; what sealing adds counts.
    public let byteCount: Int
    /// Over the last seconds; 0 while nothing moves.
    public let bytesPerSecond: Double

    init(_ report: FileReport) {
        arrivedByteCount = Int(clamping: report.byteCount)
        byteCount = Int(clamping: report.totalByteCount)
        bytesPerSecond = report.bytesPerSecond
    }
}

/// A file on its way to this node; its message arrives when it is whole.
public struct IncomingFile: Equatable, Sendable {
    /// The ``Message/id`` that its message will have.
    public let messageID: String
    /// Who sends it.
    public let from: PeerID
    /// What the sender called it: one name, without a path.
    public let name: String
    /// How much of it is here.
    public let progress: FileProgress

    init(_ file: StarlingNode.IncomingFile) {
        messageID = "\(file.message.id)"
        from = file.message.from
        name = file.message.file.name
        progress = FileProgress(file.progress)
    }
}

/// The files on their way to a node, as often as something becomes of them.
public struct IncomingFiles: AsyncSequence, Sendable {
    /// All files that are on their way at a moment.
    public typealias Element = [IncomingFile]
    /// The sequence ends; it does not fail.
    public typealias Failure = Never

    let node: Node

    /// A watcher that begins with what is on its way.
    public func makeAsyncIterator() -> Iterator { Iterator(node: node) }

    /// One watcher.
    public struct Iterator: AsyncIteratorProtocol {
        let node: Node
        private var version: UInt64 = 0

        init(node: Node) { self.node = node }

        /// The next moment at which something has changed; `nil` when the node has stopped or the task was cancelled.
        public mutating func next() async -> [IncomingFile]? {
            guard let next = await node.node.delivery.incomingFiles(after: version) else { return nil }
            version = next.version
            return next.files.map { IncomingFile($0) }
        }
    }
}

extension Node {
    /// Accepts a message with a file to a peer: when this returns, both are on the disk and will be delivered, whenever
    /// the peer can be reached within the message's lifetime.
    ///
    ///     let sent = try await node.send(file: "/var/log/today.txt", to: peer)
    ///     for await progress in sent.fileProgress { print(progress.arrivedByteCount) }
    ///
    /// The file is copied, or shares its blocks where the file system can: what happens to it afterwards does not matter.
    /// The message is delivered when the recipient has all of the file. After a restart of either side the transfer goes
    /// on where it was.
    ///
    /// Cancellation while the file is copied: nothing of it stays.
    ///
    /// - Parameters:
    ///   - path: a file of at most 4 GiB.
    ///   - name: what the recipient is told that it is called; `nil` for the last part of the path.
    ///   - payload: what the message says besides, at most 1 MiB.
    ///   - type: what the message is.
    ///   - peer: the recipient.
    ///   - options: how urgent, how private and how long. A private message's file is sealed too.
    ///   - progress: hears how many bytes of the file were copied, and how many there are.
    /// - Throws: ``NodeError/Code/invalidRequest`` when the file cannot be read, ``NodeError/Code/tooLarge`` when it is larger,
    ///   ``NodeError/Code/limitReached`` when the node keeps no more files, and as for ``send(_:type:to:options:)-([UInt8],_,_,_)``.
    @discardableResult
    public func send(
        file path: String,
        name: String? = nil,
        payload: [UInt8] = [],
        type: MessageType = .data,
        to peer: PeerID,
        options: SendOptions = SendOptions(),
        progress: @Sendable (_ byteCount: Int, _ totalByteCount: Int) -> Void = { _, _ in }
    ) async throws(NodeError) -> SentMessage {
        let startedAt = node.world.loops[0].now
        var content = MessageContent(type: type, payload: payload)
        content.contentType = options.contentType
        do throws(DeliveryError) {
            let draft = options.draft(to: peer, content)
            let id = try await node.delivery.accept(draft, file: path, name: name) { byteCount, total in
                progress(Int(clamping: byteCount), Int(clamping: total))
            }
            return SentMessage(id: "\(id)", to: peer, messageID: id, startedAt: startedAt, node: self)
        } catch {
            throw NodeError(error, peer: peer)
        }
    }

    /// The files that are on their way to this node, again each time that something becomes of them.
    ///
    /// A file leaves the list when its message arrives in ``messages``, or its sender has given it up.
    public var incomingFiles: IncomingFiles { IncomingFiles(node: self) }
}

extension SentMessage {
    /// How far the message's file is, from now on; ends with the message.
    ///
    /// Empty where it has no file.
    public var fileProgress: FileProgresses { FileProgresses(message: self) }

    /// How far the file of one message is.
    public struct FileProgresses: AsyncSequence, Sendable {
        /// How far it is.
        public typealias Element = FileProgress
        /// The sequence ends; it does not fail.
        public typealias Failure = Never

        let message: SentMessage

        /// A watcher that begins with the present progress.
        public func makeAsyncIterator() -> Iterator { Iterator(message: message) }

        /// One watcher.
        public struct Iterator: AsyncIteratorProtocol {
            let message: SentMessage
            private var lastReport: MessageReport?
            private var last: FileProgress?

            init(message: SentMessage) { self.message = message }

            /// The next progress; `nil` when the message has come to its end, the node has stopped or the task was
            /// cancelled.
            public mutating func next() async -> FileProgress? {
                while lastReport?.message.state.isFinal != true {
                    let delivery = message.node.node.delivery
                    guard let report = await delivery.nextReport(on: message.messageID, after: lastReport)
                    else { return nil }
                    lastReport = report
                    guard let file = report.file else { return nil }
                    let progress = FileProgress(file)
                    if progress == last { continue }
                    last = progress
                    return progress
                }
                return nil
            }
        }
    }
}

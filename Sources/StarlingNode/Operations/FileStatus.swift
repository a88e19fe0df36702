package import StarlingCore

/// The file of a message, and how far it is.
package struct FileStatus: Sendable, Equatable {
    /// What it was called; nil where this node does not know: a sender keeps no names.
    package var name: String?
    /// The file's size.
    package var byteCount: Int64
    /// How much of it the recipient has, as far as this node knows.
    package var arrivedByteCount: Int64
    /// Over the last seconds; 0 while nothing moves.
    package var bytesPerSecond: Int64
    /// Why it does not move, and what to do; nil while it does, or while nothing has failed.
    package var obstacle: NodeFailure?

    package init(
        name: String?,
        byteCount: Int64,
        arrivedByteCount: Int64,
        bytesPerSecond: Int64 = 0,
        obstacle: NodeFailure? = nil
    ) {
        self.name = name
        self.byteCount = byteCount
        self.arrivedByteCount = arrivedByteCount
        self.bytesPerSecond = bytesPerSecond
        self.obstacle = obstacle
    }
}

/// A message that is not in the inbox yet: its file is on its way.
package struct IncomingMessage: Sendable, Equatable {
    /// The message's id in hexadecimal.
    package var messageID: String
    package var from: PeerID
    package var type: String
    /// When the sender says it made it, and when it came in.
    package var created: WallTime
    package var received: WallTime
    package var file: FileStatus

    package init(
        messageID: String,
        from: PeerID,
        type: String,
        created: WallTime,
        received: WallTime,
        file: FileStatus
    ) {
        self.messageID = messageID
        self.from = from
        self.type = type
        self.created = created
        self.received = received
        self.file = file
    }
}

/// What is to be done with the file of a message in the inbox.
package struct FileSaveRequest: Sendable, Equatable {
    /// The message's place in the inbox.
    package var position: Int64
    /// Where to write the file, from the root; nothing may be there.
    ///
    /// Nil writes none.
    package var path: String?
    /// Whether the message is acknowledged afterwards, which erases the node's copy of its file.
    package var isTaken: Bool

    package init(position: Int64, path: String?, isTaken: Bool) {
        self.position = position
        self.path = path
        self.isTaken = isTaken
    }
}

/// The file that was saved, or erased.
package struct FileSaved: Sendable, Equatable {
    package var path: String?
    package var byteCount: Int64

    package init(path: String?, byteCount: Int64) {
        self.path = path
        self.byteCount = byteCount
    }
}

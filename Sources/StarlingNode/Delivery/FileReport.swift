package import StarlingCore
package import StarlingMesh
package import StarlingWorld

/// How far the file of a message is.
package struct FileReport: Equatable, Sendable {
    package let id: BlobID
    /// Bytes that the recipient has, as far as this node knows; tags of sealed chunks count.
    package var byteCount: UInt64
    package var totalByteCount: UInt64 { id.byteCount }
    /// Over the last seconds; 0 while nothing moves.
    package var bytesPerSecond: Double
    /// Why it does not move; `nil` while it does, or while nothing is known.
    package var failure: BlobFailure?
}

/// A message whose file is on its way to this node.
package struct IncomingFile: Equatable, Sendable {
    package let message: HeldMessage
    package let progress: FileReport
}

/// Why the file of a message was not written out.
package enum FileSaveError: Error, Equatable, Sendable {
    /// There is no such message in the inbox.
    case noMessage
    /// The message has no file.
    case noFile
    /// The store of messages cannot be read.
    case store(StoreError)
    case file(BlobFailure)
}

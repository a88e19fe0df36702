internal import StarlingCore
internal import StarlingMesh
internal import StarlingWorld

// Files of messages: sent, looked at, saved.
extension NodeDesk {
    /// Accepts a message, with its file where it has one.
    func accept(_ message: OutgoingMessage, _ draft: MessageDraft) async throws(NodeFailure) -> MessageID {
        do throws(DeliveryError) {
            guard let path = message.filePath else { return try await node.delivery.accept(draft) }
            return try await node.delivery.accept(draft, file: path, name: message.fileName)
        } catch {
            throw NodeFailure(error, peer: message.to)
        }
    }

    package func saveFile(_ request: FileSaveRequest) async throws(NodeFailure) -> FileSaved {
        let position = UInt64(clamping: request.position)
        guard let entry = await node.delivery.inboxEntry(at: position) else {
            throw NodeFailure(FileSaveError.noMessage)
        }
        guard let file = entry.file else { throw NodeFailure(FileSaveError.noFile) }
        if let path = request.path {
            guard path.hasPrefix("/") else {
                throw NodeFailure(
                    .invalidRequest,
                    "'\(path)' does not begin at the root.",
                    nextStep: "Write the whole path: the node may run in another folder."
                )
            }
            do throws(FileSaveError) { try await node.delivery.saveFile(at: position, to: path) } catch {
                throw NodeFailure(error)
            }
        }
        if request.isTaken {
            do throws(StoreError) { try await node.delivery.acknowledge(position) } catch {
                throw NodeFailure(error)
            }
        }
        return FileSaved(path: request.path, byteCount: Int64(clamping: file.byteCount))
    }

    /// Messages whose files are on their way, the first that came first; at most so many.
    func incoming(countMax: Int) async -> [IncomingMessage] {
        await node.delivery.incomingFiles.prefix(countMax).map { file in
            IncomingMessage(
                messageID: "\(file.message.id)",
                from: file.message.from,
                type: file.message.type.name,
                created: file.message.created,
                received: file.message.received,
                file: FileStatus(
                    name: file.message.file.name,
                    byteCount: file.message.file.byteCount,
                    file.progress
                )
            )
        }
    }
}

extension FileStatus {
    init(name: String?, byteCount: UInt64, _ progress: FileReport) {
        self.init(
            name: name,
            byteCount: Int64(clamping: byteCount),
            arrivedByteCount: Int64(clamping: min(progress.byteCount, byteCount)),
            bytesPerSecond: Int64(progress.bytesPerSecond),
            obstacle: progress.failure.map { NodeFailure($0) }
        )
    }

    /// The file of a message that goes out.
    init(_ progress: FileReport, of message: OutboxMessage) {
        let sealed = message.privacy == .private ? BlobKey.contentByteCount(of: progress.id) : nil
        self.init(name: nil, byteCount: sealed ?? progress.id.byteCount, progress)
    }

    /// A file that is here as a whole.
    init(_ file: InboxFile) {
        let byteCount = Int64(clamping: file.byteCount)
        self.init(name: file.name, byteCount: byteCount, arrivedByteCount: byteCount)
    }
}

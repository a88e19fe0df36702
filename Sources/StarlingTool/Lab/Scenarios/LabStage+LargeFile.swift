internal import StarlingAPI
internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingCrypto
internal import StarlingIO
internal import StarlingNode
internal import StarlingSimulator
internal import StarlingWorld

extension LabStage {
    /// What a crash may cost: chunks of 2 s or 32 MiB that were not synced, and what was asked for and on its way.
    private static let redoneByteCountMax = 96 << 20
    /// The least size that tells whether a node starts over.
    ///
    /// A third of it, which is there when the sender is killed, is more than a crash may cost with all that comes on top.
    static let fileByteCountMin = 320 << 20
    private static let glimpse: Duration = .milliseconds(10)

    /// A file whose sender is killed with `kill -9` when a third of it has arrived, and whose recipient is when two
    /// thirds have: it arrives once, as it was, and neither starts over.
    func largeFile() async throws -> LabResult {
        var result = LabResult(LabScenarioName.largeFile.rawValue)
        let (sender, recipient) = (0, 1)
        if let missing = try await connectAll() { result.shortcomings.append(missing) }
        let byteCount = settings.fileByteCount
        let file = LabFile(path: fleet.path + "/large-file", byteCount: byteCount)
        progress.show("writing \(ByteCountText.write(byteCount))")
        let digest = try file.write(seed: settings.seed)
        defer { file.remove() }
        let start = loop.now
        progress.show("handing it over")
        let id = try await nodes[sender].send(file: file.path, to: nodes[recipient].peerID)
        result.sentCount = 1
        let accepted = loop.now

        let first = try await arrived(byteCount / 3, at: recipient, id)
        await nodes[sender].kill()
        try await fleet.restart(nodes[sender])
        let second = try await arrived(byteCount / 3 * 2, at: recipient, id)
        await nodes[recipient].kill()
        try await fleet.restart(nodes[recipient])
        let kept = try await arrived(0, at: recipient, id)
        for (who, at) in [("sender", first), ("recipient", second)] where !(1..<byteCount).contains(at) {
            result.shortcomings.append(
                "the \(who) was killed when \(at) bytes had arrived, which is not midway: use a larger --file-size"
            )
        }

        let entries = try await entries(of: id, at: recipient)
        let took = accepted.duration(to: loop.now)
        result.latency.add(took)
        let fetched = try await nodes[recipient].client.get("/v1/status", NodeStatus.self).receivedByteCount
        let resent = try await nodes[sender].client.get("/v1/status", NodeStatus.self).sentByteCount
        let copy = LabFile(path: fleet.path + "/large-file.copy", byteCount: byteCount)
        defer { copy.remove() }
        if let entry = entries.first {
            try await nodes[recipient].save(entry.position, to: copy.path)
            // Saving took the message: another copy is still there, or comes.
            try await loop.sleep(for: Self.echoTime)
            let left = try await inbox(of: recipient).messages.count { $0.messageID == id }
            result.duplicatedCount = max(entries.count - 1, left)
            let isWhole = try copy.digest() == digest
            result.deliveredCount = isWhole ? 1 : 0
            if !isWhole { result.shortcomings.append("the file that arrived is another one") }
        } else {
            result.shortcomings.append("the file did not arrive in \(DurationText.write(settings.patience))")
        }
        // Framing and records take less than two hundredths.
        let slack = Self.redoneByteCountMax + byteCount / 50
        if kept + Self.redoneByteCountMax < second {
            result.shortcomings.append(
                "of \(second) bytes that had arrived, \(kept) were left after the kill"
            )
        }
        if Int(fetched) > byteCount - kept + slack {
            result.shortcomings.append(
                "\(fetched) bytes were fetched though \(byteCount - kept) were missing"
            )
        }
        if Int(resent) > byteCount - first + slack {
            result.shortcomings.append(
                "\(resent) bytes were sent again though \(byteCount - first) were missing"
            )
        }
        result.notes = [
            "\(ByteCountText.write(byteCount)), taken in \(DurationText.write(start.duration(to: accepted))), "
                + "delivered \(DurationText.write(took)) later; the sender was killed at "
                + "\(ByteCountText.write(first)), the recipient at \(ByteCountText.write(second)), of which "
                + "\(ByteCountText.write(kept)) were kept; \(ByteCountText.write(Int(fetched))) came after that"
        ]
        return result
    }

    /// Waits until so much of a message's file has arrived; how much that is, all of it when the message has arrived.
    func arrived(_ wanted: Int, at node: Int, _ id: String) async throws -> Int {
        let deadline = loop.now + settings.patience
        while true {
            let page = try await nodes[node].client.get("/v1/inbox", InboxPage.self)
            if page.messages.contains(where: { $0.messageID == id }) { return settings.fileByteCount }
            if let file = page.incoming.first(where: { $0.messageID == id })?.file {
                progress.show(file.renderBar(label: "node \(node)"))
                if file.arrivedByteCount >= Int64(wanted) { return Int(file.arrivedByteCount) }
            }
            if loop.now >= deadline { return 0 }
            try await loop.sleep(for: Self.glimpse)
        }
    }

    /// The message's entries in the inbox, once it is there; none when it does not come.
    func entries(of id: String, at node: Int) async throws -> [InboxMessage] {
        let deadline = loop.now + settings.patience
        while loop.now < deadline {
            let page = try await inbox(of: node)
            let entries = page.messages.filter { $0.messageID == id }
            if !entries.isEmpty { return entries }
            if let file = page.incoming.first(where: { $0.messageID == id })?.file {
                progress.show(file.renderBar(label: "node \(node)"))
            }
            try await loop.sleep(for: Self.glimpse)
        }
        return []
    }

    private func inbox(of node: Int) async throws(LabCallError) -> InboxPage {
        try await nodes[node].client.get("/v1/inbox?limit=1000", InboxPage.self)
    }
}

extension LabNode {
    /// Hands a message with a file to the node, and returns the message's id.
    nonisolated func send(
        file path: String,
        to peer: PeerID,
        privacy: OutgoingMessage.Privacy = .private
    ) async throws(LabCallError) -> String {
        var message = OutgoingMessage(
            to: peer,
            type: OutgoingMessage.typeIfNone,
            payload: [],
            receiptTimeout: .zero
        )
        message.filePath = path
        message.privacy = privacy
        let report = try await client.post(
            "/v1/messages",
            message.json,
            SendReport.self,
            timeout: .seconds(600)
        )
        return report.messageID
    }

    /// Has the node write a message's file out, or erase it where there is no path, and take the message.
    nonisolated func save(_ position: Int64, to path: String?) async throws(LabCallError) {
        let request = FileSaveRequest(position: position, path: path, isTaken: true)
        _ = try await client.post("/v1/inbox/save", request.json, FileSaved.self, timeout: .seconds(600))
    }
}

/// A file of a lab, whose content follows from a seed.
struct LabFile: Sendable {
    private static let blockByteCount = 1 << 20

    let path: String
    let byteCount: Int

    /// Writes the file, and returns the hash of its content.
    func write(seed: UInt64) throws -> [UInt8] { try TemporaryFolder.using { try fill(seed) } }

    private func fill(_ seed: UInt64) throws -> [UInt8] {
        let disk = SystemBlobDisk()
        try disk.remove(path)
        try disk.create(path)
        var random = SplitMix64(seed: seed)
        var hash = try SHA256()
        var offset = 0
        while offset < byteCount {
            let count = min(Self.blockByteCount, byteCount - offset)
            var block: [UInt8] = []
            block.reserveCapacity(count + 8)
            while block.count < count {
                let word = random.next()
                for shift in 0..<8 { block.append(UInt8(truncatingIfNeeded: word >> UInt64(8 * shift))) }
            }
            block.removeLast(block.count - count)
            hash.update(block.span)
            try disk.write(BufferSlice(copying: block.span), to: path, at: UInt64(offset), keeps: true)
            offset += count
        }
        return hash.finish()
    }

    /// The hash of what the file holds.
    func digest() throws -> [UInt8] { try TemporaryFolder.using { try hash() } }

    private func hash() throws -> [UInt8] {
        let disk = SystemBlobDisk()
        let block = Buffer(byteCount: Self.blockByteCount)
        var hash = try SHA256()
        var offset: UInt64 = 0
        while true {
            let count = try disk.read(path, at: offset, into: block, 0..<Self.blockByteCount)
            if count == 0 { return hash.finish() }
            hash.update(BufferSlice(block, 0..<count).array().span)
            offset += UInt64(count)
        }
    }

    func remove() { try? SystemBlobDisk().remove(path) }
}

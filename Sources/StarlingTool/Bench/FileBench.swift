internal import StarlingAPI
internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingIO
internal import StarlingMesh
internal import StarlingNode
internal import StarlingWorld

/// A large file from one node to another, each a process with its home on the disk, beside what one stream carries and
/// what the disk takes in the same run.
struct FileBench {
    private static let roundCount = 3
    /// What a recipient writes at once.
    private static let blockByteCount = BlobFetch.Limits().groupChunkCountMax * BlobID.chunkByteCountUsual

    let settings: BenchSettings
    let litter: BenchLitter

    func measure(bulk: () throws -> BenchReport) throws -> BenchReport {
        let real = try BenchNode.makeWorld()
        defer { real.stop() }
        let fleet = try LabFleet(count: 2, world: real.world, security: settings.security)
        let clean: @Sendable () -> Void = {
            _ = try? real.run { _ in await fleet.kill() }
            fleet.folder.remove()
        }
        return try litter.during(clean) { try measure(real, fleet, bulk) }
    }

    private func measure(
        _ real: RealWorld,
        _ fleet: LabFleet,
        _ bulk: () throws -> BenchReport
    ) throws -> BenchReport {
        let byteCount = settings.fileByteCount
        var taken = BenchFigure("taken_mb_per_s", "copied into the sender's store", "MB/s")
        var delivered = BenchFigure("mb_per_s", "from acceptance to the receipt", "MB/s")
        var whole = BenchFigure("whole_mb_per_s", "from the command to the receipt", "MB/s")
        var disk = BenchFigure("disk_write_mb_per_s", "the disk alone, written and synced", "MB/s")
        let source = LabFile(path: fleet.path + "/source", byteCount: byteCount)
        _ = try source.write(seed: 1)
        let bulkRate = try bulk().figures.first { $0.key == "mb_per_s" }?.rounds ?? []
        try real.run { _ in try await fleet.start { _ in } }
        let size = Double(byteCount) / 1e6
        for _ in 0..<Self.roundCount {
            let diskSeconds = try Self.writeSeconds(fleet.path + "/disk", byteCount)
            disk.rounds.append(size / diskSeconds)
            let round = try real.run { _ in try await send(source, fleet) }
            taken.rounds.append(size / round.takenSeconds)
            delivered.rounds.append(size / round.deliveredSeconds)
            whole.rounds.append(size / (round.takenSeconds + round.deliveredSeconds))
        }
        let stream = BenchFigure("bulk_mb_per_s", "one stream", "MB/s", bulkRate)
        let shares = [("percent_of_bulk", stream), ("percent_of_disk", disk)].map { key, other in
            BenchFigure(key, "delivered, of \(other.label)", "%", Self.share(delivered, of: other))
        }
        return BenchReport(
            facts: [
                ("bench", .string(settings.subject.rawValue)), ("security", .string(settings.securityName)),
                ("file_bytes", JSON(byteCount)),
                ("privacy", .string(settings.privacyName)), ("folder", .string(fleet.path)),
            ],
            figures: [delivered, taken, whole, stream, disk] + shares
        )
    }

    private static func share(_ figure: BenchFigure, of other: BenchFigure) -> [Double] {
        guard let mine = figure.median, let theirs = other.median, theirs > 0 else { return [] }
        return [mine / theirs * 100]
    }

    private struct FileRound: Sendable {
        var takenSeconds: Double
        var deliveredSeconds: Double
    }

    private func send(_ file: LabFile, _ fleet: LabFleet) async throws -> FileRound {
        do { return try await deliver(file, fleet) } catch let error as LabCallError {
            throw Diagnostic(error)
        }
    }

    private func deliver(_ file: LabFile, _ fleet: LabFleet) async throws -> FileRound {
        let (sender, recipient) = (fleet.nodes[0], fleet.nodes[1])
        let start = BenchClock.seconds
        let id = try await sender.send(
            file: file.path,
            to: recipient.peerID,
            privacy: settings.privacy == .private ? .private : .standard
        )
        let accepted = BenchClock.seconds
        var status: MessageStatus
        repeat {
            let target = "/v1/messages/\(id)?wait_ms=60000"
            status = try await sender.client.get(target, MessageStatus.self, timeout: .seconds(90))
        } while status.ended == nil
        let end = BenchClock.seconds
        guard status.state == .delivered else {
            throw Diagnostic(
                code: "bench_failed",
                message: "the file was not delivered: \(status.state.rawValue).",
                nextStep: status.obstacle?.nextStep ?? "Try again."
            )
        }
        let page = try await recipient.client.get("/v1/inbox?limit=1000", InboxPage.self)
        for message in page.messages { try await recipient.save(message.position, to: nil) }
        return FileRound(takenSeconds: accepted - start, deliveredSeconds: end - accepted)
    }

    /// How long the disk takes for so many bytes, in blocks of the size that a recipient writes, and a sync at the end.
    private static func writeSeconds(_ path: String, _ byteCount: Int) throws -> Double {
        try TemporaryFolder.using { try write(path, byteCount) }
    }

    private static func write(_ path: String, _ byteCount: Int) throws(FileError) -> Double {
        let disk = SystemBlobDisk()
        try disk.create(path)
        defer { try? disk.remove(path) }
        let block = Buffer(byteCount: blockByteCount)
        block.fillWithZeros()
        let start = BenchClock.seconds
        var offset = 0
        while offset < byteCount {
            let count = min(blockByteCount, byteCount - offset)
            try disk.write(BufferSlice(block, 0..<count), to: path, at: UInt64(offset), keeps: false)
            offset += count
        }
        try disk.sync(path)
        return BenchClock.seconds - start
    }
}

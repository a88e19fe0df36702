package import StarlingCore

/// What a batch on its way to the disk will change here.
struct RouteWrite: Sendable {
    struct Row: Sendable {
        let slot: Int
        let destination: PeerID
        let distance: RouteDistance
    }

    var rows: [Row] = []
    var forgotten: [PeerID] = []
    var reservation: UInt64?
    /// Whether it says that distances are lost, or that this is over.
    var loss: Bool?

    func holds(_ slot: Int) -> Bool { rows.contains { $0.slot == slot } }
}

// What has to survive a crash, and what did.
extension RouteTable {
    /// The rows to write next, or `nil` while there are none or some are on their way.
    package mutating func takeBatch() -> StoreBatch? {
        isWriteTold = false
        guard inFlight == nil else { return nil }
        var (write, batch) = (RouteWrite(), StoreBatch())
        if isLossUnwritten {
            write.loss = waitUntil != nil
            if waitUntil != nil {
                batch.put(RoutingTables.lossKey, RouteRow.reservation(0))
            } else {
                batch.remove(RoutingTables.lossKey)
            }
            isLossUnwritten = false
        }
        if let reserving = ownNumber.reserving {
            write.reservation = reserving
            batch.put(RoutingTables.reservationKey, RouteRow.reservation(reserving))
        }
        // A destination that came again is put behind its removal.
        write.forgotten = forgotten
        forgotten = []
        for destination in write.forgotten { batch.remove(RoutingTables.distanceKey(destination)) }
        while write.rows.count < limits.batchRowCountMax, let slot = unwritten.popFirst() {
            let destination = destinations[slot]
            guard let distance = destination.feasibility else { continue }
            destinations[slot].isUnwritten = false
            write.rows.append(.init(slot: slot, destination: destination.id, distance: distance))
            let proof = newestProof(of: destination.id).flatMap { $0.number >= distance.number ? $0 : nil }
            batch.put(RoutingTables.distanceKey(destination.id), RouteRow.distance(distance, proof: proof))
        }
        guard !batch.isEmpty else { return nil }
        inFlight = write
        return batch
    }

    /// The rows of the batch are on the disk.
    package mutating func stored(now: Instant, wallNow: WallTime) {
        guard let write = inFlight else { return }
        inFlight = nil
        writeAt = nil
        if let reservation = write.reservation {
            ownNumber.reserved = max(ownNumber.reserved, reservation)
            if ownNumber.reserving == reservation { ownNumber.reserving = nil }
        }
        for row in write.rows where destinations[row.slot].id == row.destination {
            destinations[row.slot].durable = row.distance
            markDirty(row.slot)
            if !destinations[row.slot].isLive { freeIfIdle(row.slot, now: now) }
        }
        finish(now: now, wallNow: wallNow)
    }

    /// The batch is not on the disk, and none of it; it is tried again.
    package mutating func storeFailed(now: Instant, wallNow: WallTime) {
        guard let write = inFlight else { return }
        inFlight = nil
        writeAt = now + limits.writeInterval
        if write.loss != nil { isLossUnwritten = true }
        // What has a distance again is written with it.
        let gone = write.forgotten.filter { destination in
            slot(of: destination).map { destinations[$0].feasibility == nil } ?? true
        }
        forgotten = gone + forgotten
        for row in write.rows where destinations[row.slot].id == row.destination {
            guard !destinations[row.slot].isUnwritten else { continue }
            destinations[row.slot].isUnwritten = true
            unwritten.append(row.slot)
        }
        finish(now: now, wallNow: wallNow)
    }

    mutating func tellWrite(now: Instant) {
        guard hasBegun, !isWriteTold, inFlight == nil, writeAt.map({ $0 <= now }) ?? true else { return }
        guard isLossUnwritten || ownNumber.reserving != nil || !forgotten.isEmpty || !unwritten.isEmpty else {
            return
        }
        isWriteTold = true
        actions.append(.write)
    }

    // MARK: Restoring

    /// Takes one row of the last run, before ``begin(_:now:wallNow:)``.
    ///
    /// A row that is not taken changes nothing but that the rest is not enough: the table begins as after a loss.
    package mutating func restore(_ row: StoreRow, now: Instant) throws(RouteRowError) {
        do throws(RouteRowError) {
            try take(row, now: now)
        } catch {
            isDamaged = true
            throw error
        }
    }

    private mutating func take(_ row: StoreRow, now: Instant) throws(RouteRowError) {
        switch (row.key.table, row.key.place) {
        case (RoutingTables.numbers, .number(1)):
            do throws(ProtobufError) {
                ownNumber.reserved = try RouteRow.reservation(row.value.span)
            } catch {
                throw .malformed(error)
            }
        // A run before was still waiting: this one waits from the beginning.
        case (RoutingTables.numbers, .number(2)): isDamaged = true
        case (RoutingTables.distances, .name(let name)):
            guard let id = try? PeerID(multihash: name) else {
                throw .malformed(.invalidValue(fieldNumber: 0))
            }
            let read: (distance: RouteDistance, proof: RouteProof?)
            do throws(ProtobufError) {
                read = try RouteRow.distance(row.value.span, of: id)
            } catch {
                throw .malformed(error)
            }
            try take(read.distance, read.proof, of: id, now: now)
        default: throw .unknownTable
        }
    }

    private mutating func take(
        _ distance: RouteDistance,
        _ proof: RouteProof?,
        of id: PeerID,
        now: Instant
    ) throws(RouteRowError) {
        guard slot(of: id) == nil else { return }
        guard destinations.count <= limits.restoredCountMax else { throw .tooMany }
        restoredCount += 1
        index.insert(destinations.count, of: id)
        isUsed.insert(destinations.count)
        restless.insert(destinations.count)
        var destination = RouteDestination(id: id, now: now)
        (destination.feasibility, destination.durable) = (distance, distance)
        destination.restoredProof = proof
        destinations.append(destination)
    }
}

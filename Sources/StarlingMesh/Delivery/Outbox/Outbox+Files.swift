package import StarlingCore

// Messages with files: whose blobs have to stay, and how they move.
extension Outbox {
    /// A message that is not settled, and the blob that its recipient fetches.
    package struct FileOffer: Equatable, Sendable {
        package let message: MessageID
        package let to: PeerID
        package let file: BlobID
    }

    /// The files of all messages that are not settled, in the order of their acceptance.
    package var fileOffers: [FileOffer] {
        positions.sorted { $0.key < $1.key }.compactMap { _, slot in
            guard let file = slots[slot].file else { return nil }
            return FileOffer(message: slots[slot].id, to: peerID(lanes[slots[slot].lane].peer), file: file)
        }
    }

    /// The file of a message moves: it is not stuck.
    package mutating func fileMoved(_ id: MessageID, now: Instant) {
        guard let slot = index[id] else { return }
        lanes[slots[slot].lane].lastProgress = now
        lanes[slots[slot].lane].isStallTold = false
    }

    /// The file of a message is lost: nobody can fetch it any more.
    package mutating func fileLost(_ id: MessageID, now: Instant, wallNow: WallTime) {
        guard let slot = index[id] else { return }
        let peer = lanes[slots[slot].lane].peer
        end(slot, .damaged, now: now, wallNow: wallNow)
        feed(peer, now: now)
        feedStarved(now: now)
    }
}

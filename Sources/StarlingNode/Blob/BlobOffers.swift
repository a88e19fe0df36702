internal import StarlingCore
internal import StarlingMesh
internal import Synchronization

/// Which blobs which peers may fetch, and how many streams do so.
///
/// Looked at on every loop: leaf data behind a lock.
final class BlobOffers: Sendable {
    struct Limits: Sendable {
        /// Pairs of blob and peer; a further one is refused.
        var offerCountMax = 100_000
        /// Streams that are served at a time; further ones are told to come later.
        var servedCountMax = 16
        /// Streams of one peer that are served at a time.
        var servedCountPerPeerMax = 4
    }

    private struct State {
        var peers: [BlobID: Set<PeerID>] = [:]
        var offerCount = 0
        var served: [PeerID: Int] = [:]
        var servedCount = 0
    }

    private let limits: Limits
    private let state = Mutex(State())

    init(limits: Limits = Limits()) { self.limits = limits }

    /// What has a limit here.
    var tableFills: [TableFill] {
        state.withLock { state in
            [
                TableFill("blob offers", state.offerCount, of: limits.offerCountMax),
                TableFill("blob streams", state.servedCount, of: limits.servedCountMax),
            ]
        }
    }

    /// Lets a peer fetch a blob; `false` at the limit.
    func add(_ id: BlobID, for peer: PeerID) -> Bool {
        state.withLock { state in
            if state.peers[id]?.contains(peer) == true { return true }
            guard state.offerCount < limits.offerCountMax else { return false }
            state.peers[id, default: []].insert(peer)
            state.offerCount += 1
            return true
        }
    }

    /// Takes an offer back; streams under way end by themselves.
    func remove(_ id: BlobID, for peer: PeerID) {
        state.withLock { state in
            guard state.peers[id]?.remove(peer) != nil else { return }
            state.offerCount -= 1
            if state.peers[id]?.isEmpty == true { state.peers[id] = nil }
        }
    }

    /// Takes all offers of a blob back.
    func removeAll(_ id: BlobID) {
        state.withLock { state in state.offerCount -= state.peers.removeValue(forKey: id)?.count ?? 0 }
    }

    /// Begins to serve a blob to a peer; why not, or `nil`.
    func begin(_ id: BlobID, for peer: PeerID) -> BlobAnswer.Refusal? {
        state.withLock { state in
            guard state.peers[id]?.contains(peer) == true else { return .unknown }
            guard state.servedCount < limits.servedCountMax,
                state.served[peer, default: 0] < limits.servedCountPerPeerMax
            else { return .busy }
            state.servedCount += 1
            state.served[peer, default: 0] += 1
            return nil
        }
    }

    /// Ends what ``begin(_:for:)`` let begin, and says whether it was the last that was served.
    func end(for peer: PeerID) -> Bool {
        state.withLock { state in
            state.servedCount -= 1
            let count = state.served[peer, default: 1] - 1
            state.served[peer] = count > 0 ? count : nil
            return state.servedCount == 0
        }
    }
}

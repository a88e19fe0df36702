internal import StarlingCore
internal import StarlingMesh
internal import StarlingNode
internal import StarlingTransports

/// What a hostile node does in place of carrying others' messages on.
package enum FleetHostility: String, CaseIterable, Sendable {
    /// It reads them, and they are gone.
    case drop
    /// It hands each to all its neighbours, twice, the one included from which it came.
    case replay
    /// It tells everybody that it is next to everybody, and then drops what they send over it.
    case flatter
    /// It changes its word on all routes ten times a second, and drops what comes all the same.
    case flood
    /// It carries all on, and keeps badly what is left with it.
    case mailbox

    /// Whether it lies about routes, in place of telling them as all do.
    var liesOfRoutes: Bool { self == .flatter || self == .flood }

    /// Whether it drops what it should carry on.
    var drops: Bool { self == .drop || liesOfRoutes }
}

/// A node over which others send, and that treats their messages badly.
final class HostileRelay: @unchecked Sendable {  // tidy-ok: one thread
    private let node: Node
    private let hostility: FleetHostility
    private let tally: HostileTally
    /// Frames that were replayed: two such nodes side by side would never come to an end.
    private var replayed: Set<UInt64> = []

    private static let replayedCountMax = 100_000
    private static let streamCountMax = 16

    init(_ node: Node, _ hostility: FleetHostility, _ tally: HostileTally) {
        self.node = node
        self.hostility = hostility
        self.tally = tally
    }

    /// Takes the streams of messages that are opened to the node from here on.
    func begin() {
        node.swarm.protocols.set(
            MessageFrame.protocolID,
            streamCountMaxPerPeer: Self.streamCountMax
        ) { stream in await self.serve(stream) }
    }

    private func serve(_ stream: Stream) async {
        var frames = FrameStream(stream, frameByteCountMax: MessageFrame.byteCountMax)
        do throws(FrameError) {
            while let frame = try await frames.next() {
                if hostility == .replay { await replay(frame) } else { tally.droppedCount += 1 }
            }
        } catch {
            // Its neighbour is done with it.
        }
        await stream.reset()
    }

    private func replay(_ frame: [UInt8]) async {
        guard replayed.count < Self.replayedCountMax, replayed.insert(XXH64.hash(frame.span)).inserted else {
            return
        }
        var bytes: [UInt8] = []
        for _ in 0..<2 {
            Varint.append(UInt64(frame.count), to: &bytes)
            bytes += frame
        }
        for neighbour in await node.routes.neighbours {
            guard
                let stream = try? await node.swarm.openStream(
                    to: neighbour,
                    [MessageFrame.protocolID],
                    priority: .normal
                )
            else { continue }
            do throws(StreamError) {
                try await stream.write(bytes)
                tally.replayedCount += 1
                try await stream.closeWrite()
            } catch {
                await stream.reset()
            }
        }
    }
}

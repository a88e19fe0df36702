public import StarlingCore
internal import StarlingNode

/// What a node is doing.
///
///     let status = await node.status()
///     print(status.connectionCount, status.outbox.count, status.damages)
public struct NodeStatus: Sendable {
    /// How much there is of something that has a limit, and the most there may be.
    public struct Fill: Equatable, Sendable {
        /// How many.
        public let count: Int
        /// How many at most.
        public let countMax: Int
        /// Their bytes.
        public let byteCount: Int
        /// Their bytes at most.
        public let byteCountMax: Int

        init(_ occupancy: Occupancy) {
            count = occupancy.count
            countMax = occupancy.countMax
            byteCount = occupancy.byteCount
            byteCountMax = occupancy.byteCountMax
        }
    }

    /// A recipient for whom messages wait.
    public struct Backlog: Sendable {
        /// Who it is.
        public let to: PeerID
        /// How many messages.
        public let messageCount: Int
        /// Their bytes.
        public let byteCount: Int
        /// The one that was accepted first: ``SentMessage/id``.
        public let oldestID: String
        /// How long ago that was.
        public let oldestAge: Duration
        /// Why they wait, and what to do; `nil` while nothing has failed.
        public let obstacle: NodeError?

        init(_ backlog: OutboxStatus.Backlog) {
            to = backlog.to
            messageCount = backlog.messageCount
            byteCount = backlog.byteCount
            oldestID = backlog.oldestID
            oldestAge = backlog.oldestAge
            obstacle = backlog.obstacle.map { NodeError($0) }
        }
    }

    /// Messages that are stuck though their recipient is there.
    public struct Stall: Sendable {
        /// The recipient.
        public let to: PeerID
        /// How many messages.
        public let messageCount: Int
        /// How long nothing has moved.
        public let duration: Duration
        /// Why, and what to do.
        public let reason: NodeError

        init(_ stall: OutboxStatus.Stall) {
            to = stall.to
            messageCount = stall.messageCount
            duration = stall.duration
            reason = NodeError(stall.reason)
        }
    }

    /// What the node knows of the mesh as a whole.
    public struct Mesh: Equatable, Sendable {
        /// Members that the node has links to.
        public let neighbourCount: Int
        /// The other members that answer their neighbours.
        public let aliveCount: Int
        /// Those that do not, and have some time to contradict.
        public let suspectCount: Int
        /// Those that died of late.
        public let deadCount: Int
        /// Those that said of late that they go.
        public let leftCount: Int
        /// Whether the node is one of the super-peers, under a topology that has some.
        public let isSuperPeer: Bool
        /// How much the node can carry for others, as it tells all.
        public let capacity: Int

        init(_ status: MeshStatus) {
            neighbourCount = status.neighbourCount
            aliveCount = status.aliveCount
            suspectCount = status.suspectCount
            deadCount = status.deadCount
            leftCount = status.leftCount
            isSuperPeer = status.isSuperPeer
            capacity = status.capacity
        }
    }

    /// The release of the software, such as `0.1.0`.
    public let version: String
    /// How long the node has been running.
    public let uptime: Duration
    /// Peers that it knows.
    public let knownPeerCount: Int
    /// Connections that stand.
    public let connectionCount: Int
    /// The most that there may be.
    public let connectionCountMax: Int
    /// Streams that are open.
    public let streamCount: Int
    /// Memory that connections and streams have reserved, in bytes.
    public let memoryByteCount: Int
    /// The most that they may.
    public let memoryByteCountMax: Int
    /// Bytes that came over connections since the node started, encrypted as they were.
    public let receivedByteCount: UInt64
    /// Bytes that went.
    public let sentByteCount: UInt64
    /// Messages that arrived and are not acknowledged.
    public let inbox: Fill
    /// Messages whose files are on their way to this node, and the bytes of these files.
    public let incomingFiles: Fill
    /// Messages that were accepted and are not settled.
    public let outbox: Fill
    /// For whom messages wait, at most 10: those who have been waited for longest first.
    public let backlogs: [Backlog]
    /// What is stuck now, at most 10.
    public let stalls: [Stall]
    /// How often messages were found stuck though their recipient was there, since the node started.
    public let stallCount: Int
    /// Files of messages, sent and received; `nil` where the node keeps none.
    public let files: Fill?
    /// The mesh; `nil` where the node uses no routes.
    public let mesh: Mesh?
    /// What the store found damaged at its start and since, each in a sentence; empty for a sound one.
    public let damages: [String]

    init(_ status: StarlingNode.NodeStatus) {
        version = status.version
        uptime = status.uptime
        knownPeerCount = status.knownPeerCount
        connectionCount = status.connectionCount
        connectionCountMax = status.connectionCountMax
        streamCount = status.streamCount
        memoryByteCount = status.reservedByteCount
        memoryByteCountMax = status.reservedByteCountMax
        receivedByteCount = status.receivedByteCount
        sentByteCount = status.sentByteCount
        inbox = Fill(status.inbox.messages)
        incomingFiles = Fill(status.inbox.incoming)
        outbox = Fill(status.outbox.messages)
        backlogs = status.outbox.backlogs.map { Backlog($0) }
        stalls = status.outbox.stalls.map { Stall($0) }
        stallCount = status.outbox.stallCount
        files = status.files.map { Fill($0) }
        mesh = status.mesh.map { Mesh($0) }
        damages =
            status.store.losses.map { loss in
                let rows = loss.rowCount.map { "\($0) rows" } ?? "rows"
                return "The table \(loss.table ?? "that is not known") lost \(rows): \(loss.reason)."
            } + status.store.asidePaths.map { "A damaged file was put aside: \($0)" }
    }
}

extension Node {
    /// What the node is doing: what it holds, each with its limit, and what it knows of the mesh.
    public func status() async -> NodeStatus { NodeStatus(await desk.status()) }
}

extension Node {
    /// How a node behaves.
    ///
    /// Every setting has a value that fits most nodes.
    public struct Configuration: Sendable {
        /// The folder that holds the identity key, the store and files on their way, made where missing; `nil` for all to
        /// end with the node.
        public var home: String?
        /// The longest ``name``, ``agentVersion`` and ``protocolVersion``, in bytes of UTF-8.
        public static let nameByteCountMax = 64
        /// The least ``memoryByteCountMax``: 16 MiB.
        public static let memoryByteCountMin = 16 << 20
        /// The least ``mailSpaceByteCount``: 1 MiB.
        public static let mailSpaceByteCountMin = 1 << 20
        /// What ``mailLifetime`` may be: a minute to 30 days.
        public static let mailLifetimes: ClosedRange<Duration> = .seconds(60) ... .seconds(30 * 86_400)

        /// What people call the node; others see it.
        ///
        /// At most ``nameByteCountMax`` bytes.
        public var name: String
        /// Where to listen; port 0 lets the system choose one.
        ///
        /// Empty, the node listens nowhere: it dials others, and is reached over what it dialled or over neighbours.
        public var listenAddresses: [String]
        /// Peers to stay connected with: multiaddrs, each with its `/p2p/` part.
        public var bootstrapAddresses: [String]
        /// For whom the node keeps private messages while they are away; it cannot read them.
        public var keepsMailFor: MailRecipients
        /// The most bytes of messages that are kept for others; `nil` for 256 MiB.
        ///
        /// One sender has an eighth of it at most, one recipient a quarter; ``mailSpaceByteCountMin`` at least.
        public var mailSpaceByteCount: Int?
        /// How long any message is kept for others at most, though its own lifetime may be longer; `nil` for 30 days.
        ///
        /// One of ``mailLifetimes``. What is on the disk from before keeps to it, too.
        public var mailLifetime: Duration?
        /// Who keeps messages for this node while it is away: multiaddrs of at most 8 peers, each with its `/p2p/` part, the
        /// one that is asked first in the first place.
        public var mailboxAddresses: [String]
        /// Whether to announce the node on its LANs, and to look for others there.
        public var usesLANDiscovery: Bool
        /// Whether to reach peers over neighbours, to carry what others send over this node, and to hear who of the mesh is
        /// alive.
        public var usesRoutes: Bool
        /// To which members of the mesh to stay connected, where it uses routes; `nil` leaves that to whoever dials.
        public var topology: Topology?
        /// How much the node can carry for others, compared with the others of its mesh, 1 to 65535; `nil` for as many as the
        /// machine has processors, at most 16.
        ///
        /// All are told. Where there are super-peers, they are those with the highest product of capacity and uptime; use 1 for
        /// what runs from a battery.
        public var capacity: Int?
        /// What the node says that it runs, such as `kitchen-clock/2.1`; `nil` for Starling and its version.
        ///
        /// At most ``nameByteCountMax`` bytes. The name is put behind it.
        public var agentVersion: String?
        /// Which network the node says that it belongs to, such as `/kitchen/1`; `nil` for `starling/1`.
        ///
        /// At most ``nameByteCountMax`` bytes.
        public var protocolVersion: String?
        /// The most connections, both directions; `nil` scales with the machine.
        ///
        /// The process may have so many files open (`ulimit -n`); all of these but 128 are the most that it is, whatever is
        /// asked for.
        public var connectionCountMax: Int?
        /// The most memory that connections and streams may take, in bytes; `nil` scales with the machine.
        public var memoryByteCountMax: Int?
        /// The most other nodes to keep routes to, 16 to 4096; `nil` for 1024.
        ///
        /// The nearest and those that are written to have them; the others are asked for when there is a message for them.
        public var routeCountMax: Int?
        /// The least level of what the node logs to standard error: a handler that fails is told as a warning.
        public var logLevel: LogLevel

        /// A configuration; what is left out has the value that the property says.
        public init(
            home: String? = nil,
            name: String = "",
            listenAddresses: [String] = ["/ip4/0.0.0.0/tcp/0"],
            bootstrapAddresses: [String] = [],
            keepsMailFor: MailRecipients = .nobody,
            mailSpaceByteCount: Int? = nil,
            mailLifetime: Duration? = nil,
            mailboxAddresses: [String] = [],
            usesLANDiscovery: Bool = true,
            usesRoutes: Bool = true,
            topology: Topology? = .mesh,
            capacity: Int? = nil,
            agentVersion: String? = nil,
            protocolVersion: String? = nil,
            connectionCountMax: Int? = nil,
            memoryByteCountMax: Int? = nil,
            routeCountMax: Int? = nil,
            logLevel: LogLevel = .warning
        ) {
            self.home = home
            self.name = name
            self.listenAddresses = listenAddresses
            self.bootstrapAddresses = bootstrapAddresses
            self.keepsMailFor = keepsMailFor
            self.mailSpaceByteCount = mailSpaceByteCount
            self.mailLifetime = mailLifetime
            self.mailboxAddresses = mailboxAddresses
            self.usesLANDiscovery = usesLANDiscovery
            self.usesRoutes = usesRoutes
            self.topology = topology
            self.capacity = capacity
            self.agentVersion = agentVersion
            self.protocolVersion = protocolVersion
            self.connectionCountMax = connectionCountMax
            self.memoryByteCountMax = memoryByteCountMax
            self.routeCountMax = routeCountMax
            self.logLevel = logLevel
        }
    }
}

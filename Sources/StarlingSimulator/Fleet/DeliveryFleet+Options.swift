internal import StarlingCore

extension DeliveryFleet {
    /// What is simulated.
    package struct Options: FleetOptions, Equatable {
        package var seed: UInt64 = 1
        package var nodeCount = 100
        /// Virtual time, from the first node's start.
        package var duration: Duration = .seconds(2 * 3600)
        /// How long before the end the faults stop.
        package var quietTime: Duration = .seconds(1800)
        /// Who is linked with whom.
        package var topology = FleetTopology()
        /// Whether messages cross hops, too.
        package var usesRoutes = false
        /// Others that a node keeps routes to; `nil` for as many as real ones do.
        package var routeCountMax: Int?
        package var traffic = FleetTraffic.Options()
        package var faults = FleetFaults.Options()
        /// What happens at a certain time, in any order.
        package var plan: [FleetStep] = []
        /// How a link behaves; while there are faults it loses packets, too.
        package var link = LinkProfile(latency: .milliseconds(15), jitter: .milliseconds(5))
        /// Links that behave differently.
        package var ownLinks: [FleetLink] = []
        /// Those that keep a node's messages while it is away, of the ones that it knows.
        package var mailboxCount = 0
        /// The share of the nodes that is hostile.
        package var hostileRatio = 0.0
        /// What they do, in turns.
        package var hostilities = FleetHostility.allCases
        /// Within which time all that waited for the end of a partition has to be delivered; `nil` for no such rule.
        package var healingTimeMax: Duration?
        /// Up to so many nodes each have a database on a disk of their own; more keep their rows in memory.
        package var databaseCountMax = 1000
        /// Whether the disks forget what they say they synced: then messages are lost, and the report says so.
        package var disksForgetSyncs = false
        /// How often ``Probes`` are asked, over the whole run.
        package var sampleCount = 144

        package init() {}

        /// Nodes that are hostile; two at least stay honest.
        var hostileCount: Int {
            hostilities.isEmpty ? 0 : max(0, min(Int(hostileRatio * Double(nodeCount)), nodeCount - 2))
        }
    }

    /// What looks at a run from outside, and changes nothing in it.
    package struct Probes: Sendable {
        /// Says how many bytes are allocated in this process.
        package var memory: (@Sendable () -> Int)?
        /// Hears how much of the virtual time has passed.
        package var progress: (@Sendable (Duration) -> Void)?
        /// What stands over a picture of the end; `nil` for none.
        package var pictureTitle: String?

        package init() {}
    }
}

/// One direction between two nodes, or both, with a profile of its own.
package struct FleetLink: Sendable, Equatable {
    package var from: Int
    package var to: Int
    package var isBothWays: Bool
    package var profile: LinkProfile

    package init(from: Int, to: Int, isBothWays: Bool, _ profile: LinkProfile) {
        self.from = from
        self.to = to
        self.isBothWays = isBothWays
        self.profile = profile
    }
}

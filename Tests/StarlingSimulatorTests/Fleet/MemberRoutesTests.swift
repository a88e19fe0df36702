import StarlingCore
import StarlingCrypto
import Testing

@testable import StarlingSimulator

@Suite struct MemberRoutesTests {
    /// Routes of four nodes, and the circles that were found in them.
    private final class Rig {
        let peers: [PeerID]
        let routes: MemberRoutes
        var circles: [[Int]] = []

        init() throws {
            peers = try (1...4).map { try FleetNode.identity([UInt8](repeating: $0, count: 32)).peerID }
            routes = MemberRoutes(peers)
            routes.foundCircle = { [unowned self] peer, nodes in
                if peer == peers[3] { circles.append(nodes) }
            }
        }

        /// The first three nodes each have a way to the last one over the next of them.
        func close(_ nodes: some Sequence<Int>) {
            for node in nodes { routes.changed(node, peers[3], [peers[(node + 1) % 3]]) }
        }
    }

    @Test func aCircleIsTold() throws {
        let rig = try Rig()
        rig.close(0..<2)
        #expect(rig.circles == [] && rig.routes.changeCount == 2)
        rig.close([2])
        #expect(rig.circles == [[2, 0, 1]] && rig.routes.changeCount == 3)
    }

    @Test func theDeadHaveNoWaysAndSayNothing() throws {
        let rig = try Rig()
        rig.close(0..<2)
        rig.routes.died(1)
        rig.close(1..<3)
        #expect(rig.circles == [] && rig.routes.changeCount == 3)
    }

    @Test func whoIsStoppedInTheEndIsNotHeard() throws {
        let rig = try Rig()
        rig.close(0..<2)
        rig.routes.end()
        rig.close([2])
        #expect(rig.circles == [] && rig.routes.changeCount == 2)
    }
}

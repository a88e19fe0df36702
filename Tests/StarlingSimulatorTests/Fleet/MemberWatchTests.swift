import StarlingCore
import StarlingCrypto
import Testing

@testable import StarlingMesh
@testable import StarlingNode
@testable import StarlingSimulator

@Suite struct MemberWatchTests {
    /// Four nodes that watch each other.
    private struct Rig {
        let peers: [PeerID]
        let watch = MemberWatch()

        init() throws {
            peers = try (1...4).map { try FleetNode.identity([UInt8](repeating: $0, count: 32)).peerID }
            for (index, peer) in peers.enumerated() { watch.started(peer, index) }
        }

        /// A node takes another one for something, so many seconds from the start.
        func say(
            _ node: Int,
            _ other: Int,
            _ state: LivenessClaim.State,
            at second: Int,
            incarnation: UInt64 = 1
        ) {
            let now = Self.time(second)
            let member = LivenessMember(
                peer: peers[other],
                state: state,
                incarnation: incarnation,
                renewed: now,
                since: now,
                uptimeSeconds: 0,
                capacity: 0,
                isNeighbour: false
            )
            watch.take(.changed(member), of: node, at: now)
        }

        func die(_ node: Int) { watch.died(peers[node], node) }

        static func time(_ second: Int) -> Instant {
            Instant(nanosecondsSinceOrigin: Int64(second) * 1_000_000_000)
        }
    }

    @Test func whoSaysItTwiceCountsOnceFromTheFirstTime() throws {
        let rig = try Rig()
        rig.die(3)
        rig.say(0, 3, .dead, at: 5)
        rig.say(0, 3, .dead, at: 9, incarnation: 2)
        rig.say(1, 3, .dead, at: 7)
        #expect(
            rig.watch.times(of: rig.peers[3]) == [Rig.time(5), Rig.time(7)],
            "the third has said nothing"
        )
        rig.say(2, 3, .dead, at: 6)
        #expect(rig.watch.times(of: rig.peers[3]) == [Rig.time(5), Rig.time(6), Rig.time(7)])
        #expect(rig.watch.times(of: rig.peers[2]) == [])
        #expect(rig.watch.takeFalseDeaths() == 0)
    }

    @Test func whoIsSuspectedIsNotKnownToBeDead() throws {
        let rig = try Rig()
        rig.die(3)
        rig.say(0, 3, .suspect, at: 5)
        #expect(rig.watch.times(of: rig.peers[3]) == [])
    }

    @Test func whatIsLeftOfADeadProcessIsNotHeard() throws {
        let rig = try Rig()
        rig.die(3)
        rig.die(2)
        rig.say(2, 3, .dead, at: 5)
        rig.say(2, 0, .dead, at: 5)
        #expect(rig.watch.times(of: rig.peers[3]) == [])
        #expect(rig.watch.takeFalseDeaths() == 0 && rig.watch.end() == [])
    }

    @Test func whoRunsAndIsTakenForDeadCountsOnceForEachIncarnation() throws {
        let rig = try Rig()
        rig.say(0, 1, .suspect, at: 3)
        #expect(rig.watch.takeFalseDeaths() == 0)
        rig.say(0, 1, .dead, at: 5)
        rig.say(2, 1, .dead, at: 6)
        #expect(rig.watch.takeFalseDeaths() == 1)
        #expect(rig.watch.takeFalseDeaths() == 0, "each is told once")
        rig.say(3, 1, .dead, at: 7, incarnation: 2)
        rig.say(3, 2, .dead, at: 7)
        #expect(rig.watch.takeFalseDeaths() == 2)
        let events = rig.watch.end()
        #expect(events.count == 4, "\(events)")
        #expect(events.first == "3.0 s: node 0 takes node 1 for suspect")
        // From here on all stop.
        rig.say(0, 3, .dead, at: 9)
        #expect(rig.watch.takeFalseDeaths() == 0)
    }

    @Test func oneMayBeTakenForDeadForEachHourOfStarvation() {
        #expect(MemberWatch.falseDeathCountMax(starvedFor: .zero) == 0)
        #expect(MemberWatch.falseDeathCountMax(starvedFor: .seconds(60)) == 1)
        #expect(MemberWatch.falseDeathCountMax(starvedFor: .seconds(3600)) == 1)
        #expect(MemberWatch.falseDeathCountMax(starvedFor: .seconds(3601)) == 2)
    }
}

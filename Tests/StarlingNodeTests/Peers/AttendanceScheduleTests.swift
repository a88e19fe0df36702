import StarlingCore
import StarlingNode
import Testing

/// When peers that the user named are dialled.
@Suite struct AttendanceScheduleTests {
    private static let peers = (1...12).map { number in
        PeerID(checkedMultihash: [0, 36, 8, 1, 18, 32] + [UInt8](repeating: UInt8(number), count: 32))
    }

    /// One schedule, whose dials come to nothing after as long as each may take, unless they end at once.
    private struct Rig {
        var schedule: AttendanceSchedule
        var now = Instant(nanosecondsSinceOrigin: 0)
        /// Dials with their ends, in the order of their beginnings.
        private(set) var dials: [(peer: PeerID, at: Instant, until: Instant)] = []
        private var underWay: [(peer: PeerID, until: Instant)] = []
        private(set) var underWayCountMax = 0
        /// Whether dials are refused at once.
        var isRefused = false

        init(_ count: Int) {
            schedule = AttendanceSchedule(
                Array(AttendanceScheduleTests.peers.prefix(count)),
                seed: 1,
                now: now
            )
            schedule.advance(to: now)
        }

        mutating func pull() {
            while let action = schedule.nextAction() {
                guard case .dial(let peer, let until) = action else { continue }
                dials.append((peer, now, until))
                underWay.append((peer, isRefused ? now : until))
                underWayCountMax = max(underWayCountMax, underWay.count)
            }
        }

        mutating func pass(_ duration: Duration) {
            let end = now + duration
            pull()
            while let next = Instant.earlier(schedule.nextDeadline, underWay.map(\.until).min()), next <= end
            {
                now = max(now, next)
                while let place = underWay.firstIndex(where: { $0.until <= now }) {
                    schedule.dialEnded(underWay.remove(at: place).peer, now: now)
                }
                schedule.advance(to: now)
                pull()
            }
            now = end
        }

        /// The first peer is reached, after so long.
        mutating func reach(after duration: Duration = .milliseconds(10)) {
            pull()
            now = now + duration
            underWay.removeAll { $0.peer == AttendanceScheduleTests.peers[0] }
            schedule.connected(AttendanceScheduleTests.peers[0], now: now)
        }

        /// From one dial of a peer to the next.
        func gaps(_ index: Int) -> [Duration] {
            let times = dials.filter { $0.peer == AttendanceScheduleTests.peers[index] }.map(\.at)
            return zip(times, times.dropFirst()).map { $0.duration(to: $1) }
        }
    }

    @Test(arguments: [true, false]) func aPeerThatIsAwayForADayIsDialledEveryTenSeconds(isRefused: Bool) {
        var rig = Rig(1)
        rig.reach()
        rig.pass(.seconds(60))
        #expect(rig.dials.count == 1, "who is there is not dialled")
        rig.isRefused = isRefused
        rig.schedule.lost(Self.peers[0], now: rig.now)
        rig.pass(.seconds(86_400))
        let gaps = rig.gaps(0).dropFirst()
        #expect(gaps.allSatisfy { $0 <= .seconds(10) })
        #expect(gaps.count >= 8640 && gaps.count <= 9700, "\(gaps.count)")
        if isRefused {
            #expect(gaps.prefix(2).allSatisfy { $0 < .seconds(5) }, "\(gaps.prefix(2)): soon at first")
        }
        // When it is lost again later, it is dialled soon again.
        rig.schedule.connected(Self.peers[0], now: rig.now)
        rig.pass(.seconds(60))
        let count = rig.dials.count
        rig.schedule.lost(Self.peers[0], now: rig.now)
        rig.pass(.seconds(2))
        #expect(rig.dials.count == count + 1)
    }

    @Test func eightAreDialledAtATimeAndEachHasItsTurn() {
        var rig = Rig(12)
        rig.pass(.seconds(300))
        #expect(rig.underWayCountMax == 8)
        for index in 0..<12 { #expect(rig.gaps(index).count >= 12, "\(index): \(rig.gaps(index))") }
    }

    @Test func whoClosesEachConnectionIsDialledEverMoreSeldom() {
        var rig = Rig(1)
        for _ in 0..<8 {
            rig.reach()
            rig.schedule.lost(Self.peers[0], now: rig.now)
            while let next = rig.schedule.nextDeadline {
                rig.now = next
                rig.schedule.advance(to: next)
            }
        }
        rig.pull()
        let gaps = rig.gaps(0)
        #expect(gaps.count == 8 && gaps[7] >= .seconds(9) && gaps[7] <= .seconds(10), "\(gaps)")
        #expect(gaps[0] < .seconds(2))
    }

    @Test func onePeerInTheCareOfOthersIsNotDialledButLookedAt() {
        var rig = Rig(1)
        rig.pull()
        rig.schedule.excuse(Self.peers[0], now: rig.now)
        let next = rig.schedule.nextDeadline
        #expect(next.map { rig.now.duration(to: $0) <= .seconds(5) } == true)
        #expect(next.map { rig.now.duration(to: $0) >= .seconds(4) } == true)
        // It connects by itself.
        rig.schedule.connected(Self.peers[0], now: rig.now)
        #expect(rig.schedule.nextDeadline == nil)
    }

    @Test func aPeerThatIsFarGetsMoreTime() throws {
        var rig = Rig(1)
        // Never reached: one in six may take long.
        rig.isRefused = true
        rig.pass(.seconds(120))
        let durations = rig.dials.prefix(12).map { $0.at.duration(to: $0.until) }
        let long = durations.indices.filter { durations[$0] == .seconds(30) }
        #expect(long == [5, 11] && durations.filter { $0 == .seconds(8) }.count == 10, "\(durations)")
        // Reached after long: so it may be the next time, too.
        var far = Rig(1)
        far.reach(after: .seconds(6))
        far.now = far.now + .seconds(60)
        far.schedule.lost(Self.peers[0], now: far.now)
        far.pass(.seconds(2))
        let dial = try #require(far.dials.last)
        #expect(far.dials.count == 2 && dial.at.duration(to: dial.until) == .seconds(12))
    }
}

internal import StarlingCore

/// What goes wrong in a fleet, by chance: connections break, hosts crash and stay away, clocks jump, the network splits.
final class FleetFaults: @unchecked Sendable {  // tidy-ok: one thread
    private let members: [FleetMember]
    private let options: DeliveryFleet.Options
    private unowned let simulation: Simulation
    private var random: SplitMix64
    private var isOver = false
    private var routines: [ScriptedRoutine] = []
    private(set) var resetCount = 0
    private(set) var partitionCount = 0

    init(
        _ members: [FleetMember],
        _ options: DeliveryFleet.Options,
        in simulation: Simulation,
        seed: UInt64
    ) {
        self.members = members
        self.options = options
        self.simulation = simulation
        random = SplitMix64(seed: seed)
    }

    func begin() {
        var link = simulation.network.link
        link.lossRatio = Double(1 + random.number(below: 30)) / 1000
        simulation.network.link = link
        for member in members {
            setClock(of: member)
            crashLater(member)
            restartLater(member)
            jumpLater(member)
        }
        splitLater()
        let resets = simulation.every(.seconds(1)) { [weak self] in
            guard let self else { return }
            self.resetCount += self.simulation.network.resetConnections(
                probability: self.options.resetRatioPerMinute / 60
            )
        }
        routines = [resets]
    }

    /// No more faults from here on; who is down boots.
    func end() {
        isOver = true
        routines = []
        simulation.network.healAll()
        simulation.network.link.lossRatio = 0
        for member in members {
            member.clearTrap()
            simulation.after(.milliseconds(random.number(below: 5000))) { member.boot() }
        }
    }

    /// Calls `body` after a time of this mean, unless the faults are over by then.
    private func later(_ mean: Duration, _ body: @escaping (FleetFaults) -> Void) {
        let milliseconds = Int(2 * mean.inSeconds * 1000)
        simulation.after(.milliseconds(random.number(below: milliseconds))) { [weak self] in
            guard let self, !self.isOver else { return }
            body(self)
        }
    }

    private func crashLater(_ member: FleetMember) {
        later(options.crashInterval) { faults in
            let kind: SimulatedHost.Crash = faults.random.chance(0.6) ? .power : .process
            let downtime = faults.downtime()
            // Most of the time a node is idle: two of three crashes wait until it is not.
            if faults.random.chance(0.67) {
                member.setTrap(kind, delay: faults.moment(), downtime: downtime)
            } else {
                member.crash(kind, downtime: downtime)
            }
            faults.crashLater(member)
        }
    }

    private func restartLater(_ member: FleetMember) {
        later(options.restartInterval) { faults in
            member.restart(downtime: faults.downtime())
            faults.restartLater(member)
        }
    }

    private func jumpLater(_ member: FleetMember) {
        later(.seconds(3 * 3600)) { faults in
            faults.setClock(of: member)
            faults.jumpLater(member)
        }
    }

    private func splitLater() {
        later(.seconds(1800)) { faults in
            faults.partitionCount += 1
            let isLeft = faults.members.map { _ in faults.random.chance(0.5) }
            let hosts = faults.members.map(\.host)
            let groups = [true, false].map { side in
                zip(hosts, isLeft).compactMap { $0.1 == side ? $0.0 : nil }
            }
            let partition = faults.simulation.network.partition(groups: groups)
            let time = Duration.seconds(10 + faults.random.number(below: 400))
            faults.simulation.after(time) { [weak faults] in
                faults?.simulation.network.heal(partition)
            }
            faults.splitLater()
        }
    }

    private func setClock(of member: FleetMember) {
        let range = Int(options.clockErrorMax.inSeconds * 1000)
        member.host.wallClock.skew = .milliseconds(random.number(below: 2 * range + 1) - range)
    }

    /// From a microsecond to 100 ms, each power of ten alike: a write, a sync, a round trip.
    private func moment() -> Duration {
        var scale = 1
        for _ in 0..<random.number(below: 5) { scale *= 10 }
        return .microseconds(scale + random.number(below: 9 * scale))
    }

    /// Mostly seconds, at times minutes, now and then longer than peers try in vain at their quickest.
    private func downtime() -> Duration {
        switch random.number(below: 100) {
        case ..<75: .milliseconds(100 + random.number(below: 20_000))
        case ..<95: .seconds(60 + random.number(below: 600))
        default: .seconds(1800 + random.number(below: 3600))
        }
    }
}

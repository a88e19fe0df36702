internal import StarlingCore

/// What goes wrong in a fleet, by chance and by plan: packets are lost, connections break, hosts crash and stay away,
/// clocks jump, links fail, the network splits.
package final class FleetFaults: @unchecked Sendable {  // tidy-ok: one thread
    /// What goes wrong by chance.
    ///
    /// Intervals are means; `nil` for never.
    package struct Options: Sendable, Equatable {
        /// From one crash of a node to the next.
        package var crashInterval: Duration? = .seconds(90 * 60)
        /// From one orderly restart of a node to the next.
        package var restartInterval: Duration? = .seconds(5 * 3600)
        /// How long a node is away; `nil` for mostly seconds, at times minutes, now and then more than an hour.
        package var downtime: ClosedRange<Duration>?
        /// The share of packets that are lost; `nil` for 0.1 to 3 % by chance.
        package var lossRatio: Double?
        /// The chance of each connection to be reset in a minute.
        package var resetRatioPerMinute = 0.02
        /// From one partition of the network to the next.
        package var splitInterval: Duration? = .seconds(1800)
        /// From one failure of a link to the next, of each of the topology's links; it may fail in one direction alone.
        package var cutInterval: Duration?
        /// From one jump of a node's clock to the next.
        package var jumpInterval: Duration? = .seconds(3 * 3600)
        /// The most by which a clock is wrong; two nodes' may differ by twice as much.
        package var clockErrorMax: Duration = .seconds(420)

        package init() {}

        /// Nothing.
        package static var none: Options {
            var options = Options()
            (options.crashInterval, options.restartInterval) = (nil, nil)
            (options.splitInterval, options.cutInterval, options.jumpInterval) = (nil, nil, nil)
            (options.lossRatio, options.resetRatioPerMinute, options.clockErrorMax) = (0, 0, .zero)
            return options
        }
    }

    private let members: [FleetMember]
    private let links: [HostPair]
    private let options: Options
    private unowned let simulation: Simulation
    private var random: SplitMix64
    private var isOver = false
    private var routines: [ScriptedRoutine] = []
    private(set) var resetCount = 0
    private(set) var partitionCount = 0
    private(set) var cutCount = 0
    /// Called when a partition that was planned has ended.
    var didHeal: () -> Void = {}

    /// - Parameter links: those that may fail.
    init(
        _ members: [FleetMember],
        _ links: [HostPair],
        _ options: Options,
        in simulation: Simulation,
        seed: UInt64
    ) {
        self.members = members
        self.links = links
        self.options = options
        self.simulation = simulation
        random = SplitMix64(seed: seed)
    }

    func begin(_ plan: [FleetStep]) {
        let lossRatio = options.lossRatio ?? Double(1 + random.number(below: 30)) / 1000
        simulation.network.link.lossRatio = lossRatio
        for member in members {
            setClock(of: member)
            crashLater(member)
            restartLater(member)
            jumpLater(member)
        }
        splitLater()
        for link in links { cutLater(link) }
        for step in plan { take(step) }
        guard options.resetRatioPerMinute > 0 else { return }
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

    // MARK: Chance

    /// Calls `body` after a time of this mean, unless the faults are over by then.
    private func later(_ mean: Duration?, _ body: @escaping (FleetFaults) -> Void) {
        guard let mean else { return }
        let milliseconds = Int(2 * mean.inSeconds * 1000)
        after(.milliseconds(random.number(below: milliseconds)), body)
    }

    /// Calls `body` then, unless the faults are over.
    private func after(_ time: Duration, _ body: @escaping (FleetFaults) -> Void) {
        simulation.after(time) { [weak self] in
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
        later(options.jumpInterval) { faults in
            faults.setClock(of: member)
            faults.jumpLater(member)
        }
    }

    private func splitLater() {
        later(options.splitInterval) { faults in
            let isLeft = faults.members.map { _ in faults.random.chance(0.5) }
            let groups = [true, false].map { side in isLeft.indices.filter { isLeft[$0] == side } }
            let time = Duration.seconds(10 + faults.random.number(below: 400))
            faults.split(groups, for: time) {}
            faults.splitLater()
        }
    }

    private func cutLater(_ link: HostPair) {
        later(options.cutInterval) { faults in
            let time = Duration.seconds(1 + faults.random.number(below: 120))
            let way = faults.random.number(below: 3)
            if way != 1 { faults.cut(from: link.lower, to: link.upper, for: time) }
            if way != 2 { faults.cut(from: link.upper, to: link.lower, for: time) }
            faults.cutLater(link)
        }
    }

    private func setClock(of member: FleetMember) {
        let range = Int(options.clockErrorMax.inSeconds * 1000)
        guard range > 0 else { return }
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
        if let range = options.downtime {
            let width = Int((range.upperBound - range.lowerBound).inSeconds * 1000)
            return range.lowerBound + .milliseconds(random.number(below: width + 1))
        }
        return switch random.number(below: 100) {
        case ..<75: .milliseconds(100 + random.number(below: 20_000))
        case ..<95: .seconds(60 + random.number(below: 600))
        default: .seconds(1800 + random.number(below: 3600))
        }
    }

    // MARK: Plan

    private func take(_ step: FleetStep) {
        after(step.time) { faults in
            let members = faults.members
            switch step.fault {
            case .split(let share):
                let count = FleetStep.splitCount(share, of: members.count)
                let groups = [Array(0..<count), Array(count..<members.count)]
                faults.split(groups, for: step.duration) { [weak faults] in faults?.didHeal() }
            case .partition(let groups):
                faults.split(groups, for: step.duration) { [weak faults] in faults?.didHeal() }
            case .crash(let node, let losesPower):
                members[node].crash(losesPower ? .power : .process, downtime: step.duration)
            case .stop(let node): members[node].restart(downtime: step.duration)
            case .cut(let from, let to): faults.cut(from: from, to: to, for: step.duration)
            case .flap(let one, let other, let interval):
                faults.flap(HostPair(one, other), every: interval, for: step.duration)
            case .skew(let node, let difference):
                let clock = members[node].host.wallClock
                let before = clock.skew
                clock.skew = difference
                faults.after(step.duration) { _ in clock.skew = before }
            }
        }
    }

    private func split(_ groups: [[Int]], for time: Duration, _ completion: @escaping () -> Void) {
        partitionCount += 1
        let partition = simulation.network.partition(groups: groups.map { $0.map { members[$0].host } })
        after(time) { faults in
            faults.simulation.network.heal(partition)
            completion()
        }
    }

    private func cut(from sender: Int, to receiver: Int, for time: Duration) {
        cutCount += 1
        let (one, other) = (members[sender].host, members[receiver].host)
        simulation.network.cut(from: one, to: other)
        after(time) { $0.simulation.network.cut(from: one, to: other, false) }
    }

    private func flap(_ link: HostPair, every interval: Duration, for time: Duration) {
        guard time > .zero else { return }
        cut(from: link.lower, to: link.upper, for: min(interval, time))
        cut(from: link.upper, to: link.lower, for: min(interval, time))
        after(interval * 2) { $0.flap(link, every: interval, for: time - interval * 2) }
    }
}

internal import StarlingCore
internal import StarlingWorld

/// Drives a loop's timers and turns from a check.
///
/// Lives on that loop.
actor LoopProbe {
    /// Counts the jobs of one turn until its end.
    final class Turn: EndOfTurnWork {
        private let probe: LoopProbe

        init(probe: LoopProbe) { self.probe = probe }

        func endOfTurn() { probe.assumeIsolated { $0.endOfTurn(self) } }

        var jobCountAtFirst: Int { get async { await probe.jobCountAtFirst } }
    }

    nonisolated let loop: any EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// The timers that fired, by number, in order.
    private(set) var fired: [Int] = []
    private(set) var sawEarlyTimer = false
    private(set) var reentrantFireCount = 0
    private(set) var endOfTurnCount = 0
    private(set) var jobCountAtFirst = 0

    private var timers: [Int: any LoopTimer] = [:]
    private var deadlines: [Int: Instant] = [:]
    private var isArming = false
    private var jobCount = 0
    private var waiters:
        [(condition: (isolated LoopProbe) -> Bool, continuation: UnsafeContinuation<Bool, Never>)] =
            []
    private var alarm: (any LoopTimer)?

    init(loop: any EventLoop) { self.loop = loop }

    var isOnItsLoop: Bool { loop.isCurrent }

    /// Arms timers 0, 1, … at so many milliseconds from one moment.
    func armAll(_ delays: [Int]) {
        let now = loop.now
        for (number, delay) in delays.enumerated() { arm(number, at: now + .milliseconds(delay)) }
    }

    func arm(_ number: Int, after delay: Duration) { arm(number, at: loop.now + delay) }

    /// Does all of it in one turn, during which no timer fires, however long it takes.
    func perform(_ body: @Sendable (isolated LoopProbe) -> Void) { body(self) }

    func arm(_ number: Int, at deadline: Instant) {
        let timer =
            timers[number] ?? loop.makeTimer { [weak self] in self?.assumeIsolated { $0.fire(number) } }
        timers[number] = timer
        deadlines[number] = deadline
        isArming = true
        timer.arm(at: deadline)
        isArming = false
    }

    func disarm(_ number: Int) { timers[number]?.disarm() }

    func drop(_ number: Int) { timers[number] = nil }

    private func fire(_ number: Int) {
        if isArming { reentrantFireCount += 1 }
        if let deadline = deadlines[number], loop.now < deadline { sawEarlyTimer = true }
        fired.append(number)
        wake()
    }

    /// Asks for end-of-turn work several times, from jobs of one turn too, and once more from the work itself.
    func askForEndOfTurn() -> Turn {
        let turn = Turn(probe: self)
        loop.atEndOfTurn(turn)
        loop.atEndOfTurn(turn)
        for _ in 0..<3 {
            loop.startTask {
                await self.countJob()
                await self.ask(turn)
            }
        }
        return turn
    }

    private func countJob() { jobCount += 1 }

    private func ask(_ turn: Turn) { if endOfTurnCount == 0 { loop.atEndOfTurn(turn) } }

    private func endOfTurn(_ turn: Turn) {
        endOfTurnCount += 1
        if endOfTurnCount == 1 {
            jobCountAtFirst = jobCount
            loop.atEndOfTurn(turn)
        }
        wake()
    }

    func takeTwoRecordBuffers() -> (Buffer, Buffer) { (loop.takeRecordBuffer(), loop.takeRecordBuffer()) }

    /// Waits until a condition holds, ten seconds at most.
    func wait(until condition: @escaping @Sendable (isolated LoopProbe) -> Bool) async -> Bool {
        if condition(self) { return true }
        let alarm = loop.makeTimer { [weak self] in self?.assumeIsolated { $0.giveUp() } }
        alarm.arm(at: loop.now + .seconds(10))
        self.alarm = alarm
        return await withUnsafeContinuation { waiters.append((condition, $0)) }
    }

    private func wake() {
        var index = 0
        while index < waiters.count {
            guard waiters[index].condition(self) else {
                index += 1
                continue
            }
            waiters.remove(at: index).continuation.resume(returning: true)
        }
        if waiters.isEmpty { alarm = nil }
    }

    private func giveUp() {
        let waiting = waiters
        waiters = []
        for waiter in waiting { waiter.continuation.resume(returning: false) }
    }
}

internal import StarlingCore

extension Simulation {
    /// So much virtual time passes until it is told again.
    private static let progressStep = Duration.seconds(1)

    /// Runs for so long, and tells meanwhile how much of the virtual time has passed since the beginning.
    ///
    /// The same happens in the same order as without: nobody hears of where time is cut.
    func run(for duration: Duration, telling progress: ((Duration) -> Void)?) throws(SimulationError) {
        guard let progress else { return try run(for: duration) }
        let end = now + duration
        repeat {
            try run(for: min(Self.progressStep, now.duration(to: end)))
            progress(.nanoseconds(now.nanosecondsSinceOrigin))
        } while now < end
    }
}

internal import StarlingCore

/// When something was seen in a fleet.
struct FleetMoment: Equatable, Sendable {
    /// The virtual time.
    var nanoseconds: Int64
    /// The events of the simulation so far.
    var step: Int

    init(nanoseconds: Int64, step: Int) {
        self.nanoseconds = nanoseconds
        self.step = step
    }

    init(_ simulation: Simulation) {
        self.init(nanoseconds: simulation.now.nanosecondsSinceOrigin, step: simulation.counts.events)
    }

    /// A broken rule that was seen then, in words.
    func violation(_ text: String) -> String {
        "at \(Duration.nanoseconds(nanoseconds).inSeconds) s, step \(step): \(text)"
    }
}

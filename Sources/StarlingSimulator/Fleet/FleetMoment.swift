internal import StarlingCore

/// When something was seen in a fleet.
package struct FleetMoment: Equatable, Sendable {
    /// The virtual time.
    package var nanoseconds: Int64
    /// The events of the simulation so far.
    package var step: Int

    package init(nanoseconds: Int64, step: Int) {
        self.nanoseconds = nanoseconds
        self.step = step
    }

    init(_ simulation: Simulation) {
        self.init(nanoseconds: simulation.now.nanosecondsSinceOrigin, step: simulation.counts.events)
    }

    package var seconds: Double { Duration.nanoseconds(nanoseconds).inSeconds }

    /// A broken rule that was seen then, in words.
    func violation(_ text: String) -> String {
        "at \(seconds) s, step \(step): \(text)"
    }
}

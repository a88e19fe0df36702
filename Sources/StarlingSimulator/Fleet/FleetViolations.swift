/// Rules that were broken in a run, in words: of many the first ones alone.
struct FleetViolations: Sendable {
    /// When the first one was found; `nil` where none was.
    private(set) var first: FleetMoment?
    private var told: [String] = []
    private var count = 0

    /// Broken rules that are told in words.
    static let toldCountMax = 20

    var isEmpty: Bool { count == 0 }

    /// Each with its moment, and how many more there were.
    var texts: [String] {
        let more = count - told.count
        return more == 0 ? told : told + ["… and \(more) more"]
    }

    /// Notes one that was found at a moment.
    ///
    /// - Returns: how many there are with it.
    @discardableResult
    mutating func note(_ text: String, at moment: FleetMoment) -> Int {
        if count == 0 { first = moment }
        count += 1
        if told.count < Self.toldCountMax { told.append(moment.violation(text)) }
        return count
    }
}

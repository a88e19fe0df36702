/// What `starling sim` simulates.
package enum SimScenarioName: String, CaseIterable, Sendable {
    /// Nodes ping each other while connections break.
    case pings
    /// Nodes send each other messages while everything breaks.
    case delivery
}

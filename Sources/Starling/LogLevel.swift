internal import StarlingWorld

extension Node {
    /// How much it matters what a node logs, what matters least first.
    public enum LogLevel: String, Sendable, CaseIterable {
        /// Every step.
        case trace
        /// What helps to find a fault.
        case debug
        /// What the node does.
        case info
        /// What goes wrong and is dealt with, such as a handler that fails.
        case warning
        /// What goes wrong for good.
        case error

        var level: StarlingWorld.LogLevel {
            switch self {
            case .trace: .trace
            case .debug: .debug
            case .info: .info
            case .warning: .warning
            case .error: .error
            }
        }
    }
}

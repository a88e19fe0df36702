internal import StarlingWorld

/// Work of an actor that is done at the end of its loop's turn.
final class TurnEnd: EndOfTurnWork {
    private let work: @Sendable () -> Void

    /// - Parameter work: runs on the loop.
    init(_ work: @escaping @Sendable () -> Void) { self.work = work }

    func endOfTurn() { work() }
}

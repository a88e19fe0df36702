internal import StarlingWorld

/// The objects that asked for work at the end of a turn, each once.
struct TurnWork: ~Copyable {
    private var waiting: [any EndOfTurnWork] = []
    private var running: [any EndOfTurnWork] = []
    /// Used beyond a few objects only: a short list is searched faster than hashed.
    private var known: Set<ObjectIdentifier> = []

    private static let listCountMax = 16

    var isEmpty: Bool { waiting.isEmpty }

    mutating func insert(_ work: any EndOfTurnWork) {
        if waiting.count < Self.listCountMax {
            for other in waiting where other === work { return }
            waiting.append(work)
            return
        }
        if known.isEmpty { known = Set(waiting.map { ObjectIdentifier($0) }) }
        if known.insert(ObjectIdentifier(work)).inserted { waiting.append(work) }
    }

    /// Makes what waits the current pass; what asks from here on belongs to the next one.
    mutating func beginPass() -> Int {
        swap(&waiting, &running)
        if !known.isEmpty { known.removeAll(keepingCapacity: true) }
        return running.count
    }

    func work(at index: Int) -> any EndOfTurnWork { running[index] }

    mutating func endPass() { running.removeAll(keepingCapacity: true) }

    mutating func removeAll() {
        waiting = []
        running = []
        known = []
    }
}

/// What the hostile nodes of a fleet have done, each `nil` where there is none that does it.
package struct HostileDeeds: Sendable, Equatable {
    /// Frames that they dropped and should have carried on.
    package var dropped: Int?
    /// Frames that they handed on to a neighbour once more.
    package var replayed: Int?
    /// Routes that those who flatter told falsely.
    package var flattered: Int?
    /// Routes that those who flood told anew.
    package var flooded: Int?

    package init() {}

    init(_ members: [FleetMember]) {
        dropped = Self.sum(members.filter { $0.hostility?.drops == true }, \.droppedCount)
        replayed = Self.sum(members.filter { $0.hostility == .replay }, \.replayedCount)
        flattered = Self.sum(members.filter { $0.hostility == .flatter }, \.toldCount)
        flooded = Self.sum(members.filter { $0.hostility == .flood }, \.toldCount)
    }

    private static func sum(_ members: [FleetMember], _ count: KeyPath<HostileTally, Int>) -> Int? {
        members.isEmpty ? nil : members.reduce(0) { $0 + $1.hostileTally[keyPath: count] }
    }
}

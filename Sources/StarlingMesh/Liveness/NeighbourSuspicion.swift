/// What a node's own questions to a neighbour have come to; what others say of it counts for nothing here.
package enum NeighbourSuspicion: Equatable, Sendable {
    /// It answers.
    case none
    /// It has not answered over its link in time, and nothing has come from it since.
    ///
    /// Others may reach it: then the link is to blame.
    case silent
    /// It is taken for dead, or has left, and is silent.
    case dead
}

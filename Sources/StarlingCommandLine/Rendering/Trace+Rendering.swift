internal import StarlingCore
package import StarlingNode

extension TraceReport {
    /// A row for each hop, and a line that says where the way ends when that is not at the peer.
    package func render(_ style: TextStyle) -> String {
        var table = TextTable([("HOP", .right), ("PEER", .left), ("TIME", .right)])
        for (index, hop) in hops.enumerated() where hop.standing != .unanswered {
            table.append(["\(index + 1)", hop.peerID.base58, DurationText.write(hop.roundTrip)])
        }
        guard let last = hops.last, !hasArrived else { return table.render(style) }
        return table.render(style) + last.end + "\n"
    }
}

extension TraceReport.Hop {
    /// Why the way ends here.
    fileprivate var end: String {
        switch standing {
        case .passedOn: "The answers ended at \(peerID)."
        case .arrived: "\(peerID) says that it is the one, and is not: do not trust it."
        case .noRoute: "\(peerID) knows no way on."
        case .hopLimit: "\(peerID) is as far as the question may go: see --hops."
        case .looped: "The question came back to \(peerID): routes are changing; try again."
        case .unanswered: "\(next.map { "\($0)" } ?? "The next one") did not answer \(peerID)."
        case .busy: "\(peerID) passes on as many questions as it may; try again."
        }
    }
}
